// node_session_test.cpp -- the client's side of the protocol: order, numbers, refusals (protocol.md
// 4, 5, 8, 10, 11).
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "tests/unit/support/node_table.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using qdevice::ConnectionState;
using qdevice::Level;
using wire::Message;
using wire::MessageType;
using wire::NodeListType;
using wire::ReplyErrorCode;
using wire::TlsSupported;
using wire::Vote;

// Where in the protocol the arbiter's message arrives.
enum class Stage { preinit, tls, init, heuristics, joined };

void reach(NodeTable& table, Stage stage) {
    table.start_and_sync();
    table.reach_preinit();
    if (stage == Stage::preinit) return;
    table.receive(from::preinit_reply(
        table.number(), stage == Stage::tls ? TlsSupported::supported : TlsSupported::unsupported));
    if (stage == Stage::tls || stage == Stage::init) return;
    table.receive(from::init_reply(2));
    if (stage == Stage::joined) table.heuristics_done();
}

Message reply_without(Message reply, void (*remove)(Message&)) {
    remove(reply);
    return reply;
}

}  // namespace

TEST_CASE("the order of a join, and its numbers") {
    NodeTable table;
    const Actions first = table.start_and_sync();
    // A vote left by a crashed predecessor is cleared before anything else (arbiter.md 10, W2).
    REQUIRE(first.size() == 2);
    CHECK(first[0] == qdevice::Action(qdevice::Cast{false, NodeTable::ring}));
    CHECK(first[1] == qdevice::Action(qdevice::Connect{}));

    const Message preinit = sent(table.reach_preinit(), MessageType::preinit);
    CHECK(preinit.msg_seq_number == 1);
    CHECK(preinit.cluster_name == "alpha");

    const Message init = sent(table.receive(from::preinit_reply(1)), MessageType::init);
    CHECK(init.msg_seq_number == 2);
    CHECK(init.node_id == 1);
    CHECK(init.heartbeat_interval == 8000);
    CHECK(init.decision_algorithm == wire::DecisionAlgorithm::ffsplit);
    CHECK(init.tie_breaker == wire::TieBreaker{});
    CHECK(init.ring_id == NodeTable::ring);
    CHECK(init.supported_messages == wire::all_message_types());
    CHECK(init.supported_options == wire::known_options());

    // Nothing but the heuristics before their result is there.
    const Actions accepted = table.receive(from::init_reply(2));
    CHECK(sent(accepted).empty());
    CHECK(all_of<qdevice::RunHeuristics>(accepted).at(0).timeout == Duration(5000));
    CHECK(table.status().connection == ConnectionState::connecting);

    const Actions joined = table.heuristics_done(wire::Heuristics::pass);
    const std::vector<Message> lists = sent(joined);
    REQUIRE(lists.size() == 4);
    CHECK(lists[0].type == MessageType::set_option);
    CHECK(lists[0].keep_active_partition_tie_breaker == wire::KeepActivePartition::enabled);
    CHECK(!lists[0].heartbeat_interval);
    CHECK(lists[1].node_list_type == NodeListType::initial_config);
    CHECK(lists[1].config_version == 3);
    CHECK(lists[1].node_info == std::vector<wire::NodeInfo>{{.node_id = 1}, {.node_id = 2}});
    CHECK(lists[2].node_list_type == NodeListType::membership);
    CHECK(lists[2].ring_id == NodeTable::ring);
    CHECK(lists[2].heuristics == wire::Heuristics::pass);
    CHECK(lists[2].node_info == std::vector<wire::NodeInfo>{{.node_id = 1}, {.node_id = 2}});
    CHECK(lists[3].node_list_type == NodeListType::quorum);
    CHECK(lists[3].quorate == wire::Quorate::quorate);
    CHECK(lists[3].node_info.at(0).state == wire::NodeState::member);
    for (std::size_t i = 0; i < lists.size(); ++i) CHECK(lists[i].msg_seq_number == 3 + i);
    CHECK(table.status().connection == ConnectionState::connected);
    CHECK(reports(joined, Level::notice) == "connected to the arbiter");
}

