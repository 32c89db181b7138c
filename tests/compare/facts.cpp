// facts.cpp -- see facts.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/facts.hpp"

#include <algorithm>

#include "tests/unit/support/dumb_ffsplit.hpp"
#include "tests/unit/support/dumb_lms.hpp"
#include "tests/unit/support/dumb_two_node_lms.hpp"

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
    was_empty_ = false;
    holds_replies_.clear();
}

void Facts::performed(const Step& step, bool is_pending) {
    const bool was_contradicting = has_contradictions();
    if (!was_contradicting) was_pending_ = is_pending;
    const NodeId node = step.node;
    switch (step.deed) {
        case Deed::join:
            joined_[node] = Clock::now();
            newcomers_.insert(node);
            keep_active_[node] = step.on;
            configured_[node] = step.nodes;
            [[fallthrough]];
        case Deed::report: {
            const auto before = reported_.find(node);
            const auto known =
                before == reported_.end() ? wire::Heuristics::undefined : before->second.heuristics;
            if (known != step.membership.heuristics) has_new_heuristics_ = true;
            new_ring(node, step.membership);
            if (step.deed == Deed::report && before != reported_.end() &&
                !is_same_ring(before->second, step.membership))
                joined_.erase(node);
            reported_[node] = step.membership;
            break;
        }
        case Deed::leave:
            has_left_ = true;
            left(node);
            reported_.erase(node);
            newcomers_.erase(node);
            keep_active_.erase(node);
            joined_.erase(node);
            was_empty_ = was_empty_ || reported_.empty();
            break;
        case Deed::configure: configured_[node] = step.nodes; break;
        case Deed::keep_active: keep_active_[node] = step.on; break;
        case Deed::heuristics:
            has_new_heuristics_ = true;
            reported_[node].heuristics = step.heuristics;
            break;
        case Deed::hold: holds_replies_[node] = Clock::now(); break;
        case Deed::release: has_late_replies_ = true; break;
        default: break;
    }
    if (has_contradictions() && !was_contradicting) contradict_since_ = Clock::now();
}

// R2b, and R2s ii for who had the vote for a short time only.
void Facts::new_ring(NodeId node, const Membership& membership) {
    if (const auto held = holders_.find(node);
        held != holders_.end() && !is_same_ring(held->second.membership, membership)) {
        if (Clock::now() - held->second.since < 2 * timers_.heartbeat + timers_.slack)
            young_[node] = held->second;
        holders_.erase(held);
    } else if (const auto young = young_.find(node); young != young_.end()) {
        young->second.nacked.reset();
    }
    if (const auto gone = gone_.find(node); gone != gone_.end()) {
        if (is_same_ring(gone->second.membership, membership)) {
            withdrawn_[node] = gone->second;
            withdrawn_[node].since = gone->second.left;
        } else {
            young_[node] = gone->second;
        }
        gone_.erase(gone);
    }
}

void Facts::left(NodeId node) {
    for (auto* holders : {&holders_, &young_}) {
        const auto found = holders->find(node);
        if (found == holders->end() || found->second.nacked) continue;
        gone_[node] = found->second;
        gone_[node].left = Clock::now();
        holders->erase(found);
    }
}

// Ours must not give the vote before a NACK is confirmed (R4), while views contradict each other
// (who sticks to an old ring is decided without after one heartbeat and a half, R5), or to two.
void Facts::look_for_alarms(const Side& ours) {
    if (setup_.algorithm == wire::DecisionAlgorithm::test) return;
    const Standings standings = ours.standings();
    const bool is_nack_open =
        std::any_of(standings.begin(), standings.end(), [&](const auto& entry) {
            return entry.second == Standing::nack && ours.held(entry.first) != 0;
        });
    const bool must_wait = has_contradictions() && Clock::now() - contradict_since_ <
                                                       timers_.heartbeat + timers_.heartbeat / 2;
    std::set<wire::RingId> rings;
    for (const auto& [node, standing] : standings) {
        if (standing != Standing::ack) continue;
        rings.insert(reported_.at(node).ring);
        const auto held = holders_.find(node);
        const bool is_new =
            held == holders_.end() || !is_same_ring(held->second.membership, reported_.at(node));
        if (is_new && must_wait && !was_pending_)
            alarm_ = "ours gives the vote while the views contradict each other";
        if (is_new && is_nack_open) alarm_ = "ours gives the vote before a NACK is confirmed";
    }
    if (rings.size() > 1 && !has_contradictions() && holds_replies_.empty())
        alarm_ = "ours has given the vote to two rings";
}

