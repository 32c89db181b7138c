// qnetd_status_text_test.cpp -- the arbiter's status and list against what the stock tool printed
// from the same facts (tests/golden/tools).
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/status_text.hpp"
#include "tests/unit/support/recorded.hpp"

using namespace castvote;
using namespace castvote::qnetd;
using tests::recorded;
using wire::Heuristics;
using wire::Vote;

namespace {

NodeStatus node(wire::NodeId id, const std::string& address, wire::RingId ring, Vote told,
                Vote vote) {
    NodeStatus node;
    node.node_id = id;
    node.address = address;
    node.heartbeat_interval_ms = 1600;
    node.config_version = 1;
    node.config_list = {{.node_id = 1}, {.node_id = 2}};
    node.membership_list = {{.node_id = id}};
    node.ring = ring;
    node.keep_active_partition = true;
    node.tls = node.certificate_verified = true;
    node.last_vote = told;
    node.last_ack_or_nack = vote;
    return node;
}

// The recorded cluster in halves.
ClusterStatus halves() {
    ClusterStatus cluster;
    cluster.name = "castvote";
    cluster.tie_breaker = {wire::TieBreakerMode::lowest, 0};
    cluster.nodes = {node(1, "::ffff:198.51.100.11:40684", {1, 0xd}, Vote::ack, Vote::ack),
                     node(2, "::ffff:198.51.100.12:60104", {2, 0xd}, Vote::no_change, Vote::nack)};
    return cluster;
}

// Ports are drawn by the system: those of the recording.
void take_ports(ClusterStatus& cluster, const std::string& text) {
    std::size_t at = 0;
    for (NodeStatus& node : cluster.nodes) {
        at = text.find("Client address:\t\t", at) + 17;
        node.address = text.substr(at, text.find('\n', at) - at);
        CHECK(node.address.find("198.51.100.1" + std::to_string(node.node_id) + ":") !=
              std::string::npos);
    }
}

void whole(ClusterStatus& cluster) {
    for (NodeStatus& node : cluster.nodes) {
        node.ring = {1, 9};
        node.membership_list = node.config_list;
        node.last_vote = Vote::no_change;
        node.last_ack_or_nack = Vote::ack;
    }
}

std::string list(ClusterStatus cluster, const std::string& name, bool verbose) {
    take_ports(cluster, recorded(name));
    return list_text({cluster}, verbose, "");
}

}  // namespace

TEST_CASE("the arbiter's list: ffsplit in halves") {
    ClusterStatus cluster = halves();
    cluster.nodes[0].last_vote = Vote::no_change;
    CHECK(list(cluster, "arbiter_list_ffsplit_verbose", true) ==
          recorded("arbiter_list_ffsplit_verbose"));
    CHECK(list(cluster, "arbiter_list_ffsplit", false) == recorded("arbiter_list_ffsplit"));
}

TEST_CASE("the arbiter's list: without TLS and keep-active, a node breaks ties") {
    ClusterStatus cluster = halves();
    whole(cluster);
    cluster.tie_breaker = {wire::TieBreakerMode::node_id, 2};
    for (NodeStatus& node : cluster.nodes)
        node.keep_active_partition = node.tls = node.certificate_verified = false;
    CHECK(list(cluster, "arbiter_list_plain_verbose", true) ==
          recorded("arbiter_list_plain_verbose"));
    cluster.nodes[0].keep_active_partition = true;  // all of them, or it is not said
    CHECK(list_text({cluster}, true, "").find("KAP") == std::string::npos);
}

TEST_CASE("the arbiter's list: lms with heuristics in halves") {
    ClusterStatus cluster = halves();
    cluster.algorithm = wire::DecisionAlgorithm::lms;
    cluster.tie_breaker = {wire::TieBreakerMode::highest, 0};
    cluster.nodes[0].last_vote = cluster.nodes[0].last_ack_or_nack = Vote::nack;
    cluster.nodes[1].last_vote = cluster.nodes[1].last_ack_or_nack = Vote::ack;
    for (NodeStatus& node : cluster.nodes)
        node.heuristics = node.heuristics_membership = Heuristics::pass;
    CHECK(list(cluster, "arbiter_list_lms_verbose", true) == recorded("arbiter_list_lms_verbose"));
    CHECK(list(cluster, "arbiter_list_lms", false) == recorded("arbiter_list_lms"));
}

TEST_CASE("the arbiter's list: test, without TLS") {
    ClusterStatus cluster = halves();
    whole(cluster);
    cluster.algorithm = wire::DecisionAlgorithm::test;
    for (NodeStatus& node : cluster.nodes) node.tls = node.certificate_verified = false;
    CHECK(list(cluster, "arbiter_list_test_verbose", true) ==
          recorded("arbiter_list_test_verbose"));
}

TEST_CASE("the arbiter's list: what is not known yet, and which clusters are shown") {
    ClusterStatus cluster = halves();
    cluster.nodes.resize(1);
    NodeStatus& fresh = cluster.nodes[0];
    fresh.config_version.reset();
    fresh.config_list.clear();
    fresh.membership_list.clear();
    fresh.last_vote = fresh.last_ack_or_nack = Vote::undefined;
    std::string text = list_text({cluster}, false, "");
    for (const char* line : {"Configuration version", "node list", "Vote", "Heuristics"})
        CHECK(text.find(line) == std::string::npos);
    fresh.last_vote = Vote::wait_for_reply;
    CHECK(list_text({cluster}, false, "").find("Vote:\t\t\tWait for reply\n") != std::string::npos);
    fresh.config_list = {{1, 3, wire::NodeState::not_set}, {.node_id = 2}};
    CHECK(list_text({cluster}, false, "").find("Configured node list:\t1 (3), 2\n") !=
          std::string::npos);
    fresh.certificate_verified = false;
    CHECK(list_text({cluster}, true, "").find("TLS active:\t\tYes\n") != std::string::npos);
    ClusterStatus other = cluster;
    other.name = "other";
    CHECK(list_text({cluster, other}, false, "other").find("castvote") == std::string::npos);
    CHECK(list_text({cluster, other}, false, "nobody").empty());
    other.nodes.clear();
    CHECK(list_text({other}, false, "").empty());
}

TEST_CASE("the arbiter's status") {
    Options options;
    options.port = 5403;
    const Totals totals{2, 1};
    CHECK(status_text(options, totals, false) == recorded("arbiter_status"));
    options.clients_max = 20;
    CHECK(status_text(options, totals, true) == recorded("arbiter_status_verbose"));
    options.clients_max = 0;
    options.arbiter.tls = wire::TlsSupported::required;
    CHECK(status_text(options, totals, true) == recorded("arbiter_status_required"));
    options.arbiter.tls = wire::TlsSupported::unsupported;
    CHECK(status_text(options, totals, true) == recorded("arbiter_status_off"));
    options.address = "192.0.2.7";
    CHECK(status_text(options, totals, false).starts_with("QNetd address:\t\t\t192.0.2.7:5403\n"));
}
