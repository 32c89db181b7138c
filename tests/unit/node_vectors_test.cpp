// node_vectors_test.cpp -- what a stock arbiter, or a broken one, may say: every recorded reaction.
//
// The recordings hold what the stock client did. Where it ended its process for good we give the
// vote back, hang up and try again later (protocol.md 10 and arbiter.md 10): the table says which
// reaction is ours, and a case of the file without a row fails.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "tests/unit/support/node_table.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using qdevice::Actions;
using wire::MessageType;
using wire::Vote;

using Case = std::function<void(NodeTable&, const wire::Bytes&)>;

// Hangs up, without a vote, and comes back.
void check_goes_back(NodeTable& table, const Actions& actions) {
    CHECK(gave_up(actions));
    CHECK(casts(actions) == "no 1.5");
    CHECK(!has<qdevice::Exit>(actions));
    CHECK(has<qdevice::Connect>(table.advance(Duration(30000))));
}

Case after_preinit() {
    return [](NodeTable& table, const wire::Bytes& bytes) {
        table.start_and_sync();
        table.reach_preinit();
        REQUIRE(table.number() == 1);
        check_goes_back(table, table.receive(bytes));
    };
}

Case after_init() {
    return [](NodeTable& table, const wire::Bytes& bytes) {
        table.start_and_sync();
        table.reach_init();
        REQUIRE(table.number() == 2);
        check_goes_back(table, table.receive(bytes));
    };
}

Case connected() {
    return [](NodeTable& table, const wire::Bytes& bytes) {
        table.start_and_hold_vote();
        check_goes_back(table, table.receive(bytes));
    };
}

// K06: the next PREINIT uses the last number again, INIT the one after it.
void duplicate_node_id(NodeTable& table, const wire::Bytes& bytes) {
    table.start_and_sync();
    table.reach_init();
    check_goes_back(table, table.receive(bytes));
    CHECK(sent(table.reach_preinit(), MessageType::preinit).msg_seq_number == 2);
    CHECK(sent(table.receive(from::preinit_reply(2)), MessageType::init).msg_seq_number == 3);
}

// K09: an arbiter without keep-active; the number goes to the configuration.
void without_keep_active(NodeTable& table, const wire::Bytes& bytes) {
    table.start_and_sync();
    table.reach_init();
    CHECK(!gave_up(table.receive(bytes)));
    const auto messages = sent(table.heuristics_done());
    REQUIRE(messages.size() == 3);
    CHECK(messages[0].node_list_type == wire::NodeListType::initial_config);
    CHECK(messages[0].msg_seq_number == 3);
    CHECK(table.status().arbiter_lacks_keep_active);
}

// K18: a vote for an old ring is confirmed and otherwise nothing; we still vote.
void vote_for_an_old_ring(NodeTable& table, const wire::Bytes& bytes) {
    table.start_and_hold_vote();
    const Actions actions = table.receive(bytes);
    CHECK(casts(actions).empty());
    REQUIRE(sent(actions).size() == 1);
    CHECK(to_hex(wire::encode(sent(actions)[0])) == "000f000000080000000400000002");
    CHECK(casts(table.run(Duration(5000))) == "yes 1.5");
}

// K19: WAIT_FOR_REPLY takes nothing back, but nothing is cast any more.
void wait_takes_nothing_back(NodeTable& table, const wire::Bytes& bytes) {
    table.start_and_hold_vote();
    const Actions actions = table.receive(bytes);
    CHECK(casts(actions).empty());
    CHECK(sent(actions, MessageType::vote_info_reply).msg_seq_number == 2);
    CHECK(casts(table.run(Duration(20000))).empty());
}

void refused_certificate(NodeTable&, const wire::Bytes&) {
    qdevice::Settings settings = table_settings();
    settings.tls = wire::TlsSupported::supported;
    NodeTable table(settings);
    table.start_and_sync();
    table.reach_preinit();
    CHECK(has<qdevice::StartTls>(
        table.receive(from::preinit_reply(1, wire::TlsSupported::supported))));
    const Actions actions =
        table.step(qdevice::ConnectionLost{qdevice::LostCause::tls_failed, "other name"});
    CHECK(casts(actions) == "no 1.5");
    CHECK(has<qdevice::Connect>(table.advance(Duration(1000))));
}

// K20: only what was asked may be answered.
void unknown_echo(NodeTable& table, const wire::Bytes& bytes) {
    table.start_and_hold_vote();
    table.advance(Duration(1000));
    check_goes_back(table, table.receive(bytes));
}

// K21: stock notices after one HB, lms with wait_for_all never; we at 0.75 HB, all of us.
void silent_arbiter(NodeTable&, const wire::Bytes&) {
    for (const auto algorithm :
         {wire::DecisionAlgorithm::ffsplit, wire::DecisionAlgorithm::lms,
          wire::DecisionAlgorithm::two_node_lms, wire::DecisionAlgorithm::test}) {
        qdevice::Settings settings = table_settings();
        settings.algorithm = algorithm;
        settings.wait_for_all = true;
        NodeTable table(settings);
        table.start_and_hold_vote();
        CHECK(!gave_up(table.advance(Duration(6999))));
        const Actions actions = table.advance(Duration(1));
        CHECK(gave_up(actions));
        CHECK(casts(actions) == "no 1.5");
    }
}

const std::map<std::string, Case>& reactions() {
    static const std::map<std::string, Case> table = {{"K01", after_preinit()},
                                                      {"K02", after_preinit()},
                                                      {"K03", after_preinit()},
                                                      {"K04", refused_certificate},
                                                      {"K05", after_init()},
                                                      {"K06", duplicate_node_id},
                                                      {"K07", after_init()},
                                                      {"K08", after_init()},
                                                      {"K09", without_keep_active},
                                                      {"K10", after_init()},
                                                      {"K11", after_init()},
                                                      {"K12", after_init()},
                                                      {"K13", after_init()},
                                                      {"K14", after_init()},
                                                      {"K15", connected()},
                                                      {"K16", connected()},
                                                      {"K17", connected()},
                                                      {"K18", vote_for_an_old_ring},
                                                      {"K19", wait_takes_nothing_back},
                                                      {"K20", unknown_echo},
                                                      {"K21", silent_arbiter}};
    return table;
}

}  // namespace

TEST_CASE("every recorded message to a client has our reaction") {
    std::size_t count = 0;
    for (const Json& recorded : wire_vectors().at("client_reactions")) {
        const std::string id = recorded.at("id");
        INFO(id << ": " << recorded.at("situation")
                << "; stock: " << recorded.at("stock_client_reaction"));
        const auto found = reactions().find(id);
        REQUIRE(found != reactions().end());
        NodeTable table;
        found->second(table, from_hex(recorded.at("server_sends").get<std::string>()));
        ++count;
    }
    CHECK(count == reactions().size());
}

}  // namespace castvote::tests
