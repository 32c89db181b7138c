// arbiter_malformed_test.cpp -- every recorded piece of bad input, and what our core makes of it.
//
// The reaction is that of the stock server, byte for byte, or the better one where stock has a
// defect (protocol.md 13): the table below names each case and its reason. Afterwards comes the
// probe of the recording, an echo, which shows whether and how far the connection still works.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/unit/support/arbiter_driver.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using Lines = std::vector<std::string>;

constexpr const char* usable_before_init =
    "usable (ECHO_REQUEST got: SERVER_ERROR MSG_SEQ_NUMBER=777 REPLY_ERROR_CODE=11)";
constexpr const char* usable = "usable (ECHO_REQUEST got: ECHO_REPLY MSG_SEQ_NUMBER=777)";
constexpr const char* waiting = "server still waiting for the rest of the message";
constexpr const char* closed = "closed by server";

struct Better {
    Lines reaction;
    const char* after;
    const char* why;
};

const std::map<std::string, Better>& better() {
    static const std::map<std::string, Better> table = {
        {"M04",
         {{"SERVER_ERROR REPLY_ERROR_CODE=4"},
          usable_before_init,
          "stock answers an unknown type without a body by error 0"}},
        {"M14",
         {{"SERVER_ERROR MSG_SEQ_NUMBER=7 REPLY_ERROR_CODE=9"},
          usable_before_init,
          "a name with NUL could not be checked against a certificate as a whole (8)"}},
        {"M27.0",
         {{"SERVER_ERROR MSG_SEQ_NUMBER=3 REPLY_ERROR_CODE=8"},
          usable,
          "after INIT a PREINIT is refused whatever it contains"}},
        {"M41",
         {{"INIT_REPLY REPLY_ERROR_CODE=7 SUPPORTED_MESSAGES=all SUPPORTED_OPTIONS=all"
           " MSG_SEQ_NUMBER=2 SERVER_MAXIMUM_REQUEST_SIZE=32768 SERVER_MAXIMUM_REPLY_SIZE=32768"
           " SUPPORTED_DECISION_ALGORITHMS=0,1,2,3"},
          usable_before_init,
          "node id 0 could never appear in a list"}},
        {"M47",
         {{"SERVER_ERROR MSG_SEQ_NUMBER=9 REPLY_ERROR_CODE=8"},
          usable,
          "stock moves the client into a second cluster and crashes later"}},
    };
    return table;
}

// Cases which are a story rather than bytes; each has its own test below.
const std::set<std::string> stories = {"M90", "M91", "M92", "M93", "M94",
                                       "M95", "M96", "M97", "M98"};

qnetd::Settings without_delay(wire::TlsSupported tls = wire::TlsSupported::unsupported) {
    qnetd::Settings settings;
    settings.tls = tls;
    settings.test_algorithm_enabled = true;
    settings.rules.late_ack_after_connect = false;
    return settings;
}

wire::Message numbered(wire::MessageType type, std::uint32_t number) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = number;
    return message;
}

wire::Message preinit(const std::string& cluster) {
    wire::Message message = numbered(wire::MessageType::preinit, 1);
    message.cluster_name = cluster;
    return message;
}

wire::Message init(wire::NodeId node, std::uint32_t heartbeat_ms = 8000) {
    wire::Message message = numbered(wire::MessageType::init, 2);
    message.node_id = node;
    message.decision_algorithm = wire::DecisionAlgorithm::ffsplit;
    message.heartbeat_interval = heartbeat_ms;
    message.tie_breaker = wire::TieBreaker{};
    message.ring_id = wire::RingId{1, 4};
    return message;
}

wire::Message list(wire::NodeListType type) {
    wire::Message message = numbered(wire::MessageType::node_list, 3);
    message.node_list_type = type;
    message.node_info = {{.node_id = 1}, {.node_id = 2}};
    if (type == wire::NodeListType::membership) message.ring_id = wire::RingId{1, 4};
    return message;
}

// What the client was sent, closing included, since the last call.
Lines heard(ArbiterDriver& driver, const std::string& client = "A") {
    Lines lines;
    for (const Happening& happening : driver.take()) {
        if (happening.client != client) continue;
        if (const auto* message = std::get_if<wire::Message>(&happening.what))
            lines.push_back(wire::describe(*message));
        else if (std::holds_alternative<qnetd::Close>(happening.what))
            lines.push_back("disconnect");
    }
    return lines;
}

