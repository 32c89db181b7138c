// qdevice_status_text_test.cpp -- the node's status against what the stock tool printed from the
// same facts (tests/golden/tools), and the words that no recording shows.
// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "qdevice-client/shell/status_text.hpp"
#include "tests/unit/support/recorded.hpp"

using namespace castvote;
using namespace castvote::qdevice;
using tests::recorded;
using wire::DecisionAlgorithm;
using wire::Heuristics;

namespace {

// The recorded cluster, and a clock whose local time is that of the recording.
struct Recorded {
    Status status;
    StatusContext context;

    // `moment`: HH:MM:SS of 2026-11-25, when the tool asked.
    explicit Recorded(const std::string& moment) {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
        std::tm parts{};
        REQUIRE(::strptime(("2026-11-25 " + moment).c_str(), "%Y-%m-%d %H:%M:%S", &parts));
        context.wall_now = std::chrono::system_clock::from_time_t(::timegm(&parts));
        context.now = Instant(Duration(100000));
        context.host = "198.51.100.2";
        context.port = 5403;
        context.expected_votes = 3;
        Settings& s = status.settings;
        s.cluster_name = "castvote";
        s.node_id = 1;
        s.device_timeout = Duration(2000);
        s.device_sync_timeout = Duration(4000);
        s.connect_timeout = Duration(1600);
        s.config.config_version = 1;
        s.config.nodes = {{.node_id = 1}, {.node_id = 2}};
        status.heartbeat_interval = Duration(1600);
        status.vote_timer_interval = Duration(1000);
        status.ring = {1, 9};
        status.members = {1, 2};
        status.quorate = true;
        status.quorum_list = {{2, 0, wire::NodeState::member}, {1, 0, wire::NodeState::member}};
        status.vote_timer = VoteTimer::casting_ack;
        status.last_cast = context.now;
        status.last_cast_vote = true;
        status.connection = ConnectionState::connected;
        status.tls = status.client_certificate_sent = true;
    }

    void alone() {
        status.ring = {1, 0xd};
        status.members = {1};
        status.quorum_list[0].state = wire::NodeState::dead;
    }
    void connected(int seconds_ago, int echo_seconds_ago) {
        status.connected_since = context.now - std::chrono::seconds(seconds_ago);
        status.last_echo_reply = context.now - std::chrono::seconds(echo_seconds_ago);
    }
    void heuristics(HeuristicsMode mode, Heuristics regular, Heuristics other) {
        status.settings.config.heuristics_mode = mode;
        status.heuristics_regular = regular;
        status.heuristics_latest = other;
        status.heuristics_membership = status.heuristics_connect = other;
    }
    std::string text(bool verbose = true) const { return status_text(status, context, verbose); }
};

}  // namespace

TEST_CASE("the node's status: ffsplit in TLS, alone with the vote") {
    Recorded node("16:03:05");
    node.alone();
    node.connected(11, 0);
    CHECK(node.text() == recorded("node_ffsplit_split_verbose"));
    CHECK(node.text(/*verbose=*/false) == recorded("node_ffsplit_split"));
}

TEST_CASE("the node's status: IPv4 only, without TLS, without keep-active, a node breaks ties") {
    Recorded node("16:05:38");
    Settings& s = node.status.settings;
    s.node_id = 2;
    s.connect_timeout = Duration(3000);
    s.tls = wire::TlsSupported::unsupported;
    s.tie_breaker = {wire::TieBreakerMode::node_id, 2};
    s.keep_active_partition = false;
    node.status.tls = false;
    node.context.force_ip_version = 4;
    std::swap(node.status.quorum_list[0], node.status.quorum_list[1]);
    node.connected(5, 0);
    CHECK(node.text() == recorded("node_plain_ipv4_verbose"));
}

TEST_CASE("the node's status: lms with heuristics, without the vote") {
    Recorded node("16:03:58");
    node.alone();
    node.status.settings.algorithm = DecisionAlgorithm::lms;
    node.status.settings.tie_breaker = {wire::TieBreakerMode::highest, 0};
    node.heuristics(HeuristicsMode::on, Heuristics::pass, Heuristics::pass);
    node.status.quorate = node.status.last_cast_vote = false;
    node.status.vote_timer = VoteTimer::casting_nack;
    node.connected(12, 1);
    CHECK(node.text() == recorded("node_lms_heuristics_verbose"));
    CHECK(node.text(/*verbose=*/false) == recorded("node_lms_heuristics"));
}

