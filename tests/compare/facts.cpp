// facts.cpp -- see facts.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/facts.hpp"

#include <algorithm>

namespace castvote::compare {

namespace {

bool contains(const NodeList& list, NodeId node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

bool is_same_ring(const Membership& one, const Membership& other) {
    return one.ring == other.ring && one.members == other.members;
}

}  // namespace

void Facts::begin_event() {
    has_left_ = false;
    has_new_heuristics_ = false;
    has_late_replies_ = false;
}

void Facts::performed(const Step& step) {
    const bool was_contradicting = has_contradictions();
    const NodeId node = step.node;
    switch (step.deed) {
        case Deed::join:
            joined_[node] = Clock::now();
            configured_[node] = step.nodes;
            [[fallthrough]];
        case Deed::report: {
            const auto before = reported_.find(node);
            if (before != reported_.end() &&
                before->second.heuristics != step.membership.heuristics)
                has_new_heuristics_ = true;
            const auto held = holders_.find(node);
            if (held != holders_.end() && !is_same_ring(held->second.membership, step.membership)) {
                // R2s ii; what it left as a vote that is gone is dealt with by the same.
                if (Clock::now() - held->second.since < 2 * timers_.heartbeat + timers_.slack)
                    young_[node] = held->second;
                holders_.erase(held);
            }
            if (const auto left = gone_.find(node); left != gone_.end()) {
                if (!is_same_ring(left->second.membership, step.membership))
                    young_[node] = left->second;
                gone_.erase(left);
            }
            if (step.deed == Deed::report && before != reported_.end() &&
                !is_same_ring(before->second, step.membership))
                joined_.erase(node);
            reported_[node] = step.membership;
            break;
        }
        case Deed::leave:
            has_left_ = true;
            if (const auto held = holders_.find(node); held != holders_.end()) {
                gone_[node] = held->second;
                gone_[node].left = Clock::now();
                holders_.erase(held);
            }
            reported_.erase(node);
            joined_.erase(node);
            was_empty_ = was_empty_ || reported_.empty();
            break;
        case Deed::configure: configured_[node] = step.nodes; break;
        case Deed::heuristics:
            has_new_heuristics_ = true;
            reported_[node].heuristics = step.heuristics;
            break;
        case Deed::release: has_late_replies_ = true; break;
        default: break;
    }
    if (has_contradictions() && !was_contradicting) contradict_since_ = Clock::now();
}

void Facts::seen(const Side& ours) {
    for (const auto& [node, standing] : ours.standings()) {
        if (standing == Standing::nack) {
            holders_.erase(node);
        } else if (standing == Standing::ack) {
            const auto held = holders_.find(node);
            if (held == holders_.end() ||
                !is_same_ring(held->second.membership, reported_.at(node)))
                holders_[node] = {reported_.at(node), ours.voted_at(node), {}, false};
            young_.erase(node);
        }
    }
}

bool Facts::has_contradictions() const {
    for (const auto& [one, membership] : reported_)
        for (const NodeId member : membership.members) {
            const auto other = reported_.find(member);
            if (other != reported_.end() && !is_same_ring(other->second, membership)) return true;
        }
    return false;
}

bool Facts::is_quorate_without_vote(const Membership& membership) const {
    const std::size_t members = membership.members.size();
    const std::size_t configured = configured_.begin()->second.size();
    switch (setup_.algorithm) {
        case wire::DecisionAlgorithm::ffsplit: return 2 * members > configured + 1;
        case wire::DecisionAlgorithm::lms: return members >= configured;
        case wire::DecisionAlgorithm::two_node_lms: return members >= 2;
        default: return false;
    }
}

std::optional<Row> Facts::why_later(NodeId node) const {
    const Membership& membership = reported_.at(node);
    const Clock::time_point now = Clock::now();
    const NodeList& configured = configured_.at(node);
    const bool lacks_a_node = std::any_of(configured.begin(), configured.end(), [&](NodeId other) {
        return !contains(membership.members, other);
    });
    if (joined_.contains(node) && is_quorate_without_vote(membership) &&
        now - joined_.at(node) < timers_.heartbeat + timers_.slack)
        return Row::late_ack;
    for (const auto& [other, holder] : gone_)
        if (!contains(membership.members, other)) return Row::lifetime;
    for (const auto& [other, holder] : young_)
        if (!contains(membership.members, other)) return Row::young_flag;
    if (lacks_a_node && now < timers_.guard_ends) return Row::guard_after_start;
    return std::nullopt;
}

bool Facts::is_blocked_for_good(NodeId node) const {
    if (setup_.algorithm == wire::DecisionAlgorithm::ffsplit) return false;
    const Membership& membership = reported_.at(node);
    return std::any_of(gone_.begin(), gone_.end(), [&](const auto& entry) {
        return !contains(membership.members, entry.first);
    });
}

Duration Facts::longest_wait() const {
    const bool has_lifetimes = setup_.algorithm == wire::DecisionAlgorithm::ffsplit;
    return (has_lifetimes ? 2 * timers_.heartbeat + timers_.device_timeout
                          : timers_.device_timeout) +
           timers_.margin + timers_.slack;
}

}  // namespace castvote::compare
