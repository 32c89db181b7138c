// node_confirmation_test.cpp -- what corosync still counts although we said no: a confirmation that
// waits for it, and a vote that lapsed while we stood still (docs/safety.md, fact 1).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using qdevice::QuorumChanged;
using qdevice::RingChanged;
using wire::MessageType;
using wire::Vote;

}  // namespace

TEST_CASE("a NACK is confirmed only when our partition has stopped counting the vote") {
    NodeTable table;
    table.start_and_join();
    table.change_ring(NodeTable::next_ring, {1});
    table.vote(Vote::ack, NodeTable::next_ring);
    table.step(QuorumChanged{true, {{.node_id = 1, .state = wire::NodeState::member}}});

    SECTION("said by the provider") {
        const Actions actions = table.vote(Vote::nack, NodeTable::next_ring);
        CHECK(casts(actions) == "no 1.6");
        CHECK(sent(actions).empty());
        // Still quorate: a notification about something else.
        CHECK(sent(table.step(QuorumChanged{true, {}})).size() == 1);
        const Actions after = table.step(QuorumChanged{false, {}});
        CHECK(sent(after, MessageType::vote_info_reply).msg_seq_number == table.last_vote_info());
    }
    SECTION("by a new ring, where the old one counts for nothing") {
        table.vote(Vote::nack, NodeTable::next_ring);
        const Actions after = table.step(RingChanged{{1, 7}, {1, 2}});
        CHECK(sent(after, MessageType::vote_info_reply).msg_seq_number == table.last_vote_info());
    }
    SECTION("or when it must have, if the provider says nothing") {
        table.vote(Vote::nack, NodeTable::next_ring);
        CHECK(sent(table.run(Duration(499))).empty());
        CHECK(sent(table.run(Duration(1))).size() == 1);
        CHECK(sent(table.run(Duration(5000))).empty());
    }
    SECTION("whatever is sent meanwhile, and in its order") {
        table.vote(Vote::nack, NodeTable::next_ring);
        CHECK(sent(table.vote(Vote::no_change, NodeTable::next_ring)).empty());
        CHECK(sent(table.vote(Vote::nack, NodeTable::next_ring)).empty());
        const auto replies = sent(table.step(QuorumChanged{false, {}}));
        REQUIRE(replies.size() == 4);
        for (std::uint32_t i = 0; i < 3; ++i)
            CHECK(replies[i].msg_seq_number == table.last_vote_info() - 2 + i);
        CHECK(sent(table.vote(Vote::nack, NodeTable::next_ring)).size() == 1);
    }
    SECTION("also when a reply had brought the NACK") {
        table.receive(
            from::list_reply(wire::NodeListType::membership, Vote::nack, NodeTable::next_ring));
        CHECK(sent(table.vote(Vote::nack, NodeTable::next_ring)).empty());
        CHECK(sent(table.run(Duration(500))).size() == 1);
    }
    SECTION("an ACK ends the wait") {
        table.vote(Vote::nack, NodeTable::next_ring);
        const Actions actions = table.vote(Vote::ack, NodeTable::next_ring);
        CHECK(casts(actions) == "yes 1.6");
        CHECK(sent(actions).size() == 2);
        CHECK(sent(table.vote(Vote::nack, NodeTable::next_ring)).empty());
    }
    SECTION("an arbiter that sends votes without end is left") {
        for (int i = 0; i < 16; ++i) CHECK(!gave_up(table.vote(Vote::nack, NodeTable::next_ring)));
        CHECK(gave_up(table.vote(Vote::nack, NodeTable::next_ring)));
    }
    SECTION("never on another connection") {
        table.vote(Vote::nack, NodeTable::next_ring);
        table.step(qdevice::ConnectionLost{qdevice::LostCause::reset_or_error, "reset"});
        CHECK(sent(table.step(QuorumChanged{false, {}})).empty());
        table.advance(Duration(1000));
        table.join();
        CHECK(sent(table.run(Duration(1000))).empty());
    }
}

TEST_CASE("nor while it counts a yes that nobody gave it there") {
    NodeTable table;
    table.start_and_hold_vote();
    table.change_ring(NodeTable::next_ring, {1});
    // The sync outlasted its time-out, and the old "yes" came behind it (fact 1).
    table.step(QuorumChanged{false, {}});
    CHECK(casts(table.step(qdevice::FlagSeen{true})) == "no 1.6");
    table.step(QuorumChanged{true, {}});
    CHECK(sent(table.vote(Vote::nack, NodeTable::next_ring)).empty());

    SECTION("said by the provider") {
        const Actions after = table.step(QuorumChanged{false, {}});
        CHECK(sent(after, MessageType::vote_info_reply).msg_seq_number == table.last_vote_info());
    }
    SECTION("or when it must have stopped, if the provider says nothing") {
        CHECK(sent(table.run(Duration(499))).empty());
        CHECK(sent(table.run(Duration(1))).size() == 1);
    }
}

TEST_CASE("a vote that lapsed while we were frozen is not cast anew") {
    qdevice::Settings settings = table_settings();
    // A long heartbeat, so that the arbiter is patient while corosync is not.
    settings.heartbeat_interval_min_ms = 60000;
    NodeTable table(settings);
    table.start_and_hold_vote();
    table.freeze(Duration(9000));
    const Actions actions = table.step(qdevice::FlagSeen{false});
    CHECK(gave_up(actions));
    CHECK(casts(actions) == "no 1.5");
}

}  // namespace castvote::tests