TEST_CASE("the node's status: the arbiter does not answer, whatever became of the last attempt") {
    Recorded node("16:05:26");
    node.status.settings.algorithm = DecisionAlgorithm::two_node_lms;
    node.status.settings.tls = wire::TlsSupported::required;
    node.heuristics(HeuristicsMode::sync, Heuristics::undefined, Heuristics::fail);
    node.status.ring.seq = 0x11;
    node.status.connection = ConnectionState::connect_failed;
    node.status.is_connecting = true;
    CHECK(node.text() == recorded("node_2nodelms_connecting_verbose"));
}

TEST_CASE("the node's status: nobody is there") {
    Recorded node("16:06:54");
    node.status.ring.seq = 0x11;
    node.status.last_cast_vote = false;
    node.status.vote_timer = VoteTimer::casting_nack;
    node.status.connection = ConnectionState::connect_failed;
    CHECK(node.text() == recorded("node_connect_failed_verbose"));
    node.status.connection = ConnectionState::disconnected;
    CHECK(node.text().find("State:\t\t\tDisconnected\n") != std::string::npos);
}

TEST_CASE("the node's status: the test algorithm") {
    Recorded node("16:26:40");
    node.status.settings.algorithm = DecisionAlgorithm::test;
    node.status.settings.tls = wire::TlsSupported::unsupported;
    node.status.tls = false;
    node.connected(12, 1);
    CHECK(node.text() == recorded("node_test_verbose"));
}

TEST_CASE("the node's status: lines that come and go") {
    Recorded node("12:00:00");
    const auto shows = [&](const std::string& line) {
        return node.text().find(line) != std::string::npos;
    };
    CHECK_FALSE(shows("Connected since"));
    CHECK_FALSE(shows("Echo reply received"));
    CHECK_FALSE(shows("Force IP version"));
    CHECK_FALSE(shows("Heuristics result"));
    node.status.settings.config.nodes[1].data_center_id = 7;
    CHECK(shows("    1\tNode ID = 2, Data center ID = 7\n"));
    node.status.settings.config.config_version.reset();
    CHECK_FALSE(shows("Configuration version"));
    node.status.client_certificate_sent = false;
    CHECK(shows("TLS active:\t\tYes\n"));
    node.status.arbiter_lacks_keep_active = true;
    CHECK(shows("KAP Tie-breaker:\tUnsupported by QNetd\n"));
    node.status.connection = ConnectionState::disconnected;
    CHECK(shows("KAP Tie-breaker:\tEnabled\n"));
    CHECK_FALSE(shows("TLS active"));
    node.status.last_cast.reset();
    CHECK(shows("Last poll call:\t\tNever\n"));
    node.status.vote_timer = VoteTimer::stopped;
    CHECK(shows("Poll timer running:\tNo\n"));
    node.status.quorum_list[0].state = wire::NodeState::leaving;
    CHECK(shows("    0\tNode ID = 2, State = leaving\n"));
    node.status.ring = {0xabc, 0x1f0};
    CHECK(shows("Ring ID:\t\tabc.1f0\n"));
    node.status.settings.cluster_name = "two\nlines";
    CHECK(shows("Cluster name:\t\ttwo?lines\n"));
    node.context.host = "2001:db8::2";
    CHECK(shows("QNetd host:\t\t2001:db8::2:5403\n"));
    node.context.provider_lost = true;
    CHECK(shows("Corosync:\t\tNot running (waiting for it)\n"));
}

TEST_CASE("the node's status for programs: the lease by which the vote is held") {
    Recorded node("12:00:00");
    const auto json = [&] { return nlohmann::json::parse(status_json(node.status, node.context)); };
    CHECK(json()["lease_ms"] == 0);
    CHECK(json()["lease_left_ms"].is_null());
    node.status.lease = Duration(3000);
    node.status.vote_until = node.context.now + Duration(2140);
    CHECK(json()["lease_ms"] == 3000);
    CHECK(json()["lease_left_ms"] == 2140);
    node.status.vote_until = node.context.now;
    CHECK(json()["lease_left_ms"].is_null());
}
