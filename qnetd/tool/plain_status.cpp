// plain_status.cpp -- see plain_status.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/plain_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "common/wire/printable.hpp"

namespace castvote::qnetd {

namespace {

using nlohmann::json;

std::string numbers(const json& list) {
    std::string text;
    for (const json& number : list)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", number.get<std::uint32_t>());
    return text;
}

// The decision's sentence, without the cluster's name in front and the keys behind.
std::string reason_text(const json& decision) {
    std::string line = decision.at("line");
    const std::size_t keys = line.rfind("   reason=");
    if (keys != std::string::npos) line.resize(keys);
    const std::size_t name = line.find("\": ");
    if (name != std::string::npos) line.erase(0, name + 3);
    return printable(line);
}

std::string vote_line(const json& cluster) {
    const json& granted = cluster.at("granted");
    if (granted.is_null()) return "nobody has it";
    const json& members = granted.at("members");
    std::string text = fmt::format("{} {} {} it (ring {})", members.size() == 1 ? "node" : "nodes",
                                   numbers(members), members.size() == 1 ? "has" : "have",
                                   granted.at("ring").get<std::string>());
    if (granted.contains("ms_ago"))
        text += fmt::format(" since {}", duration_text(granted.at("ms_ago")));
    return text;
}

std::vector<std::string> missing_lines(const json& cluster) {
    std::set<std::uint32_t> configured;
    std::set<std::uint32_t> connected;
    std::vector<std::string> lines;
    for (const json& node : cluster.at("nodes")) {
        connected.insert(node.at("node_id").get<std::uint32_t>());
        for (const json& known : node.at("configured_nodes"))
            configured.insert(known.at("node_id").get<std::uint32_t>());
        if (node.at("configured_nodes").empty() || node.at("membership").empty())
            lines.push_back(fmt::format("node {} has not reported its lists yet",
                                        node.at("node_id").get<std::uint32_t>()));
    }
    for (const std::uint32_t node : configured)
        if (!connected.contains(node))
            lines.push_back(fmt::format("node {} is configured, but not connected", node));
    for (const json& node : cluster.at("nodes")) {
        const auto wait = node.value("longest_wait_ms", 0LL);
        const auto limit = node.value("sync_timeout_ms", 0LL);
        if (wait > limit)
            lines.push_back(fmt::format(
                "time: node {} cut off with the vote would block it for {}, and the others wait {} "
                "at most; lower quorum.device.timeout or raise quorum.device.sync_timeout",
                node.at("node_id").get<std::uint32_t>(), duration_text(wait),
                duration_text(limit)));
    }
    for (const json& holder : cluster.at("holders")) {
        if (holder.at("connected")) continue;
        const json& left = holder.at("released_in_ms");
        std::string text = fmt::format("node {} is gone and may still count the vote",
                                       holder.at("node_id").get<std::uint32_t>());
        text += left.is_null() ? ", for how long nobody knows"
                               : fmt::format(", at most {} more",
                                             duration_text(std::max(left.get<long long>(), 0LL)));
        lines.push_back(text);
    }
    return lines;
}

std::string node_lines(const json& node, bool verbose) {
    const json& vote = node.at("last_ack_or_nack");
    std::string text = fmt::format(
        "  node {:<5} {}, heard {} ago, {}\n", node.at("node_id").get<std::uint32_t>(),
        vote.is_null()  ? "not told yet"
        : vote == "ack" ? "has the vote"
                        : "has no vote",
        duration_text(node.at("last_message_ms_ago")),
        !node.at("tls").get<bool>()                          ? "without TLS"
        : node.at("client_certificate_verified").get<bool>() ? "TLS with its certificate"
                                                             : "TLS without a certificate");
    if (!verbose) return text;
    std::string membership;
    for (const json& member : node.at("membership"))
        membership += fmt::format("{}{}", membership.empty() ? "" : ", ",
                                  member.at("node_id").get<std::uint32_t>());
    text +=
        fmt::format("             from {}, connected for {}, heartbeat {} ms\n",
                    node.at("address").get<std::string>(), duration_text(node.at("connected_ms")),
                    node.at("heartbeat_interval_ms").get<std::uint32_t>());
    text +=
        fmt::format("             sees nodes {} in ring {}\n",
                    membership.empty() ? "none" : membership, node.at("ring").get<std::string>());
    if (const auto lease = node.value("lease_ms", 0LL); lease > 0)
        text += fmt::format("             holds to a lease of {}\n", duration_text(lease));
    if (!node.at("heuristics").is_null())
        text +=
            fmt::format("             heuristics: {}\n", node.at("heuristics").get<std::string>());
    return text;
}

// A partition that can be seen, and what it would be without one of its nodes or the arbiter.
struct Partition {
    std::set<std::uint32_t> nodes;
    std::set<std::uint32_t> connected;  // of them: who can be given the vote
    bool has_vote = true;
    std::size_t configured = 0;
    std::size_t device_votes = 1;

