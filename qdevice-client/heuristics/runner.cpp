// runner.cpp -- see runner.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/heuristics/runner.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstring>
#include <utility>

#include "qdevice-client/heuristics/words.hpp"

namespace castvote::qdevice {
namespace {

constexpr int cannot_execute = 127;  // as shells have it

// Between fork and exec: only what is safe there. The command dies with us.
[[noreturn]] void become(char* const* words, bool use_path, pid_t parent) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(cannot_execute);
    const int null = ::open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(cannot_execute);
    close_range(3, ~0U, 0);
    // The parent's handlers must not run here: a signal meant for the command would look like one
    // for the daemon. They were blocked across fork(); now the defaults are put in place.
    for (int signal = 1; signal < NSIG; ++signal)
        if (signal != SIGPIPE && signal != SIGINT) ::signal(signal, SIG_DFL);
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGPIPE, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (use_path)
        execvp(words[0], words);
    else
        execv(words[0], words);
    _exit(cannot_execute);
}

// The whole group: a shell script's own children, too.
void kill_group(pid_t pid, int signal) {
    if (::kill(-pid, signal) != 0) ::kill(pid, signal);
}

}  // namespace

HeuristicsRunner::HeuristicsRunner(boost::asio::io_context& io, HeuristicsLimits limits, Done done,
                                   Log log)
    : limits_(limits),
      done_(std::move(done)),
      log_(std::move(log)),
      children_(io, SIGCHLD),
      deadline_(io),
      kill_timer_(io) {
    wait_for_children();
}

HeuristicsRunner::~HeuristicsRunner() {
    abandon_running();
    for (const auto& [pid, process] : dying_) kill_group(pid, SIGKILL);
    for (const auto& [pid, process] : dying_) waitpid(pid, nullptr, WNOHANG);
}

void HeuristicsRunner::set_commands(std::vector<HeuristicsCommand> commands) {
    if (commands == commands_) return;
    commands_ = std::move(commands);
    if (in_flight_) begin();
}

void HeuristicsRunner::run(std::uint32_t number, Duration timeout) {
    number_ = number;
    timeout_ = timeout;
    begin();
}

void HeuristicsRunner::begin() {
    abandon_running();
    in_flight_ = true;
    if (commands_.empty()) return finish(wire::Heuristics::undefined);
    if (dying_.size() + commands_.size() > limits_.max_processes) {
        log_(Level::warning,
             fmt::format("{} heuristics processes of earlier runs do not end: this run fails",
                         dying_.size()));
        return finish(wire::Heuristics::fail);
    }
    for (const HeuristicsCommand& command : commands_) {
        start(command);
        if (!in_flight_) return;
    }
    deadline_.expires_after(timeout_);
    deadline_.async_wait([this](const boost::system::error_code& error) {
        if (error || !in_flight_) return;
        reap();  // what ended in time counts
        if (!in_flight_) return;
        for (const auto& [pid, process] : running_)
            log_(Level::warning, fmt::format("heuristics command {} did not end within {} ms",
                                             process.name, timeout_.count()));
        finish(wire::Heuristics::fail);
    });
}

void HeuristicsRunner::start(const HeuristicsCommand& command) {
    std::vector<std::string> words = split_words(command.line);
    if (words.empty()) {
        log_(Level::warning, fmt::format("heuristics command {} is empty", command.name));
        return finish(wire::Heuristics::fail);
    }
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const pid_t self = getpid();
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    const pid_t pid = fork();
    if (pid == 0) become(pointers.data(), limits_.use_path, self);
    const int fork_error = errno;
    sigprocmask(SIG_SETMASK, &before, nullptr);
    if (pid < 0) {
        log_(Level::error, fmt::format("heuristics command {} can't be started: {}", command.name,
                                       std::strerror(fork_error)));
        return finish(wire::Heuristics::fail);
    }
    setpgid(pid, pid);  // here as well, whoever comes first
    running_.emplace(pid, Process{command.name});
}

void HeuristicsRunner::wait_for_children() {
    children_.async_wait([this](const boost::system::error_code& error, int) {
        if (error) return;
        reap();
        wait_for_children();
    });
}

// One SIGCHLD may stand for several ends; only our own children are asked about.
void HeuristicsRunner::reap() {
    for (auto at = dying_.begin(); at != dying_.end();) {
        if (waitpid(at->first, nullptr, WNOHANG) == 0) {
            ++at;
            continue;
        }
        ::kill(-at->first, SIGKILL);  // what the command itself left behind
        at = dying_.erase(at);
    }
    for (auto at = running_.begin(); at != running_.end();) {
        int status = 0;
        const pid_t ended = waitpid(at->first, &status, WNOHANG);
        if (ended == 0) {
            ++at;
            continue;
        }
        const Process process = at->second;
        at = running_.erase(at);
        judge(process, ended < 0 ? -1 : status);
        if (!in_flight_) return;
    }
    if (in_flight_ && running_.empty()) finish(wire::Heuristics::pass);
}

void HeuristicsRunner::judge(const Process& process, int status) {
    if (status == 0) return;
    if (WIFSIGNALED(status))
        log_(Level::warning, fmt::format("heuristics command {} was ended by signal {}",
                                         process.name, WTERMSIG(status)));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == cannot_execute)
        log_(Level::warning,
             fmt::format("heuristics command {} can't be run: give the absolute path of a program",
                         process.name));
    else
        log_(Level::warning, fmt::format("heuristics command {} failed with exit status {}",
                                         process.name, WEXITSTATUS(status)));
    finish(wire::Heuristics::fail);
}

void HeuristicsRunner::finish(wire::Heuristics result) {
    in_flight_ = false;
    abandon_running();
    boost::asio::post(deadline_.get_executor(),
                      [done = done_, number = number_, result] { done(number, result); });
}

void HeuristicsRunner::abandon_running() {
    deadline_.cancel();
    const auto kill_at = std::chrono::steady_clock::now() + limits_.kill_interval;
    for (auto& [pid, process] : running_) {
        kill_group(pid, SIGTERM);
        process.kill_at = kill_at;
    }
    dying_.merge(running_);
    running_.clear();
    rearm_kill_timer();
}

void HeuristicsRunner::kill_overdue() {
    const auto now = std::chrono::steady_clock::now();
    for (auto& [pid, process] : dying_) {
        if (process.kill_at > now) continue;
        kill_group(pid, SIGKILL);
        process.kill_at = now + limits_.kill_interval;
    }
    rearm_kill_timer();
}

void HeuristicsRunner::rearm_kill_timer() {
    if (dying_.empty()) {
        kill_timer_.cancel();
        return;
    }
    auto first = dying_.begin()->second.kill_at;
    for (const auto& [pid, process] : dying_) first = std::min(first, process.kill_at);
    kill_timer_.expires_at(first);
    kill_timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) kill_overdue();
    });
}

}  // namespace castvote::qdevice
