// store.hpp -- grants on stable storage, written by a thread of its own (R3).
//
// Whatever waits goes into one transaction: grants that fall together share one sync. A write that
// fails is said, kept and tried again; nobody is told that it is done before it is. A file that
// cannot be trusted is put aside under another name and counts as absent: the guard then runs.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "qnetd/core/events.hpp"
#include "qnetd/store/database.hpp"

namespace castvote::qnetd::store {

struct Settings {
    std::string directory;  // made if its parent exists or can be made
    Boot boot;
    std::function<Instant()> now;
    Duration longest_guard{0};
    std::function<void(bool is_error, const std::string& line)> say;  // from any thread
    const char* vfs = nullptr;                                        // tests: with faults
};

struct Health {
    std::string directory;
    std::string trouble;       // of the last write; empty: all is well
    std::string put_aside;     // name of a damaged file, of this start
    std::uint64_t writes = 0;  // records that reached stable storage
    std::uint64_t syncs = 0;   // transactions
    std::size_t waiting = 0;   // records
};

class Store {
public:
    // An error is a plain sentence about the directory or the file.
    static Expected<std::unique_ptr<Store>, std::string> open(Settings settings);
    // Writes what still waits, unless that fails.
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    // What was found at the start.
    const Memory& memory() const { return memory_; }
    // From any thread. `done` is called on the store's thread when the record, or a later one of
    // the same cluster, is on stable storage; never if it cannot be written.
    void write(Persist persist, std::function<void()> done);
    // From any thread.
    Health health() const;

private:
    struct Waiting {
        Record record;
        std::vector<std::function<void()>> done;
    };
    using Batch = std::map<std::string, Waiting>;

    Store(Settings settings, Database database, Memory memory, std::string put_aside);
    void run();
    bool write_batch(Batch& batch);
    void clear_guard();
    void tell_trouble(const std::string& text);

    Settings settings_;
    Database database_;  // of the thread, once it runs
    Memory memory_;
    std::optional<Instant> guard_from_;
    mutable std::mutex mutex_;
    std::condition_variable wanted_;
    Batch waiting_;
    Health health_;
    bool is_ending_ = false;
    std::jthread thread_;  // last: it uses all of the above
};

}  // namespace castvote::qnetd::store
