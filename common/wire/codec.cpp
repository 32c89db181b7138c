// codec.cpp -- how each kind of value looks in bytes, and the walks over a message's options.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/codec.hpp"

#include <type_traits>

#include "common/wire/check.hpp"

namespace castvote::wire {

namespace {

constexpr std::size_t option_header_size = 4;  // type u16, length u16
constexpr std::size_t option_size_max = 0xffff;

template <class Number>
void put(Bytes& out, Number number) {
    for (std::size_t i = sizeof(Number); i-- > 0;)
        out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> (8 * i)));
}

template <class Number>
Number get(View in) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) number = number << 8 | in[i];
    return static_cast<Number>(number);
}

// What can be wrong with one value; the caller knows which option it was.
using Fault = std::optional<DecodeErrorKind>;
constexpr Fault fine = std::nullopt;

// The smallest and largest number that an enumeration may have on the wire.
template <class Enum>
struct Range {
    static constexpr std::uint64_t low = 0;
    static constexpr std::uint64_t high = ~std::uint64_t{0};
};
template <>
struct Range<TlsSupported> {
    static constexpr std::uint64_t low = 0, high = 2;
};
template <>
struct Range<NodeState> {
    static constexpr std::uint64_t low = 1, high = 3;
};
template <>
struct Range<NodeListType> {
    static constexpr std::uint64_t low = 0, high = 3;
};
template <>
struct Range<Vote> {
    static constexpr std::uint64_t low = 1, high = 5;
};
template <>
struct Range<Quorate> {
    static constexpr std::uint64_t low = 0, high = 1;
};
template <>
struct Range<TieBreakerMode> {
    static constexpr std::uint64_t low = 1, high = 3;
};
template <>
struct Range<Heuristics> {
    static constexpr std::uint64_t low = 1, high = 2;
};
template <>
struct Range<KeepActivePartition> {
    static constexpr std::uint64_t low = 0, high = 1;
};

template <class Value>
struct Codec;

template <class Number>
requires std::is_integral_v<Number>
struct Codec<Number> {
    static void encode(Bytes& out, Number number) { put(out, number); }
    static Fault decode(View in, Number& number) {
        if (in.size() != sizeof(Number)) return DecodeErrorKind::bad_option_length;
        number = get<Number>(in);
        return fine;
    }
};

template <class Enum>
requires std::is_enum_v<Enum>
struct Codec<Enum> {
    using Number = std::underlying_type_t<Enum>;
    static void encode(Bytes& out, Enum value) { put(out, static_cast<Number>(value)); }
    static Fault decode(View in, Enum& value) {
        Number number = 0;
        if (const Fault fault = Codec<Number>::decode(in, number)) return fault;
        if (number < Range<Enum>::low || number > Range<Enum>::high)
            return DecodeErrorKind::bad_option_value;
        value = static_cast<Enum>(number);
        return fine;
    }
};

template <>
struct Codec<std::string> {
    static void encode(Bytes& out, const std::string& text) {
        out.insert(out.end(), text.begin(), text.end());
    }
    static Fault decode(View in, std::string& text) {
        text.assign(in.begin(), in.end());
        return fine;
    }
};

template <>
struct Codec<std::vector<std::uint16_t>> {
    static void encode(Bytes& out, const std::vector<std::uint16_t>& numbers) {
        for (const std::uint16_t number : numbers) put(out, number);
    }
    static Fault decode(View in, std::vector<std::uint16_t>& numbers) {
        if (in.size() % 2 != 0) return DecodeErrorKind::bad_option_length;
        numbers.clear();
        for (std::size_t i = 0; i < in.size(); i += 2)
            numbers.push_back(get<std::uint16_t>(in.subspan(i)));
        return fine;
    }
};

template <>
struct Codec<RingId> {
    static void encode(Bytes& out, const RingId& ring) {
        put(out, ring.node_id);
        put(out, ring.seq);
    }
    static Fault decode(View in, RingId& ring) {
        if (in.size() != 12) return DecodeErrorKind::bad_option_length;
        ring = {.node_id = get<NodeId>(in), .seq = get<std::uint64_t>(in.subspan(4))};
        return fine;
    }
};

