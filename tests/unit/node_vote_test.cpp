// node_vote_test.cpp -- when which vote is cast: the arbiter's word, the ring it is bound to, and
// what the quorum provider says (arbiter.md 1 and 10, node.md 6, docs/safety.md).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using qdevice::FlagSeen;
using qdevice::QuorumChanged;
using qdevice::RingChanged;
using qdevice::VoteTimer;
using wire::MessageType;
using wire::NodeListType;
using wire::Vote;

constexpr auto ring = NodeTable::ring;
constexpr auto next_ring = NodeTable::next_ring;

std::size_t index_of(const Actions& actions, const qdevice::Action& wanted) {
    return static_cast<std::size_t>(std::find(actions.begin(), actions.end(), wanted) -
                                    actions.begin());
}

// When something was cast during `duration`, in ms from its beginning.
std::vector<std::int64_t> cast_times(NodeTable& table, Duration duration) {
    const Instant begin = table.now();
    table.take();
    table.run(duration);
    std::vector<std::int64_t> times;
    for (const NodeAct& act : table.take())
        if (std::holds_alternative<qdevice::Cast>(act.what))
            times.push_back((act.at - begin).count());
    return times;
}

}  // namespace

TEST_CASE("what each vote does, in VOTE_INFO and in every reply") {
    struct Row {
        Vote vote;
        const char* at_once;
        const char* later;  // within T/2
        VoteTimer timer;
    };
    for (const Row& row :
         std::vector<Row>{{Vote::ack, "yes 1.5", "yes 1.5", VoteTimer::casting_ack},
                          {Vote::nack, "no 1.5", "no 1.5", VoteTimer::casting_nack},
                          {Vote::wait_for_reply, "", "", VoteTimer::stopped},
                          {Vote::ask_later, "", "", VoteTimer::stopped},
                          {Vote::no_change, "", "", VoteTimer::stopped}}) {
        for (const auto type :
             {MessageType::vote_info, MessageType::node_list_reply, MessageType::ask_for_vote_reply,
              MessageType::heuristics_change_reply}) {
            INFO(name_of(row.vote) << " in " << name_of(type));
            NodeTable table;
            table.start_and_join();
            wire::Message message = from::vote_info(1, row.vote, ring);
            message.type = type;
            message.node_list_type = NodeListType::quorum;
            message.heuristics = wire::Heuristics::pass;
            const Actions actions = table.receive(message);
            CHECK(casts(actions) == row.at_once);
            CHECK(sent(actions).size() == (type == MessageType::vote_info ? 1 : 0));
            CHECK(casts(table.run(Duration(5000))) == row.later);
            CHECK(table.status().vote_timer == row.timer);
        }
    }
}

TEST_CASE("NO_CHANGE leaves an ACK and a NACK as they are") {
    NodeTable table;
    table.start_and_hold_vote();
    CHECK(casts(table.vote(Vote::no_change, ring)).empty());
    CHECK(casts(table.run(Duration(5000))) == "yes 1.5");
    table.vote(Vote::nack, ring);
    CHECK(casts(table.vote(Vote::no_change, ring)).empty());
    CHECK(casts(table.run(Duration(5000))) == "no 1.5");
}

TEST_CASE("polls go every T/2, an ACK starts the period anew, a wait ends it") {
    NodeTable table;
    table.start_and_hold_vote();
    CHECK(cast_times(table, Duration(15000)) == std::vector<std::int64_t>{5000, 10000, 15000});
    table.run(Duration(2000));
    table.vote(Vote::ack, ring);
    CHECK(cast_times(table, Duration(10000)) == std::vector<std::int64_t>{5000, 10000});
    table.vote(Vote::wait_for_reply, ring);
    CHECK(cast_times(table, Duration(20000)).empty());
}

