// message.hpp -- one message of the protocol, as a value.
//
// Every peer decodes and judges all options in every message, also those which mean nothing
// there (protocol.md 3); so a message is its type and whichever options it carried, not one struct
// per type. `OptionFields` is the one list of options that drives encoder, decoder, description and
// fuzzing; `option_order` says which of them a type has and in which order they are sent. Which
// ones a receiver insists on is the business of its state machine.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <optional>
#include <tuple>

#include "common/wire/types.hpp"

namespace castvote::wire {

struct Message {
    MessageType type = MessageType::preinit;

    std::optional<std::uint32_t> msg_seq_number;
    std::optional<std::string> cluster_name;  // raw bytes, any
    std::optional<TlsSupported> tls_supported;
    std::optional<std::uint8_t> tls_client_cert_required;
    std::optional<std::vector<std::uint16_t>> supported_messages;
    std::optional<std::vector<std::uint16_t>> supported_options;
    std::optional<ReplyErrorCode> reply_error_code;
    std::optional<std::uint32_t> server_maximum_request_size;  // bytes
    std::optional<std::uint32_t> server_maximum_reply_size;    // bytes
    std::optional<NodeId> node_id;
    std::optional<std::vector<std::uint16_t>> supported_decision_algorithms;
    std::optional<DecisionAlgorithm> decision_algorithm;
    std::optional<std::uint32_t> heartbeat_interval;  // milliseconds
    std::optional<RingId> ring_id;
    std::optional<std::uint64_t> config_version;
    std::optional<std::uint32_t> data_center_id;
    std::optional<NodeState> node_state;
    std::vector<NodeInfo> node_info;  // accumulates; the order is kept
    std::optional<NodeListType> node_list_type;
    std::optional<Vote> vote;
    std::optional<Quorate> quorate;
    std::optional<TieBreaker> tie_breaker;
    std::optional<Heuristics> heuristics;
    std::optional<KeepActivePartition> keep_active_partition_tie_breaker;
    std::optional<std::uint32_t> lease;           // milliseconds
    std::optional<std::uint32_t> device_timeout;  // milliseconds
    std::optional<std::uint32_t> sync_timeout;    // milliseconds
    std::optional<std::uint64_t> grant_number;
    std::optional<std::uint8_t> released;

    // The undecoded body of ECHO_REQUEST and ECHO_REPLY: the reply is a copy of it (protocol.md 2).
    Bytes echo_body;

    bool operator==(const Message&) const = default;
};

// One option and the member of Message that holds it.
template <Option option_, auto member_>
struct Field {
    static constexpr Option option = option_;
    static constexpr auto member = member_;
};

using OptionFields = std::tuple<
    Field<Option::msg_seq_number, &Message::msg_seq_number>,
    Field<Option::cluster_name, &Message::cluster_name>,
    Field<Option::tls_supported, &Message::tls_supported>,
    Field<Option::tls_client_cert_required, &Message::tls_client_cert_required>,
    Field<Option::supported_messages, &Message::supported_messages>,
    Field<Option::supported_options, &Message::supported_options>,
    Field<Option::reply_error_code, &Message::reply_error_code>,
    Field<Option::server_maximum_request_size, &Message::server_maximum_request_size>,
    Field<Option::server_maximum_reply_size, &Message::server_maximum_reply_size>,
    Field<Option::node_id, &Message::node_id>,
    Field<Option::supported_decision_algorithms, &Message::supported_decision_algorithms>,
    Field<Option::decision_algorithm, &Message::decision_algorithm>,
    Field<Option::heartbeat_interval, &Message::heartbeat_interval>,
    Field<Option::ring_id, &Message::ring_id>,
    Field<Option::config_version, &Message::config_version>,
    Field<Option::data_center_id, &Message::data_center_id>,
    Field<Option::node_state, &Message::node_state>, Field<Option::node_info, &Message::node_info>,
    Field<Option::node_list_type, &Message::node_list_type>, Field<Option::vote, &Message::vote>,
    Field<Option::quorate, &Message::quorate>, Field<Option::tie_breaker, &Message::tie_breaker>,
    Field<Option::heuristics, &Message::heuristics>,
    Field<Option::keep_active_partition_tie_breaker, &Message::keep_active_partition_tie_breaker>,
    Field<Option::lease, &Message::lease>, Field<Option::device_timeout, &Message::device_timeout>,
    Field<Option::sync_timeout, &Message::sync_timeout>,
    Field<Option::grant_number, &Message::grant_number>,
    Field<Option::released, &Message::released>>;
static_assert(std::tuple_size_v<OptionFields> == option_count + private_option_count);

// Calls visit(Field<...>{}) for the field of `option`; nothing for an unknown one.
template <class Visit>
void with_field(Option option, Visit visit) {
    std::apply(
        [&](auto... field) {
            static_cast<void>(((field.option == option && (visit(field), true)) || ...));
        },
        OptionFields{});
}

// The options of a message type, in the order in which they are sent (protocol.md 2).
std::span<const Option> option_order(MessageType type);

// Is the wanted message type, option or algorithm in such a list? In an absent one nothing is.
template <class Number>
bool lists(const std::optional<std::vector<std::uint16_t>>& numbers, Number wanted) {
    return numbers && std::find(numbers->begin(), numbers->end(),
                                static_cast<std::uint16_t>(wanted)) != numbers->end();
}

}  // namespace castvote::wire