template <>
struct Codec<TieBreaker> {
    static void encode(Bytes& out, const TieBreaker& tie_breaker) {
        put(out, static_cast<std::uint8_t>(tie_breaker.mode));
        put(out, tie_breaker.mode == TieBreakerMode::node_id ? tie_breaker.node_id : NodeId{0});
    }
    static Fault decode(View in, TieBreaker& tie_breaker) {
        if (in.size() != 5) return DecodeErrorKind::bad_option_length;
        if (const Fault fault = Codec<TieBreakerMode>::decode(in.first(1), tie_breaker.mode))
            return fault;
        tie_breaker.node_id = get<NodeId>(in.subspan(1));
        return fine;
    }
};

// Walks the options of `in`; `take(type, value)` judges each. Left-over bytes are a fault.
template <class Take>
Fault walk(View in, Take take) {
    while (!in.empty()) {
        if (in.size() < option_header_size) return DecodeErrorKind::truncated_option;
        const auto type = get<std::uint16_t>(in);
        const auto length = get<std::uint16_t>(in.subspan(2));
        in = in.subspan(option_header_size);
        if (in.size() < length) return DecodeErrorKind::truncated_option;
        if (const Fault fault = take(static_cast<Option>(type), in.first(length))) return fault;
        in = in.subspan(length);
    }
    return fine;
}

template <class Value>
void put_option(Bytes& out, Option option, const Value& value) {
    put(out, static_cast<std::uint16_t>(option));
    const std::size_t length_at = out.size();
    put(out, std::uint16_t{0});
    Codec<Value>::encode(out, value);
    const std::size_t length = out.size() - length_at - 2;
    CHECK(length <= option_size_max, "an option that we send fits its 16-bit length");
    out[length_at] = static_cast<std::uint8_t>(length >> 8);
    out[length_at + 1] = static_cast<std::uint8_t>(length);
}

template <>
struct Codec<NodeInfo> {
    static void encode(Bytes& out, const NodeInfo& info) {
        put_option(out, Option::node_id, info.node_id);
        if (info.data_center_id != 0) put_option(out, Option::data_center_id, info.data_center_id);
        if (info.state != NodeState::not_set) put_option(out, Option::node_state, info.state);
    }
    static Fault decode(View in, NodeInfo& info) {
        info = {};
        const Fault fault = walk(in, [&](Option option, View value) -> Fault {
            switch (option) {
                case Option::node_id: return Codec<NodeId>::decode(value, info.node_id);
                case Option::data_center_id:
                    return Codec<std::uint32_t>::decode(value, info.data_center_id);
                case Option::node_state: return Codec<NodeState>::decode(value, info.state);
                default: return fine;
            }
        });
        if (fault) return fault;
        return info.node_id == 0 ? Fault(DecodeErrorKind::bad_option_value) : fine;
    }
};

template <class Value>
void put_field(Bytes& out, Option option, const std::optional<Value>& value) {
    if (value) put_option(out, option, *value);
}

void put_field(Bytes& out, Option option, const std::vector<NodeInfo>& list) {
    for (const NodeInfo& info : list) put_option(out, option, info);
}

template <class Value>
Fault take_field(View in, std::optional<Value>& value) {
    Value decoded{};
    const Fault fault = Codec<Value>::decode(in, decoded);
    if (!fault) value = std::move(decoded);
    return fault;
}

Fault take_field(View in, std::vector<NodeInfo>& list) {
    NodeInfo info;
    const Fault fault = Codec<NodeInfo>::decode(in, info);
    if (!fault) list.push_back(info);
    return fault;
}

bool is_echo(MessageType type) {
    return type == MessageType::echo_request || type == MessageType::echo_reply;
}

}  // namespace

