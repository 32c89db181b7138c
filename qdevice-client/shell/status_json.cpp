// status_json.cpp -- the status for programs; durations are milliseconds before now.
// SPDX-License-Identifier: BSD-3-Clause
#include <nlohmann/json.hpp>

#include "qdevice-client/shell/status_text.hpp"

namespace castvote::qdevice {

namespace {

using Json = nlohmann::ordered_json;

const char* connection_word(ConnectionState state) {
    switch (state) {
        case ConnectionState::disconnected: return "disconnected";
        case ConnectionState::connecting: return "connecting";
        case ConnectionState::connect_failed: return "connect failed";
        case ConnectionState::connected: return "connected";
    }
    return "unknown";
}

const char* vote_word(VoteTimer timer) {
    switch (timer) {
        case VoteTimer::stopped: return "waiting";
        case VoteTimer::casting_nack: return "no";
        case VoteTimer::casting_ack: return "yes";
    }
    return "unknown";
}

const char* algorithm_word(wire::DecisionAlgorithm algorithm) {
    switch (algorithm) {
        case wire::DecisionAlgorithm::test: return "test";
        case wire::DecisionAlgorithm::ffsplit: return "ffsplit";
        case wire::DecisionAlgorithm::two_node_lms: return "2nodelms";
        case wire::DecisionAlgorithm::lms: return "lms";
    }
    return "unknown";
}

const char* heuristics_word(wire::Heuristics heuristics) {
    switch (heuristics) {
        case wire::Heuristics::undefined: return "undefined";
        case wire::Heuristics::pass: return "pass";
        case wire::Heuristics::fail: return "fail";
    }
    return "unknown";
}

Json tie_breaker_json(const wire::TieBreaker& tie_breaker) {
    switch (tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return "lowest";
        case wire::TieBreakerMode::highest: return "highest";
        case wire::TieBreakerMode::node_id: return tie_breaker.node_id;
    }
    return nullptr;
}

Json age(const std::optional<Instant>& when, Instant now) {
    return when ? Json((now - *when).count()) : Json(nullptr);
}

Json time_left(const std::optional<Instant>& until, Instant now) {
    return until && *until > now ? Json((*until - now).count()) : Json(nullptr);
}

Json node_ids(const std::vector<wire::NodeInfo>& nodes) {
    Json ids = Json::array();
    for (const wire::NodeInfo& node : nodes) ids.push_back(node.node_id);
    return ids;
}

}  // namespace

std::string status_json(const Status& s, const StatusContext& context) {
    const auto& config = s.settings.config;
    Json object{{"cluster", s.settings.cluster_name},
                {"node_id", s.settings.node_id},
                {"provider", context.provider},
                {"provider_running", !context.provider_lost},
                {"configured_nodes", node_ids(config.nodes)},
                {"device_votes", context.device_votes},
                {"expected_votes", context.expected_votes},
                {"algorithm", algorithm_word(s.settings.algorithm)},
                {"tie_breaker", tie_breaker_json(s.settings.tie_breaker)},
                {"ring", to_string(s.ring)},
                {"members", s.members},
                {"quorate", s.quorate},
                {"sync_in_progress", s.sync_in_progress},
                {"vote", vote_word(s.vote_timer)},
                {"vote_counted", s.is_vote_counted},
                {"vote_since_ms_ago", age(s.vote_since, context.now)},
                {"lease_ms", s.lease.count()},
                {"lease_left_ms", time_left(s.vote_until, context.now)},
                {"last_poll_ms_ago", age(s.last_cast, context.now)},
                {"arbiter",
                 {{"host", context.host},
                  {"port", context.port},
                  {"state", connection_word(s.connection)},
                  {"tls", s.tls},
                  {"connected_ms_ago", age(s.connected_since, context.now)},
                  {"echo_reply_ms_ago", age(s.last_echo_reply, context.now)},
                  {"last_disconnect_reason", s.last_disconnect_reason}}},
                {"timeout_ms", s.settings.device_timeout.count()},
                {"sync_timeout_ms", s.settings.device_sync_timeout.count()},
                {"heartbeat_ms", s.heartbeat_interval.count()},
                {"heuristics",
                 {{"enabled", config.heuristics_mode != HeuristicsMode::off},
                  {"latest", heuristics_word(s.heuristics_latest)},
                  {"regular", heuristics_word(s.heuristics_regular)},
                  {"membership", heuristics_word(s.heuristics_membership)},
                  {"connect", heuristics_word(s.heuristics_connect)}}}};
    object["config_version"] = config.config_version ? Json(*config.config_version) : Json(nullptr);
    return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace castvote::qdevice
