// decoder.cpp -- fuzz target: decode, encode, decode is stable for every message.
//
// Input: one byte for the message type, then the body. What decodes and has an option of its own
// type can be encoded, says the same again, and encodes to the same bytes from then on.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/describe.hpp"
#include "tests/fuzz/reader.hpp"
#include "tests/fuzz/target.hpp"

namespace castvote::fuzz {

namespace {

// Only the options that a message of this type carries when it is sent.
wire::Message own_options(const wire::Message& message) {
    wire::Message own;
    own.type = message.type;
    own.echo_body = message.echo_body;
    for (const wire::Option option : wire::option_order(message.type))
        wire::with_field(option, [&](auto field) { own.*field.member = message.*field.member; });
    return own;
}

}  // namespace

void run(wire::View bytes) {
    Reader reader(bytes);
    const auto type = static_cast<wire::MessageType>(reader.below(wire::message_type_count));
    const wire::View body = reader.take(bytes.size());
    const auto first = wire::decode(type, body);
    if (!first) {
        expect(!wire::describe(wire::Inbound(first.error())).empty(), "an error without words");
        return;
    }
    expect(!wire::describe(*first).empty(), "a message without words");
    if (!is_encodable(*first)) return;
    const wire::Bytes encoded = wire::encode(*first);
    const auto second = wire::decode(type, wire::View(encoded).subspan(wire::header_size));
    expect(second.has_value(), "what was encoded cannot be decoded");
    if (first->echo_body.empty())
        expect(own_options(*first) == own_options(*second), "encoding changes the message");
    else
        expect(first->echo_body == second->echo_body, "an echo is not what it answers");
    expect(wire::encode(*second) == encoded, "encoding is not stable");
}

}  // namespace castvote::fuzz
