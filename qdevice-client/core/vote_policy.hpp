// vote_policy.hpp -- what is cast, for which ring, and when (arbiter.md 1.2, safety.md facts 1 and
// 2).
//
// The rule guarded here: a yes is cast only for the ring that corosync is in, and only on the
// arbiter's word for that very ring. A new ring ends every older yes at once; the stock client
// keeps it and can cast it for the new ring (arbiter.md 11). It does not know connections: who is
// cut off calls deny().
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "qdevice-client/core/events.hpp"
#include "qdevice-client/core/status.hpp"

namespace castvote::qdevice {

class VotePolicy {
public:
    // poll_interval: from one cast to the next of the same vote.
    explicit VotePolicy(Duration poll_interval) : poll_interval_(poll_interval) {}

    // Corosync is in this ring now; nothing that was said about another one counts. Until
    // `resume`, no vote is taken: the arbiter has not been told of this ring.
    void enter(const wire::RingId& ring);
    void resume() { paused_ = false; }

    // The arbiter's vote for `ring`. One for another ring than ours, or while it has not been told
    // of ours, changes nothing.
    std::optional<Cast> apply(wire::Vote vote, const wire::RingId& ring, Instant now);

    // No vote, from now on and at once. Wanted whenever we are cut off from the arbiter.
    Cast deny(Instant now);
    bool is_denying() const { return vote_ == VoteTimer::casting_nack; }
    bool is_granted() const { return vote_ == VoteTimer::casting_ack; }

    // No cast until the arbiter says more. Revokes nothing.
    void wait();

    // Whether our vote counts at the moment, as the quorum provider sees it: the cast that puts it
    // right, if it differs from what we cast. in_sync: the provider synchronises, nothing counts.
    std::optional<Cast> compare(bool flag, bool in_sync, Instant now);

    // The periodic cast, if it is due.
    std::optional<Cast> tick(Instant now);
    std::optional<Instant> deadline() const { return next_cast_; }

    struct Done {
        Cast cast;
        Instant at;
        bool operator==(const Done&) const = default;
    };
    const std::optional<Done>& last() const { return last_; }
    VoteTimer timer() const { return vote_; }

    bool operator==(const VotePolicy&) const = default;

private:
    Cast cast(bool vote, Instant now);

    Duration poll_interval_;
    std::optional<wire::RingId> ring_;
    bool paused_ = false;
    VoteTimer vote_ = VoteTimer::stopped;
    std::optional<Instant> next_cast_;
    std::optional<Done> last_;
};

}  // namespace castvote::qdevice
