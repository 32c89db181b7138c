// node_contact_test.cpp -- is the arbiter still there? Echoes, a daemon that stood still, and how
// we come back (protocol.md 9 and 10, arbiter.md 10).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using qdevice::ConnectionLost;
using qdevice::ConnectionState;
using qdevice::Level;
using qdevice::LostCause;
using wire::MessageType;
using wire::Vote;

std::vector<std::pair<std::int64_t, std::uint32_t>> echoes(const std::vector<NodeAct>& acts) {
    std::vector<std::pair<std::int64_t, std::uint32_t>> found;
    for (const NodeAct& act : acts)
        if (const auto* send = std::get_if<qdevice::Send>(&act.what))
            if (send->message.type == MessageType::echo_request)
                found.emplace_back(act.at.time_since_epoch().count(),
                                   send->message.msg_seq_number.value());
    return found;
}

// One failed attempt; returns its level and the wait that follows.
std::pair<Level, Duration> fail_attempt(NodeTable& table, const ConnectionLost& lost) {
    const Actions actions = table.step(lost);
    REQUIRE(all_of<qdevice::Report>(actions).size() == 1);
    const Duration wait = *table.status().next_attempt - table.now();
    REQUIRE(has<qdevice::Connect>(table.advance(wait)));
    return {all_of<qdevice::Report>(actions)[0].level, wait};
}

}  // namespace

TEST_CASE("an echo goes every HB/8 from the accepted INIT on, numbered from 1 on each connection") {
    NodeTable table;
    table.start_and_join();
    table.take();
    table.run(Duration(3500));
    using Times = std::vector<std::pair<std::int64_t, std::uint32_t>>;
    CHECK(echoes(table.take()) == Times{{1000, 1}, {2000, 2}, {3000, 3}});
    table.step(ConnectionLost{LostCause::end_of_stream, ""});
    table.advance(Duration(500));
    table.join();
    table.take();
    table.run(Duration(1100));
    CHECK(echoes(table.take()) == Times{{5000, 1}});
}

TEST_CASE("echoes go on while the connect heuristics run") {
    NodeTable table;
    table.start_and_sync();
    table.reach_init();
    table.receive(from::init_reply(2));
    table.take();
    table.run(Duration(2000));
    CHECK(echoes(table.take()).size() == 2);
    CHECK(!gave_up(table.advance(Duration(5900))));
    CHECK(gave_up(table.advance(Duration(1500))));
}

TEST_CASE("NACK when the oldest unanswered echo is 0.75 HB old, also if later ones were sent") {
    NodeTable table;
    table.start_and_hold_vote();
    table.run(Duration(10500));  // the last answered echo was sent at 10 s, the next goes at 11 s
    CHECK(!gave_up(table.advance(Duration(6499))));
    const Actions actions = table.advance(Duration(1));
    REQUIRE(gave_up(actions));
    CHECK(casts(actions) == "no 1.5");
    CHECK(table.now() == at_ms(17000));
    CHECK(reports(actions, Level::warning).find("does not answer") != std::string::npos);
}

TEST_CASE("an answer to a later echo answers those before it; traffic of other kinds does not") {
    NodeTable table;
    table.start_and_hold_vote();
    table.advance(Duration(3000));
    table.receive(from::echo_reply(2));
    CHECK(table.status().last_echo_reply == at_ms(3000));
    table.advance(Duration(5000));
    table.vote(Vote::ack, NodeTable::ring);
    CHECK(!gave_up(table.advance(Duration(999))));
    CHECK(gave_up(table.advance(Duration(1))));  // the third echo, of 3 s
    CHECK(table.now() == at_ms(9000));
}

TEST_CASE("an echo is answered once") {
    NodeTable table;
    table.start_and_hold_vote();
    table.run(Duration(1000));
    CHECK(gave_up(table.receive(from::echo_reply(1))));
}