    bool is_quorate(std::size_t members, bool with_vote) const {
        return members + (with_vote ? device_votes : 0) >= (configured + device_votes) / 2 + 1;
    }
};

// The partition that has the vote; where nobody has, the largest that a connected node reports.
// Nothing if none of its nodes is connected and has reported.
std::optional<Partition> partition_to_judge(const json& cluster) {
    const json& granted = cluster.at("granted");
    Partition partition;
    partition.has_vote = !granted.is_null();
    if (partition.has_vote)
        for (const json& member : granted.at("members"))
            partition.nodes.insert(member.get<std::uint32_t>());
    for (const json& node : cluster.at("nodes")) {
        if (partition.has_vote || node.at("membership").size() <= partition.nodes.size()) continue;
        partition.nodes.clear();
        for (const json& member : node.at("membership"))
            partition.nodes.insert(member.at("node_id").get<std::uint32_t>());
    }
    for (const json& node : cluster.at("nodes")) {
        const auto id = node.at("node_id").get<std::uint32_t>();
        if (!partition.nodes.contains(id)) continue;
        partition.connected.insert(id);
        partition.configured = std::max(partition.configured, node.at("configured_nodes").size());
    }
    if (partition.configured == 0) return std::nullopt;
    if (cluster.at("algorithm") == "lms") partition.device_votes = partition.configured - 1;
    return partition;
}

std::string going_on(const std::set<std::uint32_t>& nodes) {
    std::string text;
    for (const std::uint32_t node : nodes)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", node);
    return fmt::format("{} {} {} on", nodes.size() == 1 ? "node" : "nodes", text,
                       nodes.size() == 1 ? "goes" : "go");
}

std::string without_node(const Partition& partition, std::uint32_t node) {
    std::set<std::uint32_t> others = partition.nodes;
    others.erase(node);
    std::set<std::uint32_t> reached = partition.connected;
    reached.erase(node);
    if (partition.is_quorate(others.size(), false)) return going_on(others);
    if (!partition.is_quorate(others.size(), true)) return "everything stops";
    if (reached.empty()) return "everything stops, the arbiter cannot give the vote to the others";
    return going_on(others) + ", given the vote";
}

// What happens if the arbiter, or any one node, fails now. Every node has one vote here, and the
// device the usual number: an arbiter is not told of others.
std::vector<std::string> if_lines(const json& cluster) {
    const auto partition = partition_to_judge(cluster);
    if (!partition) return {"nothing can be said: no node of a partition has told what it sees"};
    const std::size_t size = partition->nodes.size();
    if (!partition->has_vote && !partition->is_quorate(size, false))
        return {"anything fails: nothing changes, no partition has enough votes now"};
    std::vector<std::string> lines;
    lines.push_back("the arbiter fails: " +
                    (partition->is_quorate(size, false)
                         ? going_on(partition->nodes)
                         : std::string("everything stops, too few nodes are here")));
    if (size < 2) {
        const bool has_others = cluster.at("nodes").size() > size;
        lines.push_back(fmt::format(
            "node {} fails: {}", *partition->nodes.begin(),
            has_others ? "others are given the vote, once it certainly counts it no more"
                       : "everything stops, no other node is connected"));
        return lines;
    }
    std::string of_all;
    bool is_alike = size > 4;
    for (const std::uint32_t node : partition->nodes) {
        const bool stops = without_node(*partition, node).starts_with("everything stops");
        const std::string outcome = stops ? "everything stops" : "the others go on";
        is_alike = is_alike && (of_all.empty() || of_all == outcome);
        of_all = outcome;
    }
    if (is_alike) {
        lines.push_back("any one node fails: " + of_all);
        return lines;
    }
    for (const std::uint32_t node : partition->nodes)
        lines.push_back(fmt::format("node {} fails: {}", node, without_node(*partition, node)));
    return lines;
}

// ", renamed from "alpha"", once: whatever its nodes say, it is the same cluster.
std::string renamed_text(const json& cluster) {
    std::string text;
    for (const json& name : cluster.value("renamed_from", json::array()))
        text += fmt::format("{} \"{}\"", text.empty() ? ", renamed from" : ",",
                            printable(name.get<std::string>()));
    return text;
}

std::string cluster_lines(const json& cluster, bool verbose) {
    std::string text =
        fmt::format("\ncluster \"{}\" ({}){}\n", printable(cluster.at("name")),
                    cluster.at("algorithm").get<std::string>(), renamed_text(cluster));
    text += fmt::format("  vote       {}\n", vote_line(cluster));
    const json& decision = cluster.at("last_decision");
    if (!decision.is_null())
        text += fmt::format("  why        {} ({} ago)\n", reason_text(decision),
                            duration_text(decision.at("ms_ago")));
    for (const json& node : cluster.at("nodes")) text += node_lines(node, verbose);
    for (const std::string& line : missing_lines(cluster))
        text += fmt::format("  missing    {}\n", line);
    for (const std::string& line : if_lines(cluster))
        text += fmt::format("  if         {}\n", line);
    return text;
}

// What is done about a holder that falls silent while the others' ring goes on.
std::string failover_line(const json& status) {
    const auto policy = status.value("failover", std::string("stock"));
    const char* meaning = policy == "fast"
                              ? "is asked whether it is there, and after 1.1 s decided without"
                          : policy == "strict" ? "is waited for two of its heartbeats"
                                               : "is waited for one and a half of its heartbeats";
    return fmt::format("Fail-over is {}: a node that falls silent {}.\n", policy, meaning);
}

// Where grants are kept, and what is wrong there.
std::string state_lines(const json& state, bool verbose) {
    if (state.at("health") == "in_memory")
        return "Grants are kept in memory: after every start votes are held back for a while.\n";
    const std::string directory = printable(state.at("directory").get<std::string>());
    std::string text = fmt::format("Grants are kept in {}.\n", directory);
    if (state.contains("trouble"))
        text = fmt::format(
            "Grants cannot be kept in {}: {}.\n"
            "No new ring is given the vote until they can; look at the disk.\n",
            directory, printable(state.at("trouble").get<std::string>()));
    if (state.contains("put_aside"))
        text += fmt::format("A damaged file was found at the start, and is kept as {}.\n",
                            printable(state.at("put_aside").get<std::string>()));
    if (state.contains("distrust"))
        text += fmt::format("{}: votes were held back after this start, beside the records.\n",
                            printable(state.at("distrust").get<std::string>()));
    if (verbose)
        text += fmt::format("{} records in {} transactions since the start, {} waiting.\n",
                            state.at("records_written").get<std::uint64_t>(),
                            state.at("transactions").get<std::uint64_t>(),
                            state.at("records_waiting").get<std::size_t>());
    return text;
}

std::string render(const json& status, bool verbose) {
    std::string text = fmt::format(
        "The arbiter (qnetd {}) listens on {}:{}, TLS {}{}, and has been running for {}.\n",
        status.at("version").get<std::string>(), status.at("address").get<std::string>(),
        status.at("port").get<int>(), status.at("tls").get<std::string>(),
        status.at("tls") != "off" && status.at("client_certificate_required").get<bool>()
            ? " with client certificates"
            : "",
        duration_text(status.at("running_ms")));
    const auto clients = status.at("connected_nodes").get<std::size_t>();
    const auto clusters = status.at("connected_clusters").get<std::size_t>();
    if (clients == 0) text += "No node is connected.\n";
    if (clients > 0)
        text += fmt::format("{} node{} of {} cluster{} {} connected.\n", clients,
                            clients == 1 ? "" : "s", clusters, clusters == 1 ? "" : "s",
                            clients == 1 ? "is" : "are");
    text += failover_line(status);
    if (verbose)
        text += fmt::format("{} connections, {} threads.\n",
                            status.at("connections").get<std::size_t>(),
                            status.at("shards").get<std::size_t>());
    if (status.contains("state")) text += state_lines(status.at("state"), verbose);
    for (const json& cluster : status.at("clusters")) text += cluster_lines(cluster, verbose);
    return text;
}

}  // namespace

std::string duration_text(long long milliseconds) {
    const long long s = std::max(milliseconds, 0LL) / 1000;
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
    if (s < 86400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
    return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

Expected<std::string, std::string> plain_status(const std::string& text, bool verbose) {
    try {
        return render(json::parse(text), verbose);
    } catch (const json::exception& error) {
        return Unexpected<std::string>(error.what());
    }
}

}  // namespace castvote::qnetd
