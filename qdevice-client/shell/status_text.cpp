// status_text.cpp -- see status_text.hpp; the lines stand in the order of tools.md 3.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/status_text.hpp"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

#include "common/wire/printable.hpp"

namespace castvote::qdevice {

namespace {

using wire::DecisionAlgorithm;

const char* algorithm_text(DecisionAlgorithm algorithm) {
    switch (algorithm) {
        case DecisionAlgorithm::test: return "Test";
        case DecisionAlgorithm::ffsplit: return "Fifty-Fifty split";
        case DecisionAlgorithm::two_node_lms: return "2 Node LMS";
        case DecisionAlgorithm::lms: return "LMS";
    }
    return "Unknown";
}

std::string tie_breaker_text(const wire::TieBreaker& tie_breaker) {
    switch (tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return "Node with lowest node ID";
        case wire::TieBreakerMode::highest: return "Node with highest node ID";
        case wire::TieBreakerMode::node_id:
            return fmt::format("Node with node ID {}", tie_breaker.node_id);
    }
    return "Unknown";
}

const char* keep_active_text(const Status& s) {
    switch (s.settings.algorithm) {
        case DecisionAlgorithm::test: return "Unsupported by algorithm";
        case DecisionAlgorithm::lms:
        case DecisionAlgorithm::two_node_lms: return "Algorithm hard-coded";
        case DecisionAlgorithm::ffsplit: break;
    }
    if (!s.settings.keep_active_partition) return "Disabled";
    return s.connection == ConnectionState::connected && s.arbiter_lacks_keep_active
               ? "Unsupported by QNetd"
               : "Enabled";
}

const char* heuristics_text(wire::Heuristics heuristics) {
    switch (heuristics) {
        case wire::Heuristics::undefined: return "Undefined";
        case wire::Heuristics::pass: return "Pass";
        case wire::Heuristics::fail: return "Fail";
    }
    return "Unknown";
}

const char* mode_text(HeuristicsMode mode) {
    switch (mode) {
        case HeuristicsMode::off: return "Disabled";
        case HeuristicsMode::on: return "Enabled";
        case HeuristicsMode::sync: return "Enabled only on sync";
    }
    return "Unknown";
}

const char* tls_text(wire::TlsSupported tls) {
    switch (tls) {
        case wire::TlsSupported::unsupported: return "Unsupported";
        case wire::TlsSupported::supported: return "Supported";
        case wire::TlsSupported::required: return "Required";
    }
    return "Unknown";
}

const char* state_text(const Status& s) {
    if (s.is_connecting) return "Connecting";
    switch (s.connection) {
        case ConnectionState::disconnected: return "Disconnected";
        case ConnectionState::connecting: return "Connecting";
        case ConnectionState::connect_failed: return "Connect failed";
        case ConnectionState::connected: return "Connected";
    }
    return "Unknown";
}

const char* timer_text(VoteTimer timer) {
    switch (timer) {
        case VoteTimer::stopped: return "No";
        case VoteTimer::casting_nack: return "Yes";
        case VoteTimer::casting_ack: return "Yes (cast vote)";
    }
    return "Unknown";
}

const char* node_state_text(wire::NodeState state) {
    switch (state) {
        case wire::NodeState::member: return "member";
        case wire::NodeState::dead: return "dead";
        case wire::NodeState::leaving: return "leaving";
        case wire::NodeState::not_set: break;
    }
    return "unknown";
}

std::string local_time(Instant when, const StatusContext& context) {
    const auto wall = context.wall_now - (context.now - when);
    const std::time_t seconds = std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(wall));
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts)};
}

class Lines {
public:
    explicit Lines(bool verbose) : verbose_(verbose) {}
    template <class... Values>
    void always(fmt::format_string<Values...> format, Values&&... values) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
        text_ += '\n';
    }
    template <class... Values>
    void verbose(fmt::format_string<Values...> format, Values&&... values) {
        if (verbose_) always(format, std::forward<Values>(values)...);
    }
    bool is_verbose() const { return verbose_; }
    std::string take() { return std::move(text_); }

private:
    bool verbose_;
    std::string text_;
};

