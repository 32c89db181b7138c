// qnetd_plain_status_test.cpp -- what qnetd-tool says in plain words: who has the vote, since when,
// why, what is missing, and what happens if the arbiter or a node fails now.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "qnetd/tool/plain_status.hpp"

using namespace castvote;
using nlohmann::json;

namespace {

json ids(std::initializer_list<int> numbers) {
    json list = json::array();
    for (const int number : numbers) list.push_back({{"node_id", number}});
    return list;
}

json node(int id, const json& configured, const json& membership, const json& vote) {
    return {{"node_id", id},
            {"configured_nodes", configured},
            {"membership", membership},
            {"last_ack_or_nack", vote},
            {"last_message_ms_ago", 1000},
            {"tls", true},
            {"client_certificate_verified", true}};
}

json cluster(std::initializer_list<json> nodes) {
    return {{"name", "alpha"},          {"algorithm", "ffsplit"},   {"granted", nullptr},
            {"last_decision", nullptr}, {"holders", json::array()}, {"nodes", json(nodes)}};
}

json granted(std::initializer_list<int> members, long long ms_ago = 3000) {
    return {{"ring", "1.9"}, {"members", json(members)}, {"ms_ago", ms_ago}};
}

std::string arbiter_says(const json& one) {
    const json status{{"version", "1"},
                      {"address", "*"},
                      {"port", 5403},
                      {"tls", "on"},
                      {"client_certificate_required", true},
                      {"running_ms", 90061000},
                      {"connected_nodes", one.at("nodes").size()},
                      {"connected_clusters", 1},
                      {"clusters", json::array({one})}};
    const auto text = qnetd::plain_status(status.dump(), /*verbose=*/false);
    REQUIRE(text);
    return *text;
}

bool has(const std::string& text, const std::string& line) {
    UNSCOPED_INFO(text);
    return text.find(line + "\n") != std::string::npos;
}

const json two = ids({1, 2});

}  // namespace

TEST_CASE("in plain words, the arbiter: all is well") {
    json alpha = cluster({node(1, two, two, "ack"), node(2, two, two, "ack")});
    alpha["granted"] = granted({1, 2});
    alpha["last_decision"] = {
        {"line", "cluster \"alpha\": node 2 was given the vote: it is larger   reason=granted"},
        {"ms_ago", 3000}};
    const std::string text = arbiter_says(alpha);
    CHECK(has(text, "2 nodes of 1 cluster are connected."));
    CHECK(has(text, "  vote       nodes 1, 2 have it (ring 1.9) since 3 s"));
    CHECK(has(text, "  why        node 2 was given the vote: it is larger (3 s ago)"));
    CHECK(has(text, "  node 1     has the vote, heard 1 s ago, TLS with its certificate"));
    CHECK(text.find("missing") == std::string::npos);
    CHECK(has(text, "  if         the arbiter fails: nodes 1, 2 go on"));
    CHECK(has(text, "  if         node 1 fails: node 2 goes on, given the vote"));
    CHECK(has(text, "  if         node 2 fails: node 1 goes on, given the vote"));
    CHECK(text.find("running for 1 d 1 h.") != std::string::npos);
    CHECK(has(text, "cluster \"alpha\" (ffsplit)"));
    alpha["renamed_from"] = {"beta", "gamma"};
    CHECK(
        has(arbiter_says(alpha), "cluster \"alpha\" (ffsplit), renamed from \"beta\", \"gamma\""));
}

TEST_CASE("in plain words, the arbiter: halves") {
    json alpha = cluster({node(1, two, ids({1}), "ack"), node(2, two, ids({2}), "nack")});
    alpha["granted"] = granted({1});
    const std::string text = arbiter_says(alpha);
    CHECK(has(text, "  vote       node 1 has it (ring 1.9) since 3 s"));
    CHECK(has(text, "  node 2     has no vote, heard 1 s ago, TLS with its certificate"));
    CHECK(has(text, "  if         the arbiter fails: everything stops, too few nodes are here"));
    CHECK(has(text,
              "  if         node 1 fails: others are given the vote, once it certainly counts "
              "it no more"));
}

TEST_CASE("in plain words, the arbiter: a node of the partition is cut off from the arbiter") {
    json alpha = cluster({node(1, two, two, "ack")});
    alpha["granted"] = granted({1, 2});
    alpha["holders"] = {{{"node_id", 2}, {"connected", false}, {"released_in_ms", 2500}}};
    const std::string text = arbiter_says(alpha);
    CHECK(has(text, "  missing    node 2 is configured, but not connected"));
    CHECK(has(text, "  missing    node 2 is gone and may still count the vote, at most 2 s more"));
    CHECK(has(text, "  if         the arbiter fails: nodes 1, 2 go on"));
    CHECK(has(text,
              "  if         node 1 fails: everything stops, the arbiter cannot give the vote to "
              "the others"));
    CHECK(has(text, "  if         node 2 fails: node 1 goes on, given the vote"));
    alpha["holders"][0]["released_in_ms"] = nullptr;
    CHECK(has(arbiter_says(alpha),
              "  missing    node 2 is gone and may still count the vote, for how long "
              "nobody knows"));
}

TEST_CASE("in plain words, the arbiter: nobody has the vote") {
    json alpha = cluster({node(2, two, ids({2}), nullptr)});
    std::string text = arbiter_says(alpha);
    CHECK(has(text, "  vote       nobody has it"));
    CHECK(has(text, "  node 2     not told yet, heard 1 s ago, TLS with its certificate"));
    CHECK(has(text,
              "  if         anything fails: nothing changes, no partition has enough votes now"));
    alpha["nodes"][0]["membership"] = two;  // enough without the vote
    CHECK(has(arbiter_says(alpha), "  if         the arbiter fails: nodes 1, 2 go on"));
    alpha["nodes"][0]["membership"] = alpha["nodes"][0]["configured_nodes"] = json::array();
    text = arbiter_says(alpha);
    CHECK(has(text, "  missing    node 2 has not reported its lists yet"));
    CHECK(has(text,
              "  if         nothing can be said: no node of a partition has told what it sees"));
}

TEST_CASE("in plain words, the arbiter: many nodes, and lms") {
    const json five = ids({1, 2, 3, 4, 5});
    json alpha = cluster({});
    for (int id = 1; id <= 5; ++id) alpha["nodes"].push_back(node(id, five, five, "ack"));
    alpha["granted"] = granted({1, 2, 3, 4, 5});
    CHECK(has(arbiter_says(alpha), "  if         any one node fails: the others go on"));
    const json four = ids({1, 2, 3, 4});
    alpha = cluster({node(1, four, two, "ack"), node(2, four, two, "ack")});
    alpha["granted"] = granted({1, 2});
    CHECK(has(arbiter_says(alpha), "  if         node 1 fails: everything stops"));
    CHECK(has(arbiter_says(alpha), "  missing    node 4 is configured, but not connected"));
    alpha["algorithm"] = "lms";  // three votes more: the last man stands
    CHECK(has(arbiter_says(alpha), "  if         node 1 fails: node 2 goes on, given the vote"));
    CHECK(has(arbiter_says(alpha),
              "  if         the arbiter fails: everything stops, too few nodes are here"));
}
