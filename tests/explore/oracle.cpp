// oracle.cpp -- see oracle.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace castvote::explore {

namespace {

// Of a probe, under fail-over `fast`.
constexpr Duration time_to_answer{1000};

}  // namespace

void Oracle::heard(NodeId node, Instant now) {
    Entry& entry = entries_[node];
    entry.heard = now;
    if (entry.grant) entry.grant->is_restored = false;
}

void Oracle::echoed(NodeId node, Instant now) {
    heard(node, now);
    entries_[node].echoed = now;
}

void Oracle::kept(NodeId node, const wire::RingId& ring) {
    Entry& entry = entries_[node];
    entry.is_voting = entry.grant && entry.grant->ring.id == ring;
}

void Oracle::gave_back(NodeId node) {
    Entry& entry = entries_[node];
    entry.grant.reset();
    entry.told.reset();
    entry.has_reported = entry.is_voting = false;
}

// The diary goes on: whatever the arbiter forgets must not matter.
void Oracle::arbiter_restarted(bool has_record, Instant now) {
    init_rings_.clear();
    for (auto& [node, entry] : entries_) {
        if (entry.is_connected) ended(node, /*by_itself=*/false, now);
        entry.has_reported = false;
        entry.is_old_word = true;
        if (!entry.grant) continue;
        if (!entry.grant->is_restored) entry.grant->unbroken_until = now + 2 * heartbeat;
        entry.grant->is_restored = true;
        if (!has_record) entry.grant->forgotten = now;
    }
}

void Oracle::connected(NodeId node, const wire::RingId& ring, Instant now) {
    // Where nobody is connected and nobody may count the vote there is nothing to remember.
    const bool is_idle = std::none_of(entries_.begin(), entries_.end(), [&](const auto& other) {
        return other.second.is_connected ||
               (other.second.grant && !is_over(other.first, other.second, now));
    });
    if (is_idle) entries_.clear();
    // Of whom a new disk knows nothing only the guard remains: what was reported is forgotten when
    // the last connection ends.
    const bool is_known = std::any_of(entries_.begin(), entries_.end(), [&](const auto& other) {
        return other.second.is_connected || (other.second.grant && !other.second.grant->forgotten);
    });
    if (!is_known)
        for (auto& [other, known] : entries_) known.is_old_word = true;
    Entry& entry = entries_[node];
    drop_if_over(node, entry, now);
    entry.is_connected = true;
    entry.has_reported = false;
    entry.is_voting = false;
    entry.told.reset();
    entry.waits_since.reset();
    entry.probe.reset();
    entry.is_denied = false;
    echoed(node, now);
    init_rings_[node] = ring;
    // Only a later end of connection counts now.
    if (entry.grant) entry.grant->ended.reset();
}

void Oracle::reported(NodeId node, const Ring& ring, Instant now) {
    Entry& entry = entries_[node];
    const bool is_news = !entry.has_reported || entry.word != ring;
    entry.has_reported = true;
    init_rings_.erase(node);
    entry.waits_since = now;
    if (!is_news) return;
    entry.probe.reset();
    entry.is_denied = false;
    // A NACK of the ring that it left is not waited for (R5).
    if (entry.told && entry.told->vote == wire::Vote::nack) entry.told.reset();
    for (auto& [other, holder] : entries_)
        if (other != node && holder.grant && holder.grant->ring.members.contains(node) &&
            ring.id.seq > holder.grant->ring.id.seq && !holder.grant->heard_before_break)
            holder.grant->heard_before_break = holder.heard;
    entry.word = ring;
    entry.word_at = now;
    entry.is_old_word = false;
    drop_if_over(node, entry, now);
    if (!entry.grant || entry.grant->ring == ring) return;
    // R2b, unless R2s ii wants proof: a vote of ours is at rest once its ACK is confirmed.
    if (has_lease(node) && entry.grant->is_answered) {
        entry.grant.reset();
    } else if (entry.grant->left_young || now < entry.flag_on + 2 * heartbeat) {
        entry.grant->left_young = true;
        entry.grant->proof_at.reset();
    } else {
        entry.grant.reset();
    }
}