TEST_CASE("heuristics that are off are not told, nor a missing version") {
    qdevice::Settings settings = table_settings();
    settings.config.config_version.reset();
    settings.keep_active_partition = false;
    NodeTable table(settings);
    table.start_and_sync();
    const std::vector<Message> lists = sent(table.join());
    REQUIRE(lists.size() == 4);
    CHECK(lists[0].keep_active_partition_tie_breaker == wire::KeepActivePartition::disabled);
    CHECK(!lists[1].config_version);
    CHECK(!lists[2].heuristics);
}

TEST_CASE("what the arbiter may send after INIT_REPLY is what it announced") {
    NodeTable table;
    table.start_and_sync();
    table.reach_init();
    Message reply = from::init_reply(2);
    reply.server_maximum_reply_size = 70000;
    CHECK(all_of<qdevice::SetReceiveLimit>(table.receive(reply)) ==
          std::vector<qdevice::SetReceiveLimit>{{70000}});
}

TEST_CASE("TLS: our mode against the arbiter's") {
    struct Row {
        TlsSupported ours;
        TlsSupported theirs;
        const char* outcome;
    };
    constexpr auto off = TlsSupported::unsupported;
    constexpr auto on = TlsSupported::supported;
    constexpr auto required = TlsSupported::required;
    for (const Row& row : std::vector<Row>{{off, off, "plain"},
                                           {on, off, "plain"},
                                           {required, off, "refused"},
                                           {off, on, "plain"},
                                           {on, on, "tls"},
                                           {required, on, "tls"},
                                           {off, required, "refused"},
                                           {on, required, "tls"},
                                           {required, required, "tls"}}) {
        INFO("ours " << static_cast<int>(row.ours) << ", theirs " << static_cast<int>(row.theirs));
        qdevice::Settings settings = table_settings();
        settings.tls = row.ours;
        NodeTable table(settings);
        table.start();
        table.reach_preinit();
        const Actions actions = table.receive(from::preinit_reply(1, row.theirs));
        const std::string outcome = gave_up(actions)                             ? "refused"
                                    : has<qdevice::StartTls>(actions)            ? "tls"
                                    : sent(actions)[0].type == MessageType::init ? "plain"
                                                                                 : "?";
        CHECK(outcome == row.outcome);
        if (outcome != "tls") continue;
        // STARTTLS is written, then the handshake; INIT waits for it and is the first inside.
        CHECK(sent(actions).size() == 1);
        CHECK(sent(actions, MessageType::starttls).msg_seq_number == 2);
        const Actions secured = table.step(qdevice::TlsEstablished{true});
        CHECK(sent(secured, MessageType::init).msg_seq_number == 3);
        CHECK(table.status().tls);
        CHECK(table.status().client_certificate_sent);
        table.receive(from::init_reply(3));
        CHECK(sent(table.heuristics_done()).at(0).msg_seq_number == 4);
    }
}

TEST_CASE("every refusal of INIT: the vote is given back and we come again") {
    for (std::uint16_t code = 1; code <= 25; ++code) {
        INFO("error " << code);
        NodeTable table;
        table.start_and_sync();
        table.reach_init();
        const Actions actions = table.receive(from::init_reply(2, ReplyErrorCode{code}));
        CHECK(gave_up(actions));
        CHECK(casts(actions) == "no 1.5");
        CHECK(!has<qdevice::Exit>(actions));
        CHECK(reports(actions, Level::warning)
                  .find(std::string(wire::meaning_of(ReplyErrorCode{code}))) != std::string::npos);
        CHECK(has<qdevice::Connect>(table.advance(Duration(1000))));
    }
}

TEST_CASE("a refusal that soon passes is tried again soon, another one seldom") {
    const auto longest_wait = [](ReplyErrorCode code) {
        NodeTable table;
        table.start_and_sync();
        Duration longest{0};
        for (int i = 0; i < 12; ++i) {
            table.reach_init();
            table.receive(from::init_reply(table.number(), code));
            const Duration wait = *table.status().next_attempt - table.now();
            longest = std::max(longest, wait);
            REQUIRE(has<qdevice::Connect>(table.advance(wait)));
        }
        return longest;
    };
    for (const auto code :
         {ReplyErrorCode::duplicate_node_id, ReplyErrorCode::tie_breaker_differs_from_other_nodes,
          ReplyErrorCode::algorithm_differs_from_other_nodes}) {
        CHECK(longest_wait(code) <= Duration(2000));
    }
    const Duration seldom = longest_wait(ReplyErrorCode::unsupported_decision_algorithm);
    CHECK(seldom > Duration(15000));
    CHECK(seldom <= Duration(30000));
}

