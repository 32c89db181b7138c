// generator.hpp -- chance from a seed, and any message that the protocol allows.
//
// Small and the same on every machine: a failing test prints its seed and number and can be
// repeated. A generated message carries only options which its type has, so that it survives encode
// and decode.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "common/wire/message.hpp"

namespace castvote::tests {

// splitmix64.
class Generator {
public:
    explicit Generator(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
    }

    // 0 .. limit - 1.
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    // Small numbers, the ends of the range, and anything between.
    template <class Number>
    Number number() {
        switch (below(4)) {
            case 0: return static_cast<Number>(below(5));
            case 1: return static_cast<Number>(~std::uint64_t{0} - below(3));
            default: return static_cast<Number>(next());
        }
    }

    wire::Bytes bytes(std::size_t length) {
        wire::Bytes bytes(length);
        for (auto& byte : bytes) byte = static_cast<std::uint8_t>(next());
        return bytes;
    }

private:
    std::uint64_t state_;
};

namespace any {

template <class Number>
requires std::is_integral_v<Number>
void fill(Generator& chance, Number& value) { value = chance.number<Number>(); }

inline void fill(Generator& chance, std::string& value) {
    const wire::Bytes bytes = chance.bytes(chance.below(20));
    value.assign(bytes.begin(), bytes.end());
}

inline void fill(Generator& chance, std::vector<std::uint16_t>& value) {
    value.resize(chance.below(5));
    for (auto& number : value) fill(chance, number);
}

// low and high: the ends of the enumeration on the wire (protocol.md 3).
template <class Enum>
void pick(Generator& chance, Enum& value, unsigned low, unsigned high) {
    value = static_cast<Enum>(low + chance.below(high - low + 1));
}

inline void fill(Generator& c, wire::TlsSupported& value) { pick(c, value, 0, 2); }
inline void fill(Generator& c, wire::ReplyErrorCode& value) { pick(c, value, 0, 0xffff); }
inline void fill(Generator& c, wire::DecisionAlgorithm& value) { pick(c, value, 0, 0xffff); }
inline void fill(Generator& c, wire::NodeState& value) { pick(c, value, 1, 3); }
inline void fill(Generator& c, wire::NodeListType& value) { pick(c, value, 0, 3); }
inline void fill(Generator& c, wire::Vote& value) { pick(c, value, 1, 5); }
inline void fill(Generator& c, wire::Quorate& value) { pick(c, value, 0, 1); }
inline void fill(Generator& c, wire::Heuristics& value) { pick(c, value, 1, 2); }
inline void fill(Generator& c, wire::KeepActivePartition& value) { pick(c, value, 0, 1); }

inline void fill(Generator& chance, wire::RingId& value) {
    fill(chance, value.node_id);
    fill(chance, value.seq);
}

inline void fill(Generator& chance, wire::TieBreaker& value) {
    pick(chance, value.mode, 1, 3);
    fill(chance, value.node_id);
}

inline void fill(Generator& chance, wire::NodeInfo& value) {
    do fill(chance, value.node_id);
    while (value.node_id == 0);
    if (chance.one_in(3)) fill(chance, value.data_center_id);
    if (chance.one_in(2)) fill(chance, value.state);
}

template <class Value>
void fill_field(Generator& chance, std::optional<Value>& value) {
    if (chance.one_in(4)) return;
    value.emplace();
    fill(chance, *value);
}

inline void fill_field(Generator& chance, std::vector<wire::NodeInfo>& list) {
    list.resize(chance.below(5));
    for (auto& info : list) fill(chance, info);
}

}  // namespace any

inline wire::Message any_message(Generator& chance) {
    wire::Message message;
    message.type = static_cast<wire::MessageType>(chance.below(wire::message_type_count));
    for (const wire::Option option : wire::option_order(message.type)) {
        wire::with_field(option,
                         [&](auto field) { any::fill_field(chance, message.*field.member); });
    }
    // A body holds at least one option (protocol.md 1), and every type has this one.
    wire::Message empty;
    empty.type = message.type;
    if (message == empty) message.msg_seq_number = chance.number<std::uint32_t>();
    return message;
}

}  // namespace castvote::tests
