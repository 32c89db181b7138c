// arbiter_owners_test.cpp -- one name, two owners: nodes of one cluster share a certificate's key.
//
// Whoever comes with another key while such a node is connected is refused, so that two unrelated
// clusters are never counted as one (docs/compatibility.md). Knows nothing of TLS itself: the names
// and the key of a certificate are what the shell says they are.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::tests {

namespace {

// Joins cluster "branch" over TLS with this key; the code of the answer to INIT.
wire::ReplyErrorCode join(ArbiterDriver& driver, const std::string& client, wire::NodeId node,
                          const std::string& key) {
    wire::Message preinit;
    preinit.type = wire::MessageType::preinit;
    preinit.msg_seq_number = 1;
    preinit.cluster_name = "branch";
    wire::Message starttls;
    starttls.type = wire::MessageType::starttls;
    starttls.msg_seq_number = 2;
    wire::Message init;
    init.type = wire::MessageType::init;
    init.msg_seq_number = 3;
    init.node_id = node;
    init.decision_algorithm = wire::DecisionAlgorithm::ffsplit;
    init.heartbeat_interval = 8000;
    init.tie_breaker = wire::TieBreaker{};
    init.ring_id = wire::RingId{1, 4};
    driver.open(client);
    driver.receive(client, preinit);
    driver.receive(client, starttls);
    driver.tls_established(
        client,
        qnetd::PeerCertificate{.common_name = "branch", .dns_names = {}, .key_fingerprint = key});
    driver.take();
    driver.receive(client, init);
    for (const Happening& happening : driver.take())
        if (const auto* message = std::get_if<wire::Message>(&happening.what))
            if (message->type == wire::MessageType::init_reply) return *message->reply_error_code;
    return wire::ReplyErrorCode::internal_error;
}

}  // namespace

TEST_CASE("a second owner of a cluster's name is not mixed with the first") {
    using wire::ReplyErrorCode;
    ArbiterDriver driver{qnetd::Settings{}};
    CHECK(join(driver, "A", 1, "first") == ReplyErrorCode::no_error);
    CHECK(join(driver, "B", 2, "first") == ReplyErrorCode::no_error);
    CHECK(join(driver, "C", 3, "second") == ReplyErrorCode::duplicate_node_id);
    for (const char* client : {"A", "B", "C"})
        driver.close(client, qnetd::CloseCause::end_of_stream);
    driver.take();
    CHECK(join(driver, "D", 3, "second") == ReplyErrorCode::no_error);
}

}  // namespace castvote::tests