TEST_CASE("a missing option in PREINIT_REPLY or INIT_REPLY") {
    using Remove = void (*)(Message&);
    for (const Remove remove :
         std::vector<Remove>{[](Message& m) { m.msg_seq_number.reset(); },
                             [](Message& m) { m.tls_supported.reset(); },
                             [](Message& m) { m.tls_client_cert_required.reset(); }}) {
        NodeTable table;
        reach(table, Stage::preinit);
        CHECK(gave_up(table.receive(reply_without(from::preinit_reply(1), remove))));
    }
    for (const Remove remove :
         std::vector<Remove>{[](Message& m) { m.msg_seq_number.reset(); },
                             [](Message& m) { m.reply_error_code.reset(); },
                             [](Message& m) { m.server_maximum_request_size.reset(); },
                             [](Message& m) { m.server_maximum_reply_size.reset(); },
                             [](Message& m) { m.supported_messages.reset(); },
                             [](Message& m) { m.supported_options.reset(); },
                             [](Message& m) { m.supported_decision_algorithms.reset(); }}) {
        NodeTable table;
        reach(table, Stage::init);
        CHECK(gave_up(table.receive(reply_without(from::init_reply(2), remove))));
    }
}

TEST_CASE("the sizes that an arbiter may name, and the algorithms that it must") {
    const auto accepted = [](void (*change)(Message&)) {
        NodeTable table;
        reach(table, Stage::init);
        Message reply = from::init_reply(2);
        change(reply);
        return !gave_up(table.receive(reply));
    };
    CHECK(accepted([](Message& m) { m.server_maximum_request_size = 32768; }));
    CHECK(!accepted([](Message& m) { m.server_maximum_request_size = 32767; }));
    CHECK(accepted([](Message& m) { m.server_maximum_reply_size = 16777216; }));
    CHECK(!accepted([](Message& m) { m.server_maximum_reply_size = 16777217; }));
    CHECK(accepted([](Message& m) { m.supported_decision_algorithms->assign({1}); }));
    CHECK(!accepted([](Message& m) { m.supported_decision_algorithms->assign({0, 2, 3}); }));
    CHECK(!accepted([](Message& m) { m.supported_decision_algorithms->clear(); }));
    // Without heuristics here nobody misses the option there.
    CHECK(accepted([](Message& m) { m.supported_options->resize(22); }));
}

TEST_CASE("heuristics need an arbiter that knows them") {
    for (const auto mode : {qdevice::HeuristicsMode::on, qdevice::HeuristicsMode::sync}) {
        qdevice::Settings settings = table_settings();
        settings.config.heuristics_mode = mode;
        NodeTable table(settings);
        reach(table, Stage::init);
        Message reply = from::init_reply(2);
        reply.supported_options->resize(22);
        CHECK(gave_up(table.receive(reply)));
    }
}

TEST_CASE("a message at the wrong time ends the connection, never the daemon") {
    const std::vector<Stage> stages = {Stage::preinit, Stage::tls, Stage::init, Stage::heuristics,
                                       Stage::joined};
    for (const Stage stage : stages) {
        for (std::uint16_t type = 0; type < wire::message_type_count; ++type) {
            const MessageType what{type};
            INFO("stage " << static_cast<int>(stage) << ", " << name_of(what));
            qdevice::Settings settings = table_settings();
            settings.tls = stage == Stage::tls ? TlsSupported::supported : settings.tls;
            NodeTable table(settings);
            reach(table, stage);
            Message message = from::of_type(what, table.number());
            if (what == MessageType::preinit_reply) message = from::preinit_reply(1);
            if (what == MessageType::init_reply) message = from::init_reply(2);
            message.vote = Vote::wait_for_reply;
            message.ring_id = NodeTable::ring;
            message.node_list_type = NodeListType::membership;
            const bool is_vote = what == MessageType::vote_info ||
                                 what == MessageType::node_list_reply ||
                                 what == MessageType::ask_for_vote_reply ||
                                 what == MessageType::heuristics_change_reply;
            const bool fits =
                (what == MessageType::preinit_reply && stage == Stage::preinit) ||
                (what == MessageType::init_reply && stage == Stage::init) ||
                (stage == Stage::joined && (is_vote || what == MessageType::set_option_reply));
            const Actions actions = table.receive(message);
            CHECK(gave_up(actions) == !fits);
            CHECK(casts(actions) == (fits ? "" : "no 1.5"));
            CHECK(!has<qdevice::Exit>(actions));
        }
    }
}