TEST_CASE("a vote is confirmed after it was cast") {
    NodeTable table;
    table.start_and_join();
    for (const Vote vote : {Vote::ack, Vote::nack}) {
        const Actions actions = table.vote(vote, ring);
        const auto cast = index_of(actions, qdevice::Cast{vote == Vote::ack, ring});
        const auto reply = index_of(
            actions,
            qdevice::Send{from::of_type(MessageType::vote_info_reply, table.last_vote_info())});
        CHECK(cast < reply);
        CHECK(reply < actions.size());
    }
}

TEST_CASE("a vote for another ring than the reported one is confirmed and nothing else") {
    for (const Vote vote : {Vote::ack, Vote::nack, Vote::wait_for_reply}) {
        for (const wire::RingId other : {wire::RingId{1, 4}, wire::RingId{2, 5}, next_ring}) {
            NodeTable table;
            table.start_and_hold_vote();
            const Actions actions = table.vote(vote, other);
            CHECK(casts(actions).empty());
            CHECK(sent(actions).size() == 1);
            CHECK(table.status().vote_timer == VoteTimer::casting_ack);
        }
    }
}

TEST_CASE("a new ring: nothing is cast until the arbiter answered for it") {
    NodeTable table;
    table.start_and_hold_vote();
    const Actions changed = table.step(RingChanged{next_ring, {1}});
    CHECK(casts(changed).empty());
    CHECK(sent(changed).empty());
    CHECK(all_of<qdevice::RunHeuristics>(changed).at(0).timeout == Duration(15000));
    CHECK(table.status().sync_in_progress);
    // Paused: the timer ticks and casts nothing, and an ACK for the old ring is only confirmed.
    CHECK(casts(table.run(Duration(12000))).empty());
    const Actions late = table.vote(Vote::ack, ring);
    CHECK(casts(late).empty());
    CHECK(sent(late).size() == 1);
    // The list, and from now on we wait.
    const Actions listed = table.heuristics_done();
    CHECK(casts(listed).empty());
    REQUIRE(sent(listed).size() == 1);
    CHECK(sent(listed)[0].node_list_type == NodeListType::membership);
    CHECK(sent(listed)[0].ring_id == next_ring);
    CHECK(sent(listed)[0].node_info == std::vector<wire::NodeInfo>{{.node_id = 1}});
    CHECK(casts(table.vote(Vote::ack, ring)).empty());
    CHECK(casts(table.run(Duration(20000))).empty());
    CHECK(casts(table.vote(Vote::ack, next_ring)) == "yes 1.6");
}

TEST_CASE("an ACK for the old ring is not remembered for the new one") {
    NodeTable table;
    table.start_and_join();
    table.step(RingChanged{next_ring, {1}});
    table.vote(Vote::ack, ring);
    table.heuristics_done();
    CHECK(casts(table.run(Duration(20000))).empty());
    CHECK(table.status().vote_timer == VoteTimer::stopped);
}

TEST_CASE("a NACK that finds us in a newer ring is confirmed without a poll there") {
    NodeTable table;
    table.start_and_hold_vote();
    table.step(RingChanged{next_ring, {1}});
    const Actions actions = table.vote(Vote::nack, ring);
    CHECK(casts(actions).empty());
    CHECK(sent(actions, MessageType::vote_info_reply).msg_seq_number == table.last_vote_info());
    // The old ACK is gone all the same.
    CHECK(table.status().vote_timer == VoteTimer::stopped);
    CHECK(casts(table.run(Duration(20000))).empty());
}

TEST_CASE("a ring that changes again before its heuristics are done is never reported") {
    NodeTable table;
    table.start_and_hold_vote();
    table.step(RingChanged{next_ring, {1}});
    const std::uint32_t superseded = table.last_heuristics();
    table.step(RingChanged{{1, 7}, {1, 2}});
    CHECK(table.step(qdevice::HeuristicsDone{superseded, wire::Heuristics::undefined}).empty());
    CHECK(casts(table.run(Duration(6000))).empty());
    const auto lists = sent(table.heuristics_done());
    REQUIRE(lists.size() == 1);
    CHECK(lists[0].ring_id == wire::RingId{1, 7});
}

