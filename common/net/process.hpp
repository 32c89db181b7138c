// process.hpp -- being a daemon: one instance at a time, and into the background.
//
// The lock is the one of the stock daemons (a POSIX lock on the pid file), so that ours and theirs
// keep each other out. Both happen before any thread is started.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/wire/expected.hpp"

namespace castvote::net {

// Held until the process ends; the file stays, as stock leaves it.
class PidFile {
public:
    struct Error {
        bool another_instance = false;
        std::string text;  // one line that names the file
    };
    // Creates the directory (0770) when only that is missing, writes the pid. Not inherited by a
    // fork: take it after going into the background.
    static Expected<PidFile, Error> take(const std::string& path);
    // Does another process hold the one at this path? False for an empty path.
    static bool is_taken(const std::string& path);
    PidFile(PidFile&& other) noexcept;
    PidFile& operator=(PidFile&&) = delete;
    ~PidFile();

private:
    explicit PidFile(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// Into the background: the process that was started waits until the daemon says how its start went
// and ends with that status.
class Background {
public:
    // In the daemon it returns; the waiting process never returns from it. Error: fork failed.
    static Expected<Background, std::string> enter();
    Background(Background&& other) noexcept;
    Background& operator=(Background&&) = delete;
    // The start failed if ready() was not called before: the waiting process ends with 1.
    ~Background();

    // The waiting process ends with `status`; 0 also lets go of terminal and working directory.
    void report(int status);

private:
    explicit Background(int pipe) : pipe_(pipe) {}
    int pipe_;
};

}  // namespace castvote::net
