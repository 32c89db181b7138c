// process.cpp -- spawning a child and reading its output.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <sstream>

extern char** environ;

namespace castvote::certs {
namespace {

constexpr std::size_t max_output_bytes = 1024 * 1024;

class SpawnActions {
public:
    SpawnActions() { posix_spawn_file_actions_init(&actions_); }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
    posix_spawn_file_actions_t* get() { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

std::string drain(int descriptor) {
    std::string output;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return output;
        if (output.size() < max_output_bytes)
            output.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

// The end of a pipe at which a program reads this text and then nothing more; -1 if there is none.
int end_with(const std::string& text) {
    std::array<int, 2> ends{-1, -1};
    if (text.size() > PIPE_BUF || ::pipe2(ends.data(), O_CLOEXEC) != 0) return -1;
    const ssize_t written = ::write(ends[1], text.data(), text.size());
    ::close(ends[1]);
    if (written == static_cast<ssize_t>(text.size())) return ends[0];
    ::close(ends[0]);
    return -1;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Expected<Finished> run(const std::vector<std::string>& command, Output output,
                       const std::string& input) {
    std::vector<char*> arguments;
    for (const std::string& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);

    SpawnActions actions;
    std::array<int, 2> ends{-1, -1};
    if (output == Output::collect) {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            return fail(fmt::format("cannot start {}: {}", command[0], std::strerror(errno)),
                        "free some file descriptors, then repeat");
        posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(actions.get(), ends[1], 1);
        posix_spawn_file_actions_adddup2(actions.get(), ends[1], 2);
    }
    const int given = input.empty() ? -1 : end_with(input);
    if (given >= 0) posix_spawn_file_actions_adddup2(actions.get(), given, 0);
    pid_t child = 0;
    const int failure =
        ::posix_spawnp(&child, arguments[0], actions.get(), nullptr, arguments.data(), environ);
    if (given >= 0) ::close(given);
    if (ends[1] >= 0) ::close(ends[1]);
    Finished finished;
    if (failure == 0 && ends[0] >= 0) finished.output = drain(ends[0]);
    if (ends[0] >= 0) ::close(ends[0]);
    if (failure != 0)
        return fail(fmt::format("cannot start {}: {}", command[0], std::strerror(failure)),
                    fmt::format("install {} or correct PATH", command[0]));
    finished.status = wait_for(child);
    return finished;
}

bool has_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream directories(path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    for (std::string directory; std::getline(directories, directory, ':');)
        if (::access((directory + "/" + name).c_str(), X_OK) == 0) return true;
    return false;
}

}  // namespace castvote::certs
