// settings.hpp -- what an operator may set about the arbiter's decisions, with the stock defaults.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"

namespace castvote::qnetd {

// Which nodes' rules are in force. Everything is on in the product; the tests switch single rules
// off to show what each of them prevents, and to replay recorded stock sessions message for
// message.
struct Rules {
    bool release_before_handover = true;   // R2
    bool late_ack_after_connect = true;    // R2s i
    bool recent_flag_needs_proof = true;   // R2s ii
    bool repeat_nack_when_quorate = true;  // R2s iii
    bool guard_after_start = true;         // R3, where no record can be read
    auto operator<=>(const Rules&) const = default;
};

// What is done about a holder that falls silent while others of its ring report a later one
// (docs/operations.md, fail-over). Its vote is dead with the ring, whichever is chosen: the wait is
// for what it might still say, and for its stale view.
enum class FailOver : std::uint8_t {
    stock,   // wait until it counts as dead, dead_peer_coefficient heartbeats
    fast,    // ask it; without an answer within probe_timeout decide without it
    strict,  // wait two heartbeats: a living daemon has given the vote up by then
};
// As the option is spelled: for options, status and tests.
constexpr std::array<std::pair<std::string_view, FailOver>, 3> failover_names{
    {{"stock", FailOver::stock}, {"fast", FailOver::fast}, {"strict", FailOver::strict}}};
constexpr std::string_view name_of(FailOver failover) {
    for (const auto& [name, policy] : failover_names)
        if (policy == failover) return name;
    return "?";
}

struct Settings {
    wire::TlsSupported tls = wire::TlsSupported::supported;  // -s
    bool client_certificate_required = true;                 // -c
    std::uint32_t heartbeat_interval_min_ms = 1000;
    std::uint32_t heartbeat_interval_max_ms = 120000;
    // Silence after which a connection is closed, as a multiple of its heartbeat; 0 switches it
    // off.
    double dead_peer_coefficient = 1.5;
    // A connection that has not passed INIT by then is closed: long enough for a slow handshake
    // over a bad line, short enough that idle connections do not fill the table.
    Duration init_timeout{30000};
    std::uint32_t message_receive_size_max = 32768;  // bytes, header included; told to clients
    std::uint32_t message_send_size_max = 32768;     // bytes, header included; told to clients
    bool keep_active_partition_default = false;
    // The algorithm `test` gives everybody the vote at once; refused (12) unless switched on.
    bool test_algorithm_enabled = false;
    // The longest quorum.device.timeout that a stock node of ours may have: a stock node cannot say
    // it.
    Duration device_timeout{10000};
    FailOver failover = FailOver::stock;
    // Views contradict each other for a moment at every change of ring; then `fast` asks.
    Duration probe_after{100};
    Duration probe_timeout{1000};
    // R3: every new grant is recorded before its first ACK leaves. Off: kept in memory only.
    bool durable_grants = false;
    Rules rules;
    bool operator==(const Settings&) const = default;
};

}  // namespace castvote::qnetd
