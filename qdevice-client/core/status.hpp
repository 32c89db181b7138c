// status.hpp -- what the node core knows, as plain data for the status text and JSON (tools.md 3).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"
#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice {

// tools.md 3. `connecting`: the first attempt has not ended yet. Afterwards, until one succeeds,
// the outcome of the last: `connect_failed`, nobody was there, or `disconnected`, it ended later.
enum class ConnectionState : std::uint8_t { disconnected, connecting, connect_failed, connected };

enum class VoteTimer : std::uint8_t { stopped, casting_nack, casting_ack };

struct Status {
    Settings settings;
    Duration heartbeat_interval{0};
    Duration vote_timer_interval{0};
    wire::RingId ring;
    std::vector<wire::NodeId> members;
    bool quorate = false;
    std::vector<wire::NodeInfo> quorum_list;
    bool sync_in_progress = false;
    ConnectionState connection = ConnectionState::disconnected;
    bool is_connecting = false;  // an attempt is under way, whatever became of the last
    bool tls = false;
    bool client_certificate_sent = false;
    bool arbiter_lacks_keep_active = false;
    VoteTimer vote_timer = VoteTimer::stopped;
    std::optional<Instant> last_cast;
    bool last_cast_vote = false;
    bool is_vote_counted = false;       // the "yes" has come round its ring: none waits in a queue
    bool counts_on_vote = false;        // our partition would stop without the vote
    std::optional<Instant> vote_since;  // when what was cast last changed
    Duration lease{0};                  // by which the vote is held; 0: the arbiter knows none
    std::optional<Instant> vote_until;  // kept without another word of the arbiter; none: no lease
    std::optional<Instant> connected_since;
    std::optional<Instant> last_echo_reply;
    wire::Heuristics heuristics_latest = wire::Heuristics::undefined;
    wire::Heuristics heuristics_regular = wire::Heuristics::undefined;
    wire::Heuristics heuristics_membership = wire::Heuristics::undefined;
    wire::Heuristics heuristics_connect = wire::Heuristics::undefined;
    std::string last_disconnect_reason;   // plain words; empty: never disconnected
    std::optional<Instant> next_attempt;  // of a connection; none while one runs
};

}  // namespace castvote::qdevice
