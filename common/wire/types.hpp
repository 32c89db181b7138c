// types.hpp -- the words of the wire: numbers, names and the small values made of them.
//
// Everything here is spelled and numbered as docs/protocol.md lists it. Enumerations have the width
// that they have on the wire and may hold any number of that width where the protocol leaves the
// judgement to a later step (decision algorithm, error code). No rule lives here.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace castvote::wire {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;
using NodeId = std::uint32_t;

enum class MessageType : std::uint16_t {
    preinit = 0,
    preinit_reply = 1,
    starttls = 2,
    init = 3,
    init_reply = 4,
    server_error = 5,
    set_option = 6,
    set_option_reply = 7,
    echo_request = 8,
    echo_reply = 9,
    node_list = 10,
    node_list_reply = 11,
    ask_for_vote = 12,
    ask_for_vote_reply = 13,
    vote_info = 14,
    vote_info_reply = 15,
    heuristics_change = 16,
    heuristics_change_reply = 17,
};
constexpr std::uint16_t message_type_count = 18;

enum class Option : std::uint16_t {
    msg_seq_number = 0,
    cluster_name = 1,
    tls_supported = 2,
    tls_client_cert_required = 3,
    supported_messages = 4,
    supported_options = 5,
    reply_error_code = 6,
    server_maximum_request_size = 7,
    server_maximum_reply_size = 8,
    node_id = 9,
    supported_decision_algorithms = 10,
    decision_algorithm = 11,
    heartbeat_interval = 12,
    ring_id = 13,
    config_version = 14,
    data_center_id = 15,
    node_state = 16,
    node_info = 17,
    node_list_type = 18,
    vote = 19,
    quorate = 20,
    tie_breaker = 21,
    heuristics = 22,
    keep_active_partition_tie_breaker = 23,
    // Ours alone (docs/protocol.md 15): used only where both sides list them.
    lease = 0xca01,
    device_timeout = 0xca02,
    sync_timeout = 0xca03,
    grant_number = 0xca04,
    released = 0xca05,
};
constexpr std::uint16_t option_count = 24;
constexpr std::uint16_t private_option_count = 5;

enum class TlsSupported : std::uint8_t { unsupported = 0, supported = 1, required = 2 };

// Any 16-bit number may stand here until INIT has been judged (protocol.md 7).
enum class DecisionAlgorithm : std::uint16_t { test = 0, ffsplit = 1, two_node_lms = 2, lms = 3 };

enum class NodeState : std::uint8_t { not_set = 0, member = 1, dead = 2, leaving = 3 };

enum class NodeListType : std::uint8_t {
    initial_config = 0,
    changed_config = 1,
    membership = 2,
    quorum = 3,
};

enum class Vote : std::uint8_t {
    undefined = 0,  // never on the wire
    ack = 1,
    nack = 2,
    ask_later = 3,
    wait_for_reply = 4,
    no_change = 5,
};

enum class Quorate : std::uint8_t { inquorate = 0, quorate = 1 };

enum class Heuristics : std::uint8_t { undefined = 0, pass = 1, fail = 2 };

enum class KeepActivePartition : std::uint8_t { disabled = 0, enabled = 1 };

// Any 16-bit number may arrive.
enum class ReplyErrorCode : std::uint16_t {
    no_error = 0,
    unsupported_needed_message = 1,
    unsupported_needed_option = 2,
    tls_required = 3,
    unsupported_message = 4,
    message_too_long = 5,
    preinit_required = 6,
    doesnt_contain_required_option = 7,
    unexpected_message = 8,
    error_decoding_message = 9,
    internal_error = 10,
    init_required = 11,
    unsupported_decision_algorithm = 12,
    invalid_heartbeat_interval = 13,
    unsupported_decision_algorithm_message = 14,
    tie_breaker_differs_from_other_nodes = 15,
    algorithm_differs_from_other_nodes = 16,
    duplicate_node_id = 17,
    invalid_config_node_list = 18,
    invalid_membership_node_list = 19,
};

// One corosync membership: who formed it, and its number. Equal only if both parts are; numbers of
// different rings say nothing about which came first, save on one node (protocol.md 11).
struct RingId {
    NodeId node_id = 0;
    std::uint64_t seq = 0;
    auto operator<=>(const RingId&) const = default;
};

enum class TieBreakerMode : std::uint8_t { lowest = 1, highest = 2, node_id = 3 };

struct TieBreaker {
    TieBreakerMode mode = TieBreakerMode::lowest;
    NodeId node_id = 0;  // means something only in mode node_id

    // Equal as the protocol has it: the node id counts only in mode node_id (protocol.md 7).
    bool operator==(const TieBreaker& other) const {
        return mode == other.mode && (mode != TieBreakerMode::node_id || node_id == other.node_id);
    }
};

struct NodeInfo {
    NodeId node_id = 0;
    std::uint32_t data_center_id = 0;  // 0: not set, not sent
    NodeState state = NodeState::not_set;
    auto operator<=>(const NodeInfo&) const = default;
};

// Names as on the wire: "VOTE_INFO", "RING_ID", "ACK", "FFSPLIT"; "?" for a number without a name.
std::string_view name_of(MessageType type);
std::string_view name_of(Option option);
std::string_view name_of(Vote vote);
std::string_view name_of(NodeListType type);
std::string_view name_of(NodeState state);
std::string_view name_of(Heuristics heuristics);
std::string_view name_of(DecisionAlgorithm algorithm);
std::string_view name_of(TieBreakerMode mode);
// One plain sentence part, "duplicate node id".
std::string_view meaning_of(ReplyErrorCode code);

// "1.2a": node id and sequence in hexadecimal, as corosync and both status tools write it.
std::string to_string(const RingId& ring);

// All 18 message types and all 24 options in ascending order, as INIT and INIT_REPLY list them;
// known_options() has the private ones besides.
const std::vector<std::uint16_t>& all_message_types();
const std::vector<std::uint16_t>& all_options();
const std::vector<std::uint16_t>& known_options();

}  // namespace castvote::wire