void bring_to(ArbiterDriver& driver, const std::string& state) {
    driver.open("A");
    if (state == "connected, nothing sent") return;
    driver.receive("A", preinit("bad"));
    if (state == "after PREINIT_REPLY") return;
    driver.receive("A", init(1));
    if (state == "after successful INIT (ffsplit, node 1, ring (1,4))") return;
    driver.receive("A", list(wire::NodeListType::initial_config));
    driver.receive("A", list(wire::NodeListType::membership));
    // As recorded: its first VOTE_INFO is answered before the case begins.
    driver.receive("A", numbered(wire::MessageType::vote_info_reply, driver.last_vote_info("A")));
    REQUIRE(state == "after INIT, config {1,2}, membership {1,2} ring (1,4)");
}

// The bytes of a case; two are too long to stand in the file.
wire::Bytes bytes_of(const Json& one) {
    if (one.contains("hex")) return from_hex(one.at("hex").get<std::string>());
    const bool is_over = one.at("id") == "M06";
    REQUIRE((is_over || one.at("id") == "M07"));
    wire::Bytes bytes = from_hex(is_over ? "000000007ffb" : "000000007ffa00000004000000050063");
    if (!is_over) bytes.insert(bytes.end(), {32750 >> 8, 32750 & 0xff});
    bytes.resize(is_over ? 32769 : 32768);
    return bytes;
}

Lines stock_reaction(const Json& one) {
    if (one.at("reaction").is_string()) return {};  // "no reply"
    Lines lines;
    for (const Json& part : one.at("reaction")) {
        if (part.is_string())
            lines.push_back(part);
        else
            lines.push_back(
                wire::describe(message_of(from_hex(part.at("hex").get<std::string>()))));
    }
    return lines;
}

// The bytes that come back, too: an echo carries options which no description shows.
Lines stock_bytes(const Json& one) {
    Lines hexes;
    for (const Json& part : one.at("reaction"))
        if (part.is_object()) hexes.push_back(part.at("hex"));
    return hexes;
}

std::string probe(ArbiterDriver& driver) {
    if (!driver.is_open("A")) return closed;
    driver.take();
    driver.receive("A", numbered(wire::MessageType::echo_request, 777));
    const Lines lines = heard(driver);
    if (lines.empty()) return waiting;
    return "usable (ECHO_REQUEST got: " + lines.front() + ")";
}

}  // namespace

TEST_CASE("bad input gets the recorded reaction, or a better one") {
    const Json& cases = wire_vectors().at("malformed");
    REQUIRE(cases.size() == 141);
    std::size_t tried = 0;
    for (const Json& one : cases) {
        const std::string id = one.at("id");
        if (stories.contains(id)) continue;
        INFO(id << " " << one.at("state") << ": " << one.at("description"));
        ArbiterDriver driver(without_delay(), at_ms(-3'600'000));
        bring_to(driver, one.at("state"));
        driver.take();
        driver.receive("A", bytes_of(one));
        std::vector<Happening> happenings = driver.take();
        Lines lines;
        Lines hexes;
        for (const Happening& happening : happenings) {
            if (std::holds_alternative<qnetd::Close>(happening.what)) lines.push_back("disconnect");
            if (const auto* message = std::get_if<wire::Message>(&happening.what)) {
                lines.push_back(wire::describe(*message));
                hexes.push_back(to_hex(wire::encode(*message)));
            }
        }
        const auto ours = better().find(id);
        if (ours != better().end()) {
            INFO(ours->second.why);
            CHECK(lines == ours->second.reaction);
            CHECK(lines != stock_reaction(one));  // else the entry is out of date
            CHECK(probe(driver) == ours->second.after);
        } else {
            CHECK(lines == stock_reaction(one));
            CHECK(hexes == stock_bytes(one));
            CHECK(probe(driver) == one.at("connection_after"));
        }
        ++tried;
    }
    CHECK(tried + stories.size() == cases.size());
}