std::span<const Option> option_order(MessageType type) {
    using enum Option;
    static constexpr Option of_preinit[] = {msg_seq_number, cluster_name};
    static constexpr Option of_preinit_reply[] = {msg_seq_number, tls_supported,
                                                  tls_client_cert_required};
    static constexpr Option number_only[] = {msg_seq_number};
    static constexpr Option of_init[] = {
        msg_seq_number,     supported_messages, supported_options, node_id,
        decision_algorithm, heartbeat_interval, tie_breaker,       ring_id};
    static constexpr Option of_init_reply[] = {reply_error_code,
                                               supported_messages,
                                               supported_options,
                                               msg_seq_number,
                                               server_maximum_request_size,
                                               server_maximum_reply_size,
                                               supported_decision_algorithms};
    static constexpr Option of_server_error[] = {msg_seq_number, reply_error_code};
    static constexpr Option of_set_option[] = {msg_seq_number,
                                               heartbeat_interval,
                                               keep_active_partition_tie_breaker,
                                               ring_id,
                                               lease,
                                               device_timeout,
                                               sync_timeout,
                                               grant_number,
                                               released};
    static constexpr Option of_node_list[] = {
        msg_seq_number, node_list_type, ring_id, config_version, quorate, node_info, heuristics};
    static constexpr Option of_node_list_reply[] = {msg_seq_number, node_list_type, ring_id, vote};
    static constexpr Option of_vote[] = {msg_seq_number, vote, ring_id, grant_number};
    static constexpr Option of_heuristics_change[] = {msg_seq_number, heuristics};
    static constexpr Option of_heuristics_change_reply[] = {msg_seq_number, vote, ring_id,
                                                            heuristics};
    switch (type) {
        case MessageType::preinit: return of_preinit;
        case MessageType::preinit_reply: return of_preinit_reply;
        case MessageType::init: return of_init;
        case MessageType::init_reply: return of_init_reply;
        case MessageType::server_error: return of_server_error;
        case MessageType::set_option:
        case MessageType::set_option_reply: return of_set_option;
        case MessageType::node_list: return of_node_list;
        case MessageType::node_list_reply: return of_node_list_reply;
        case MessageType::ask_for_vote_reply:
        case MessageType::vote_info: return of_vote;
        case MessageType::heuristics_change: return of_heuristics_change;
        case MessageType::heuristics_change_reply: return of_heuristics_change_reply;
        case MessageType::starttls:
        case MessageType::echo_request:
        case MessageType::echo_reply:
        case MessageType::ask_for_vote:
        case MessageType::vote_info_reply: return number_only;
    }
    CHECK(false, "option_order is asked only for types which the framer lets through");
}

Bytes encode(const Message& message) {
    Bytes out;
    put(out, static_cast<std::uint16_t>(message.type));
    put(out, std::uint32_t{0});
    if (is_echo(message.type) && !message.echo_body.empty()) {
        out.insert(out.end(), message.echo_body.begin(), message.echo_body.end());
    } else {
        for (const Option option : option_order(message.type))
            with_field(option, [&](auto field) { put_field(out, option, message.*field.member); });
    }
    const std::size_t body = out.size() - header_size;
    CHECK(body > 0, "a message that we send carries at least one option");
    for (std::size_t i = 0; i < 4; ++i)
        out[2 + i] = static_cast<std::uint8_t>(body >> (24 - 8 * i));
    return out;
}

Expected<Message, DecodeError> decode(MessageType type, View body) {
    Message message;
    message.type = type;
    Option current = Option::msg_seq_number;
    Fault fault = body.empty() ? Fault(DecodeErrorKind::empty_body) : fine;
    if (!fault) {
        fault = walk(body, [&](Option option, View value) {
            current = option;
            Fault found = fine;
            with_field(option,
                       [&](auto field) { found = take_field(value, message.*field.member); });
            return found;
        });
    }
    if (fault)
        return Unexpected<DecodeError>(DecodeError{.kind = *fault,
                                                   .type = type,
                                                   .option = current,
                                                   .msg_seq_number = message.msg_seq_number});
    if (is_echo(type)) message.echo_body.assign(body.begin(), body.end());
    return message;
}

}  // namespace castvote::wire