TEST_CASE("without the arbiter every new ring is denied at once") {
    NodeTable table;
    table.start_and_hold_vote();
    CHECK(casts(table.step(qdevice::ConnectionLost{qdevice::LostCause::end_of_stream, ""})) ==
          "no 1.5");
    // Also when the vote was NACK already: it ends the synchronisation.
    CHECK(casts(table.step(RingChanged{next_ring, {1}})) == "no 1.6");
    CHECK(casts(table.step(RingChanged{{1, 7}, {1, 2}})) == "no 1.7");
    CHECK(!has<qdevice::RunHeuristics>(table.step(RingChanged{{1, 8}, {1, 2}})));
    // NACK is cast on, so that a device that is alive stays so.
    CHECK(casts(table.step(QuorumChanged{true, {}})).empty());
}

TEST_CASE("a connection lost while a ring is being looked at denies the new ring") {
    NodeTable table;
    table.start_and_hold_vote();
    table.step(RingChanged{next_ring, {1}});
    CHECK(casts(table.step(qdevice::ConnectionLost{qdevice::LostCause::reset_or_error, ""})) ==
          "no 1.6");
    CHECK(table.heuristics_done().empty());
    // The poll period runs on.
    table.take();
    table.advance(Duration(5000));
    std::size_t no = 0;
    for (const NodeAct& act : table.take())
        no += act.what == qdevice::Action(qdevice::Cast{false, next_ring}) ? 1u : 0u;
    CHECK(no >= 1);
}

TEST_CASE("quorum lists go out on every notification while joined, and no vote changes") {
    NodeTable table;
    table.start_and_hold_vote();
    const Actions actions =
        table.step(QuorumChanged{false,
                                 {{.node_id = 2, .state = wire::NodeState::dead},
                                  {.node_id = 1, .state = wire::NodeState::member}}});
    CHECK(casts(actions).empty());
    const wire::Message list = sent(actions, MessageType::node_list);
    CHECK(list.node_list_type == NodeListType::quorum);
    CHECK(list.quorate == wire::Quorate::inquorate);
    REQUIRE(list.node_info.size() == 2);
    CHECK(list.node_info[0] == wire::NodeInfo{.node_id = 2, .state = wire::NodeState::dead});
    CHECK(!table.status().sync_in_progress);
    CHECK(casts(table.run(Duration(5000))) == "yes 1.5");
    // Not before the lists of a join: they carry the latest one.
    NodeTable other;
    other.start_and_sync();
    other.reach_init();
    CHECK(sent(other.step(QuorumChanged{false, {}})).empty());
    other.receive(from::init_reply(2));
    CHECK(sent(other.step(QuorumChanged{false, {}})).empty());
    CHECK(sent(other.heuristics_done()).at(3).quorate == wire::Quorate::inquorate);
}

TEST_CASE("a flag that is not as it was cast is cast again (safety.md, fact 1)") {
    NodeTable table;
    table.start_and_hold_vote();
    CHECK(table.step(FlagSeen{true}).empty());
    CHECK(casts(table.step(FlagSeen{false})) == "yes 1.5");
    table.vote(Vote::nack, ring);
    CHECK(table.step(FlagSeen{false}).empty());
    CHECK(casts(table.step(FlagSeen{true})) == "no 1.5");
    // Also while waiting, and paused.
    table.vote(Vote::wait_for_reply, ring);
    CHECK(casts(table.step(FlagSeen{true})) == "no 1.5");
    table.step(RingChanged{next_ring, {1}});
    CHECK(table.step(FlagSeen{true}).empty());  // left over, and blocked by the sync
    table.step(QuorumChanged{false, {}});
    CHECK(casts(table.step(FlagSeen{true})) == "no 1.6");
}