TEST_CASE("M90: STARTTLS ends the connection when TLS is off") {
    ArbiterDriver driver(without_delay());
    driver.open("A");
    driver.receive("A", preinit("bad"));
    driver.take();
    driver.receive("A", numbered(wire::MessageType::starttls, 2));
    CHECK(heard(driver) == Lines{"disconnect"});
}

TEST_CASE("M91, M92: a handshake that fails ends the connection without a word") {
    // Plain bytes instead of a hello, or no certificate: the TLS layer says so, the core forgets.
    ArbiterDriver driver(without_delay(wire::TlsSupported::supported));
    driver.open("A");
    driver.receive("A", preinit("bad"));
    driver.receive("A", numbered(wire::MessageType::starttls, 2));
    driver.take();
    driver.close("A", qnetd::CloseCause::tls_failed);
    CHECK(driver.take().empty());
    CHECK(driver.arbiter().client_count() == 0);
    CHECK(driver.arbiter().clusters().empty());
}

TEST_CASE("M92, M93: without the cluster's certificate the connection is closed without a word") {
    for (const char* name : {"othercl", ""}) {
        ArbiterDriver driver(without_delay(wire::TlsSupported::supported));
        driver.open("A");
        driver.receive("A", preinit("tlscl"));
        driver.receive("A", numbered(wire::MessageType::starttls, 2));
        if (*name == '\0')
            driver.tls_established("A", std::nullopt);
        else
            driver.tls_established("A",
                                   qnetd::PeerCertificate{.common_name = name, .dns_names = {}});
        driver.take();
        driver.receive("A", init(1));
        CHECK(heard(driver) == Lines{"disconnect"});
        CHECK(driver.arbiter().clusters().empty());
    }
}

TEST_CASE("M94: a certificate lets nobody into another cluster") {
    ArbiterDriver driver(without_delay(wire::TlsSupported::supported));
    driver.open("A");
    driver.receive("A", preinit("tlscl"));
    driver.receive("A", numbered(wire::MessageType::starttls, 2));
    driver.tls_established("A", qnetd::PeerCertificate{.common_name = "tlscl", .dns_names = {}});
    driver.take();
    driver.receive("A", init(1, 5));
    REQUIRE(heard(driver).front().starts_with("INIT_REPLY REPLY_ERROR_CODE=13"));
    driver.receive("A", preinit("othercl"));
    CHECK(heard(driver) == Lines{"SERVER_ERROR MSG_SEQ_NUMBER=1 REPLY_ERROR_CODE=8"});
    driver.receive("A", init(1));
    CHECK(heard(driver).front().starts_with("INIT_REPLY REPLY_ERROR_CODE=0"));
    REQUIRE(driver.arbiter().clusters().size() == 1);
    CHECK(driver.arbiter().clusters().front().name == "tlscl");
}

TEST_CASE("M95: a client without lists neither stops decisions nor harms anybody by staying") {
    for (const auto mode : {wire::TieBreakerMode::lowest, wire::TieBreakerMode::highest}) {
        ArbiterDriver driver(without_delay());
        wire::Message first = init(1);
        wire::Message second = init(2);
        first.tie_breaker = second.tie_breaker = wire::TieBreaker{.mode = mode, .node_id = 0};
        driver.open("B");
        driver.receive("B", preinit("bad"));
        driver.receive("B", second);
        driver.open("A");
        driver.receive("A", preinit("bad"));
        driver.receive("A", first);
        driver.receive("A", list(wire::NodeListType::initial_config));
        driver.receive("A", list(wire::NodeListType::membership));
        CHECK(driver.last_told("A") == wire::Vote::ack);
        CHECK(driver.last_told("B") == wire::Vote::undefined);
        driver.close("A", qnetd::CloseCause::end_of_stream);
        CHECK(driver.is_open("B"));
        driver.take();
        driver.receive("B", numbered(wire::MessageType::echo_request, 5));
        CHECK(heard(driver, "B") == Lines{"ECHO_REPLY MSG_SEQ_NUMBER=5"});
        CHECK(driver.last_told("B") == wire::Vote::undefined);
    }
}

