// types.cpp -- the names of the wire's numbers.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/wire/types.hpp"

#include <fmt/format.h>

#include <numeric>

namespace castvote::wire {

namespace {

template <std::size_t n, class Number>
std::string_view pick(const std::array<std::string_view, n>& names, Number number) {
    const auto index = static_cast<std::size_t>(number);
    return index < n ? names[index] : "?";
}

}  // namespace

std::string_view name_of(MessageType type) {
    static constexpr std::array<std::string_view, message_type_count> names = {
        "PREINIT",           "PREINIT_REPLY",
        "STARTTLS",          "INIT",
        "INIT_REPLY",        "SERVER_ERROR",
        "SET_OPTION",        "SET_OPTION_REPLY",
        "ECHO_REQUEST",      "ECHO_REPLY",
        "NODE_LIST",         "NODE_LIST_REPLY",
        "ASK_FOR_VOTE",      "ASK_FOR_VOTE_REPLY",
        "VOTE_INFO",         "VOTE_INFO_REPLY",
        "HEURISTICS_CHANGE", "HEURISTICS_CHANGE_REPLY"};
    return pick(names, type);
}

std::string_view name_of(Option option) {
    static constexpr std::array<std::string_view, option_count> names = {
        "MSG_SEQ_NUMBER",
        "CLUSTER_NAME",
        "TLS_SUPPORTED",
        "TLS_CLIENT_CERT_REQUIRED",
        "SUPPORTED_MESSAGES",
        "SUPPORTED_OPTIONS",
        "REPLY_ERROR_CODE",
        "SERVER_MAXIMUM_REQUEST_SIZE",
        "SERVER_MAXIMUM_REPLY_SIZE",
        "NODE_ID",
        "SUPPORTED_DECISION_ALGORITHMS",
        "DECISION_ALGORITHM",
        "HEARTBEAT_INTERVAL",
        "RING_ID",
        "CONFIG_VERSION",
        "DATA_CENTER_ID",
        "NODE_STATE",
        "NODE_INFO",
        "NODE_LIST_TYPE",
        "VOTE",
        "QUORATE",
        "TIE_BREAKER",
        "HEURISTICS",
        "KEEP_ACTIVE_PARTITION_TIE_BREAKER"};
    switch (option) {
        case Option::lease: return "LEASE";
        case Option::device_timeout: return "DEVICE_TIMEOUT";
        case Option::sync_timeout: return "SYNC_TIMEOUT";
        case Option::grant_number: return "GRANT_NUMBER";
        case Option::released: return "RELEASED";
        default: return pick(names, option);
    }
}

std::string_view name_of(Vote vote) {
    static constexpr std::array<std::string_view, 6> names = {
        "UNDEFINED", "ACK", "NACK", "ASK_LATER", "WAIT_FOR_REPLY", "NO_CHANGE"};
    return pick(names, vote);
}

std::string_view name_of(NodeListType type) {
    static constexpr std::array<std::string_view, 4> names = {"initial_config", "changed_config",
                                                              "membership", "quorum"};
    return pick(names, type);
}

std::string_view name_of(NodeState state) {
    static constexpr std::array<std::string_view, 4> names = {"not_set", "member", "dead",
                                                              "leaving"};
    return pick(names, state);
}

std::string_view name_of(Heuristics heuristics) {
    static constexpr std::array<std::string_view, 3> names = {"undefined", "pass", "fail"};
    return pick(names, heuristics);
}

std::string_view name_of(DecisionAlgorithm algorithm) {
    static constexpr std::array<std::string_view, 4> names = {"test", "ffsplit", "2nodelms", "lms"};
    return pick(names, algorithm);
}

std::string_view name_of(TieBreakerMode mode) {
    static constexpr std::array<std::string_view, 4> names = {"?", "lowest", "highest", "node_id"};
    return pick(names, mode);
}

std::string_view meaning_of(ReplyErrorCode code) {
    static constexpr std::array<std::string_view, 20> meanings = {
        "no error",
        "a needed message is not supported",
        "a needed option is not supported",
        "TLS is required",
        "message type is not supported",
        "message is too long",
        "PREINIT is required first",
        "a required option is missing",
        "message was not expected",
        "message cannot be decoded",
        "internal error",
        "INIT is required first",
        "decision algorithm is not supported",
        "heartbeat interval is out of range",
        "message is not supported by the decision algorithm",
        "tie breaker differs from that of other nodes",
        "decision algorithm differs from that of other nodes",
        "duplicate node id",
        "configuration node list is not valid",
        "membership node list is not valid"};
    return pick(meanings, code);
}

std::string to_string(const RingId& ring) {
    return fmt::format("{:x}.{:x}", ring.node_id, ring.seq);
}

namespace {

std::vector<std::uint16_t> ascending(std::uint16_t count) {
    std::vector<std::uint16_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), std::uint16_t{0});
    return numbers;
}

}  // namespace

const std::vector<std::uint16_t>& all_message_types() {
    static const std::vector<std::uint16_t> all = ascending(message_type_count);
    return all;
}

const std::vector<std::uint16_t>& all_options() {
    static const std::vector<std::uint16_t> all = ascending(option_count);
    return all;
}

const std::vector<std::uint16_t>& known_options() {
    static const std::vector<std::uint16_t> known = [] {
        std::vector<std::uint16_t> numbers = all_options();
        const auto first = static_cast<std::uint16_t>(Option::lease);
        for (std::uint16_t i = 0; i < private_option_count; ++i)
            numbers.push_back(static_cast<std::uint16_t>(first + i));
        return numbers;
    }();
    return known;
}

}  // namespace castvote::wire
