// daemon.cpp -- events in, actions out, and the control socket; see daemon.hpp. The lives of
// provider and core are in lifecycle.cpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/daemon.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/net/clock.hpp"
#include "common/net/log.hpp"
#include "common/net/notify.hpp"

namespace castvote::qdevice {

namespace {

net::LogLevel log_level(Level level) {
    switch (level) {
        case Level::debug: return net::LogLevel::debug;
        case Level::info: return net::LogLevel::info;
        case Level::notice: return net::LogLevel::notice;
        case Level::warning: return net::LogLevel::warning;
        case Level::error: return net::LogLevel::error;
    }
    return net::LogLevel::error;
}

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};
template <class... Cases>
Match(Cases...) -> Match<Cases...>;

const char* connection_word(const Status& status) {
    switch (status.connection) {
        case ConnectionState::connected: return "connected";
        case ConnectionState::connect_failed: return "connect failed";
        case ConnectionState::connecting: return "connecting";
        case ConnectionState::disconnected: return "disconnected";
    }
    return "unknown";
}

}  // namespace

void start_log(const Options& options, bool debug, bool to_terminal) {
    net::LogSettings log;
    log.ident = options.stock_name ? "corosync-qdevice" : "qdevice-client";
    log.lowest = debug || options.debug ? net::LogLevel::debug : net::LogLevel::info;
    log.to_stderr = to_terminal;
    log.to_syslog = options.stock_name || !options.foreground;
    log.syslog_debug_as_info = options.debug_as_info;
    log.stock_format = options.stock_name;
    net::log_start(log);
}

Daemon::Daemon(Options options, std::optional<Guardian> guardian, std::function<void()> started)
    : options_(std::move(options)),
      started_(std::move(started)),
      signals_(io_, SIGINT, SIGTERM, SIGHUP),
      deadline_timer_(io_),
      attempt_timer_(io_),
      heuristics_(
          io_, options_.advanced.heuristics,
          [this](std::uint32_t number, wire::Heuristics result) {
              feed(HeuristicsDone{number, result});
          },
          [](Level level, const std::string& text) { net::log(log_level(level), text); }),
      guardian_(std::move(guardian)) {}

Daemon::~Daemon() = default;

int Daemon::run() noexcept {
    if (!lock()) return 1;
    wait_for_signal();
    attempt();
    const net::Watchdog watchdog(io_, {});
    io_.run();
    return status_;
}

// -- events ---------------------------------------------------------------------------------------

void Daemon::on_provider(ProviderEvent event) {
    std::visit(
        Match{[this](RingChanged& ring) {
                  ring_ = ring;
                  quorum_.reset();
                  feed(std::move(ring));
                  if (!std::exchange(is_ready_, true)) net::notify_service_manager("READY=1");
              },
              [this](QuorumChanged& quorum) {
                  quorum_ = quorum;
                  feed(std::move(quorum));
                  take_postponed();
              },
              [this](FlagSeen& flag) { feed(flag); },
              [this](VoteCounted& counted) { feed(counted); },
              [this](CastRefused& refused) { feed(std::move(refused)); },
              [this](ProviderLost& lost) {
                  provider_lost_ = true;
                  feed(std::move(lost));
              },
              [this](Reconfigured& changed) { reconfigured(changed.configuration); },
              [this](DeviceRemoved& removed) {
                  if (is_ending()) return;
                  net::log(net::LogLevel::notice,
                           fmt::format("{}: this daemon withdraws its vote and ends; start it "
                                       "again once a device with 'model: net' is configured",
                                       removed.model.empty()
                                           ? "the quorum device was removed from corosync.conf"
                                           : "quorum.device.model is '" + removed.model + "' now"));
                  ending_ = Ending::removed;
                  feed(StopRequested{});
              },
              [this](DebugWanted& debug) { set_debug(debug.on); },
              [this](Unfit& unfit) {
                  if (is_ending()) return;
                  net::log(net::LogLevel::error, unfit.detail);
                  ending_ = Ending::unfit;
                  feed(StopRequested{});
              },
              [this](StopWanted& stop) { stop_requested(stop.detail); },
              [](Remark& remark) { net::log(log_level(remark.level), remark.text); }},
        event);
}

// The core is never entered twice: what an action causes waits until the step is carried out.
void Daemon::feed(EventWhat what) {
    events_.push_back(std::move(what));
    if (std::exchange(stepping_, true)) return;
    while (!events_.empty() && node_) {
        const Event event{net::now(), std::move(events_.front())};
        events_.pop_front();
        carry_out(node_->step(event));
    }
    events_.clear();
    stepping_ = false;
    if (!node_) return;
    rearm();
    tell_status();
}