TEST_CASE("M96: one client is in one cluster") {
    ArbiterDriver driver(without_delay());
    bring_to(driver, "after successful INIT (ffsplit, node 1, ring (1,4))");
    driver.take();
    driver.receive("A", preinit("second"));
    driver.receive("A", init(7));
    const Lines lines = heard(driver);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == "SERVER_ERROR MSG_SEQ_NUMBER=1 REPLY_ERROR_CODE=8");
    CHECK(lines[1].starts_with("INIT_REPLY REPLY_ERROR_CODE=17"));
    REQUIRE(driver.arbiter().clusters().size() == 1);
    REQUIRE(driver.arbiter().clusters().front().nodes.size() == 1);
    CHECK(driver.arbiter().clusters().front().nodes.front().node_id == 1);
    driver.close("A", qnetd::CloseCause::end_of_stream);
    CHECK(driver.arbiter().clusters().empty());
}

TEST_CASE("M97: neither unknown messages nor parts of one keep a connection alive") {
    for (const char* hex : {"00120000000400000000", "00"}) {
        ArbiterDriver driver(without_delay());
        driver.open("A");
        driver.receive("A", preinit("bad"));
        driver.receive("A", init(1, 1000));
        driver.take();
        for (int i = 0; i < 3; ++i) {
            driver.advance(Duration(400));
            driver.receive("A", from_hex(hex));
        }
        driver.advance(Duration(299));
        CHECK(driver.is_open("A"));
        driver.advance(Duration(1));
        CHECK_FALSE(driver.is_open("A"));
    }
}

TEST_CASE("M98: a message that cannot be decoded is a sign of life") {
    ArbiterDriver driver(without_delay());
    driver.open("A");
    driver.receive("A", preinit("bad"));
    driver.receive("A", init(1, 1000));
    driver.take();
    for (int i = 0; i < 10; ++i) {
        driver.advance(Duration(400));
        driver.receive("A", from_hex("000800000000"));
        CHECK(heard(driver) == Lines{"SERVER_ERROR REPLY_ERROR_CODE=9"});
    }
    driver.advance(Duration(1499));
    CHECK(driver.is_open("A"));
    driver.advance(Duration(1));
    CHECK_FALSE(driver.is_open("A"));
}

TEST_CASE("R4: the test algorithm does not begin while somebody may still count a real vote") {
    ArbiterDriver driver(without_delay(), at_ms(-3'600'000));
    driver.open("A");
    driver.receive("A", preinit("alpha"));
    driver.receive("A", init(1));
    driver.receive("A", list(wire::NodeListType::initial_config));
    driver.receive("A", list(wire::NodeListType::membership));
    REQUIRE(driver.last_told("A") == wire::Vote::ack);
    driver.close("A", qnetd::CloseCause::reset_or_error);

    wire::Message test = init(2);
    test.decision_algorithm = wire::DecisionAlgorithm::test;
    const auto answer = [&] {
        driver.take();
        driver.receive("B", test);
        return heard(driver, "B").at(0);
    };
    driver.open("B");
    driver.receive("B", preinit("alpha"));
    CHECK(answer().starts_with("INIT_REPLY REPLY_ERROR_CODE=16"));
    driver.advance(Duration(29'000));  // its lifetime: 2 x 8 s, 10 s, and the margin
    CHECK(answer().starts_with("INIT_REPLY REPLY_ERROR_CODE=0"));
}

TEST_CASE("a list of more nodes than corosync can have is refused") {
    ArbiterDriver driver(without_delay());
    driver.open("A");
    driver.receive("A", preinit("alpha"));
    driver.receive("A", init(1));
    for (const auto type : {wire::NodeListType::initial_config, wire::NodeListType::membership}) {
        wire::Message many = list(type);
        while (many.node_info.size() < 384)
            many.node_info.push_back(
                {.node_id = static_cast<wire::NodeId>(many.node_info.size() + 1)});
        driver.take();
        driver.receive("A", many);
        CHECK(heard(driver).back().starts_with("NODE_LIST_REPLY"));
        many.node_info.push_back({.node_id = 385});
        driver.receive("A", many);
        CHECK(heard(driver) == Lines{type == wire::NodeListType::membership
                                         ? "SERVER_ERROR MSG_SEQ_NUMBER=3 REPLY_ERROR_CODE=19"
                                         : "SERVER_ERROR MSG_SEQ_NUMBER=3 REPLY_ERROR_CODE=18"});
    }
}

}  // namespace castvote::tests
