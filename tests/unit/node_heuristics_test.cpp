// node_heuristics_test.cpp -- heuristics runs and a configuration that changes (node.md 5.7, 6.3
// and 12, protocol.md 11 and 12).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using qdevice::ConfigChanged;
using qdevice::HeuristicsMode;
using qdevice::Level;
using qdevice::RingChanged;
using wire::Heuristics;
using wire::MessageType;
using wire::NodeListType;
using wire::Vote;

qdevice::Settings with(HeuristicsMode mode) {
    qdevice::Settings settings = table_settings();
    settings.config.heuristics_mode = mode;
    settings.config.heuristics_commands = "ping";
    return settings;
}

NodeTable joined(HeuristicsMode mode, Heuristics result) {
    NodeTable table(with(mode));
    table.start_and_sync();
    table.reach_init();
    table.receive(from::init_reply(2));
    table.heuristics_done(result);
    return table;
}

}  // namespace

TEST_CASE("between a new ring and the heuristics' result the vote is paused") {
    NodeTable table = joined(HeuristicsMode::on, Heuristics::pass);
    table.vote(Vote::ack, NodeTable::ring);
    table.step(RingChanged{NodeTable::next_ring, {1}});
    CHECK(casts(table.run(Duration(11000))).empty());
    const auto lists = sent(table.heuristics_done(Heuristics::fail));
    REQUIRE(lists.size() == 1);
    CHECK(lists[0].heuristics == Heuristics::fail);
    CHECK(lists[0].ring_id == NodeTable::next_ring);
    CHECK(table.status().heuristics_membership == Heuristics::fail);
    CHECK(table.status().heuristics_latest == Heuristics::fail);
    CHECK(table.status().heuristics_connect == Heuristics::pass);
    CHECK(casts(table.vote(Vote::nack, NodeTable::next_ring)) == "no 1.6");
}

TEST_CASE("the connect heuristics have the longer time while a sync runs") {
    for (const bool is_syncing : {true, false}) {
        NodeTable table(with(HeuristicsMode::sync));
        if (is_syncing)
            table.start();
        else
            table.start_and_sync();
        table.reach_init();
        CHECK(all_of<qdevice::RunHeuristics>(table.receive(from::init_reply(2))).at(0).timeout ==
              (is_syncing ? Duration(15000) : Duration(5000)));
    }
}

TEST_CASE("regular heuristics: run every interval, told when they change") {
    NodeTable table = joined(HeuristicsMode::on, Heuristics::pass);
    CHECK(!has<qdevice::RunHeuristics>(table.run(Duration(29999))));
    CHECK(all_of<qdevice::RunHeuristics>(table.run(Duration(1))).at(0).timeout == Duration(5000));
    CHECK(table.heuristics_done(Heuristics::pass).empty());
    CHECK(table.status().heuristics_regular == Heuristics::pass);
    table.run(Duration(30000));
    const Actions failed = table.heuristics_done(Heuristics::fail);
    CHECK(sent(failed, MessageType::heuristics_change).heuristics == Heuristics::fail);
    CHECK(sent(failed, MessageType::heuristics_change).msg_seq_number > 5);
    CHECK(!reports(failed, Level::error).empty());
    table.run(Duration(30000));
    const Actions passed = table.heuristics_done(Heuristics::pass);
    CHECK(sent(passed, MessageType::heuristics_change).heuristics == Heuristics::pass);
    CHECK(reports(passed, Level::warning).empty());
    // A result of "switched off" says nothing.
    table.run(Duration(30000));
    CHECK(table.heuristics_done(Heuristics::undefined).empty());
    CHECK(table.status().heuristics_regular == Heuristics::pass);
}

TEST_CASE("heuristics run for every ring, whether the arbiter is there or not") {
    NodeTable table(with(HeuristicsMode::on));
    CHECK(all_of<qdevice::RunHeuristics>(table.start()).at(0).timeout == Duration(15000));
    CHECK(table.heuristics_done(Heuristics::pass).empty());
    CHECK(table.status().heuristics_membership == Heuristics::pass);
    CHECK(table.status().heuristics_latest == Heuristics::pass);
    CHECK(has<qdevice::RunHeuristics>(table.run(Duration(30000))));
    const Actions failed = table.heuristics_done(Heuristics::fail);
    CHECK(sent(failed).empty());
    CHECK(!reports(failed, Level::error).empty());
    CHECK(table.status().heuristics_regular == Heuristics::fail);
}

TEST_CASE("a run for the connection stands for the run for the ring that it supersedes") {
    NodeTable table(with(HeuristicsMode::on));
    table.start_and_sync();
    table.reach_init();
    const std::uint32_t membership = table.last_heuristics();
    table.receive(from::init_reply(2));
    SECTION("it ends") {
        CHECK(table.step(qdevice::HeuristicsDone{membership, Heuristics::fail}).empty());
        table.heuristics_done(Heuristics::pass);
        CHECK(table.status().heuristics_connect == Heuristics::pass);
    }
    SECTION("its connection ends first") {
        table.step(qdevice::ConnectionLost{qdevice::LostCause::reset_or_error, ""});
        CHECK(sent(table.heuristics_done(Heuristics::pass)).empty());
        CHECK(table.status().heuristics_connect == Heuristics::undefined);
    }
    CHECK(table.status().heuristics_membership == Heuristics::pass);
    CHECK(has<qdevice::RunHeuristics>(table.run(Duration(30000))));
}

TEST_CASE("in mode sync there are no regular runs, and none in mode off") {
    for (const auto mode : {HeuristicsMode::sync, HeuristicsMode::off}) {
        NodeTable table = joined(mode, Heuristics::undefined);
        CHECK(!has<qdevice::RunHeuristics>(table.run(Duration(100000))));
    }
}