void Oracle::confirmed(NodeId node, std::uint32_t number, Instant now) {
    Entry& entry = entries_[node];
    // Who answers later may have been passed over, until it reports again.
    if (entry.probe && entry.probe->number == number && now < entry.probe->sent + time_to_answer)
        entry.probe->is_answered = true;
    if (!entry.told || entry.told->number != number) return;
    const Entry::Told told = *entry.told;
    entry.told.reset();
    if (told.vote == wire::Vote::nack && told.ring == entry.word) entry.is_denied = true;
    if (!entry.grant || told.ring != entry.word) return;
    if (told.vote == wire::Vote::ack) {
        entry.grant->is_answered = true;
    } else if (!entry.grant->left_young) {
        entry.grant.reset();  // R2a
    } else if (!entry.grant->proof_at) {
        const Duration poll = assumed_timeout / 2;
        entry.grant->proof_at = now + poll + margin(poll);  // R2s ii
    }
}

void Oracle::ended(NodeId node, bool by_itself, Instant now) {
    Entry& entry = entries_[node];
    entry.is_connected = false;
    entry.is_voting = false;
    entry.told.reset();
    init_rings_.erase(node);
    if (!entry.grant) return;
    entry.grant->ended = now;
    entry.grant->by_itself = by_itself;
    if (!entry.grant->is_answered) entry.flag_on = now;
}

std::string Oracle::told(NodeId node, const Down& message, Instant now) {
    Entry& entry = entries_[node];
    if (!entry.has_reported || !entry.word || entry.word->id != message.ring)
        return fmt::format("R1: node {} is told of a ring that it did not report last", node);
    const Ring ring = *entry.word;
    if (message.vote == wire::Vote::no_change) {
        if (!entry.probe) entry.probe = Entry::Probe{.number = message.number, .sent = now};
        return {};
    }
    entry.told = Entry::Told{message.number, message.vote, ring};
    if (message.vote != wire::Vote::ack) {
        entry.is_voting = false;
        return {};
    }
    const std::string wrong = judge_ack(node, ring, now);
    const bool is_off =
        !entry.is_voting || (entry.waits_since && now - *entry.waits_since >= assumed_timeout / 2);
    const std::optional<Entry::Grant> before = entry.grant;
    if (is_off) entry.flag_on = now;
    entry.grant = Entry::Grant{.ring = ring};
    entry.grant->is_answered = before && before->is_answered && before->ring == ring && !is_off;
    entry.is_voting = true;
    entry.waits_since.reset();
    return wrong;
}

std::string Oracle::judge_ack(NodeId node, const Ring& ring, Instant now) const {
    for (const NodeId member : ring.members) {
        const auto other = entries_.find(member);
        if (other == entries_.end()) continue;
        const auto init = init_rings_.find(member);
        const bool is_left = other->second.word && !other->second.is_old_word &&
                             *other->second.word != ring &&
                             other->second.word->id.seq > ring.id.seq;
        if (is_left || (init != init_rings_.end() && init->second.seq > ring.id.seq))
            return fmt::format("R1: ACK to node {} although node {} has left its ring", node,
                               member);
    }
    for (const auto& [other, entry] : entries_) {
        // A NACK to a node that has joined the ring since is overtaken by the ACK to come.
        if (entry.is_connected && entry.told && entry.told->vote == wire::Vote::nack &&
            entry.word != ring)
            return fmt::format("R4: ACK to node {} while node {} has a NACK unanswered", node,
                               other);
        if (entry.grant && is_in_the_way(other, *entry.grant, ring) &&
            !is_released(other, entry, ring, now))
            return fmt::format("I2: ACK to node {} while node {} is an unreleased holder", node,
                               other);
        if (other != node && is_behind(entry) && may_still_speak(other, entry, now))
            return fmt::format("fail-over: ACK to node {} while node {} may still report", node,
                               other);
    }
    return {};
}

