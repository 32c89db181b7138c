// framer.hpp -- a stream of bytes to a sequence of messages (protocol.md 1 and 6.1).
//
// Knows the header and the receive limit, nothing of sockets. It never wants a byte beyond the
// current message, which is what makes STARTTLS safe: a reader that takes at most `wanted()` bytes
// leaves the TLS hello untouched. The body of a message that is too long or of unknown type is
// dropped as it arrives; memory grows only with bytes which really came, up to the limit.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <variant>

#include "common/wire/codec.hpp"

namespace castvote::wire {

// A message whose body was passed over: unsupported_message or message_too_long.
struct Skipped {
    ReplyErrorCode code = ReplyErrorCode::unsupported_message;
    std::uint16_t type = 0;  // of an unsupported message
    bool operator==(const Skipped&) const = default;
};

// What one frame of the stream turned out to be.
using Inbound = std::variant<Message, DecodeError, Skipped>;

class Framer {
public:
    // message_size_max: largest message accepted, header included, bytes.
    explicit Framer(std::size_t message_size_max);

    // Takes some bytes of `in`, never past the end of the current message; returns how many.
    // After it, ask next(); takes nothing while a frame waits there.
    std::size_t feed(View in);

    // The frame which has just become complete, once.
    std::optional<Inbound> next();

    // How many bytes are missing until the header, or the message, is complete; at least 1.
    std::size_t wanted() const;

    // A larger or smaller limit for the messages which begin from now on.
    void set_message_size_max(std::size_t bytes) { message_size_max_ = bytes; }

    bool operator==(const Framer&) const = default;

private:
    void begin_body();
    void finish();

    std::size_t message_size_max_;
    Bytes buffer_;            // the header, later the body
    bool in_body_ = false;    // the header is complete
    std::uint16_t type_ = 0;  // of the current message
    std::size_t missing_ = header_size;
    std::optional<ReplyErrorCode> skip_;  // the body is passed over, for this reason
    std::optional<Inbound> ready_;
};

}  // namespace castvote::wire
