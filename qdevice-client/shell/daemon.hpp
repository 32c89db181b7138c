// daemon.hpp -- the node daemon: one loop that carries events to the core and actions out of it.
//
// There is no `if` about votes here. What it does decide is the life of the parts: when corosync is
// gone it stays, waits for it and begins a new life with fresh configuration; when the arbiter's
// address changes, a new core takes over after the old one has given its vote back.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>

#include "common/ipc/server.hpp"
#include "common/net/process.hpp"
#include "common/net/watchdog.hpp"
#include "qdevice-client/core/node.hpp"
#include "qdevice-client/heuristics/runner.hpp"
#include "qdevice-client/quorum/provider.hpp"
#include "qdevice-client/shell/guardian.hpp"
#include "qdevice-client/shell/options.hpp"
#include "qdevice-client/shell/status_text.hpp"
#include "qdevice-client/shell/uplink.hpp"

namespace castvote::qdevice {

class Daemon {
public:
    // started: called once, when the daemon serves (or waits for corosync as it was asked to).
    // guardian: who takes the vote back if this process is killed; none with stdio.
    Daemon(Options options, std::optional<Guardian> guardian, std::function<void()> started);
    ~Daemon();
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    // To the end; the exit status (node.md 2). An exception is a defect of ours: the process ends
    // as it stands, and the guardian does the rest. Unwinding would end the connection first.
    int run() noexcept;

private:
    // -- the life of the parts (lifecycle.cpp)
    bool lock();
    bool listen();
    void attempt();
    void start_failed(const StartError& error);
    void attempt_later(Duration delay);
    void began();
    void await_membership();
    void membership_is_late();
    bool begin_node(const Configuration& configuration);
    std::optional<UplinkSettings> uplink_settings(const Configuration& configuration);
    void reconfigured(const Configuration& configuration);
    bool postpone(const Configuration& configuration);
    void take_postponed();
    void replace_node(const Configuration& configuration);
    void restart_provider();
    void end(int status);
    void finish(int status, bool withdrawn);
    void wait_for_signal();
    void stop_requested(const std::string& why);

    // -- events and actions (daemon.cpp)
    void on_provider(ProviderEvent event);
    void feed(EventWhat what);
    void carry_out(const Actions& actions);
    bool give(const Cast& cast);
    void node_ended(const Exit& exit);
    void rearm();
    void deadline_came(int rounds_left);
    void tell_status();
    void set_debug(bool on);
    void warn(const Configuration& configuration);

    // -- the control socket
    void answer(const std::vector<std::string>& words, const ipc::Answer& reply);
    StatusContext status_context() const;

    // Why the core's Exit comes, when we made it come.
    enum class Ending : std::uint8_t { none, stop, removed, unfit, replaced };
    // For good, though the core may still have to wait (StopRequested).
    bool is_ending() const { return ending_ != Ending::none && ending_ != Ending::replaced; }

    Options options_;
    std::function<void()> started_;
    boost::asio::io_context io_{1};
    boost::asio::signal_set signals_;
    boost::asio::steady_timer deadline_timer_;
    boost::asio::steady_timer attempt_timer_;
    std::optional<net::PidFile> pid_file_;
    std::unique_ptr<ipc::Server> control_;
    HeuristicsRunner heuristics_;
    std::unique_ptr<QuorumProvider> provider_;
    std::optional<Guardian> guardian_;
    std::unique_ptr<Uplink> uplink_;
    std::optional<wire::Message> farewell_;  // once our vote is certainly withdrawn
    std::optional<Node> node_;
    Configuration configuration_;
    std::optional<Configuration> postponed_;  // taken when nobody here needs the vote
    std::deque<EventWhat> events_;
    bool stepping_ = false;

    std::optional<RingChanged> ring_;      // as last reported, for a core that takes over
    std::optional<QuorumChanged> quorum_;  // none while a synchronisation runs
    std::optional<Status> last_status_;    // of a core that is gone
    bool provider_lost_ = false;
    std::optional<std::pair<bool, bool>> log_;  // with debug lines, to the terminal
    bool has_begun_ = false;  // the first life began; from now on we stay whatever happens
    bool is_ready_ = false;
    Ending ending_ = Ending::none;
    bool ending_now_ = false;
    std::uint64_t tries_ = 0;
    Duration back_off_{250};
    std::string told_problem_;
    int status_ = 1;
};

// The log as the options want it; `to_terminal`: also to standard error where that is a choice.
void start_log(const Options& options, bool debug, bool to_terminal);

}  // namespace castvote::qdevice