TEST_CASE("a daemon that was frozen judges the arbiter's silence before anything else") {
    // What has waited for it would make it vote yes, were it done first.
    const std::vector<NodeEvent> waiting = {
        qdevice::Received{from::vote_info(5, Vote::ack, NodeTable::ring)},
        qdevice::Received{from::echo_reply(3)},
        qdevice::TimePassed{},
        qdevice::FlagSeen{false},
        qdevice::QuorumChanged{true, {}},
        qdevice::RingChanged{NodeTable::ring, {1, 2}},
        qdevice::ConnectionLost{LostCause::end_of_stream, ""},
        qdevice::ConfigChanged{table_settings().config}};
    for (const Duration frozen : {Duration(7000), Duration(20000), Duration(3600'000)}) {
        for (const NodeEvent& event : waiting) {
            INFO("event " << event.index() << " after " << frozen.count() << " ms");
            NodeTable table;
            table.start_and_hold_vote();
            table.run(Duration(2500));
            table.advance(Duration(500));  // an echo that nobody answers
            table.freeze(frozen);
            const Actions actions = table.step(event);
            CHECK(gave_up(actions));
            CHECK(casts(actions).substr(0, 6) == "no 1.5");
            CHECK(casts(actions).find("yes") == std::string::npos);
            CHECK(casts(table.step(qdevice::FlagSeen{true})) == "no 1.5");
            CHECK(casts(table.step(qdevice::FlagSeen{false})).empty());
        }
    }
}

TEST_CASE("frozen between two echoes: the age of the last answered one counts") {
    NodeTable table;
    table.start_and_hold_vote();
    table.run(Duration(5500));  // answered until 5 s, nothing outstanding
    table.freeze(Duration(7499));
    CHECK(!gave_up(table.step(qdevice::FlagSeen{true})));
    table.freeze(Duration(1));
    CHECK(gave_up(table.step(qdevice::FlagSeen{true})));
}

TEST_CASE("a frozen daemon that learns of a new ring on waking denies that one") {
    NodeTable table;
    table.start_and_hold_vote();
    table.freeze(Duration(20000));
    const Actions actions = table.step(qdevice::RingChanged{NodeTable::next_ring, {1}});
    CHECK(gave_up(actions));
    for (const auto& cast : all_of<qdevice::Cast>(actions))
        CHECK(cast == qdevice::Cast{false, NodeTable::next_ring});
    CHECK(!all_of<qdevice::Cast>(actions).empty());
}

TEST_CASE("every lost connection is a NACK, whatever the algorithm and the quorum") {
    for (const auto algorithm :
         {wire::DecisionAlgorithm::ffsplit, wire::DecisionAlgorithm::lms,
          wire::DecisionAlgorithm::two_node_lms, wire::DecisionAlgorithm::test}) {
        for (const auto cause : {LostCause::end_of_stream, LostCause::reset_or_error,
                                 LostCause::queue_full, LostCause::tls_failed}) {
            qdevice::Settings settings = table_settings();
            settings.algorithm = algorithm;
            settings.wait_for_all = true;
            NodeTable table(settings);
            table.start_and_hold_vote();
            CHECK(casts(table.step(ConnectionLost{cause, "gone"})) == "no 1.5");
            CHECK(casts(table.advance(Duration(100))).empty());
        }
    }
}

TEST_CASE("after a reconnect nothing is cast but NACK until the arbiter answers again") {
    NodeTable table;
    table.start_and_hold_vote();
    table.step(ConnectionLost{LostCause::end_of_stream, ""});
    CHECK(has<qdevice::Connect>(table.advance(Duration(500))));
    CHECK(casts(table.join()).empty());
    CHECK(casts(table.run(Duration(12000))).empty());  // WAIT_FOR_REPLY
    CHECK(casts(table.vote(Vote::ack, NodeTable::ring)) == "yes 1.5");
}

TEST_CASE("the connect time-out covers everything until INIT is accepted") {
    const auto expires = [](NodeTable& table, ConnectionState outcome) {
        CHECK(!gave_up(table.advance(at_ms(7999) - table.now())));
        const Actions actions = table.advance(Duration(1));
        CHECK(gave_up(actions));
        CHECK(casts(actions) == "no 1.5");
        CHECK(table.status().connection == outcome);
        CHECK(has<qdevice::Connect>(table.advance(Duration(250))));
    };
    NodeTable connecting;
    connecting.start();
    expires(connecting, ConnectionState::connect_failed);
    NodeTable preinit;
    preinit.start();
    preinit.reach_preinit();
    expires(preinit, ConnectionState::disconnected);
    NodeTable init;
    init.start();
    init.reach_init();
    expires(init, ConnectionState::disconnected);
    NodeTable joined;
    joined.start_and_join();
    CHECK(!gave_up(joined.run(Duration(60000))));
}

TEST_CASE(
    "the waits between attempts grow to a limit, jittered, and are short again after success") {
    NodeTable table;
    table.start();
    std::vector<Duration> waits;
    for (int i = 0; i < 10; ++i)
        waits.push_back(fail_attempt(table, {LostCause::connect_failed, "refused"}).second);
    CHECK(waits[0] >= Duration(125));
    CHECK(waits[0] <= Duration(250));
    for (std::size_t i = 0; i < waits.size(); ++i) {
        const Duration full = std::min(Duration(250 << i), Duration(2000));
        CHECK(waits[i] >= full / 2);
        CHECK(waits[i] <= full);
    }
    CHECK(std::set<Duration>(waits.begin() + 3, waits.end()).size() > 3);

    // An arbiter that accepts us and hangs up at once is not asked four times a second.
    table.join();
    CHECK(fail_attempt(table, {LostCause::end_of_stream, ""}).second > Duration(2000));
    // One that answers is one that works.
    table.join();
    table.run(Duration(1000));
    CHECK(fail_attempt(table, {LostCause::end_of_stream, ""}).second <= Duration(250));
}

TEST_CASE("nodes with different seeds do not come back in step") {
    std::set<Duration> waits;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        qdevice::Settings settings = table_settings();
        settings.jitter_seed = seed;
        NodeTable table(settings);
        table.start();
        for (int i = 0; i < 3; ++i) fail_attempt(table, {LostCause::connect_failed, ""});
        table.step(ConnectionLost{LostCause::connect_failed, ""});
        waits.insert(*table.status().next_attempt - table.now());
    }
    CHECK(waits.size() >= 15);
}

TEST_CASE("each reason is a warning once, however its details differ, until all is well again") {
    NodeTable table;
    table.start();
    const auto failed = [&](LostCause cause, const char* detail) {
        return fail_attempt(table, {cause, detail}).first;
    };
    CHECK(failed(LostCause::connect_failed, "10.0.0.9: connection refused") == Level::warning);
    CHECK(failed(LostCause::connect_failed, "10.0.0.9: no route to host") == Level::debug);
    CHECK(failed(LostCause::connect_failed, "10.0.0.9: timed out") == Level::debug);
    table.reach_preinit();
    CHECK(failed(LostCause::end_of_stream, "") == Level::warning);
    CHECK(failed(LostCause::connect_failed, "10.0.0.9: connection refused") == Level::debug);
    CHECK(table.status().last_disconnect_reason ==
          "the arbiter cannot be reached (10.0.0.9: connection refused)");
    // Joined is not enough, an answered echo is.
    table.join();
    CHECK(table.status().last_disconnect_reason.empty());
    CHECK(failed(LostCause::end_of_stream, "") == Level::debug);
    table.join();
    table.run(Duration(1000));
    CHECK(failed(LostCause::end_of_stream, "") == Level::warning);
    CHECK(failed(LostCause::connect_failed, "10.0.0.9: connection refused") == Level::warning);
}

TEST_CASE("no arbiter, however inventive, fills the log") {
    NodeTable table;
    table.start();
    std::size_t warnings = 0;
    for (std::uint32_t i = 0; i < 300; ++i) {
        table.reach_init();
        const Actions actions =
            table.receive(from::server_error(static_cast<wire::ReplyErrorCode>(i)));
        warnings += reports(actions, Level::warning).empty() ? 0 : 1;
        table.advance(Duration(30000));
    }
    CHECK(warnings <= 21);
}

TEST_CASE("the status keeps the outcome of the last attempt until one succeeds") {
    NodeTable table;
    CHECK(table.status().connection == ConnectionState::connecting);
    table.start();
    CHECK(table.status().connection == ConnectionState::connecting);
    fail_attempt(table, {LostCause::connect_failed, ""});
    CHECK(table.status().connection == ConnectionState::connect_failed);
    CHECK(!table.status().next_attempt);
    table.reach_init();
    CHECK(table.status().connection == ConnectionState::connect_failed);
    table.receive(from::init_reply(2, wire::ReplyErrorCode::duplicate_node_id));
    CHECK(table.status().connection == ConnectionState::disconnected);
    CHECK(table.status().next_attempt > table.now());
    table.advance(Duration(1000));
    CHECK(table.status().connection == ConnectionState::disconnected);
    table.join();
    CHECK(table.status().connection == ConnectionState::connected);
    CHECK(table.status().connected_since == table.now());
    table.step(ConnectionLost{LostCause::end_of_stream, ""});
    CHECK(table.status().connection == ConnectionState::disconnected);
    CHECK(!table.status().connected_since);
}

TEST_CASE("a connection that ends right after the handshake may be a refused certificate") {
    qdevice::Settings settings = table_settings();
    settings.tls = wire::TlsSupported::required;
    NodeTable table(settings);
    table.start();
    table.reach_preinit();
    table.receive(from::preinit_reply(1, wire::TlsSupported::required));
    table.step(qdevice::TlsEstablished{true});
    CHECK(reports(table.step(ConnectionLost{LostCause::end_of_stream, ""}), Level::warning)
              .find("refused our certificate") != std::string::npos);
}

TEST_CASE("the heartbeat is 0.8 T within its bounds, and tiny settings make no busy loop") {
    const auto heartbeat = [](std::int64_t t, std::uint32_t least, std::uint32_t most) {
        qdevice::Settings settings = table_settings();
        settings.device_timeout = Duration(t);
        settings.heartbeat_interval_min_ms = least;
        settings.heartbeat_interval_max_ms = most;
        NodeTable table(settings);
        return table.status().heartbeat_interval.count();
    };
    CHECK(heartbeat(10000, 1000, 120000) == 8000);
    CHECK(heartbeat(2001, 1000, 120000) == 1600);
    CHECK(heartbeat(1000, 1000, 120000) == 1000);
    CHECK(heartbeat(200000, 1000, 120000) == 120000);
    CHECK(heartbeat(10000, 5000, 3000) == 5000);
    CHECK(heartbeat(0, 0, 0) == 1);

    qdevice::Settings settings = table_settings();
    settings.device_timeout = Duration(1);
    settings.heartbeat_interval_min_ms = 1;
    qdevice::Node node(settings, at_ms(0));
    std::int64_t ms = 0;
    const auto step = [&](NodeEvent what) {
        node.step({at_ms(ms), std::move(what)});
        if (!node.next_deadline()) return;
        if (*node.next_deadline() <= at_ms(ms)) node.step({at_ms(ms), qdevice::TimePassed{}});
        REQUIRE(*node.next_deadline() > at_ms(ms));
    };
    step(qdevice::RingChanged{NodeTable::ring, {1}});
    step(qdevice::Connected{});
    step(qdevice::Received{from::preinit_reply(1)});
    step(qdevice::Received{from::init_reply(2)});
    for (; ms < 50; ++ms) step(qdevice::TimePassed{});
}

}  // namespace castvote::tests
