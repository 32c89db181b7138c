// status_text.cpp -- see status_text.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/status_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/printable.hpp"

namespace castvote::qnetd {

namespace {

using wire::DecisionAlgorithm;
using wire::Heuristics;
using wire::TieBreakerMode;
using wire::Vote;

std::string algorithm_text(DecisionAlgorithm algorithm) {
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
        case TieBreakerMode::lowest: return "Node with lowest node ID";
        case TieBreakerMode::highest: return "Node with highest node ID";
        case TieBreakerMode::node_id:
            return fmt::format("Node with node ID {}", tie_breaker.node_id);
    }
    return "Unknown";
}

std::string heuristics_text(Heuristics heuristics) {
    switch (heuristics) {
        case Heuristics::undefined: return "Undefined";
        case Heuristics::pass: return "Pass";
        case Heuristics::fail: return "Fail";
    }
    return "Unknown";
}

std::string vote_text(Vote vote) {
    switch (vote) {
        case Vote::undefined: return "Undefined";
        case Vote::ack: return "ACK";
        case Vote::nack: return "NACK";
        case Vote::ask_later: return "Ask later";
        case Vote::wait_for_reply: return "Wait for reply";
        case Vote::no_change: return "No change";
    }
    return "Unknown";
}

std::string nodes_text(const std::vector<wire::NodeInfo>& nodes) {
    std::string text;
    for (const wire::NodeInfo& node : nodes) {
        text += fmt::format("{}{}", text.empty() ? "" : ", ", node.node_id);
        if (node.data_center_id != 0) text += fmt::format(" ({})", node.data_center_id);
    }
    return text;
}

std::string node_text(const NodeStatus& node, bool verbose) {
    std::string text = fmt::format("    Node ID {}:\n", node.node_id);
    const auto line = [&text](std::string_view key, std::string_view value) {
        text += fmt::format("        {}{}\n", key, value);
    };
    line("Client address:\t\t", node.address);
    if (verbose) line("HB interval:\t\t", fmt::format("{}ms", node.heartbeat_interval_ms));
    if (node.config_version) line("Configuration version:\t", std::to_string(*node.config_version));
    if (!node.config_list.empty()) line("Configured node list:\t", nodes_text(node.config_list));
    if (verbose) line("Ring ID:\t\t", to_string(node.ring));
    if (!node.membership_list.empty())
        line("Membership node list:\t", nodes_text(node.membership_list));
    if (verbose)
        line("Heuristics:\t\t",
             fmt::format("{} (membership: {}, regular: {})", heuristics_text(node.heuristics),
                         heuristics_text(node.heuristics_membership),
                         heuristics_text(node.heuristics_regular)));
    else if (node.heuristics != Heuristics::undefined)
        line("Heuristics:\t\t", heuristics_text(node.heuristics));
    if (verbose)
        line("TLS active:\t\t", !node.tls                   ? "No"
                                : node.certificate_verified ? "Yes (client certificate verified)"
                                                            : "Yes");
    if (node.last_vote != Vote::undefined) {
        std::string vote = vote_text(node.last_vote);
        if (node.last_ack_or_nack != Vote::undefined)
            vote += fmt::format(" ({})", vote_text(node.last_ack_or_nack));
        line("Vote:\t\t\t", vote);
    }
    return text;
}

std::string cluster_text(const ClusterStatus& cluster, bool verbose) {
    const bool keeps_active =
        cluster.algorithm == DecisionAlgorithm::ffsplit &&
        std::all_of(cluster.nodes.begin(), cluster.nodes.end(),
                    [](const NodeStatus& node) { return node.keep_active_partition; });
    std::string text = fmt::format("Cluster \"{}\":\n", printable(cluster.name));
    if (!cluster.renamed_from.empty()) {
        std::vector<std::string> names;
        for (const std::string& name : cluster.renamed_from)
            names.push_back(fmt::format("\"{}\"", printable(name)));
        text += fmt::format("    Renamed from:\t{}\n", fmt::join(names, ", "));
    }
    text += fmt::format("    Algorithm:\t\t{}{}\n", algorithm_text(cluster.algorithm),
                        keeps_active ? " (KAP Tie-breaker)" : "");
    text += fmt::format("    Tie-breaker:\t{}\n", tie_breaker_text(cluster.tie_breaker));
    for (const NodeStatus& node : cluster.nodes) text += node_text(node, verbose);
    return text;
}

}  // namespace

std::string status_text(const Options& options, const Totals& totals, bool verbose) {
    const Settings& arbiter = options.arbiter;
    const char* tls = "Unsupported";
    if (arbiter.tls == wire::TlsSupported::supported) tls = "Supported";
    if (arbiter.tls == wire::TlsSupported::required) tls = "Required";
    const bool certificate =
        arbiter.tls != wire::TlsSupported::unsupported && arbiter.client_certificate_required;
    std::string text = fmt::format("QNetd address:\t\t\t{}:{}\n",
                                   options.address.empty() ? "*" : options.address, options.port);
    text +=
        fmt::format("TLS:\t\t\t\t{}{}\n", tls, certificate ? " (client certificate required)" : "");
    text += fmt::format("Connected clients:\t\t{}\n", totals.clients);
    text += fmt::format("Connected clusters:\t\t{}\n", totals.clusters);
    if (!verbose) return text;
    if (options.clients_max != 0)
        text += fmt::format("Maximum allowed clients:\t{}\n", options.clients_max);
    text += fmt::format("Maximum send/receive size:\t{}/{} bytes\n", arbiter.message_send_size_max,
                        arbiter.message_receive_size_max);
    return text;
}

std::string list_text(const std::vector<ClusterStatus>& clusters, bool verbose,
                      const std::string& only_cluster) {
    std::string text;
    for (const ClusterStatus& cluster : clusters)
        if (!cluster.nodes.empty() && (only_cluster.empty() || goes_by(cluster, only_cluster)))
            text += cluster_text(cluster, verbose);
    return text;
}

}  // namespace castvote::qnetd
