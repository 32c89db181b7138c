// codec.hpp -- messages to bytes and back (protocol.md 1 to 3).
//
// Decoding judges every option whatever the message type, skips unknown ones, lets the last of a
// repeated scalar win and accumulates NODE_INFO. What a message means is none of its business.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "common/wire/expected.hpp"
#include "common/wire/message.hpp"

namespace castvote::wire {

constexpr std::size_t header_size = 6;  // type u16, body length u32

enum class DecodeErrorKind : std::uint8_t {
    empty_body,         // a body must hold at least one option
    truncated_option,   // bytes left over, or an option longer than the rest
    bad_option_length,  // a length that this option cannot have
    bad_option_value,   // a value that this option cannot have
};

struct DecodeError {
    DecodeErrorKind kind = DecodeErrorKind::empty_body;
    MessageType type = MessageType::preinit;
    Option option = Option::msg_seq_number;  // meaningful for the last two kinds
    // The request's number, if it stood before the fault: the answer echoes it (protocol.md 3).
    std::optional<std::uint32_t> msg_seq_number;
    bool operator==(const DecodeError&) const = default;
};

// Header and body. The message must carry at least one option of its type.
Bytes encode(const Message& message);

// The body of a message whose header said `type`. Cost: linear in the body.
Expected<Message, DecodeError> decode(MessageType type, View body);

}  // namespace castvote::wire
