// qdevice_plain_status_test.cpp -- what qdevice-tool says in plain words: who has the vote, since
// when, why, what is missing, and what happens if the arbiter or a node fails now.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "qdevice-client/tool/plain_status.hpp"

using namespace castvote;
using nlohmann::json;

namespace {

// Two nodes, whole, with the vote.
json two_nodes() {
    return {{"cluster", "alpha"},
            {"node_id", 1},
            {"provider", "corosync"},
            {"provider_running", true},
            {"configured_nodes", {1, 2}},
            {"device_votes", 1},
            {"algorithm", "ffsplit"},
            {"members", {1, 2}},
            {"quorate", true},
            {"sync_in_progress", false},
            {"vote", "yes"},
            {"vote_since_ms_ago", 65000},
            {"arbiter",
             {{"host", "192.0.2.2"},
              {"port", 5403},
              {"state", "connected"},
              {"last_disconnect_reason", ""}}}};
}

void lose_arbiter(json& status) {
    status["vote"] = "no";
    status["arbiter"]["state"] = "connect failed";
    status["arbiter"]["last_disconnect_reason"] = "the arbiter cannot be reached";
}

// By key; the first line by "".
std::map<std::string, std::string> said(const json& status) {
    const auto text = qdevice::plain_status(status.dump(), /*verbose=*/false);
    REQUIRE(text);
    std::map<std::string, std::string> lines;
    std::istringstream in(*text);
    for (std::string line; std::getline(in, line);) {
        const std::size_t colon = line.find(':');
        if (line[0] != ' ')
            lines[""] = line.substr(colon + 2);
        else
            lines[line.substr(2, colon - 2)] = line.substr(line.find_first_not_of(' ', colon + 1));
    }
    return lines;
}

}  // namespace

TEST_CASE("in plain words: all is well") {
    auto lines = said(two_nodes());
    CHECK(lines[""] == "protected");
    CHECK(lines["the arbiter's vote"] ==
          "counted here for 1 min 5 s: the arbiter gave it to nodes 1, 2");
    CHECK(lines["missing"] == "nothing");
    CHECK(lines["if the arbiter fails"] ==
          "this node goes on: 2 of 2 needed votes are here without it");
    CHECK(lines["if another node fails"] ==
          "this node goes on, once the arbiter has given it the vote");
    CHECK(lines["if this node fails"] ==
          "the others here go on, if they reach the arbiter and are given the vote");
}

TEST_CASE("in plain words: alone with the vote") {
    json status = two_nodes();
    status["members"] = {1};
    auto lines = said(status);
    CHECK(lines[""] == "quorate thanks to the arbiter's vote; not all nodes are here");
    CHECK(lines["the arbiter's vote"].ends_with("the arbiter gave it to node 1"));
    CHECK(lines["missing"] == "node 2");
    CHECK(lines["if the arbiter fails"] == "this node stops: 1 of 2 needed votes are left");
    CHECK(lines["if another node fails"] == "there is no other node with this one");
    CHECK(lines["if this node fails"] == "nobody goes on, unless the others get the vote then");
}

TEST_CASE("in plain words: the vote is held by a lease") {
    json status = two_nodes();
    CHECK_FALSE(said(status).contains("without the arbiter"));  // with a stock arbiter
    status["members"] = {1};
    status["lease_ms"] = 3000;
    status["lease_left_ms"] = 2140;
    auto lines = said(status);
    CHECK(lines["without the arbiter"] == "the vote is kept for another 2.1 s (a lease of 3.0 s)");
    CHECK(lines["if the arbiter fails"] ==
          "this node stops, unless the arbiter is back in 2.1 s: 1 of 2 needed votes are left");
    // Cut off, it still counts the vote; when the lease is over, it does no more.
    status["arbiter"]["state"] = "disconnected";
    CHECK(said(status)["without the arbiter"].starts_with("the vote is kept for another 2.1 s"));
    lose_arbiter(status);
    status["lease_left_ms"] = nullptr;
    CHECK_FALSE(said(status).contains("without the arbiter"));
    CHECK(said(status)["if the arbiter fails"] == "this node stops: 1 of 2 needed votes are left");
    // Back again, and not told yet: corosync still counts it.
    status["vote"] = "waiting";
    status["lease_left_ms"] = 2199;
    CHECK(said(status)["without the arbiter"].starts_with("the vote is kept for another 2.1 s"));
}

TEST_CASE("in plain words: refused, and stopped") {
    json status = two_nodes();
    status["members"] = {1};
    status["vote"] = "no";
    status["quorate"] = false;
    auto lines = said(status);
    CHECK(lines[""] == "STOPPED: this node is not quorate");
    CHECK(lines["the arbiter's vote"] ==
          "not counted here for 1 min 5 s: the arbiter gave it to others, or to nobody");
    CHECK(lines["missing"] == "node 2, the vote");
    for (const char* what : {"if the arbiter fails", "if this node fails"})
        CHECK(lines[what] == "nothing changes: this node is stopped already");
    status["vote"] = "waiting";
    CHECK(said(status)["the arbiter's vote"] == "waiting for the arbiter's answer");
}

TEST_CASE("in plain words: without the arbiter") {
    json status = two_nodes();
    lose_arbiter(status);
    auto lines = said(status);
    CHECK(lines[""] == "NOT PROTECTED: quorate, but without the arbiter");
    CHECK(lines["the arbiter's vote"] ==
          "not counted here for 1 min 5 s: no connection to the arbiter");
    CHECK(lines["arbiter"] == "192.0.2.2:5403 connect failed: the arbiter cannot be reached");
    CHECK(lines["missing"] == "the arbiter");
    CHECK(lines["if another node fails"] ==
          "this node stops: the arbiter, whose vote it would need, is not there");
    status["members"] = {1};
    CHECK(said(status)["missing"] == "node 2, the arbiter");
}

TEST_CASE("in plain words: four nodes, and lms") {
    json status = two_nodes();
    status["configured_nodes"] = status["members"] = {1, 2, 3, 4};
    auto lines = said(status);
    CHECK(lines["if another node fails"] == "this node goes on, even without the arbiter");
    CHECK(lines["if this node fails"] == "the others here go on, even without the arbiter");
    status["members"] = {1, 2};
    lines = said(status);
    CHECK(lines["if the arbiter fails"] == "this node stops: 2 of 3 needed votes are left");
    CHECK(lines["if another node fails"].starts_with("this node stops: 2 of 3 needed votes"));
    CHECK(lines["if this node fails"] == "the others here stop, even with the arbiter's vote");
    status["device_votes"] = 3;  // lms: the last man stands
    CHECK(said(status)["if another node fails"] ==
          "this node goes on, once the arbiter has given it the vote");
}

TEST_CASE("in plain words: in between, and without corosync") {
    json status = two_nodes();
    status["sync_in_progress"] = true;
    CHECK(said(status)[""] == "membership is changing right now; ask again in a moment");
    CHECK_FALSE(said(status).contains("if the arbiter fails"));
    status["provider_running"] = false;
    CHECK(said(status)[""] == "NOT PROTECTED: corosync is not running here");
    CHECK_FALSE(qdevice::plain_status("{}", false));
    CHECK_FALSE(qdevice::plain_status("no JSON", false));
    status["cluster"] = "two\nlines";
    CHECK(qdevice::plain_status(status.dump(), false)->starts_with("Cluster \"two?lines\""));
}