TEST_CASE("a flag that went off is not cast again once the arbiter's ACK is not in force") {
    NodeTable table;
    table.start_and_hold_vote();
    SECTION("waiting") { table.vote(Vote::wait_for_reply, ring); }
    SECTION("paused") { table.step(RingChanged{next_ring, {1}}); }
    SECTION("in a new ring, reported") { table.change_ring(next_ring, {1}); }
    SECTION("cut off") {
        table.step(qdevice::ConnectionLost{qdevice::LostCause::reset_or_error, ""});
    }
    CHECK(casts(table.step(FlagSeen{false})).empty());
}

TEST_CASE("a yes of the old ring: left alone in the sync, taken back when it returns after it") {
    NodeTable table;
    table.start_and_hold_vote();
    table.change_ring(next_ring, {1});
    CHECK(casts(table.step(FlagSeen{true})).empty());
    // The sync outlasted its time-out: corosync cleared the flag, and the queued message set it;
    // maybe before we looked.
    table.step(QuorumChanged{false, {}});
    if (GENERATE(true, false)) CHECK(casts(table.step(FlagSeen{false})).empty());
    CHECK(casts(table.step(FlagSeen{true})) == "no 1.6");
    // With the arbiter's word it is right.
    CHECK(casts(table.vote(Vote::ack, next_ring)) == "yes 1.6");
    CHECK(casts(table.step(FlagSeen{true})).empty());
}

TEST_CASE("a yes of the old ring is taken back also where it is not needed") {
    qdevice::Settings settings = table_settings();
    settings.config.nodes = {{.node_id = 1}, {.node_id = 2}, {.node_id = 3}, {.node_id = 4}};
    NodeTable table(settings);
    table.start_and_hold_vote();
    table.change_ring(next_ring, {1, 2, 3});
    table.step(QuorumChanged{true, {}});
    CHECK(casts(table.step(FlagSeen{true})) == "no 1.6");
}

TEST_CASE("stopping: the vote is given back, then we leave with status 0") {
    NodeTable table;
    table.start_and_hold_vote();
    const Actions actions = table.step(qdevice::StopRequested{});
    CHECK(actions == Actions{qdevice::Cast{false, ring}, qdevice::Disconnect{}, qdevice::Exit{0}});
    CHECK(!table.node().next_deadline());
    CHECK(table.step(RingChanged{next_ring, {1}}).empty());
    CHECK(table.status().vote_timer == VoteTimer::stopped);
    CHECK(table.status().connection == qdevice::ConnectionState::disconnected);

    NodeTable before;  // nothing known yet, nothing to give back
    CHECK(before.step(qdevice::StopRequested{}) == Actions{qdevice::Exit{0}});

    NodeTable between;  // waiting for the next attempt
    between.start();
    between.step(qdevice::ConnectionLost{qdevice::LostCause::connect_failed, ""});
    CHECK(between.step(qdevice::StopRequested{}) ==
          Actions{qdevice::Cast{false, ring}, qdevice::Exit{0}});
}

TEST_CASE("the provider is gone or refuses us: hang up, leave with status 1, say it once") {
    for (const NodeEvent& event : std::vector<NodeEvent>{qdevice::ProviderLost{"corosync ended"},
                                                         qdevice::CastRefused{"corosync ended"}}) {
        NodeTable table;
        table.start_and_hold_vote();
        const Actions actions = table.step(event);
        CHECK(casts(actions).empty());
        REQUIRE(actions.size() == 3);
        CHECK(all_of<qdevice::Report>(actions).size() == 1);
        CHECK(reports(actions, qdevice::Level::error).find("corosync ended") != std::string::npos);
        CHECK(actions[1] == qdevice::Action(qdevice::Disconnect{}));
        CHECK(actions[2] == qdevice::Action(qdevice::Exit{1}));
        CHECK(table.step(qdevice::StopRequested{}).empty());
        CHECK(!table.node().next_deadline());
    }
}

}  // namespace castvote::tests
