// arbiter_owners_test.cpp -- one name, two owners: nodes of one cluster share a certificate's key.
//
// Whoever comes with another key while such a node is connected is refused, so that two unrelated
// clusters are never counted as one (docs/compatibility.md). Knows nothing of TLS itself: the names
// and the key of a certificate are what the shell says they are.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::tests {

namespace {

// Joins cluster "branch" over TLS with this key; the code of the answer to INIT.
wire::ReplyErrorCode join(ArbiterDriver& driver, const std::string& client, wire::NodeId node,
                          const std::string& key, bool has_lease = false,
                          std::vector<qnetd::Note>* notes = nullptr,
                          const std::string& certificate = "branch") {
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
    if (has_lease) init.supported_options = wire::known_options();
    driver.open(client);
    driver.receive(client, preinit);
    driver.receive(client, starttls);
    driver.tls_established(
        client, qnetd::PeerCertificate{
                    .common_name = certificate, .dns_names = {}, .key_fingerprint = key});
    driver.take();
    driver.receive(client, init);
    if (has_lease) {
        wire::Message option;
        option.type = wire::MessageType::set_option;
        option.lease = 3000;
        option.device_timeout = 10000;
        driver.receive(client, option);
    }
    auto error = wire::ReplyErrorCode::internal_error;
    for (const Happening& happening : driver.take()) {
        if (const auto* message = std::get_if<wire::Message>(&happening.what))
            if (message->type == wire::MessageType::init_reply) error = *message->reply_error_code;
        const auto* note = std::get_if<qnetd::Note>(&happening.what);
        if (notes != nullptr && note != nullptr) notes->push_back(*note);
    }
    return error;
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

// A node whose link was cut without a word is back before its old connection is given up (R5).
// Anybody can show one, so it is no warning: information is limited in rate.
TEST_CASE("another cluster's certificate is refused, which is information") {
    ArbiterDriver driver{qnetd::Settings{}};
    std::vector<qnetd::Note> notes;
    join(driver, "A", 1, "key", false, &notes, "other");
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].reason == qnetd::Reason::certificate_refused);
    CHECK(notes[0].level == qnetd::Level::info);
    CHECK(notes[0].detail == "\"other\" from ::ffff:10.0.0.1:4000");
    CHECK(driver.arbiter().client_count() == 0);
}

TEST_CASE("a node with a lease takes the place of its own old connection, and nobody else's") {
    using wire::ReplyErrorCode;
    ArbiterDriver driver{qnetd::Settings{}};
    CHECK(join(driver, "A", 1, "key", true) == ReplyErrorCode::no_error);
    CHECK(join(driver, "B", 2, "key") == ReplyErrorCode::no_error);
    SECTION("with the same certificate") {
        std::vector<qnetd::Note> notes;
        CHECK(join(driver, "again", 1, "key", true, &notes) == ReplyErrorCode::no_error);
        CHECK(driver.arbiter().client_count() == 2);
        // An operator should look: if it goes on, two daemons have one number.
        const auto told = std::find_if(notes.begin(), notes.end(), [](const qnetd::Note& note) {
            return note.reason == qnetd::Reason::connection_taken_over;
        });
        REQUIRE(told != notes.end());
        CHECK(told->level == qnetd::Level::warning);
        CHECK(qnetd::to_line(*told) ==
              "cluster \"branch\": node 1 was taken over by a new connection: from "
              "::ffff:10.0.0.3:4000 with the same certificate; the old one, from "
              "::ffff:10.0.0.1:4000, is closed   reason=connection_taken_over");
    }
    SECTION("not one that had no lease") {
        CHECK(join(driver, "again", 2, "key", true) == ReplyErrorCode::duplicate_node_id);
    }
    SECTION("not as a stock node") {
        CHECK(join(driver, "again", 1, "key") == ReplyErrorCode::duplicate_node_id);
    }
    SECTION("not with another key") {
        CHECK(join(driver, "again", 1, "other", true) == ReplyErrorCode::duplicate_node_id);
    }
    SECTION("not without a certificate") {
        CHECK(join(driver, "again", 1, "", true) == ReplyErrorCode::duplicate_node_id);
    }
}

}  // namespace castvote::tests
