// reader.hpp -- a fuzzer's bytes, taken one by one as small decisions.
//
// Past the end everything is 0, so that every input means something and a shorter one means less.
// Also what all targets share: expect(), which ends the run with a sentence, and round_trip().
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "common/wire/codec.hpp"
#include "common/wire/framer.hpp"

namespace castvote::fuzz {

class Reader {
public:
    explicit Reader(wire::View bytes) : rest_(bytes) {}

    bool is_empty() const { return rest_.empty(); }

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const std::uint8_t first = rest_.front();
        rest_ = rest_.subspan(1);
        return first;
    }
    // 0 .. limit - 1, at most 255.
    unsigned below(unsigned limit) { return byte() % limit; }
    bool flag() { return (byte() & 1) != 0; }

    // At most so many bytes.
    wire::View take(std::size_t length) {
        const wire::View taken = rest_.first(std::min(length, rest_.size()));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

private:
    wire::View rest_;
};

inline void expect(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error(what);
}

// Whether encode() may be asked to send this: it needs an option of the message's own type.
inline bool is_encodable(const wire::Message& message) {
    if (!message.echo_body.empty()) return true;
    wire::Message empty;
    empty.type = message.type;
    wire::Message own = empty;
    for (const wire::Option option : wire::option_order(message.type))
        wire::with_field(option, [&](auto field) { own.*field.member = message.*field.member; });
    return !(own == empty);
}

// One whole message: header and body as they came.
inline wire::Bytes frame(std::uint16_t type, wire::View body) {
    const auto size = static_cast<std::uint32_t>(body.size());
    const std::uint32_t type_wide = type;
    wire::Bytes bytes;
    for (const std::uint32_t part :
         {type_wide >> 8, type_wide, size >> 24, size >> 16, size >> 8, size})
        bytes.push_back(static_cast<std::uint8_t>(part));
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

// What the frame turns out to be.
inline wire::Inbound inbound_of(wire::View whole_frame) {
    wire::Framer framer(32768);
    while (!whole_frame.empty()) {
        whole_frame = whole_frame.subspan(framer.feed(whole_frame));
        if (auto ready = framer.next()) return *ready;
    }
    throw std::logic_error("a whole frame is complete");
}

// What we send must be encodable, and say the same to whoever reads it.
inline void round_trip(const wire::Message& message) {
    expect(is_encodable(message), "a message without an option of its type is sent");
    const wire::Bytes bytes = wire::encode(message);
    expect(bytes.size() <= 65536, "a message is longer than anybody takes");
    const auto decoded = wire::decode(message.type, wire::View(bytes).subspan(wire::header_size));
    expect(decoded.has_value(), "a message that we send cannot be decoded");
    expect(wire::encode(*decoded) == bytes, "a message that we send is read as something else");
}

}  // namespace castvote::fuzz