TEST_CASE("a vote without vote, ring or number is refused") {
    using Remove = void (*)(Message&);
    for (const Remove remove : std::vector<Remove>{[](Message& m) { m.vote.reset(); },
                                                   [](Message& m) { m.ring_id.reset(); },
                                                   [](Message& m) { m.msg_seq_number.reset(); }}) {
        NodeTable table;
        table.start_and_hold_vote();
        const Actions actions =
            table.receive(reply_without(from::vote_info(9, Vote::ack, NodeTable::ring), remove));
        CHECK(gave_up(actions));
        CHECK(casts(actions) == "no 1.5");
    }
}

TEST_CASE("SERVER_ERROR ends the connection at every stage and says why") {
    for (const Stage stage : {Stage::preinit, Stage::init, Stage::heuristics, Stage::joined}) {
        NodeTable table;
        reach(table, stage);
        const Actions actions = table.receive(from::server_error(ReplyErrorCode::internal_error));
        CHECK(gave_up(actions));
        CHECK(reports(actions, Level::warning).find("internal error") != std::string::npos);
    }
    NodeTable table;
    reach(table, Stage::joined);
    CHECK(gave_up(table.receive(from::of_type(MessageType::server_error))));
}

TEST_CASE("what cannot be read, is too long or unknown") {
    for (const wire::Inbound& inbound :
         std::vector<wire::Inbound>{wire::Skipped{ReplyErrorCode::unsupported_message},
                                    wire::Skipped{ReplyErrorCode::message_too_long},
                                    wire::DecodeError{.type = MessageType::vote_info}}) {
        NodeTable table;
        table.start_and_hold_vote();
        const Actions actions = table.step(qdevice::Received{inbound});
        CHECK(gave_up(actions));
        CHECK(casts(actions) == "no 1.5");
        CHECK(has<qdevice::Connect>(table.advance(Duration(1000))));
    }
}

TEST_CASE("events that come too late or out of order change nothing") {
    NodeTable table;
    CHECK(table.step(qdevice::Connected{}).empty());
    CHECK(table.step(qdevice::ConnectionLost{}).empty());
    CHECK(table.step(qdevice::TlsEstablished{}).empty());
    CHECK(table.receive(from::preinit_reply(1)).empty());
    CHECK(table.step(qdevice::FlagSeen{true}).empty());
    CHECK(table.step(qdevice::QuorumChanged{}).empty());
    CHECK(table.heuristics_done().empty());
    CHECK(table.advance(Duration(60000)).empty());
    table.start_and_join();
    CHECK(table.step(qdevice::Connected{}).empty());
    CHECK(table.step(qdevice::TlsEstablished{}).empty());
    CHECK(!table.status().tls);
}

TEST_CASE("the ring in INIT is the current one, also when it changed during the handshake") {
    NodeTable table;
    table.start_and_sync();
    table.reach_preinit();
    CHECK(casts(table.step(qdevice::RingChanged{NodeTable::next_ring, {1}})) == "no 1.6");
    const Message init = sent(table.receive(from::preinit_reply(1)), MessageType::init);
    CHECK(init.ring_id == NodeTable::next_ring);
    // And once more between INIT and its reply, and while the connect heuristics run.
    table.step(qdevice::RingChanged{{1, 7}, {1}});
    table.receive(from::init_reply(2));
    const std::uint32_t superseded = table.last_heuristics();
    const Actions again = table.step(qdevice::RingChanged{{1, 8}, {1}});
    CHECK(all_of<qdevice::RunHeuristics>(again).at(0).timeout == Duration(15000));
    CHECK(casts(again).empty());
    CHECK(table.step(qdevice::HeuristicsDone{superseded, wire::Heuristics::undefined}).empty());
    const auto lists = sent(table.heuristics_done());
    REQUIRE(lists.size() == 4);
    CHECK(lists[2].ring_id == wire::RingId{1, 8});
}

}  // namespace castvote::tests