void Facts::seen(const Side& ours) {
    look_for_alarms(ours);
    forget_newcomers();  // The decision was made before the votes that it led to.
    for (const auto& [node, standing] : ours.standings()) {
        if (standing == Standing::nack) {
            if (ours.held(node) != 0) continue;  // Not confirmed yet.
            // Who has only just joined may have been told both within one event.
            if (const auto held = holders_.extract(node))
                withdrawn_[node] = held.mapped();
            else if (joined_.contains(node))
                withdrawn_.try_emplace(node, Holder{reported_.at(node), joined_.at(node), {}, {}});
            const auto young = young_.find(node);
            if (young != young_.end() && !young->second.nacked) young->second.nacked = Clock::now();
        } else if (standing == Standing::ack) {
            holders_[node] = {reported_.at(node), ours.voted_at(node), {}, {}};
            young_.erase(node);
            withdrawn_.erase(node);
            granted_ = reported_.at(node);
        }
    }
}

// Whoever was decided on is none any more; decided on is who competes.
void Facts::forget_newcomers() {
    if (has_contradictions()) return;
    const qnetd::View now = view(Judge::ours);
    const auto is_held_by = [&](const qnetd::ViewNode& node) {
        return now.granted == node.ring && !node.is_newcomer;
    };
    const bool is_held = std::any_of(now.nodes.begin(), now.nodes.end(), is_held_by);
    for (const qnetd::ViewNode& node : now.nodes) {
        const bool has_decided_mate =
            std::any_of(now.nodes.begin(), now.nodes.end(), [&](const qnetd::ViewNode& other) {
                return other.ring == node.ring && !other.is_newcomer;
            });
        if (!is_held || has_decided_mate || now.granted == node.ring) newcomers_.erase(node.node);
    }
}

qnetd::View Facts::view(Judge judge) const {
    const auto ring_of = [](const Membership& membership) {
        return qnetd::Ring{membership.ring, {membership.members.begin(), membership.members.end()}};
    };
    qnetd::View view;
    if (granted_) view.granted = ring_of(*granted_);
    view.keep_active = std::all_of(keep_active_.begin(), keep_active_.end(),
                                   [](const auto& entry) { return entry.second; });
    for (const auto& [node, membership] : reported_) {
        const NodeList& configured = configured_.at(node);
        view.nodes.push_back({.node = node,
                              .ring = ring_of(membership),
                              .configured = {configured.begin(), configured.end()},
                              .heuristics = membership.heuristics,
                              .tie_breaker = setup_.tie_breaker,
                              .is_newcomer = judge == Judge::ours && newcomers_.contains(node)});
    }
    return view;
}

std::set<NodeId> Facts::winners_by_the_book(Judge judge, std::optional<NodeId> had_it) const {
    qnetd::View now = view(judge);
    if (had_it) now.granted = now.find(*had_it)->ring;
    std::string ring;
    switch (setup_.algorithm) {
        case wire::DecisionAlgorithm::ffsplit: ring = tests::dumb_ffsplit(now); break;
        case wire::DecisionAlgorithm::lms: ring = tests::dumb_lms(now); break;
        default: ring = tests::dumb_two_node_lms(now);
    }
    std::set<NodeId> winners;
    for (const qnetd::ViewNode& node : now.nodes)
        if (qnetd::to_string(node.ring.members) == ring) winners.insert(node.node);
    return winners;
}

bool Facts::has_contradictions() const {
    for (const auto& [one, membership] : reported_)
        for (const NodeId member : membership.members) {
            const auto other = reported_.find(member);
            if (other != reported_.end() && !is_same_ring(other->second, membership)) return true;
        }
    return false;
}

bool Facts::is_quorate_without_vote(NodeId node) const {
    const std::size_t members = reported_.at(node).members.size();
    const std::size_t configured = configured_.at(node).size();
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
    if (joined_.contains(node) && is_quorate_without_vote(node) &&
        now - joined_.at(node) < timers_.heartbeat + timers_.slack)
        return Row::late_ack;
    const Duration lifetime = 2 * timers_.heartbeat + timers_.device_timeout + timers_.margin;
    for (const auto& [other, holder] : gone_)
        if (!contains(membership.members, other) && now < holder.left + lifetime + timers_.slack)
            return Row::lifetime;
    const Duration proof = timers_.device_timeout / 2 + timers_.margin;
    for (const auto& [other, holder] : young_)
        if (!contains(membership.members, other) &&
            (!holder.nacked || now < *holder.nacked + proof + timers_.slack))
            return Row::young_flag;
    for (const auto& [other, holder] : withdrawn_)
        if (!contains(membership.members, other) &&
            now < holder.since + timers_.fresh + timers_.slack)
            return Row::fresh_vote;
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

bool Facts::held_too_long(NodeId node) const {
    const auto held = holds_replies_.find(node);
    return held != holds_replies_.end() && Clock::now() - held->second >= timers_.heartbeat;
}

Duration Facts::longest_wait() const {
    return 2 * timers_.heartbeat + timers_.device_timeout + timers_.margin + timers_.slack;
}

}  // namespace castvote::compare