TEST_CASE("a new ring supersedes a regular run") {
    NodeTable table = joined(HeuristicsMode::on, Heuristics::pass);
    table.run(Duration(30000));
    const std::uint32_t regular = table.last_heuristics();
    table.step(RingChanged{NodeTable::next_ring, {1}});
    CHECK(table.step(qdevice::HeuristicsDone{regular, Heuristics::fail}).empty());
    CHECK(sent(table.heuristics_done(Heuristics::pass)).at(0).heuristics == Heuristics::pass);
    // The interval begins anew with that result.
    CHECK(!has<qdevice::RunHeuristics>(table.run(Duration(29999))));
    CHECK(has<qdevice::RunHeuristics>(table.run(Duration(1))));
}

TEST_CASE("a connect run that outlives its connection sends nothing on the next one") {
    NodeTable table(with(HeuristicsMode::on));
    table.start_and_sync();
    table.reach_init();
    table.receive(from::init_reply(2));
    const std::uint32_t first = table.last_heuristics();
    table.step(qdevice::ConnectionLost{qdevice::LostCause::end_of_stream, ""});
    CHECK(table.step(qdevice::HeuristicsDone{first, Heuristics::pass}).empty());
    table.advance(Duration(1000));
    table.reach_init();
    table.receive(from::init_reply(table.number()));
    CHECK(table.step(qdevice::HeuristicsDone{first, Heuristics::pass}).empty());
    CHECK(sent(table.heuristics_done(Heuristics::pass)).size() == 4);
}

TEST_CASE("a changed node list is told while joined; its order means nothing") {
    NodeTable table;
    table.start_and_hold_vote();
    qdevice::NodeConfig config = table_settings().config;
    config.config_version = 4;
    CHECK(table.step(ConfigChanged{config}).empty());
    std::swap(config.nodes[0], config.nodes[1]);
    CHECK(table.step(ConfigChanged{config}).empty());
    config.nodes.push_back({.node_id = 3});
    const Actions actions = table.step(ConfigChanged{config});
    CHECK(casts(actions).empty());
    const wire::Message list = sent(actions, MessageType::node_list);
    CHECK(list.node_list_type == NodeListType::changed_config);
    CHECK(list.config_version == 4);
    CHECK(list.node_info.size() == 3);
    // A new version without new nodes is not told, and not shown.
    config.config_version = 5;
    CHECK(sent(table.step(ConfigChanged{config})).empty());
    CHECK(table.status().settings.config.config_version == 4);
    config.nodes[2].data_center_id = 7;
    const Actions moved = table.step(ConfigChanged{config});
    CHECK(sent(moved, MessageType::node_list).config_version == 5);
    CHECK(casts(table.run(Duration(5000))) == "yes 1.5");
}

TEST_CASE("a node list that changes while we are not joined is told with the next join") {
    NodeTable table;
    table.start_and_sync();
    table.reach_init();
    qdevice::NodeConfig config = table_settings().config;
    config.nodes.push_back({.node_id = 3});
    CHECK(table.step(ConfigChanged{config}).empty());
    table.receive(from::init_reply(2));
    const auto lists = sent(table.heuristics_done());
    CHECK(lists.at(1).node_list_type == NodeListType::initial_config);
    CHECK(lists.at(1).node_info.size() == 3);
}

TEST_CASE("heuristics switched on and off while running") {
    NodeTable table = joined(HeuristicsMode::off, Heuristics::undefined);
    qdevice::NodeConfig config = with(HeuristicsMode::on).config;
    CHECK(table.step(ConfigChanged{config}).empty());
    CHECK(has<qdevice::RunHeuristics>(table.run(Duration(30000))));
    CHECK(sent(table.heuristics_done(Heuristics::pass)).size() == 1);
    config.heuristics_mode = HeuristicsMode::off;
    table.step(ConfigChanged{config});
    CHECK(!has<qdevice::RunHeuristics>(table.run(Duration(100000))));
}

TEST_CASE("heuristics switched on with an arbiter that does not know them") {
    NodeTable table;
    table.start_and_sync();
    table.reach_init();
    wire::Message reply = from::init_reply(2);
    reply.supported_options->resize(22);
    table.receive(reply);
    table.heuristics_done();
    const Actions actions = table.step(ConfigChanged{with(HeuristicsMode::sync).config});
    CHECK(gave_up(actions));
    CHECK(casts(actions) == "no 1.5");
    CHECK(reports(actions, Level::warning).find("heuristics") != std::string::npos);
}

TEST_CASE("changed commands repeat a run in flight, and only such a run") {
    NodeTable table = joined(HeuristicsMode::on, Heuristics::pass);
    qdevice::NodeConfig config = with(HeuristicsMode::on).config;
    config.heuristics_commands = "ping, disk";
    CHECK(!has<qdevice::RunHeuristics>(table.step(ConfigChanged{config})));
    table.step(RingChanged{NodeTable::next_ring, {1}});
    const std::uint32_t old_run = table.last_heuristics();
    CHECK(!has<qdevice::RunHeuristics>(table.step(ConfigChanged{config})));
    config.heuristics_commands = "disk";
    const Actions again = table.step(ConfigChanged{config});
    CHECK(all_of<qdevice::RunHeuristics>(again).at(0).timeout == Duration(15000));
    CHECK(table.step(qdevice::HeuristicsDone{old_run, Heuristics::pass}).empty());
    CHECK(sent(table.heuristics_done(Heuristics::fail)).at(0).heuristics == Heuristics::fail);
}

}  // namespace castvote::tests
