// vote_counter.cpp -- see vote_counter.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/vote_counter.hpp"

#include <utility>

namespace castvote::qdevice {

VoteCounter::VoteCounter(VoteCounterSettings settings) : settings_(std::move(settings)) {}

void VoteCounter::begin_ring(const wire::RingId& ring, std::vector<wire::NodeId> members,
                             Instant now) {
    pass_time(now);
    ring_ = ring;
    members_ = std::move(members);
    syncing_ = alive_;
    if (alive_) deadline_ = now + settings_.sync_timeout;
}

bool VoteCounter::cast(bool vote, const wire::RingId& ring, Instant now) {
    pass_time(now);
    if (ring != ring_ || members_.empty()) return false;
    alive_ = true;
    vote_ = vote;
    syncing_ = false;
    deadline_ = now + settings_.timeout;
    return true;
}

void VoteCounter::pass_time(Instant now) {
    if (deadline_ && now >= *deadline_) forget_vote();
}

void VoteCounter::withdraw() { forget_vote(); }

void VoteCounter::forget_vote() {
    alive_ = vote_ = syncing_ = false;
    deadline_.reset();
}

void VoteCounter::reconfigure(std::vector<wire::NodeId> nodes, std::uint32_t device_votes) {
    settings_.nodes = std::move(nodes);
    settings_.device_votes = device_votes;
}

Tally VoteCounter::tally() const {
    Tally t{.ring = ring_, .members = members_, .syncing = syncing_};
    t.vote = vote_ && !syncing_;
    t.votes = static_cast<std::uint32_t>(members_.size()) + (t.vote ? settings_.device_votes : 0);
    t.expected = static_cast<std::uint32_t>(settings_.nodes.size()) + settings_.device_votes;
    t.quorum = t.expected / 2 + 1;
    t.quorate = !syncing_ && t.votes >= t.quorum;
    return t;
}

}  // namespace castvote::qdevice
