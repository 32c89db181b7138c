// status_json.cpp -- see status_json.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/status_json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/wire/describe.hpp"

namespace castvote::qnetd {

namespace {

using nlohmann::json;

std::string lower(std::string_view text) {
    std::string lowered(text);
    std::transform(lowered.begin(), lowered.end(), lowered.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lowered;
}

json json_of(wire::Vote vote) {
    return vote == wire::Vote::undefined ? json() : json(lower(name_of(vote)));
}

json json_of(wire::Heuristics heuristics) {
    return heuristics == wire::Heuristics::undefined ? json() : json(lower(name_of(heuristics)));
}

json json_of(const std::vector<wire::NodeInfo>& nodes) {
    json list = json::array();
    for (const wire::NodeInfo& node : nodes) {
        json entry{{"node_id", node.node_id}};
        if (node.data_center_id != 0) entry["data_center_id"] = node.data_center_id;
        list.push_back(std::move(entry));
    }
    return list;
}

json json_of(const wire::TieBreaker& tie_breaker) {
    json value{{"mode", lower(name_of(tie_breaker.mode))}};
    if (tie_breaker.mode == wire::TieBreakerMode::node_id) value["node_id"] = tie_breaker.node_id;
    return value;
}

json json_of(const NodeStatus& node, Instant now) {
    return {{"node_id", node.node_id},
            {"address", node.address},
            {"heartbeat_interval_ms", node.heartbeat_interval_ms},
            {"config_version", node.config_version ? json(*node.config_version) : json()},
            {"configured_nodes", json_of(node.config_list)},
            {"membership", json_of(node.membership_list)},
            {"ring", to_string(node.ring)},
            {"heuristics", json_of(node.heuristics)},
            {"heuristics_membership", json_of(node.heuristics_membership)},
            {"heuristics_regular", json_of(node.heuristics_regular)},
            {"keep_active_partition", node.keep_active_partition},
            {"tls", node.tls},
            {"client_certificate_verified", node.certificate_verified},
            {"last_vote", json_of(node.last_vote)},
            {"last_ack_or_nack", json_of(node.last_ack_or_nack)},
            {"last_message_ms_ago", (now - node.last_message).count()},
            {"connected_ms", (now - node.connected_since).count()},
            {"lease_ms", node.lease.count()},
            {"longest_wait_ms", node.longest_wait.count()},
            {"sync_timeout_ms", node.sync_limit.count()}};
}

json json_of(const HolderStatus& holder, Instant now) {
    const auto left = [&holder, now] { return (*holder.lifetime_end - now).count(); };
    return {{"node_id", holder.node_id},
            {"ring", to_string(holder.ring)},
            {"members", holder.members},
            {"connected", holder.connected},
            {"released_in_ms", holder.lifetime_end ? json(left()) : json()}};
}

json json_of(const Note& note, Instant at, Instant now) {
    return {
        {"reason", name_of(note.reason)}, {"line", to_line(note)},
        {"detail", note.detail},          {"node_id", note.node == 0 ? json() : json(note.node)},
        {"ring", to_string(note.ring)},   {"members", note.members},
        {"configured", note.configured},  {"wait_ms", note.wait.count()},
        {"ms_ago", (now - at).count()}};
}

json json_of(const ClusterStatus& cluster, Instant now) {
    json value{{"name", cluster.name},
               {"algorithm", lower(name_of(cluster.algorithm))},
               {"tie_breaker", json_of(cluster.tie_breaker)},
               {"nodes", json::array()},
               {"holders", json::array()},
               {"granted", nullptr},
               {"last_decision", json_of(cluster.last_decision, cluster.last_decision_at, now)}};
    if (!cluster.renamed_from.empty()) value["renamed_from"] = cluster.renamed_from;
    for (const NodeStatus& node : cluster.nodes) value["nodes"].push_back(json_of(node, now));
    for (const HolderStatus& holder : cluster.holders)
        value["holders"].push_back(json_of(holder, now));
    if (cluster.granted_ring) {
        value["granted"] = {{"ring", to_string(*cluster.granted_ring)},
                            {"members", cluster.granted_members}};
        if (cluster.granted_since)
            value["granted"]["ms_ago"] = (now - *cluster.granted_since).count();
    }
    // Nothing was decided as long as no reason was ever noted.
    if (cluster.last_decision == Note{}) value["last_decision"] = nullptr;
    return value;
}

json json_of(const std::vector<ClusterStatus>& clusters, const std::string& only_cluster,
             Instant now) {
    json list = json::array();
    for (const ClusterStatus& cluster : clusters)
        if (only_cluster.empty() || goes_by(cluster, only_cluster))
            list.push_back(json_of(cluster, now));
    return list;
}

json json_of(const std::optional<store::Health>& state) {
    if (!state) return {{"directory", nullptr}, {"health", "in_memory"}};
    json value{{"directory", state->directory},
               {"health", state->trouble.empty() ? "good" : "failing"},
               {"records_written", state->writes},
               {"transactions", state->syncs},
               {"records_waiting", state->waiting}};
    if (!state->trouble.empty()) value["trouble"] = state->trouble;
    if (!state->put_aside.empty()) value["put_aside"] = state->put_aside;
    if (!state->distrust.empty()) value["distrust"] = state->distrust;
    return value;
}

// A cluster's name is any bytes, JSON is UTF-8: what is not is shown as U+FFFD.
std::string text_of(const json& value) {
    return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string status_json(const Options& options, const Totals& totals, const ProcessFacts& process,
                        const std::vector<ClusterStatus>& clusters, Instant now) {
    const Settings& arbiter = options.arbiter;
    std::size_t nodes = 0;
    for (const ClusterStatus& cluster : clusters) nodes += cluster.nodes.size();
    const char* tls = "required";
    if (arbiter.tls == wire::TlsSupported::supported) tls = "on";
    if (arbiter.tls == wire::TlsSupported::unsupported) tls = "off";
    return text_of({{"version", CASTVOTE_VERSION},
                    {"address", options.address.empty() ? "*" : options.address},
                    {"port", options.port},
                    {"tls", tls},
                    {"client_certificate_required", arbiter.client_certificate_required},
                    {"failover", name_of(arbiter.failover)},
                    {"device_timeout_ms", arbiter.device_timeout.count()},
                    {"connected_nodes", nodes},
                    {"connected_clusters", totals.clusters},
                    {"connections", totals.clients},
                    {"clients_max", options.clients_max == 0 ? json() : json(options.clients_max)},
                    {"shards", process.shards},
                    {"state", json_of(process.state)},
                    {"running_ms", (now - process.started).count()},
                    {"clusters", json_of(clusters, {}, now)}});
}

std::string list_json(const std::vector<ClusterStatus>& clusters, const std::string& only_cluster,
                      Instant now) {
    return text_of({{"clusters", json_of(clusters, only_cluster, now)}});
}

}  // namespace castvote::qnetd
