// wire_property_test.cpp -- what holds for every message, and for every heap of bytes.
//
// Each case is a number: run with the seed and the number that a failure prints to see it again.
// The sanitizers of the dev build do half of the work here.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>

#include "common/wire/describe.hpp"
#include "tests/unit/support/generator.hpp"
#include "tests/unit/support/vectors.hpp"

namespace castvote::tests {

namespace {

using namespace castvote::wire;

constexpr std::uint64_t cases = 100'000;

Bytes body_of(const Message& message) {
    const Bytes bytes = encode(message);
    return {bytes.begin() + header_size, bytes.end()};
}

// Decodes, describes, and checks what must hold whatever the bytes are.
void judge(MessageType type, wire::View body) {
    const auto decoded = decode(type, body);
    const std::string line = decoded ? describe(*decoded) : describe(decoded.error());
    if (!std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }))
        FAIL("not printable: " << line);
    if (!decoded) {
        if (decoded.error().type != type) FAIL("another type: " << line);
        return;
    }
    // What is sent again of a message that was accepted is accepted again, and means the same.
    Message own;
    own.type = type;
    for (const Option option : option_order(type))
        with_field(option, [&](auto field) { own.*field.member = (*decoded).*field.member; });
    Message empty;
    empty.type = type;
    if (own == empty) return;
    auto again = decode(type, body_of(own));
    if (!again) FAIL("not accepted again: " << line);
    again->echo_body.clear();
    if (!(*again == own)) FAIL("changed on the way: " << line << " / " << describe(*again));
}

void mutate(Generator& chance, Bytes& bytes) {
    for (std::uint64_t i = 0; i <= chance.below(4); ++i) {
        const std::size_t at = chance.below(bytes.size() + 1);
        const auto byte =
            static_cast<std::uint8_t>(chance.one_in(2) ? chance.below(24) : chance.next());
        switch (chance.below(4)) {
            case 0: bytes.insert(bytes.begin() + static_cast<long>(at), byte); break;
            case 1: bytes.resize(at); break;
            default:
                if (at < bytes.size()) bytes[at] = byte;
        }
    }
}

}  // namespace

TEST_CASE("a message survives the wire") {
    constexpr std::uint64_t seed = 20;
    Generator chance(seed);
    for (std::uint64_t number = 0; number < cases; ++number) {
        Message message = any_message(chance);
        auto decoded = decode(message.type, body_of(message));
        if (!decoded) FAIL("seed " << seed << " case " << number << ": " << describe(message));
        decoded->echo_body.clear();  // the copy that a reply is made of
        if (!(*decoded == message))
            FAIL("seed " << seed << " case " << number << ": " << describe(message) << " became "
                         << describe(*decoded));
    }
}

TEST_CASE("an echo comes back as it was, unknown options included") {
    Generator chance(21);
    for (std::uint64_t number = 0; number < 1000; ++number) {
        Bytes body = from_hex("00000004");
        for (const std::uint8_t byte : chance.bytes(4)) body.push_back(byte);
        const auto length = static_cast<std::uint8_t>(chance.below(40));
        for (const std::uint8_t byte : from_hex("006300")) body.push_back(byte);
        body.push_back(length);
        for (const std::uint8_t byte : chance.bytes(length)) body.push_back(byte);
        auto request = decode(MessageType::echo_request, body);
        REQUIRE(request.has_value());
        request->type = MessageType::echo_reply;
        REQUIRE(body_of(*request) == body);
    }
}

TEST_CASE("random bytes are judged, whatever they are") {
    Generator chance(22);
    for (std::uint64_t number = 0; number < cases; ++number) {
        const auto type = static_cast<MessageType>(chance.below(message_type_count));
        judge(type, chance.bytes(chance.below(64)));
    }
}

TEST_CASE("damaged messages are judged, whatever became of them") {
    Generator chance(23);
    const Json& vectors = wire_vectors().at("vectors");
    for (std::uint64_t number = 0; number < cases; ++number) {
        Bytes bytes =
            chance.one_in(2)
                ? encode(any_message(chance))
                : from_hex(vectors.at(chance.below(vectors.size())).at("hex").get<std::string>());
        const auto type = static_cast<MessageType>(bytes[1]);
        bytes.erase(bytes.begin(), bytes.begin() + header_size);
        mutate(chance, bytes);
        judge(type, bytes);
    }
}

TEST_CASE("damaged streams end in frames, and the framer finds its way again") {
    Generator chance(24);
    for (std::uint64_t number = 0; number < 20'000; ++number) {
        Bytes stream = encode(any_message(chance));
        for (int i = 0; i < 3; ++i)
            for (const std::uint8_t byte : encode(any_message(chance))) stream.push_back(byte);
        mutate(chance, stream);
        Framer framer(32768);
        for (wire::View rest = stream; !rest.empty();) {
            const std::size_t taken = framer.feed(rest);
            if (taken == 0) FAIL("case " << number << ": it takes nothing");
            rest = rest.subspan(taken);
            if (const auto frame = framer.next()) static_cast<void>(describe(*frame));
        }
        if (framer.wanted() == 0) FAIL("case " << number << ": it wants nothing");
    }
}

}  // namespace castvote::tests
