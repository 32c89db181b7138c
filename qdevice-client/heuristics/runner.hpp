// runner.hpp -- runs the heuristics commands and says pass or fail (node.md 12).
//
// All commands run in parallel, each in a process group of its own and with nothing but /dev/null
// to talk to, so that a chatty, hanging or crashing one harms nobody. Their end is noticed at once,
// by SIGCHLD. Whatever outlives its run is told to terminate, and later killed.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"
#include "qdevice-client/core/events.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

struct HeuristicsLimits {
    bool use_path = false;              // find commands in PATH (-S heuristics_use_execvp)
    std::uint32_t max_processes = 160;  // those waiting to be killed included
    Duration kill_interval{5000};       // from SIGTERM to SIGKILL
};

class HeuristicsRunner {
public:
    // result: undefined without commands, else pass or fail; never called from within run().
    using Done = std::function<void(std::uint32_t number, wire::Heuristics result)>;
    using Log = std::function<void(Level, const std::string&)>;

    HeuristicsRunner(boost::asio::io_context& io, HeuristicsLimits limits, Done done, Log log);
    ~HeuristicsRunner();  // kills what still runs
    HeuristicsRunner(const HeuristicsRunner&) = delete;
    HeuristicsRunner& operator=(const HeuristicsRunner&) = delete;

    // A run in flight begins anew with the new commands, if they differ.
    void set_commands(std::vector<HeuristicsCommand> commands);

    // Supersedes a run in flight, which then never answers.
    void run(std::uint32_t number, Duration timeout);

private:
    struct Process {
        std::string name;
        std::chrono::steady_clock::time_point kill_at{};  // SIGTERM was sent, SIGKILL is due then
    };

    void begin();
    void start(const HeuristicsCommand& command);
    void wait_for_children();
    void reap();
    void judge(const Process& process, int status);
    void finish(wire::Heuristics result);
    void abandon_running();
    void kill_overdue();
    void rearm_kill_timer();

    HeuristicsLimits limits_;
    Done done_;
    Log log_;
    boost::asio::signal_set children_;
    boost::asio::steady_timer deadline_;
    boost::asio::steady_timer kill_timer_;
    std::vector<HeuristicsCommand> commands_;
    bool in_flight_ = false;
    std::uint32_t number_ = 0;
    Duration timeout_{0};
    std::map<pid_t, Process> running_;  // of the run in flight
    std::map<pid_t, Process> dying_;    // of earlier runs
};

}  // namespace castvote::qdevice