void generic_part(Lines& lines, const Status& s, const StatusContext& context) {
    const NodeConfig& config = s.settings.config;
    lines.always("Qdevice information\n-------------------");
    lines.always("Model:\t\t\tNet");
    lines.always("Node ID:\t\t{}", s.settings.node_id);
    lines.verbose("HB interval:\t\t{}ms", s.settings.device_timeout.count());
    lines.verbose("Sync HB interval:\t{}ms", s.settings.device_sync_timeout.count());
    if (config.config_version) lines.always("Configuration version:\t{}", *config.config_version);
    lines.always("Configured node list:");
    for (std::size_t i = 0; i < config.nodes.size(); ++i)
        lines.always("    {}\tNode ID = {}{}", i, config.nodes[i].node_id,
                     config.nodes[i].data_center_id == 0
                         ? std::string()
                         : fmt::format(", Data center ID = {}", config.nodes[i].data_center_id));
    lines.verbose("Heuristics:\t\t{}", mode_text(config.heuristics_mode));
    lines.verbose("Ring ID:\t\t{}", to_string(s.ring));
    lines.always("Membership node list:\t{}", fmt::join(s.members, ", "));
    lines.verbose("Quorate:\t\t{}", s.quorate ? "Yes" : "No");
    lines.verbose("Quorum node list:");
    for (std::size_t i = 0; i < s.quorum_list.size(); ++i)
        lines.verbose("    {}\tNode ID = {}, State = {}", i, s.quorum_list[i].node_id,
                      node_state_text(s.quorum_list[i].state));
    lines.verbose("Expected votes:\t\t{}", context.expected_votes);
    lines.verbose("Last poll call:\t\t{}{}",
                  s.last_cast ? local_time(*s.last_cast, context) : "Never",
                  s.last_cast && s.last_cast_vote ? " (cast vote)" : "");
}

void heuristics_line(Lines& lines, const Status& s) {
    if (s.settings.config.heuristics_mode == HeuristicsMode::off) return;
    std::string detail;
    if (lines.is_verbose())
        detail = fmt::format(
            " (regular: {}, membership: {}, connect: {})", heuristics_text(s.heuristics_regular),
            heuristics_text(s.heuristics_membership), heuristics_text(s.heuristics_connect));
    lines.always("Heuristics result:\t{}{}", heuristics_text(s.heuristics_latest), detail);
}

void net_part(Lines& lines, const Status& s, const StatusContext& context) {
    const bool connected = s.connection == ConnectionState::connected;
    lines.always("\nQdevice-net information\n----------------------");
    lines.always("Cluster name:\t\t{}", printable(s.settings.cluster_name));
    lines.always("QNetd host:\t\t{}:{}", printable(context.host), context.port);
    if (context.force_ip_version != 0)
        lines.verbose("Force IP version:\t{}", context.force_ip_version);
    lines.verbose("Connect timeout:\t{}ms", s.settings.connect_timeout.count());
    lines.verbose("HB interval:\t\t{}ms", s.heartbeat_interval.count());
    lines.verbose("VQ vote timer interval:\t{}ms", s.vote_timer_interval.count());
    lines.verbose("TLS:\t\t\t{}", tls_text(s.settings.tls));
    lines.always("Algorithm:\t\t{}", algorithm_text(s.settings.algorithm));
    lines.always("Tie-breaker:\t\t{}", tie_breaker_text(s.settings.tie_breaker));
    lines.verbose("KAP Tie-breaker:\t{}", keep_active_text(s));
    lines.verbose("Poll timer running:\t{}", timer_text(s.vote_timer));
    lines.always("State:\t\t\t{}", state_text(s));
    heuristics_line(lines, s);
    if (!connected) return;
    lines.verbose("TLS active:\t\t{}", !s.tls                      ? "No"
                                       : s.client_certificate_sent ? "Yes (client certificate sent)"
                                                                   : "Yes");
    if (s.connected_since)
        lines.verbose("Connected since:\t{}", local_time(*s.connected_since, context));
    if (s.last_echo_reply)
        lines.verbose("Echo reply received:\t{}", local_time(*s.last_echo_reply, context));
}

}  // namespace

std::string status_text(const Status& status, const StatusContext& context, bool verbose) {
    Lines lines(verbose);
    generic_part(lines, status, context);
    net_part(lines, status, context);
    if (context.provider_lost) lines.always("Corosync:\t\tNot running (waiting for it)");
    return lines.take();
}

}  // namespace castvote::qdevice
