// wire_vectors_test.cpp -- every recorded message, decoded and encoded again.
//
// The stock programs are the judge: what they sent must decode to what it means, and our encoder
// must make the very same bytes of it, options in the same order. The number of vectors is part of
// the test, so that a lost one is noticed.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/wire/codec.hpp"
#include "common/wire/describe.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using namespace castvote::wire;

// Vectors which our encoder would write differently (order of options, or values that it never
// sends); they are decoded only. None at present: even the constructed ones are in stock order.
const std::set<std::string> decode_only = {};

template <class Value>
void read(const Json& json, Value& value) {
    if constexpr (std::is_enum_v<Value>)
        value = static_cast<Value>(json.get<std::underlying_type_t<Value>>());
    else
        value = json.get<Value>();
}

void read(const Json& json, RingId& ring) {
    ring = {json.at("node_id").get<NodeId>(), json.at("seq").get<std::uint64_t>()};
}

void read(const Json& json, TieBreaker& tie_breaker) {
    tie_breaker = {static_cast<TieBreakerMode>(json.at("mode").get<int>()),
                   json.at("node_id").get<NodeId>()};
}

void read(const Json& json, NodeInfo& info) {
    info.node_id = json.at("NODE_ID").get<NodeId>();
    info.data_center_id = json.value("DATA_CENTER_ID", 0u);
    info.state = static_cast<NodeState>(json.value("NODE_STATE", 0));
}

template <class Value>
void read_field(const Json& json, std::optional<Value>& value) {
    read(json, value.emplace());
}

void read_field(const Json& json, std::vector<NodeInfo>& list) { read(json, list.emplace_back()); }

Option option_named(const std::string& name) {
    for (const std::uint16_t number : all_options())
        if (name_of(static_cast<Option>(number)) == name) return static_cast<Option>(number);
    throw std::invalid_argument("no option is called " + name);
}

// The message that the file says these bytes are.
Message described_by(const Json& decoded, wire::View bytes) {
    Message message;
    message.type = static_cast<MessageType>(decoded.at("type").get<std::uint16_t>());
    for (const Json& option : decoded.at("options")) {
        with_field(option_named(option.at("option")),
                   [&](auto field) { read_field(option.at("value"), message.*field.member); });
    }
    if (message.type == MessageType::echo_request || message.type == MessageType::echo_reply)
        message.echo_body.assign(bytes.begin() + header_size, bytes.end());
    return message;
}

}  // namespace

TEST_CASE("every recorded message decodes to what it means") {
    const Json& vectors = wire_vectors().at("vectors");
    REQUIRE(vectors.size() == 145);
    std::set<MessageType> seen;
    for (const Json& vector : vectors) {
        const Bytes bytes = from_hex(vector.at("hex").get<std::string>());
        const Json& decoded = vector.at("decoded");
        INFO(vector.at("id") << " " << vector.at("hex"));
        REQUIRE(bytes.size() == header_size + decoded.at("body_length").get<std::size_t>());

        const Message expected = described_by(decoded, bytes);
        REQUIRE(name_of(expected.type) == decoded.at("name"));
        const Message message = message_of(bytes);
        CHECK(describe(message) == describe(expected));
        CHECK(message == expected);
        for (const Json& option : decoded.at("options"))
            if (option.contains("meaning"))
                CHECK(name_of(message.vote.value()) == option.at("meaning"));
        seen.insert(message.type);
    }
    // VOTE_INFO to HEURISTICS_CHANGE_REPLY: no type is left to a test of our own making.
    CHECK(seen.size() == message_type_count);
}

TEST_CASE("every recorded message is encoded byte for byte") {
    std::set<std::string> unused = decode_only;
    for (const Json& vector : wire_vectors().at("vectors")) {
        const std::string hex = vector.at("hex");
        INFO(vector.at("id"));
        if (unused.erase(vector.at("id")) != 0) continue;
        CHECK(to_hex(encode(message_of(from_hex(hex)))) == hex);
        // Not merely a copy of an undecoded body: the options of an echo make the same bytes.
        Message without_body = message_of(from_hex(hex));
        without_body.echo_body.clear();
        CHECK(to_hex(encode(without_body)) == hex);
    }
    CHECK(unused.empty());
}

}  // namespace castvote::tests
