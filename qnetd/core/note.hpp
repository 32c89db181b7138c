// note.hpp -- why the arbiter did what it did, in one closed list.
//
// The core never logs. Every decision carries a Reason; the log prints it, the status shows it, the
// metric counts it, the tests compare it: one enumeration, many readers, no drift.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"

namespace castvote::qnetd {

enum class Level : std::uint8_t { debug, info, warning, error };

enum class Reason : std::uint8_t {
    // connections
    node_joined,
    node_left,
    init_refused,
    certificate_refused,
    dead_peer,
    nack_unanswered,
    probe_unanswered,
    lease_over,
    connection_taken_over,
    record_is_old,
    waits_exceed_sync_timeout,
    // decisions
    granted,              // the vote was given to a ring
    denied,               // a node was told that it has no vote
    waiting_for_views,    // the nodes' views contradict each other
    waiting_for_release,  // a former holder may still count the vote
    waiting_for_replies,  // losers have not yet confirmed
    waiting_after_start,  // nothing is known of holders before this arbiter started
    waiting_for_record,   // the grant is not on stable storage yet
    nobody_qualifies,     // no ring may hold the vote
    released,             // a holder certainly no longer counts the vote
};

// "granted"; stable, used by metrics and JSON.
std::string_view name_of(Reason reason);

struct Note {
    Level level = Level::info;
    Reason reason = Reason::granted;
    std::string cluster;    // raw bytes as on the wire
    wire::NodeId node = 0;  // 0: not about one node
    wire::RingId ring;
    std::vector<wire::NodeId> members;  // of the ring
    std::size_t configured = 0;         // nodes in the cluster's configuration
    Duration wait{0};                   // for the waiting reasons: at most this long
    std::string detail;                 // plain words, our own
    bool operator==(const Note&) const = default;
};

// `cluster "alpha": node 2 was given the vote   reason=granted ring=1.8 members=1,2 of=2`
std::string to_line(const Note& note);

}  // namespace castvote::qnetd
