// cases_windows.cpp -- how the stock pair lets two rings count the vote (docs/arbiter.md 8).
//
// Node 1 (in larger clusters: its half) holds the vote of a cluster that is split, unless said
// otherwise. Faults come at the worst moment: just after an answered echo, just after a poll.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/cases.hpp"

namespace castvote::simulate {

namespace {

void holder_cut(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.cut(1);
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

void half_cut(Stage& s) {
    s.hold({1, 2});
    s.after_echo(1);
    s.cut(1);
    s.after_echo(2);
    s.cut(2);
    s.expect_quorate(3, lifetime(s));
    s.play(ms(30000));
}

void node_cut_off_entirely(Stage& s) {
    s.whole();
    s.after_echo(1);
    s.cut(1);
    s.split({1});
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

void daemon_killed(Stage& s) {
    s.hold({1});
    s.after_poll(1);
    s.daemon(1).kill(/*with_fin=*/true);
    s.expect_quorate(2, s.are_nodes_ours() ? ms(14500) : ms(11500));
    s.play(ms(30000));
}

void daemon_killed_and_restarted(Stage& s) {
    s.hold({1});
    s.after_poll(1);
    s.daemon(1).kill(/*with_fin=*/true);
    s.play(ms(100));
    s.daemon(1).start();
    s.play(ms(60000));
}

// The worst phase: it has just polled, and was about to send its next echo.
void daemon_frozen(Stage& s) {
    s.hold({1});
    for (int polls = 0; polls < 9; ++polls) {
        s.after_poll(1);
        if (s.are_nodes_ours() || s.since_echo(1) >= ms(7000)) break;
    }
    s.daemon(1).freeze();
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

void reset_seen_by_the_arbiter_alone(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.reset_at_arbiter(1);
    s.play(ms(60000));
}

void reset_seen_by_the_arbiter_and_cut(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.reset_at_arbiter(1);
    s.cut(1);
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

// The rival's next echo finds out half a second later, the holder's a heartbeat later.
void arbiter_loses_power(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.play(ms(400));
    s.daemon(2).kill(/*with_fin=*/true);
    s.play(ms(100));
    s.daemon(2).start();
    s.play(ms(6000));
    s.after_echo(1);
    s.power_off_arbiter();
    s.play(ms(100));
    s.start_arbiter();
    s.play(ms(60000));
}

void restart_and_holder_cut(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.cut(1);
    s.restart_arbiter(ms(100));
    s.expect_quorate(2, ms(27800));
    s.play(ms(30000));
}

void restart_while_split(Stage& s) {
    s.hold({1});
    s.restart_arbiter(ms(100));
    s.play(ms(60000));
}

// All links to the arbiter are fine; the tokens are lost, the new rings are not formed yet.
void restart_at_split(Stage& s) {
    s.whole();
    s.split({1});
    s.play_until([&] { return s.cluster().node(2).phase == Phase::gather; }, ms(10000),
                 "node 2 gathers");
    s.restart_arbiter(ms(10));
    s.expect_quorate(1, ms(40000));
    s.play(ms(30000));
}

void restart_after_split(Stage& s) {
    s.whole();
    s.split({1});
    s.play(ms(1000));
    s.restart_arbiter(ms(100));
    s.expect_quorate(1, ms(40000));
    s.play(ms(30000));
}

void arbiter_frozen_holder_cut(Stage& s) {
    s.hold({1});
    s.after_echo(1);
    s.freeze_arbiter();
    s.play(ms(1000));
    s.cut(1);
    s.play(ms(1000));
    s.thaw_arbiter();
    s.expect_quorate(2, lifetime(s));
    s.play(ms(30000));
}

void holder_cut_one_way(Stage& s, bool to_arbiter) {
    s.hold({1});
    s.after_echo(1);
    s.link(1, to_arbiter, !to_arbiter);
    s.play(ms(60000));
}
void holder_is_not_heard(Stage& s) { holder_cut_one_way(s, false); }
void holder_hears_nothing(Stage& s) { holder_cut_one_way(s, true); }

// A few milliseconds in which a "no" is on its way round the ring.
constexpr Window round_trip{0, 10};

std::vector<Case> node_cases() {
    const Setup two, four{.nodes = 4};
    return {
        {"W1",
         "hunt-cut-holder: holder cut silently",
         two,
         holder_cut,
         {3950, 4000},
         {},
         "2 HB - 1.5 HB = 0.4 T = 4 s"},
        {"W1-four",
         "the same with halves of four nodes",
         four,
         half_cut,
         {3950, 4000},
         {},
         "as W1"},
        {"W1-whole",
         "a node of a whole cluster loses all links",
         two,
         node_cut_off_entirely,
         {},
         {},
         none},
        {"W2",
         "hunt-qdevice-killed: holder's daemon killed",
         two,
         daemon_killed,
         {9950, 10010},
         {9950, 10010},
         "up to T = 10 s, its last poll being new"},
        {"W2-restarted",
         "hunt-qdevice-restarted: back after 0.1 s",
         two,
         daemon_killed_and_restarted,
         {90, 130},
         {90, 110},
         "until its new process polls no"},
        {"W3",
         "hunt-qdevice-frozen: holder's daemon frozen",
         two,
         daemon_frozen,
         {5000, 6000},
         {},
         "T - 1.5 HB + the echo's age: up to 0.6 T = 6 s"},
    };
}

std::vector<Case> reset_cases() {
    const Setup two;
    return {
        {"W4",
         "connection reset, holder cut",
         two,
         reset_seen_by_the_arbiter_and_cut,
         {15950, 16000},
         {6950, 7010},
         "2 HB = 16 s; our nodes (3/4 + 1/8) HB = 7 s"},
        {"W4-reset",
         "connection reset, seen by the arbiter alone",
         two,
         reset_seen_by_the_arbiter_alone,
         {7950, 8010},
         {950, 1010},
         "to the next echo: HB = 8 s; our nodes HB/8 = 1 s"},
    };
}

std::vector<Case> arbiter_cases() {
    const Setup two;
    Setup back_soon;
    back_soon.timers.reconnect_wait = ms(100);
    return {
        {"W5",
         "the same, and arbiter restarted",
         two,
         restart_and_holder_cut,
         {13400, 13500},
         {6700, 6900},
         "2 HB - the rival's wait of 2.5 s = 13.5 s"},
        {"W5-power",
         "arbiter's machine loses power, back after 0.1 s",
         two,
         arbiter_loses_power,
         {4900, 5000},
         {100, 1000},
         "HB - the rival's 0.5 s and 2.5 s = 5 s"},
        {"W5a", "arbiter restarted, all links fine", two, restart_while_split, {}, {}, none},
        {"hunt-restart-at-split",
         "arbiter restarted when the tokens are lost",
         back_soon,
         restart_at_split,
         {4900, 5000},
         round_trip,
         "until the next poll: T/2 = 5 s"},
        {"hunt-restart-after-split",
         "arbiter restarted 1 s after the split",
         two,
         restart_after_split,
         {4900, 5000},
         round_trip,
         "until the next poll: T/2 = 5 s"},
        {"hunt-freeze-thaw-cut",
         "arbiter frozen, holder cut, arbiter thawed",
         two,
         arbiter_frozen_holder_cut,
         {3950, 4000},
         {},
         "as W1"},
        {"holder-not-heard", "holder cut in the direction to the arbiter", two, holder_is_not_heard,
         round_trip, round_trip, none},
        {"holder-hears-nothing", "holder cut in the direction from the arbiter", two,
         holder_hears_nothing, round_trip, round_trip, none},
    };
}

}  // namespace

std::vector<Case> window_cases() {
    std::vector<Case> cases = node_cases();
    for (auto* more : {&reset_cases, &arbiter_cases})
        for (const Case& one : more()) cases.push_back(one);
    return cases;
}

}  // namespace castvote::simulate
