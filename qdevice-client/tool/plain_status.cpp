// plain_status.cpp -- see plain_status.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/tool/plain_status.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/wire/printable.hpp"

namespace castvote::qdevice {

namespace {

using nlohmann::json;

struct View {
    std::string cluster;
    std::uint32_t node = 0;
    std::vector<std::uint32_t> configured;
    std::vector<std::uint32_t> members;
    std::uint32_t device_votes = 0;
    std::string algorithm;
    bool provider_running = true;
    std::string provider;
    bool quorate = false;
    bool syncing = false;
    std::string vote;                           // yes, no, waiting
    std::optional<std::int64_t> vote_ms;        // for how long it has been so
    std::int64_t lease_ms = 0;                  // 0: none
    std::optional<std::int64_t> lease_left_ms;  // the vote is kept for so long without the arbiter
    std::string host;
    std::string state;
    std::string reason;

    std::size_t quorum() const { return (configured.size() + device_votes) / 2 + 1; }
    bool connected() const { return state == "connected"; }
    bool has_vote() const { return vote == "yes"; }
};

View read(const json& status) {
    View v;
    status.at("cluster").get_to(v.cluster);
    status.at("node_id").get_to(v.node);
    status.at("configured_nodes").get_to(v.configured);
    status.at("members").get_to(v.members);
    status.at("device_votes").get_to(v.device_votes);
    status.at("algorithm").get_to(v.algorithm);
    status.at("provider_running").get_to(v.provider_running);
    status.at("provider").get_to(v.provider);
    status.at("quorate").get_to(v.quorate);
    status.at("sync_in_progress").get_to(v.syncing);
    status.at("vote").get_to(v.vote);
    if (const json& since = status.at("vote_since_ms_ago"); since.is_number())
        v.vote_ms = since.get<std::int64_t>();
    v.lease_ms = status.value("lease_ms", std::int64_t{0});
    if (const auto left = status.find("lease_left_ms"); left != status.end() && left->is_number())
        v.lease_left_ms = left->get<std::int64_t>();
    const json& arbiter = status.at("arbiter");
    v.host = fmt::format("{}:{}", arbiter.at("host").get<std::string>(),
                         arbiter.at("port").get<unsigned>());
    arbiter.at("state").get_to(v.state);
    arbiter.at("last_disconnect_reason").get_to(v.reason);
    return v;
}

std::string headline(const View& v) {
    if (!v.provider_running)
        return fmt::format("NOT PROTECTED: {} is not running here", v.provider);
    if (v.syncing) return "membership is changing right now; ask again in a moment";
    if (!v.quorate) return "STOPPED: this node is not quorate";
    if (!v.connected()) return "NOT PROTECTED: quorate, but without the arbiter";
    if (v.members.size() < v.configured.size())
        return v.has_vote() ? "quorate thanks to the arbiter's vote; not all nodes are here"
                            : "quorate; not all nodes are here";
    return v.has_vote() ? "protected" : "quorate; the arbiter's vote is not here yet";
}

std::string duration_text(std::int64_t milliseconds) {
    const std::int64_t s = std::max<std::int64_t>(milliseconds, 0) / 1000;
    if (s < 60) return fmt::format("{} s", s);
    if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
    if (s < 86400) return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
    return fmt::format("{} d {} h", s / 86400, s / 3600 % 24);
}

std::string seconds_text(std::int64_t milliseconds) {
    return fmt::format("{}.{} s", milliseconds / 1000, milliseconds / 100 % 10);
}

// With an arbiter of ours the vote is held by a lease, which every answered echo renews.
std::string lease_text(const View& v) {
    return fmt::format("the vote is kept for another {} (a lease of {})",
                       seconds_text(*v.lease_left_ms), seconds_text(v.lease_ms));
}

std::string vote_text(const View& v) {
    const std::string since =
        v.vote_ms ? fmt::format(" for {}", duration_text(*v.vote_ms)) : std::string();
    if (v.has_vote())
        return fmt::format("counted here{}: the arbiter gave it to {} {}", since,
                           v.members.size() == 1 ? "node" : "nodes", fmt::join(v.members, ", "));
    if (!v.connected())
        return fmt::format("not counted here{}: no connection to the arbiter", since);
    if (v.vote == "no")
        return fmt::format("not counted here{}: the arbiter gave it to others, or to nobody",
                           since);
    return "waiting for the arbiter's answer";
}

std::string missing_text(const View& v) {
    std::string text;
    for (const std::uint32_t node : v.configured)
        if (std::find(v.members.begin(), v.members.end(), node) == v.members.end())
            text += fmt::format("{}node {}", text.empty() ? "" : ", ", node);
    if (!v.connected()) text += text.empty() ? "the arbiter" : ", the arbiter";
    if (v.connected() && !v.has_vote()) text += text.empty() ? "the vote" : ", the vote";
    return text.empty() ? "nothing" : text;
}

std::string if_arbiter_fails(const View& v) {
    if (!v.quorate) return "nothing changes: this node is stopped already";
    if (v.members.size() >= v.quorum())
        return fmt::format("this node goes on: {} of {} needed votes are here without it",
                           v.members.size(), v.quorum());
    const std::string when = v.lease_left_ms
                                 ? fmt::format("this node stops, unless the arbiter is back in {}",
                                               seconds_text(*v.lease_left_ms))
                                 : std::string("this node stops");
    return fmt::format("{}: {} of {} needed votes are left", when, v.members.size(), v.quorum());
}

// Nodes that are not here may be another partition: all that can be said is what ours does.
std::string if_this_node_fails(const View& v) {
    if (!v.quorate) return "nothing changes: this node is stopped already";
    if (v.members.size() < 2)
        return v.configured.size() < 2 ? "nobody is left"
                                       : "nobody goes on, unless the others get the vote then";
    const std::size_t left = v.members.size() - 1;
    if (left >= v.quorum()) return "the others here go on, even without the arbiter";
    if (left + v.device_votes < v.quorum())
        return "the others here stop, even with the arbiter's vote";
    return "the others here go on, if they reach the arbiter and are given the vote";
}

std::string if_node_fails(const View& v) {
    if (v.members.size() < 2) return "there is no other node with this one";
    if (!v.quorate) return "nothing changes: this node is stopped already";
    const std::size_t left = v.members.size() - 1;
    if (left >= v.quorum()) return "this node goes on, even without the arbiter";
    if (left + v.device_votes < v.quorum())
        return fmt::format(
            "this node stops: {} of {} needed votes would be left, even with the "
            "arbiter's",
            left + v.device_votes, v.quorum());
    if (!v.connected())
        return "this node stops: the arbiter, whose vote it would need, is not there";
    return "this node goes on, once the arbiter has given it the vote";
}

}  // namespace

Expected<std::string, std::string> plain_status(const std::string& text, bool verbose) {
    const json status = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (status.is_discarded()) return Unexpected<std::string>("it is no JSON");
    View v;
    try {
        v = read(status);
    } catch (const json::exception& error) {
        return Unexpected<std::string>(error.what());
    }
    std::string out =
        fmt::format("Cluster \"{}\", node {}: {}\n", printable(v.cluster), v.node, headline(v));
    const auto line = [&out](const char* key, const std::string& value) {
        out += fmt::format("  {:<24}{}\n", key, value);
    };
    line("nodes here:",
         fmt::format("{} of {}", fmt::join(v.members, ", "), fmt::join(v.configured, ", ")));
    line("the arbiter's vote:", vote_text(v));
    if (v.lease_left_ms) line("without the arbiter:", lease_text(v));
    line("missing:", missing_text(v));
    line("arbiter:",
         fmt::format("{} {}{}", printable(v.host), v.state,
                     v.connected() || v.reason.empty() ? "" : ": " + printable(v.reason)));
    if (v.provider_running && !v.syncing) {
        line("if the arbiter fails:", if_arbiter_fails(v));
        line("if another node fails:", if_node_fails(v));
        line("if this node fails:", if_this_node_fails(v));
    }
    if (!verbose) return out;
    for (const char* key :
         {"provider", "algorithm", "tie_breaker", "ring", "vote", "vote_since_ms_ago", "lease_ms",
          "last_poll_ms_ago", "timeout_ms", "sync_timeout_ms", "heartbeat_ms", "config_version",
          "heuristics", "arbiter"})
        if (status.contains(key))
            line(fmt::format("{}:", key).c_str(), printable(status[key].dump()));
    return out;
}

}  // namespace castvote::qdevice