void Daemon::carry_out(const Actions& actions) {
    for (const Action& action : actions)
        std::visit(
            Match{
                [this](const Connect&) { uplink_->connect(); },
                [this](const Send& send) { uplink_->send(send.message); },
                [this](const StartTls&) { uplink_->start_tls(); },
                [this](const Disconnect&) { uplink_->disconnect(); },
                [this](const Cast& cast) {
                    if (give(cast)) return;
                    // What follows in this step may rest on a "no" that was not taken, a
                    // confirmation above all: it must not leave.
                    uplink_->disconnect();
                    feed(ConnectionLost{LostCause::vote_not_taken, "hung up"});
                },
                [this](const RunHeuristics& run) { heuristics_.run(run.number, run.timeout); },
                [](const Report& report) { net::log(log_level(report.level), report.text); },
                [this](const Exit& exit) { node_ended(exit); },
                [this](const SetReceiveLimit& limit) { uplink_->set_receive_limit(limit.bytes); }},
            action);
}

// Whoever slept between the step and the vote must not vote on waking: the lease is looked at
// before and after. The core, told the time, finds out by itself that it is over, and that the vote
// was taken back.
bool Daemon::give(const Cast& cast) {
    const auto is_late = [&] { return cast.not_after && net::now() >= *cast.not_after; };
    if (!is_late() && !provider_->cast(cast.vote, cast.ring)) return false;
    if (!is_late()) return true;
    feed(TimePassed{});
    static_cast<void>(provider_->cast(false, cast.ring));
    return false;
}

// Posted, because we are inside a step and perhaps inside a call from the provider.
void Daemon::node_ended(const Exit& exit) {
    boost::asio::post(io_, [this, exit] {
        if (ending_now_) return;
        if (node_) last_status_ = node_->status();
        node_.reset();
        deadline_timer_.cancel();
        // Who goes on with new settings says no farewell: its old connection ends now.
        if (ending_ == Ending::replaced)
            uplink_.reset();
        else
            farewell_ = exit.farewell;
        switch (ending_) {
            case Ending::replaced: ending_ = Ending::none; return replace_node(configuration_);
            case Ending::unfit: return end(1);
            case Ending::removed:
            case Ending::stop: return end(0);
            case Ending::none: break;
        }
        if (options_.provider == ProviderKind::stdio) return end(exit.status);
        restart_provider();
    });
}

void Daemon::rearm() {
    const auto deadline = node_->next_deadline();
    deadline_timer_.cancel();
    if (!deadline) return;
    deadline_timer_.expires_after(std::max(*deadline - net::now(), Duration(0)));
    deadline_timer_.async_wait([this](const net::error_code& error) {
        if (!error) deadline_came(/*rounds_left=*/32);
    });
}

// What has arrived by now is delivered first: an answer that only waits to be read is no silence.
void Daemon::deadline_came(int rounds_left) {
    if (!node_) return;
    if (provider_) provider_->deliver_pending();
    if (!node_) return;
    if (rounds_left > 0 && uplink_ && uplink_->has_input()) {
        boost::asio::post(io_, [this, rounds_left] { deadline_came(rounds_left - 1); });
        return;
    }
    const auto deadline = node_->next_deadline();
    if (deadline && *deadline <= net::now())
        feed(TimePassed{});
    else
        rearm();
}

void Daemon::tell_status() {
    if (provider_)
        provider_->tell_status(connection_word(node_->status()),
                               fmt::format("{}:{}", configuration_.host, configuration_.port));
}

void Daemon::set_debug(bool on) {
    const std::pair wanted{on || options_.debug, options_.foreground || !has_begun_};
    if (std::exchange(log_, wanted) != wanted) start_log(options_, wanted.first, wanted.second);
}

void Daemon::warn(const Configuration& configuration) {
    for (const std::string& warning : configuration.warnings)
        net::log(net::LogLevel::warning, warning);
}

// -- the control socket ---------------------------------------------------------------------------

StatusContext Daemon::status_context() const {
    StatusContext context;
    context.host = configuration_.host;
    context.port = configuration_.port;
    context.force_ip_version = configuration_.force_ip_version;
    context.device_votes = configuration_.device_votes;
    context.expected_votes = provider_ ? provider_->expected_votes() : 0;
    context.provider_lost = !node_;
    context.provider = options_.provider == ProviderKind::stdio ? "stdio" : "corosync";
    context.now = net::now();
    context.wall_now = std::chrono::system_clock::now();
    return context;
}

void Daemon::answer(const std::vector<std::string>& words, const ipc::Answer& reply) {
    if (ipc::is_word(words[0], "shutdown"))
        return reply({true, "", [this] { stop_requested("asked to on the control socket"); }});
    const bool json = words.size() > 1 && ipc::is_word(words[0], "json");
    const std::string& word = words[json ? 1 : 0];
    if (!ipc::is_word(word, "status")) return reply(ipc::unknown_command(words[0]));
    std::optional<Status> status = last_status_;
    if (node_) status = node_->status();
    if (!status) return reply(ipc::error("Can't get QDevice status"));
    if (!node_) {
        status->connection = ConnectionState::disconnected;
        status->is_connecting = false;
        status->vote_timer = VoteTimer::stopped;
        status->quorate = false;
        status->vote_until.reset();
    }
    const bool verbose = words.size() > 1 && ipc::is_word(words[1], "verbose");
    reply({true,
           json ? status_json(*status, status_context())
                : status_text(*status, status_context(), verbose),
           nullptr});
}

}  // namespace castvote::qdevice
