// status.cpp -- what a node tells of itself when it is asked; see status.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/status.hpp"

#include "qdevice-client/core/node.hpp"

namespace castvote::qdevice {

Status Node::status() const {
    Status status;
    status.settings = settings_;
    status.heartbeat_interval = heartbeat();
    status.vote_timer_interval = poll_interval();
    status.ring = ring_.value_or(wire::RingId{});
    status.members = members_;
    status.quorate = quorate_;
    status.quorum_list = quorum_list_;
    status.sync_in_progress = sync_in_progress_;
    status.connection = link_ == Link::joined ? ConnectionState::connected : outcome_;
    status.is_connecting = link_ != Link::idle && link_ != Link::joined;
    status.next_attempt = retry_at_;
    status.tls = tls_;
    status.client_certificate_sent = client_certificate_sent_;
    status.arbiter_lacks_keep_active = arbiter_lacks_keep_active_;
    status.vote_timer = standing_ == Standing::ack    ? VoteTimer::casting_ack
                        : standing_ == Standing::nack ? VoteTimer::casting_nack
                                                      : VoteTimer::stopped;
    status.last_cast = last_cast_;
    status.last_cast_vote = last_cast_vote_;
    status.is_vote_counted = is_counted_ && is_voting();
    status.vote_since = vote_since_;
    status.counts_on_vote = counts_on_vote();
    status.lease = lease_;
    if (has_lease() && keeps_vote()) status.vote_until = lease_end();
    status.connected_since = connected_since_;
    status.last_echo_reply = last_echo_reply_;
    status.heuristics_latest = heuristics_latest_;
    status.heuristics_regular = heuristics_regular_;
    status.heuristics_membership = heuristics_membership_;
    status.heuristics_connect = heuristics_connect_;
    status.last_disconnect_reason = last_disconnect_reason_;
    return status;
}

}  // namespace castvote::qdevice
