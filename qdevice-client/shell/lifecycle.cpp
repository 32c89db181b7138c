// lifecycle.cpp -- the lives of the daemon's parts: start, corosync's comings and goings, new
// settings, the end. See daemon.hpp.
//
// Order of the start: lock, then the provider's configuration and our certificates, and only then
// the registration: a failure leaves no trace in corosync (node.md 3).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "common/net/clock.hpp"
#include "common/net/log.hpp"
#include "common/net/notify.hpp"
#include "qdevice-client/quorum/corosync.hpp"
#include "qdevice-client/quorum/stdio.hpp"
#include "qdevice-client/shell/daemon.hpp"

namespace castvote::qdevice {

namespace {

constexpr Duration back_off_first{250};
constexpr Duration back_off_longest{2000};
// A busy corosync is asked again so much later, and may take as many of these to tell of its first
// membership: max_cs_try_again at most (node.md 3).
constexpr Duration try_again_pause{1000};
// For so long a missing device section is looked for again: the reload may still be under way.
constexpr std::uint64_t not_ready_tries = 10;
constexpr Duration not_ready_pause{500};

std::unique_ptr<QuorumProvider> make_provider(net::asio::io_context& io, const Options& options) {
    if (options.provider == ProviderKind::stdio)
        return std::make_unique<StdioProvider>(io, options.configuration,
                                               [] { return net::now(); });
    CorosyncOptions corosync;
    corosync.device_name = options.advanced.votequorum_device_name;
    corosync.master_wins = options.advanced.master_wins;
    corosync.limits = options.advanced.limits;
    return std::make_unique<CorosyncProvider>(io, std::move(corosync));
}

ipc::Settings ipc_settings(const Advanced& a) {
    ipc::Settings settings;
    settings.path = a.local_socket_file;
    settings.clients_max = a.ipc_max_clients;
    settings.request_size_max = a.ipc_max_receive_size;
    settings.reply_size_max = a.ipc_max_send_size;
    settings.backlog = static_cast<int>(a.local_socket_backlog);
    settings.umask = a.local_socket_umask;
    settings.group = a.local_socket_gid;
    settings.quoting = ipc::Quoting::none;
    return settings;
}

}  // namespace

bool Daemon::lock() {
    if (options_.advanced.lock_file.empty()) return true;
    auto file = net::PidFile::take(options_.advanced.lock_file);
    if (!file) {
        net::log(net::LogLevel::error, file.error().text);
        return false;
    }
    pid_file_.emplace(std::move(*file));
    return true;
}

bool Daemon::listen() {
    if (control_ || options_.advanced.local_socket_file.empty()) return true;
    auto server = ipc::Server::listen(io_, ipc_settings(options_.advanced),
                                      [this](const std::vector<std::string>& words,
                                             const ipc::Answer& reply) { answer(words, reply); });
    if (!server) {
        net::log(net::LogLevel::error,
                 fmt::format("{}; choose another path with {}", server.error(),
                             options_.stock_name ? "-S local_socket_file=PATH" : "--socket PATH"));
        return false;
    }
    control_ = std::move(*server);
    return true;
}

void Daemon::wait_for_signal() {
    signals_.async_wait([this](const net::error_code& error, int number) {
        if (error) return;
        stop_requested(number == SIGINT ? "SIGINT" : number == SIGHUP ? "SIGHUP" : "SIGTERM");
        wait_for_signal();
    });
}

void Daemon::stop_requested(const std::string& why) {
    if (ending_now_ && ending_ == Ending::stop) return io_.stop();  // asked twice
    if (is_ending() && ending_ != Ending::stop) return;
    net::log(net::LogLevel::notice, "stopping: " + why);
    ending_ = Ending::stop;
    if (node_)
        feed(StopRequested{});
    else
        end(0);
}

// -- beginning ------------------------------------------------------------------------------------

void Daemon::attempt() {
    if (ending_now_) return;
    ring_.reset();
    quorum_.reset();
    provider_ = make_provider(io_, options_);
    auto configuration = provider_->open();
    if (!configuration) return start_failed(configuration.error());
    if (const auto* corosync = dynamic_cast<CorosyncProvider*>(provider_.get()))
        set_debug(corosync->debug_wanted());
    warn(*configuration);
    if (!begin_node(*configuration))
        return start_failed({StartProblem::configuration, "see the line above"});
    if (!listen()) return end(1);
    const auto started =
        provider_->start([this](ProviderEvent event) { on_provider(std::move(event)); });
    if (!started) {
        node_.reset();
        uplink_.reset();
        return start_failed(started.error());
    }
    tries_ = 0;
    back_off_ = back_off_first;
    told_problem_.clear();
    if (std::exchange(provider_lost_, false))
        net::log(net::LogLevel::notice, "corosync is back: registered anew");
    began();
    await_membership();
}

// corosync tells of its membership as soon as it is asked to (node.md 3); of the stdio provider's
// the owner of its input decides.
void Daemon::await_membership() {
    if (options_.provider == ProviderKind::stdio) return;
    attempt_timer_.expires_after(try_again_pause * options_.advanced.max_cs_try_again);
    attempt_timer_.async_wait([this](const net::error_code& error) {
        if (!error && !ring_ && node_ && !ending_now_) membership_is_late();
    });
}

void Daemon::membership_is_late() {
    const std::string text = fmt::format("corosync has told of no membership for {} s",
                                         options_.advanced.max_cs_try_again);
    if (options_.stock_name && !is_ready_) {
        net::log(net::LogLevel::error, text);
        return end(1);
    }
    net::log(net::LogLevel::warning,
             text + "; waiting for it: this node's vote is not cast meanwhile");
}

void Daemon::began() {
    if (!std::exchange(has_begun_, true)) started_();
}

void Daemon::start_failed(const StartError& error) {
    provider_.reset();
    ++tries_;
    const bool waits = options_.wait_for_corosync && error.problem == StartProblem::not_running;
    if (!has_begun_ && !waits) {
        if (error.problem == StartProblem::try_again &&
            tries_ <= options_.advanced.max_cs_try_again)
            return attempt_later(try_again_pause);
        if (error.problem == StartProblem::not_ready && tries_ <= not_ready_tries)
            return attempt_later(not_ready_pause);
        net::log(net::LogLevel::error, error.text);
        return end(1);
    }
    if (error.text != told_problem_)
        net::log(net::LogLevel::warning, error.text + "; trying again until it works");
    told_problem_ = error.text;
    if (waits && !has_begun_) {
        if (!listen()) return end(1);
        began();
    }
    attempt_later(std::exchange(back_off_, std::min(back_off_ * 2, back_off_longest)));
}

void Daemon::attempt_later(Duration delay) {
    attempt_timer_.expires_after(delay);
    attempt_timer_.async_wait([this](const net::error_code& error) {
        if (!error) attempt();
    });
}

std::optional<UplinkSettings> Daemon::uplink_settings(const Configuration& c) {
    UplinkSettings uplink;
    uplink.target = {c.host, c.port, net::IpVersion::any, c.settings.connect_timeout};
    if (c.force_ip_version == 4) uplink.target.version = net::IpVersion::v4;
    if (c.force_ip_version == 6) uplink.target.version = net::IpVersion::v6;
    if (guardian_) uplink.guardian = &*guardian_;
    const Advanced& a = options_.advanced;
    uplink.limits.message_receive_size_max = a.message_receive_size_initial;
    uplink.limits.queue_messages_max = std::max(a.send_buffers_max, std::size_t{10});
    uplink.limits.handshake_timeout = c.settings.connect_timeout;
    if (c.settings.tls == wire::TlsSupported::unsupported) return uplink;

    auto certificates = Certificates::read(a.certificates, a.server_name);
    if (!certificates) {
        net::log(net::LogLevel::error, certificates.error());
        return std::nullopt;
    }
    uplink.certificates = std::move(*certificates);
    return uplink;
}

bool Daemon::begin_node(const Configuration& configuration) {
    auto uplink = uplink_settings(configuration);
    if (!uplink) return false;
    configuration_ = configuration;
    Settings& s = configuration_.settings;
    const Advanced& a = options_.advanced;
    s.message_receive_size_initial = static_cast<std::uint32_t>(a.message_receive_size_initial);
    s.message_send_size_initial = static_cast<std::uint32_t>(a.message_send_size_initial);
    s.message_send_size_min = static_cast<std::uint32_t>(a.message_send_size_min);
    s.message_receive_size_max = static_cast<std::uint32_t>(a.message_receive_size_max);
    std::random_device chance;
    s.jitter_seed = (std::uint64_t{chance()} << 32) | chance();
    heuristics_.set_commands(configuration_.commands);
    uplink_ = std::make_unique<Uplink>(io_, std::move(*uplink),
                                       [this](EventWhat what) { feed(std::move(what)); });
    node_.emplace(s, net::now());
    return true;
}

// -- changes --------------------------------------------------------------------------------------

void Daemon::reconfigured(const Configuration& fresh) {
    // A core that leaves waits for its "no" first; whatever follows it reads the configuration.
    if (is_ending()) return;
    warn(fresh);
    Configuration comparable = fresh;  // what the command line fixed is not in corosync.conf
    Settings& s = comparable.settings;
    const Settings& old = configuration_.settings;
    s.message_receive_size_initial = old.message_receive_size_initial;
    s.message_send_size_initial = old.message_send_size_initial;
    s.message_send_size_min = old.message_send_size_min;
    s.message_receive_size_max = old.message_receive_size_max;
    s.jitter_seed = old.jitter_seed;
    const bool same = comparable.same_connection(configuration_);
    postponed_.reset();
    if (!same && postpone(fresh)) return;
    configuration_ = std::move(comparable);
    if (same || options_.provider == ProviderKind::stdio) {
        net::log(net::LogLevel::info, "configuration read anew");
        heuristics_.set_commands(configuration_.commands);
        feed(ConfigChanged{configuration_.settings.config});
        return;
    }
    net::log(net::LogLevel::notice,
             fmt::format("settings of the quorum device changed: connecting anew   arbiter={}:{}",
                         configuration_.host, configuration_.port));
    ending_ = Ending::replaced;
    feed(StopRequested{.says_farewell = false});  // it comes back at once
}

// To connect anew is to give the vote back for a moment: a partition that counts on it would stop,
// with wait_for_all for good. What needs no new connection is taken at once.
bool Daemon::postpone(const Configuration& configuration) {
    if (options_.provider == ProviderKind::stdio || !node_ || !node_->status().counts_on_vote)
        return false;
    net::log(net::LogLevel::warning,
             "settings of the quorum device changed, and this partition works by the arbiter's "
             "vote alone: they are taken when it does so no more");
    configuration_.commands = configuration.commands;
    heuristics_.set_commands(configuration_.commands);
    configuration_.settings.config = configuration.settings.config;
    feed(ConfigChanged{configuration_.settings.config});
    postponed_ = configuration;
    return true;
}

void Daemon::take_postponed() {
    if (!postponed_ || !node_ || node_->status().counts_on_vote) return;
    reconfigured(Configuration(*postponed_));
}

// The old core has given its vote back and is gone.
void Daemon::replace_node(const Configuration& configuration) {
    if (!begin_node(Configuration(configuration))) {
        net::log(net::LogLevel::error,
                 "the new settings can't be used; trying again until they can");
        return restart_provider();
    }
    if (ring_) feed(RingChanged(*ring_));
    if (node_ && quorum_) feed(QuorumChanged(*quorum_));
}

// corosync is gone, or refuses us: withdraw what is left, and begin a new life with it.
void Daemon::restart_provider() {
    heuristics_.set_commands({});
    net::log(net::LogLevel::warning,
             "waiting for corosync: this node's vote is not cast meanwhile");
    provider_lost_ = true;
    attempt_timer_.cancel();
    provider_->stop([this](bool) {
        attempt_later(std::exchange(back_off_, std::min(back_off_ * 2, back_off_longest)));
    });
}

// -- the end --------------------------------------------------------------------------------------

void Daemon::end(int status) {
    if (std::exchange(ending_now_, true)) return;
    attempt_timer_.cancel();
    deadline_timer_.cancel();
    if (uplink_ && !farewell_) uplink_->disconnect();
    node_.reset();
    if (is_ready_) net::notify_service_manager("STOPPING=1");
    if (!provider_) return finish(status, /*withdrawn=*/true);
    provider_->stop([this, status](bool withdrawn) { finish(status, withdrawn); });
}

void Daemon::finish(int status, bool withdrawn) {
    if (!withdrawn)
        net::log(net::LogLevel::warning,
                 "corosync still shows the quorum device: its vote lapses after "
                 "quorum.device.timeout");
    else if (has_begun_)
        net::log(net::LogLevel::notice, "stopped: the vote is withdrawn");
    if (withdrawn && guardian_) guardian_->dismiss();
    status_ = status;
    control_.reset();
    if (!uplink_) return io_.stop();
    if (withdrawn && farewell_) uplink_->send(*farewell_);
    uplink_->disconnect();
    uplink_->when_left([this] { io_.stop(); });
}

}  // namespace castvote::qdevice
