// vote_policy.cpp -- see vote_policy.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/vote_policy.hpp"

#include "common/wire/check.hpp"

namespace castvote::qdevice {

void VotePolicy::enter(const wire::RingId& ring) {
    ring_ = ring;
    paused_ = true;
    wait();
}

Cast VotePolicy::cast(bool vote, Instant now) {
    CHECK(ring_.has_value(), "nothing is cast before the first membership");
    last_ = Done{Cast{vote, *ring_}, now};
    return last_->cast;
}

std::optional<Cast> VotePolicy::apply(wire::Vote vote, const wire::RingId& ring, Instant now) {
    if (paused_ || ring != ring_) return {};
    switch (vote) {
        case wire::Vote::ack:
        case wire::Vote::nack:
            vote_ = vote == wire::Vote::ack ? VoteTimer::casting_ack : VoteTimer::casting_nack;
            next_cast_ = now + poll_interval_;
            return cast(vote == wire::Vote::ack, now);
        case wire::Vote::wait_for_reply:
        case wire::Vote::ask_later: wait(); return {};
        case wire::Vote::no_change:
        case wire::Vote::undefined: return {};
    }
    return {};
}

Cast VotePolicy::deny(Instant now) {
    paused_ = false;
    vote_ = VoteTimer::casting_nack;
    next_cast_ = now + poll_interval_;
    return cast(false, now);
}

void VotePolicy::wait() {
    vote_ = VoteTimer::stopped;
    next_cast_.reset();
}

// Fact 1 of safety.md: a message that corosync had queued is delivered after the synchronisation
// and overwrites the flag, so what we cast last need not be what counts.
std::optional<Cast> VotePolicy::compare(bool flag, bool in_sync, Instant now) {
    if (!ring_ || !last_) return {};
    const bool is_of_this_ring = last_->cast.ring == ring_;
    if (flag) {
        // Ours if we cast it in this ring. Also while we wait or are paused: it counts without a
        // word of the arbiter for this ring. Not while a newer ring synchronises: nothing counts
        // there, and a cast would end the synchronisation without the vote; when it ends we are
        // asked again.
        if (is_of_this_ring ? last_->cast.vote : in_sync) return {};
        return cast(false, now);
    }
    // Lost: given again only if the arbiter's word for this ring still stands.
    if (is_granted()) return cast(true, now);
    return {};
}

std::optional<Cast> VotePolicy::tick(Instant now) {
    if (!next_cast_ || now < *next_cast_) return {};
    next_cast_ = now + poll_interval_;
    return cast(is_granted(), now);
}

}  // namespace castvote::qdevice
