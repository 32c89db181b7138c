// ledger.cpp -- see ledger.hpp; the letters are those of rule R2 in docs/safety.md.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/ledger.hpp"

#include <algorithm>

namespace castvote::qnetd {

namespace {

using wire::DecisionAlgorithm;

// Other algorithms' stock clients may go on voting for ever when they are cut off (arbiter.md 9.1).
bool has_lifetime(const Holder& holder) {
    return holder.grant.algorithm == DecisionAlgorithm::ffsplit || holder.timers.lease.count() > 0;
}

// A "yes" is counted when the node's own message has come round its ring: milliseconds, unless the
// ring is in trouble. A NACK may be confirmed before that.
constexpr Duration round_longest{1000};

// A synchronisation which waits for a dead daemon's vote goes on as long as sync_timeout, 30 s
// unless it was configured. Only a node that does not tell of its end is judged by this.
constexpr Duration sync_longest{30000};

// R2s ii: so long a "yes" may wait in a queue. With a lease it is confirmed when it does not (N15).
Duration waits_longest(const Holder& holder, bool is_settled) {
    const bool ages = holder.timers.lease.count() == 0 && (is_settled || !has_lifetime(holder));
    return std::max(2 * holder.timers.heartbeat, ages ? Duration(0) : sync_longest);
}

// R2d: the candidate has more than half of the very configuration in which the holder was granted.
bool outvotes(const Candidate& candidate, const Holder& holder) {
    return candidate.algorithm == DecisionAlgorithm::ffsplit &&
           holder.grant.algorithm == DecisionAlgorithm::ffsplit &&
           candidate.configured == holder.grant.configured &&
           contains_all(candidate.configured, candidate.ring.members) &&
           2 * candidate.ring.members.size() > candidate.configured.size();
}

// Its "no" has taken effect.
bool is_over(const Holder& holder, Instant now) {
    return (holder.proof_complete && *holder.proof_complete <= now) ||
           (holder.round_over && *holder.round_over <= now);
}

Duration lifetime_of(NodeTimers timers) {
    const Duration span = 2 * timers.heartbeat + timers.device_timeout;
    return span + Ledger::margin(span);
}

}  // namespace

Ledger::Ledger(Rules rules, std::optional<Instant> guard_from, FailOver failover)
    : rules_(rules), failover_(failover), guard_from_(guard_from) {}

Duration Ledger::margin(Duration span) { return std::max(span / 20, Duration(1000)); }

void Ledger::acked(NodeId node, const Candidate& grant, NodeTimers timers, Instant flag_on,
                   Instant now) {
    Holder& holder = holders_[node];
    const Holder before = holder;
    holder = {};
    holder.grant = grant;
    holder.timers = {
        .heartbeat = std::max(before.timers.heartbeat, timers.heartbeat),
        .device_timeout = std::max(before.timers.device_timeout, timers.device_timeout),
        .lease = timers.lease};
    // What made it young may still be in the queue.
    holder.flag_on = before.needs_proof ? now : flag_on;
    const bool is_same_vote = before.grant.ring == grant.ring && before.flag_on == flag_on;
    holder.is_confirmed = before.is_confirmed && is_same_vote;
    holder.is_at_rest = before.is_at_rest && is_same_vote && timers.lease.count() > 0;
    holder.last_message = holder.last_echo = now;
    known_from_.insert_or_assign(node, now);
    if (const auto word = words_.find(node); word != words_.end()) word->second.denied.reset();
}

void Ledger::ack_confirmed(NodeId node, Instant flag_on) {
    const auto found = holders_.find(node);
    if (found == holders_.end()) return;
    found->second.is_confirmed = true;
    found->second.is_at_rest = found->second.timers.lease.count() > 0;
    found->second.flag_on = std::max(found->second.flag_on, flag_on);
}

void Ledger::heard(NodeId node, Instant now) {
    if (const auto found = holders_.find(node); found != holders_.end()) {
        found->second.last_message = now;
        found->second.is_restored = false;
    }
}

void Ledger::echoed(NodeId node, Instant now) {
    if (const auto found = holders_.find(node); found != holders_.end())
        found->second.last_echo = now;
}

void Ledger::begin_guard(Instant now) {
    guard_from_ = now;
    known_from_.clear();
}

void Ledger::declared(NodeId node, NodeTimers timers) {
    const auto found = holders_.find(node);
    if (found == holders_.end()) return;
    NodeTimers& known = found->second.timers;
    known.heartbeat = std::max(known.heartbeat, timers.heartbeat);
    // Who it is now is not known before its lists: the next ACK counts.
    if (known.lease.count() == 0)
        known.device_timeout = std::max(known.device_timeout, timers.device_timeout);
    // It is back: only a later end of this connection may count for its lifetime.
    found->second.ended.reset();
    found->second.end_of_stream = false;
}

void Ledger::reported(NodeId node, const Ring& ring, Instant first_list_at, Instant sent_after,
                      Instant now) {
    if (const auto own = holders_.find(node); own != holders_.end() && is_over(own->second, now))
        holders_.erase(own);
    // Who was released by a broken ring stays so, whatever is reported later; only who has no
    // lifetime would otherwise be in the way again. A young vote may still want proof.
    std::erase_if(holders_, [&](const auto& entry) {
        const auto& [other, holder] = entry;
        const auto at = broken_at(other, holder, {});
        return other != node && !has_lifetime(holder) && at && *at <= now &&
               sent_after - holder.flag_on >= 2 * holder.timers.heartbeat;
    });
    if (const auto unheard = unheard_since_.find(node); unheard != unheard_since_.end()) {
        sent_after = std::min(sent_after, unheard->second);
        unheard_since_.erase(unheard);
    }
    const auto own = holders_.find(node);
    if (own != holders_.end()) own->second.is_awaited = false;
    const bool was_settled = own != holders_.end() && is_settled(node, own->second);
    words_.insert_or_assign(node, Word{ring, now, first_list_at});
    for (auto& [other, holder] : holders_)
        if (other != node && holder.grant.ring.members.contains(node) &&
            ring.id.seq > holder.grant.ring.id.seq && !holder.broken_since) {
            holder.broken_since = sent_after;
            holder.last_before_break = holder.last_message;
        }
    const auto found = holders_.find(node);
    if (found == holders_.end() || found->second.grant.ring == ring) return;
    Holder& holder = found->second;
    if (holder.round_over) {  // its "no" is behind its "yes", in whatever ring both arrive
        holder.round_over = std::max(*holder.round_over, now + round_longest);
        return;
    }
    // Nothing was delivered yet if the synchronisation of its ring never ended.
    const Instant broken = holder.broken_since.value_or(sent_after);
    const Duration flag_age =
        (has_lifetime(holder) ? std::min(broken, sent_after) : sent_after) - holder.flag_on;
    const bool flag_is_recent = !holder.is_at_rest && flag_age < waits_longest(holder, was_settled);
    if (rules_.recent_flag_needs_proof && (flag_is_recent || holder.needs_proof)) {
        holder.needs_proof = true;
        holder.proof_complete.reset();
        return;
    }
    holders_.erase(found);  // R2b
}

// R2s ii: its daemon has said "no" after whatever may have waited in its corosync's queue.
void Ledger::take_proof(NodeId node, NodeTimers timers) {
    const auto word = words_.find(node);
    if (word == words_.end() || !word->second.denied) return;
    const Word& known = word->second;
    const auto found = holders_.find(node);
    // In a ring that is broken nothing is delivered before the next.
    const bool is_deliverable =
        known.settled && !(found != holders_.end() && known.ring == found->second.grant.ring &&
                           was_young_when_broken(node, found->second));
    const Instant quiet =
        is_deliverable ? std::max(*known.denied, *known.settled) : *known.denied + sync_longest;
    const Duration poll = timers.device_timeout / 2;
    const Instant proof = quiet + poll + margin(poll);
    const auto [entry, is_first] = known_from_.try_emplace(node, proof);
    if (!is_first) entry->second = std::min(entry->second, proof);
    if (found != holders_.end() && found->second.needs_proof)
        keep_earlier(found->second.proof_complete, proof);
}

void Ledger::sync_ended(NodeId node, NodeTimers timers, Instant now) {
    const auto word = words_.find(node);
    if (word == words_.end() || word->second.settled) return;
    word->second.settled = now;
    take_proof(node, timers);
}

void Ledger::nack_confirmed(NodeId node, NodeTimers timers, Instant sent_after, Instant now) {
    if (const auto word = words_.find(node); word != words_.end() && !word->second.denied)
        word->second.denied = now;
    const auto found = holders_.find(node);
    // While its ring is still synchronised, a "yes" of the ring before may be yet to come; in one
    // that is broken the last "yes" and this "no" may wait together (R2s ii).
    if (found != holders_.end() && rules_.recent_flag_needs_proof && has_lifetime(found->second) &&
        !found->second.is_at_rest &&
        ((!is_settled(node, found->second) && sent_after - found->second.flag_on < sync_longest) ||
         was_young_when_broken(node, found->second)))
        found->second.needs_proof = true;
    take_proof(node, timers);
    if (found == holders_.end()) return;
    Holder& holder = found->second;
    if (!holder.needs_proof && !holder.round_over) {
        // An ACK that a NACK overtook was read, at the latest, together with it.
        const bool is_all_read = holder.is_confirmed && holder.unbroken_until <= now;
        const Instant on = is_all_read ? holder.flag_on : now;
        holder.round_over = on + round_longest;
        if (*holder.round_over <= now) holders_.erase(found);  // R2a
    }
}

void Ledger::ended(NodeId node, Instant last_sent_after, bool end_of_stream, Instant now) {
    unheard_since_.try_emplace(node, last_sent_after);
    const auto found = holders_.find(node);
    if (found == holders_.end()) return;
    Holder& holder = found->second;
    holder.ended = now;
    holder.end_of_stream = end_of_stream;
    // The ACK may be read, and the vote switched on, as late as this.
    if (!holder.is_confirmed) holder.flag_on = now;
}

void Ledger::left(NodeId node, Instant now) {
    holders_.erase(node);
    known_from_.insert_or_assign(node, now);
}

bool Ledger::release(NodeId node) { return holders_.erase(node) != 0; }

std::optional<Instant> Ledger::lifetime_end(const Holder& holder) {
    if (!has_lifetime(holder)) return std::nullopt;
    const Duration heartbeats = 2 * holder.timers.heartbeat;
    const Duration timeout = holder.timers.device_timeout;
    // It keeps the vote through the loss of a connection, and gives it back by itself.
    if (const Duration lease = holder.timers.lease; lease.count() > 0)
        return holder.last_echo + longest_wait(holder.timers);
    if (holder.ended && holder.end_of_stream) return *holder.ended + timeout + margin(timeout);
    Instant end = holder.last_message + heartbeats + timeout;
    Instant from = holder.last_message;
    if (holder.ended && *holder.ended + timeout > end) {
        end = *holder.ended + timeout;
        from = *holder.ended;
    }
    return end + margin(end - from);
}

bool Ledger::wants_proof_after_restart(const Holder& holder) {
    return has_lifetime(holder) && holder.timers.lease.count() == 0;
}

bool Ledger::is_obstacle(NodeId node, const Holder& holder, const Candidate& candidate) const {
    if (!candidate.ring.members.contains(node)) return true;
    if (holder.grant.ring == candidate.ring) return false;
    if (candidate.ring.id.seq > holder.grant.ring.id.seq) return false;
    const auto word = words_.find(node);
    return word == words_.end() || word->second.ring != candidate.ring;
}

std::optional<Instant> Ledger::released_at(NodeId node, const Holder& holder,
                                           const Candidate& candidate, Instant now) const {
    std::optional<Instant> earliest = lifetime_end(holder);  // R2e
    if (outvotes(candidate, holder)) keep_earlier(earliest, now);
    if (holder.round_over) keep_earlier(earliest, *holder.round_over);
    if (holder.needs_proof) {
        if (holder.proof_complete) keep_earlier(earliest, *holder.proof_complete);
        return earliest;
    }
    if (const auto broken = broken_at(node, holder, candidate.ring.members))
        keep_earlier(earliest, *broken);
    return earliest;
}

// Has it told that the synchronisation of the ring in which it was granted is over?
bool Ledger::is_settled(NodeId node, const Holder& holder) const {
    const auto word = words_.find(node);
    return word != words_.end() && word->second.ring == holder.grant.ring &&
           word->second.settled.has_value();
}

// R2s ii for who does not report where it went: its "yes" may have been cast when the token was
// lost already, or while the ring's synchronisation still went on, and wait in the queue. (Without
// a lifetime it could never be released at all.)
bool Ledger::is_young(NodeId node, const Holder& holder, Instant broken) const {
    return rules_.recent_flag_needs_proof && has_lifetime(holder) && !holder.is_at_rest &&
           broken - holder.flag_on < waits_longest(holder, is_settled(node, holder));
}

bool Ledger::was_young_when_broken(NodeId node, const Holder& holder) const {
    return holder.broken_since && is_young(node, holder, *holder.broken_since);
}

// R2c: what counted in a broken ring counts no more. An ACK that is still under way may be read
// after the ring broke, and its "yes" wait in the queue (fact 1).
std::optional<Instant> Ledger::broken_at(NodeId node, const Holder& holder,
                                         const Nodes& candidate) const {
    std::optional<Instant> earliest;
    if (holder.needs_proof) return earliest;
    if (rules_.recent_flag_needs_proof && !holder.is_confirmed) return earliest;
    for (const NodeId other : holder.grant.ring.members) {
        const auto word = words_.find(other);
        if (other == node || word == words_.end()) continue;
        if (word->second.ring.id.seq <= holder.grant.ring.id.seq) continue;
        if (is_young(node, holder, holder.broken_since.value_or(word->second.at))) continue;
        // A restarted corosync forms its ring long before the others lose their token (fact 5).
        const Instant from =
            candidate.contains(other) ? word->second.first_list_at : word->second.at;
        Instant at =
            std::max({word->second.at, from + holder.timers.heartbeat, holder.unbroken_until});
        if (failover_ == FailOver::strict && holder.timers.lease.count() == 0)
            at = std::max(at, holder.last_before_break.value_or(holder.last_message) +
                                  2 * holder.timers.heartbeat);
        // Its ACK died with the ring; but until then it may show a stale view.
        if (const Duration lease = holder.timers.lease; lease.count() > 0)
            at = std::max(at, lease_end(holder.last_echo, lease));
        keep_earlier(earliest, at);
    }
    return earliest;
}

Clearance Ledger::guard(const Candidate& candidate, NodeTimers guard_timers, Instant now) const {
    Clearance clearance;
    if (!rules_.guard_after_start || !guard_from_) return clearance;
    Instant end = *guard_from_ + lifetime_of(guard_timers);
    Instant all_known = *guard_from_;
    for (const NodeId node : candidate.configured) {
        if (candidate.ring.members.contains(node)) continue;
        const auto known = known_from_.find(node);
        all_known = std::max(all_known, known == known_from_.end() ? end : known->second);
    }
    end = std::min(end, all_known);
    if (now >= end) return clearance;
    clearance.clear = false;
    clearance.at = end;
    clearance.reason = Reason::waiting_after_start;
    return clearance;
}

Clearance Ledger::clearance(const Candidate& candidate, NodeTimers guard_timers,
                            Instant now) const {
    Clearance worst = guard(candidate, guard_timers, now);
    if (!rules_.release_before_handover) return worst;
    for (const auto& [node, holder] : holders_) {
        if (!is_obstacle(node, holder, candidate)) continue;
        const std::optional<Instant> at = released_at(node, holder, candidate, now);
        if (at && *at <= now) continue;
        if (worst.clear || !at || (worst.at && *at > *worst.at))
            worst = {.clear = false,
                     .at = at,
                     .blocked_by = node,
                     .reason = Reason::waiting_for_release};
        if (!at) break;
    }
    return worst;
}

void Ledger::end_guard() {
    guard_from_.reset();
    known_from_.clear();
}

Instant Ledger::lease_end(Instant last_echo, Duration lease) {
    return last_echo + lease + lease / 20;
}

Duration Ledger::longest_wait(NodeTimers timers) {
    if (timers.lease.count() == 0) return lifetime_of(timers);
    const Duration span = timers.lease + timers.device_timeout;
    return span + margin(span);
}

Duration Ledger::guard_length(NodeTimers timers) { return lifetime_of(timers); }

bool Ledger::reported_as_well(NodeId node, const Ring& ring) const {
    const auto word = words_.find(node);
    return word != words_.end() && word->second.ring != ring &&
           word->second.ring.members == ring.members;
}

bool Ledger::is_left_behind(const Ring& ring) const {
    return std::any_of(ring.members.begin(), ring.members.end(), [&](NodeId node) {
        const auto word = words_.find(node);
        return word != words_.end() && word->second.ring != ring &&
               word->second.ring.id.seq > ring.id.seq;
    });
}

std::map<NodeId, Holder> Ledger::expire(Instant now) {
    std::map<NodeId, Holder> gone;
    std::erase_if(holders_, [&](const auto& entry) {
        const Holder& holder = entry.second;
        const std::optional<Instant> end = lifetime_end(holder);
        const bool over = (holder.ended && end && *end <= now) || is_over(holder, now);
        if (over) gone.insert(entry);
        return over;
    });
    return gone;
}

}  // namespace castvote::qnetd
