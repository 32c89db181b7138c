// corosync_model_test.cpp -- the model of corosync says of a vote out of its queue how old it is.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/corosync_model.hpp"

#include <catch2/catch.hpp>

using namespace castvote::simulate;

namespace {

struct Pair {
    Schedule schedule;
    Dice dice{1, schedule.clock()};
    ClusterModel cluster{schedule, dice, Timers{}, 2, 1};

    Pair() {
        cluster.start(1, false);
        cluster.start(2, false);
    }
    template <class Reached>
    void until(Reached&& reached) {
        const Micros end = schedule.now() + ms(60000);
        while (!reached() && schedule.step(end)) {
        }
        REQUIRE(reached());
    }
    void pass(Micros time) {
        const Micros end = schedule.now() + time;
        while (schedule.step(end)) {
        }
    }
    bool is_alone(NodeId id) {
        return cluster.node(id).phase == Phase::sync && cluster.node(id).members.size() == 1;
    }
    bool is_in_ring_of(std::size_t members, NodeId id) {
        const Corosync& c = cluster.node(id);
        return c.phase == Phase::operational && c.members.size() == members;
    }
    void poll(NodeId id, bool vote) { CHECK(cluster.poll(id, vote, cluster.node(id).ring)); }
};

}  // namespace

// Found by seed 1795979772576810 with our nodes and kept grants: node 1 was about to take its old
// vote back when node 2's came out of the queue.
TEST_CASE("an old vote stays old until the no that takes it back has come round") {
    Pair pair;
    pair.until([&] { return pair.is_in_ring_of(2, 1) && pair.is_in_ring_of(2, 2); });
    for (const NodeId id : {NodeId{1}, NodeId{2}}) {
        pair.cluster.register_device(id);
        pair.poll(id, false);
    }
    pair.cluster.set_group(2, 1);
    for (const NodeId id : {NodeId{1}, NodeId{2}}) {
        pair.until([&] { return pair.cluster.node(id).phase == Phase::gather; });
        pair.poll(id, true);
    }
    for (const NodeId id : {NodeId{1}, NodeId{2}}) {
        if (!pair.is_in_ring_of(1, id)) pair.until([&] { return pair.is_alone(id); });
        if (pair.is_alone(id)) pair.poll(id, false);
        pair.until([&] { return pair.is_in_ring_of(1, id) && pair.cluster.node(id).quorate; });
    }
    auto overlap = pair.cluster.double_quorum();
    REQUIRE(overlap.one == 1);
    REQUIRE(overlap.one_old);
    REQUIRE(overlap.other_old);

    pair.poll(1, false);
    overlap = pair.cluster.double_quorum();
    CHECK(overlap.one == 1);
    CHECK(overlap.is_last_moment());
    CHECK(overlap.one_old);
    CHECK(overlap.other_old);

    pair.until([&] { return !pair.cluster.node(1).quorate; });
    CHECK(pair.cluster.double_quorum().one == 0);
    CHECK_FALSE(pair.cluster.node(1).old_yes);
}

TEST_CASE("a ring that has lost its token delivers nothing, and counts on until it notices") {
    Pair pair;
    pair.until([&] { return pair.is_in_ring_of(2, 1) && pair.is_in_ring_of(2, 2); });
    pair.cluster.register_device(1);
    pair.poll(1, true);
    pair.pass(ms(100));
    bool is_back = false;
    pair.cluster.set_group(2, 1);
    pair.poll(1, false);
    pair.cluster.send_around(1, [&] { is_back = true; });
    pair.pass(ms(500));
    REQUIRE(pair.is_in_ring_of(2, 1));
    CHECK(pair.cluster.node(1).queued.size() == 1);
    CHECK_FALSE(is_back);
    SECTION("healed before that, it goes on") {
        pair.cluster.set_group(2, 0);
        pair.pass(ms(100));
        CHECK(pair.cluster.node(1).queued.empty());
        CHECK(is_back);
    }
    SECTION("in the next ring the vote is delivered; what came round was of the ring before") {
        pair.until([&] { return pair.is_alone(1); });
        pair.poll(1, true);
        pair.until([&] { return pair.cluster.node(1).quorate; });
        pair.pass(ms(100));
        CHECK_FALSE(pair.cluster.node(1).quorate);
        CHECK_FALSE(is_back);
    }
}

TEST_CASE("with wait_for_all a flap is final: only all nodes and the vote end it") {
    Pair pair;
    pair.cluster.stop(1);
    pair.cluster.stop(2);
    pair.cluster.wait_for_all();
    const auto is_quorate = [&](NodeId id) { return pair.cluster.node(id).quorate; };
    const auto vote = [&](NodeId id, bool yes) {
        pair.poll(id, yes);
        pair.pass(ms(100));
    };
    // Alone after the start, the vote does not make it quorate.
    pair.cluster.start(1, false);
    pair.until([&] { return pair.is_in_ring_of(1, 1); });
    pair.cluster.register_device(1);
    vote(1, true);
    CHECK_FALSE(is_quorate(1));
    // Two nodes without the vote do not either.
    pair.cluster.start(2, false);
    pair.until([&] { return pair.is_alone(1) || pair.cluster.node(1).members.size() == 2; });
    pair.poll(1, false);
    pair.until([&] { return pair.is_in_ring_of(2, 1) && pair.is_in_ring_of(2, 2); });
    pair.cluster.register_device(2);
    CHECK_FALSE(is_quorate(1));
    vote(1, true);
    vote(2, true);
    CHECK(is_quorate(1));
    CHECK(is_quorate(2));
    // All have been there: the vote is enough for one of them, as long as it never lacks it.
    pair.cluster.stop(2);
    pair.until([&] { return pair.is_alone(1); });
    pair.poll(1, true);
    pair.until([&] { return pair.is_in_ring_of(1, 1); });
    CHECK(is_quorate(1));
    vote(1, false);
    CHECK_FALSE(is_quorate(1));
    vote(1, true);
    CHECK_FALSE(is_quorate(1));
    // Who comes back joins one that waits for all.
    pair.cluster.start(2, false);
    pair.until([&] { return pair.cluster.node(1).members.size() == 2; });
    pair.poll(1, true);
    pair.until([&] { return pair.is_in_ring_of(2, 1) && pair.is_in_ring_of(2, 2); });
    CHECK(is_quorate(1));
    CHECK_FALSE(is_quorate(2));
}