// Another has reported that the ring of its last report is broken.
bool Oracle::is_behind(const Entry& entry) const {
    if (!entry.is_connected || !entry.has_reported) return false;
    return std::any_of(entry.word->members.begin(), entry.word->members.end(), [&](NodeId member) {
        const auto other = entries_.find(member);
        return other != entries_.end() && other->second.is_connected &&
               other->second.has_reported && other->second.word->id.seq > entry.word->id.seq;
    });
}

// Fail-over: whose report is waited for before the vote is given away. Who sticks to the broken
// ring has to confirm a NACK there (R5). Nobody waits for who has a lease and has let it run out;
// under `fast` a stock node is asked and given a second, unless its vote is young.
bool Oracle::may_still_speak(NodeId node, const Entry& entry, Instant now) const {
    if (entry.is_denied) return false;
    if (has_lease(node)) return now < entry.echoed + lease;
    if (failover_ != qnetd::FailOver::fast) return true;
    const bool is_young = entry.grant && now < entry.flag_on + 2 * heartbeat;
    return is_young || !entry.probe || entry.probe->is_answered ||
           now < entry.probe->sent + time_to_answer;
}

bool Oracle::is_in_the_way(NodeId holder, const Entry::Grant& grant, const Ring& ring) const {
    if (!ring.members.contains(holder)) return true;
    const bool is_same = grant.ring == ring;
    const bool is_greater = ring.id.seq > grant.ring.id.seq;
    const bool said_so = entries_.at(holder).word == ring;
    return !is_same && !is_greater && !said_so;
}

// Whoever was released stays so, whatever it does next.
void Oracle::drop_if_over(NodeId node, Entry& entry, Instant now) const {
    if (!entry.grant) return;
    const bool is_proved = entry.grant->proof_at && now >= *entry.grant->proof_at;
    if (is_proved || (entry.grant->ended && is_over(node, entry, now))) entry.grant.reset();
}

// R2e.
bool Oracle::is_over(NodeId node, const Entry& entry, Instant now) const {
    const Entry::Grant& grant = *entry.grant;
    if (grant.forgotten && now >= *grant.forgotten + longest_lifetime()) return true;
    if (has_lease(node)) {
        const Duration span = lease + device_timeout;
        return now >= entry.echoed + span + margin(span);
    }
    if (rules_.algorithm != wire::DecisionAlgorithm::ffsplit) return false;
    const Duration rest = assumed_timeout + margin(assumed_timeout);
    if (grant.ended && grant.by_itself) return now >= *grant.ended + rest;
    const Instant end = entry.heard + longest_lifetime();
    return now >= (grant.ended ? std::max(end, *grant.ended + rest) : end);
}

bool Oracle::is_released(NodeId holder, const Entry& entry, const Ring& ring, Instant now) const {
    const Entry::Grant& grant = *entry.grant;
    // R2d: all nodes of an explored cluster have the same configuration.
    const bool is_ffsplit = rules_.algorithm == wire::DecisionAlgorithm::ffsplit;
    if (is_ffsplit && 2 * ring.members.size() > rules_.nodes) return true;
    if (is_over(holder, entry, now)) return true;
    if (grant.left_young) return grant.proof_at && now >= *grant.proof_at;
    if (!grant.is_answered) return false;
    if (now < (has_lease(holder) ? entry.echoed + lease : grant.unbroken_until)) return false;
    // A stale view that a living daemon may still show is over by then.
    if (failover_ == qnetd::FailOver::strict && !has_lease(holder) &&
        now < grant.heard_before_break.value_or(entry.heard) + 2 * heartbeat)
        return false;
    for (const NodeId member : grant.ring.members) {  // R2c
        const auto other = entries_.find(member);
        if (member == holder || other == entries_.end() || !other->second.word) continue;
        if (other->second.word->id.seq <= grant.ring.id.seq) continue;
        if (ring.members.contains(member) || now >= other->second.word_at + heartbeat) return true;
    }
    return false;
}

}  // namespace castvote::explore
