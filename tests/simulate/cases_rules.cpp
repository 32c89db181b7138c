// cases_rules.cpp -- one small story for each rule of docs/safety.md that a window alone does not
// show: what our arbiter must not do, and what it must do in time.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/cases.hpp"

namespace castvote::simulate {

namespace {

// R1: node 2 reports a ring of its own and is gone; node 1 is still in the ring of both.
void partner_moved_on(Stage& s) {
    s.whole();
    s.split({1});
    s.restart_corosync(2);
    s.after_list(2);
    s.play(ms(100));
    s.daemon(2).kill(/*with_fin=*/true);
    s.expect_quorate(1, s.are_nodes_ours() ? ms(15000) : ms(12500));
    s.play(ms(30000));
}

// R2s i: who has just connected to a whole cluster is given the vote later, and so does not hold up
// the others when that ring turns out to be breaking.
void connected_then_split(Stage& s) {
    s.whole();
    s.daemon(2).kill(/*with_fin=*/true);
    s.play(ms(100));
    s.split({1});
    s.play(ms(2000));
    s.daemon(2).start();
    s.expect_quorate(1, ms(8500));
    s.play(ms(30000));
}

// R2a: a half that lost a daemon is denied in the ring it still has, and confirms that.
void larger_half_takes_over(Stage& s) {
    s.hold({1, 2});
    s.after_poll(2);
    s.daemon(2).kill(/*with_fin=*/true);
    s.expect_quorate(3, s.are_nodes_ours() ? ms(14500) : ms(11500));
    s.play(ms(30000));
}

// R5, R2b: node 2 goes on, but no longer confirms anything; that it is in a ring of its own is
// enough.
void confirms_nothing(Stage& s) {
    s.whole();
    s.swallow_replies_of(2);
    s.split({1});
    s.expect_quorate(1, ms(20000));
    s.play(ms(30000));
}

// R2c: an ACK dies with its ring; the others are not kept waiting for what a silent node holds.
void power_off(Stage& s, Micros within) {
    s.whole();
    s.after_echo(1);
    s.power_off(1);
    s.expect_quorate(2, within);
    s.play(ms(30000));
}
void power_off_stock(Stage& s) { power_off(s, s.are_nodes_ours() ? ms(9500) : ms(13500)); }
void power_off_fast(Stage& s) { power_off(s, ms(9500)); }

// ... with `strict` not before an isolated node that lives has told its clients "not quorate".
void isolated_strict(Stage& s) {
    s.whole();
    s.after_echo(1);
    s.cut(1);
    s.split({1});
    s.expect_quorate(2, ms(17500));
    // The tokens of two nodes are not lost in the same moment.
    s.play(s.are_nodes_ours() ? ms(1500) : ms(100));
    s.expect(!s.cluster().node(1).quorate, "no stale view is left");
    s.play(ms(30000));
}

// R2c: the corosync of node 4 was restarted, and says so at once; node 1 has yet to notice.
void partner_restarted(Stage& s) {
    s.hold({1, 4});
    s.after_echo(1);
    s.cut(1);
    s.reset_at_arbiter(1);
    s.restart_corosync(4);
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

// R2d: more than half need not wait for a young vote, which cannot make a minority quorate.
void majority(Stage& s) {
    s.whole();
    s.daemon(1).kill(/*with_fin=*/true);
    s.play(ms(100));
    s.daemon(1).start();
    s.play(ms(9000));
    s.power_off(1);
    s.expect_quorate(2, s.are_nodes_ours() ? ms(9500) : ms(13500));
    s.play(ms(30000));
}

// R2s ii: node 2 reads its ACK when its corosync has lost the token. Its "yes" waits in the queue
// and overtakes the "no" of its new ring.
void link_heals_in_gather(Stage& s) {
    s.hold({1});
    s.link(2, true, false);
    s.heal();
    s.play_until([&] { return s.cluster().node(2).members.size() == 2; }, ms(10000), "one ring");
    s.play(ms(300));
    s.split({1});
    s.play_until([&] { return s.cluster().node(2).phase == Phase::gather; }, ms(10000),
                 "node 2 gathers");
    const Micros before = s.quorate_time(2);
    s.link(2, true, true);
    s.expect_quorate(1, ms(45000));
    s.play(ms(30000));
    // R2s iii: until it is told again, not until it polls by itself.
    s.expect(s.quorate_time(2) - before < ms(2500), "node 2 is told again that it has no vote");
}

// R3: grants outlive the arbiter. The holder is cut off; its rival is back first.
void kept_restart(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.cut(1);
    s.restart_arbiter(ms(100));
    s.expect_quorate(2, ms(27800));
    s.play(ms(30000));
}

// R3: and cost nobody the vote: the holder is back, in the same ring.
void kept_restart_same_ring(Stage& s) {
    s.hold({1});
    const Micros before = s.quorate_time(1), began = s.now();
    s.restart_arbiter(ms(100));
    s.play(ms(60000));
    s.expect(s.is_quorate(1), "the holder has the vote again");
    if (s.are_nodes_ours())
        s.expect(s.quorate_time(1) - before == s.now() - began, "the holder never lost the vote");
}

// R3, the guard: an empty store, and a second restart 1.5 s after the first.
void kept_store_lost(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.cut(1);
    s.kill_arbiter();
    s.lose_store();
    s.play(ms(100));
    s.start_arbiter();
    s.play(ms(1500));
    s.restart_arbiter(ms(100));
    s.expect_quorate(2, ms(30000));
    s.play(ms(30000));
}

// R3: a disk that takes its time; killed before the grant was written.
void kept_slow_disk(Stage& s) {
    s.whole();
    s.split({1});
    s.play_until([&] { return s.cluster().node(1).members.size() == 1; }, ms(20000), "a new ring");
    s.play(ms(700));
    s.restart_arbiter(ms(100));
    s.cut(1);
    s.expect_quorate(2, ms(45000));
    s.play(ms(30000));
}

// R3: node 1 holds the vote alone when the arbiter is restarted; a record that still named both
// would have node 2's next ring break it.
void kept_shrunk(Stage& s) {
    s.whole();
    s.power_off(2);
    s.expect_quorate(1, ms(14000));
    s.play(ms(20000));
    s.after_echo(1);
    s.cut(1);
    s.restart_arbiter(ms(100));
    s.split({1});
    s.boot(2);
    s.expect_quorate(2, ms(40000));
    s.play(ms(30000));
}

// R2e: the device timeout counts, not what the heartbeat would tell of it.
void short_heartbeat(Stage& s) {
    s.hold({1});
    for (int polls = 0; polls < 9; ++polls) {
        s.after_poll(1);
        if (s.are_nodes_ours() || s.since_echo(1) >= ms(1000)) break;
    }
    s.daemon(1).freeze();
    s.expect_quorate(2, ms(16500));
    s.play(ms(30000));
}

// R2e: alive for two heartbeats after it was cut off, and then its last vote for T.
void cut_then_killed(Stage& s) {
    s.hold({1});
    for (int polls = 0; polls < 9; ++polls) {
        s.after_poll(1);
        if (s.since_echo(1) >= ms(50) && s.since_echo(1) < ms(950)) break;
    }
    s.cut(1);
    s.play(ms(14500));
    s.after_poll(1);
    s.daemon(1).kill(/*with_fin=*/true);
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

// N5, N12: it wakes when the vote has gone to the other half, and does not hear that.
void frozen_past_its_time(Stage& s) {
    s.hold({1});
    s.after_poll(1);
    s.cut(1);
    s.daemon(1).freeze();
    s.expect_quorate(2, lifetime(s));
    s.play(ms(5000));
    s.daemon(1).thaw();
    s.play(ms(30000));
}

std::vector<Case> ring_cases() {
    const Setup two, four{.nodes = 4};
    return {
        {"partner-moved-on",
         "2 reports a ring of its own and is gone (R1)",
         two,
         partner_moved_on,
         {},
         {},
         none},
        {"connected-then-split",
         "the rival connects while the cluster falls apart",
         two,
         connected_then_split,
         {},
         {0, 10},
         none},
        {"larger-half",
         "four nodes; one of the holding half loses its daemon",
         four,
         larger_half_takes_over,
         {},
         {},
         "none: it counts who leaves among the connected"},
        {"confirms-nothing",
         "the rival does not confirm its NACK",
         two,
         confirms_nothing,
         {},
         {},
         "none: it waits for ever"},
    };
}

std::vector<Case> holder_cases() {
    const Setup two, four{.nodes = 4};
    Setup short_hb;
    short_hb.timers.heartbeat_max = ms(2000);
    const Setup fast{.failover = qnetd::FailOver::fast};
    const Setup strict{.failover = qnetd::FailOver::strict};
    return {
        {"power-off", "a node loses power, --failover stock", two, power_off_stock, {}, {}, none},
        {"power-off-fast", "the same, --failover fast", fast, power_off_fast, {}, {}, none},
        {"isolated-strict",
         "a node loses all links, --failover strict",
         strict,
         isolated_strict,
         {},
         {},
         none},
        {"partner-restarted",
         "{1,4} hold; 1 reset and cut, 4's corosync restarted",
         four,
         partner_restarted,
         {50, 300},
         {50, 350},
         "until 1 hears its partner join anew"},
        {"majority",
         "three of four; the fourth died with a young vote",
         four,
         majority,
         {},
         {},
         none},
        {"short-heartbeat",
         "as W3; T is 10 s, the heartbeat 2 s",
         short_hb,
         short_heartbeat,
         {8000, 9000},
         {6900, 7300},
         "T - 1.5 HB + the echo's age = 7 .. 9 s"},
        {"link-heals-in-gather",
         "the rival reads an old ACK while its token is lost",
         two,
         link_heals_in_gather,
         {4900, 5000},
         {0, 10},
         "until the next poll: T/2 = 5 s"},
    };
}

std::vector<Case> record_cases() {
    const Setup two, kept{.keeps_state = true};
    const Setup slow{.keeps_state = true, .store_delay = ms(2000)};
    const std::string_view as_w5 = "as W5: it keeps no record";
    return {
        {"kept-W5",
         "as W5; ours has a record",
         kept,
         kept_restart,
         {13400, 13500},
         {6700, 6900},
         as_w5},
        {"kept-W5a", "as W5a; ours has a record", kept, kept_restart_same_ring, {}, {}, none},
        {"kept-store-lost",
         "as W5, the store lost; restarted again after 1.5 s",
         kept,
         kept_store_lost,
         {13400, 13500},
         {6500, 6900},
         as_w5},
        {"kept-slow-disk",
         "killed before the grant was written",
         slow,
         kept_slow_disk,
         {},
         {},
         none},
        {"kept-shrunk",
         "1 holds alone and is cut, restart, 2 boots",
         kept,
         kept_shrunk,
         {15800, 15900},
         {6700, 6900},
         "as W5, the rival there at once: 16 s"},
        {"cut-then-killed",
         "holder cut off, killed after two heartbeats",
         two,
         cut_then_killed,
         {13050, 14000},
         {},
         "2 HB + T - 1.5 HB = 14 s, less the poll's age"},
        {"thawed",
         "holder cut off and frozen past its time, and thawed",
         two,
         frozen_past_its_time,
         {8000, 14000},
         {},
         "as W3, and HB = 8 s when it wakes",
         {7900, 8010}},
    };
}

}  // namespace

std::vector<Case> rule_cases() {
    std::vector<Case> cases = ring_cases();
    for (auto* more : {&holder_cases, &record_cases})
        for (const Case& one : more()) cases.push_back(one);
    return cases;
}

}  // namespace castvote::simulate
