// private_options.hpp -- SET_OPTION with what only our own node daemon says (protocol.md 15), made
// from a fuzzer's bytes: as it says it, or nonsense.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>

#include "tests/fuzz/reader.hpp"

namespace castvote::fuzz {

inline wire::RingId any_ring(Reader& reader) {
    const std::uint8_t choice = reader.byte();
    return {.node_id = 1 + (choice & 7u), .seq = (choice >> 3) * 4u};
}

// Tenths of a second, or what no daemon means.
inline std::uint32_t any_span(Reader& reader) {
    constexpr std::array<std::uint32_t, 6> odd{1, 16000, 16001, 150001, 150002, 0xffffffff};
    const std::uint8_t choice = reader.byte();
    return choice < 240 ? choice * 100u : odd[(choice - 240u) % odd.size()];
}

inline std::uint64_t any_grant_number(Reader& reader) {
    constexpr std::uint64_t one = 1;
    constexpr std::array<std::uint64_t, 4> odd{one << 62, (one << 62) + 1, one << 63, ~(one - 1)};
    const std::uint8_t choice = reader.byte();
    return choice < 240 ? choice : odd[choice % odd.size()];
}

// Which of them: one bit each. Then a byte for each that is there.
inline wire::Message any_private_options(Reader& reader) {
    wire::Message message;
    message.type = wire::MessageType::set_option;
    message.msg_seq_number = 9;
    const std::uint8_t which = reader.byte();
    if ((which & 1) != 0) message.lease = any_span(reader);
    if ((which & 2) != 0) message.device_timeout = any_span(reader);
    if ((which & 4) != 0) message.sync_timeout = any_span(reader);
    if ((which & 8) != 0) message.grant_number = any_grant_number(reader);
    if ((which & 16) != 0) message.released = reader.byte();
    if ((which & 32) != 0) message.ring_id = any_ring(reader);
    if ((which & 64) != 0) message.heartbeat_interval = any_span(reader);
    return message;
}

inline bool has_private_options(const wire::Message& message) {
    return message.lease || message.device_timeout || message.sync_timeout ||
           message.grant_number || message.released;
}

}  // namespace castvote::fuzz
