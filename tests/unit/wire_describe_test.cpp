// wire_describe_test.cpp -- how each kind of message reads in a log, and that no peer can write
// there.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "common/wire/describe.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using namespace castvote::wire;

struct Line {
    const char* vector;  // of wire-vectors.json; or the message itself, in hexadecimal
    const char* text;
};

// One line for each of the 18 message types, in their order.
const Line lines[] = {
    {"V001", R"(PREINIT MSG_SEQ_NUMBER=1 CLUSTER_NAME="tlscl")"},
    {"V141", "PREINIT_REPLY MSG_SEQ_NUMBER=1 TLS_SUPPORTED=2 TLS_CLIENT_CERT_REQUIRED=1"},
    {"V031", "STARTTLS MSG_SEQ_NUMBER=2"},
    {"V145",
     "INIT MSG_SEQ_NUMBER=2 SUPPORTED_MESSAGES=all SUPPORTED_OPTIONS=all"
     " NODE_ID=4294967295 DECISION_ALGORITHM=ffsplit HEARTBEAT_INTERVAL=120000"
     " TIE_BREAKER=2 RING_ID=ffffffff.102030405060708"},
    {"V004",
     "INIT_REPLY REPLY_ERROR_CODE=0 SUPPORTED_MESSAGES=all SUPPORTED_OPTIONS=all"
     " MSG_SEQ_NUMBER=2 SERVER_MAXIMUM_REQUEST_SIZE=32768 SERVER_MAXIMUM_REPLY_SIZE=32768"
     " SUPPORTED_DECISION_ALGORITHMS=0,1,2,3"},
    {"V142", "SERVER_ERROR MSG_SEQ_NUMBER=2 REPLY_ERROR_CODE=3"},
    {"V138", "SET_OPTION MSG_SEQ_NUMBER=9 HEARTBEAT_INTERVAL=9000"},
    {"V006", "SET_OPTION_REPLY MSG_SEQ_NUMBER=3 KEEP_ACTIVE_PARTITION_TIE_BREAKER=enabled"},
    {"V028", "ECHO_REQUEST MSG_SEQ_NUMBER=2"},
    {"V029", "ECHO_REPLY MSG_SEQ_NUMBER=2"},
    {"V043",
     "NODE_LIST MSG_SEQ_NUMBER=6 NODE_LIST_TYPE=quorum QUORATE=yes"
     " NODE_INFO=1:member,2:member"},
    {"V034", "NODE_LIST_REPLY MSG_SEQ_NUMBER=5 NODE_LIST_TYPE=membership RING_ID=1.a VOTE=ACK"},
    {"V135", "ASK_FOR_VOTE MSG_SEQ_NUMBER=7"},
    {"V130", "ASK_FOR_VOTE_REPLY MSG_SEQ_NUMBER=11 VOTE=NACK RING_ID=2.c"},
    {"V050", "VOTE_INFO MSG_SEQ_NUMBER=2 VOTE=NACK RING_ID=2.c"},
    {"V014", "VOTE_INFO_REPLY MSG_SEQ_NUMBER=1"},
    {"V121", "HEURISTICS_CHANGE MSG_SEQ_NUMBER=11 HEURISTICS=fail"},
    {"V122",
     "HEURISTICS_CHANGE_REPLY MSG_SEQ_NUMBER=11 VOTE=NO_CHANGE RING_ID=1.c HEURISTICS=fail"},
};

std::string hex_of(const std::string& id) {
    for (const Json& vector : wire_vectors().at("vectors"))
        if (vector.at("id") == id) return vector.at("hex");
    throw std::invalid_argument("no vector " + id);
}

bool is_printable(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

TEST_CASE("each type of message reads as one plain line") {
    std::set<MessageType> seen;
    for (const Line& line : lines) {
        const Message message = message_of(from_hex(hex_of(line.vector)));
        CHECK(describe(message) == line.text);
        seen.insert(message.type);
    }
    CHECK(seen.size() == message_type_count);
}

TEST_CASE("the rarer values read well, too") {
    Message list;
    list.type = MessageType::node_list;
    list.node_list_type = NodeListType::changed_config;
    list.config_version = 7;
    list.quorate = Quorate::inquorate;
    list.node_info = {{.node_id = 1, .data_center_id = 3, .state = NodeState::dead},
                      {.node_id = 2, .data_center_id = 0, .state = NodeState::leaving}};
    list.heuristics = Heuristics::pass;
    CHECK(describe(list) ==
          "NODE_LIST NODE_LIST_TYPE=changed_config CONFIG_VERSION=7 QUORATE=no"
          " NODE_INFO=1@3:dead,2:leaving HEURISTICS=pass");
    Message init;
    init.type = MessageType::init;
    init.supported_messages = std::vector<std::uint16_t>{};
    init.decision_algorithm = static_cast<DecisionAlgorithm>(65535);
    init.tie_breaker = TieBreaker{.mode = TieBreakerMode::highest, .node_id = 5};
    CHECK(describe(init) ==
          "INIT SUPPORTED_MESSAGES= DECISION_ALGORITHM=65535 TIE_BREAKER=highest");
}

TEST_CASE("bytes that a peer chose are escaped") {
    Message preinit;
    preinit.cluster_name = std::string("a\n\x1b[31m\"\\\0\xff z", 13);
    CHECK(describe(preinit) == R"(PREINIT CLUSTER_NAME="a\x0a\x1b[31m\"\\\x00\xff z")");

    std::string every;
    for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
    CHECK(is_printable(wire::quoted(every)));
    // Quoting loses nothing: different bytes never look the same.
    std::set<std::string> looks;
    for (const char c : every) looks.insert(wire::quoted(std::string(1, c)));
    CHECK(looks.size() == 256);
    CHECK(wire::quoted("\\x00") != wire::quoted(std::string(1, '\0')));
}

TEST_CASE("faults are said in words") {
    const auto of = [](const char* hex) {
        const Bytes bytes = from_hex(hex);
        Framer framer(32768);
        framer.feed(bytes);
        framer.feed(wire::View(bytes).subspan(header_size));
        const auto frame = framer.next();
        REQUIRE(frame.has_value());
        return describe(*frame);
    };
    CHECK(of("000000000000") == "PREINIT: empty body");
    CHECK(of("000a00000003000000") == "NODE_LIST: truncated option");
    CHECK(of("00000000000700000003000001") == "PREINIT: bad length of option MSG_SEQ_NUMBER");
    CHECK(of("0000000000050013000100") == "PREINIT: bad value in option VOTE");
    CHECK(of("001200000000") == "skipped: message type is not supported");
    CHECK(of("0000000000080000000400000001") == "PREINIT MSG_SEQ_NUMBER=1");
}

}  // namespace castvote::tests
