// cluster_record.cpp -- a new grant is recorded before its first ACK leaves (R3).
//
// Three records meet here: what a restart should find (wanted), what the store was asked to write,
// and what it has written. An ACK leaves only to whom the last two both name as its holder;
// whatever else changes is written behind, and nothing waits for it.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

namespace {

// A node whose connection an arbiter's restart has ended is back by then.
constexpr Duration everybody_back{1000};

using Holders = std::map<NodeId, Holder>;

bool names(const Holders& holders, NodeId node, const Candidate& grant, NodeTimers timers) {
    const auto found = holders.find(node);
    if (found == holders.end()) return false;
    const Holder& holder = found->second;
    return holder.grant == grant && !holder.is_restored &&
           (!holder.needs_proof || Ledger::wants_proof_after_restart(holder)) &&
           holder.timers.heartbeat >= timers.heartbeat &&
           holder.timers.device_timeout >= timers.device_timeout &&
           holder.timers.lease == timers.lease;
}

}  // namespace

void Cluster::restore(const Restored& restored, Instant now) {
    ledger_.restore(restored.record, restored.is_same_clock, now);
    granted_ = restored.record.granted;
    if (granted_) granted_since_ = now;
    grant_number_ = restored.record.grant_number;
    restored_until_ = now + everybody_back;
    must_write_ = !restored.is_same_clock;
    asked_ = restored.record;
    durable_ = restored.record.holders;
    durable_granted_ = restored.record.granted;
}

// Is it certain that a restart will find the winner as a holder of the chosen ring, and that as the
// one which was given the vote last? Else others may unseat it then (I5).
bool Cluster::is_recorded(const Member& winner) const {
    if (!settings_.durable_grants) return true;
    const NodeTimers timers = timers_of(winner);
    return durable_granted_ == candidate_->ring &&
           names(asked_.holders, winner.node, *candidate_, timers) &&
           names(durable_, winner.node, *candidate_, timers);
}

// Will it be back in a moment, and counts the vote all the while?
bool Cluster::is_expected(const Holder& holder, Instant now) const {
    const Duration lease = holder.timers.lease;
    const bool has_lease =
        holder.ended && lease.count() > 0 && Ledger::lease_end(holder.last_echo, lease) > now;
    return granted_ && holder.grant.ring == granted_ && (holder.is_awaited || has_lease);
}

// The last winner may still come back, after a restart of ours or within its lease. Until it has,
// or is released, nobody else is more than a newcomer (I5).
bool Cluster::awaits_holder(Instant now) const {
    // It is back when its lists are: the others may say something between its INIT and those.
    const bool is_coming_back = std::any_of(members_.begin(), members_.end(), [&](const auto& it) {
        const Member& m = it.second;
        return !m.is_newcomer && !m.has_both_lists() && granted_ && m.ring.id == granted_->id;
    });
    return is_coming_back ||
           std::any_of(ledger_.holders().begin(), ledger_.holders().end(),
                       [&](const auto& entry) { return is_expected(entry.second, now); });
}

bool Cluster::is_expected_holder(const Member& joined, Instant now) const {
    const auto found = ledger_.holders().find(joined.node);
    return found != ledger_.holders().end() && is_expected(found->second, now) &&
           granted_->id == joined.ring.id;
}

void Cluster::intend(const Member& winner, const Step& step) {
    const Instant now = step.now;
    if (asked_.granted != candidate_->ring && intents_.empty())
        grant_number_ = std::max(++*step.last_grant, grant_number_ + 1);
    Holder holder;
    holder.grant = *candidate_;
    holder.timers = timers_of(winner);
    if (const auto old = ledger_.holders().find(winner.node); old != ledger_.holders().end()) {
        const NodeTimers known = old->second.timers;
        holder.timers.heartbeat = std::max(holder.timers.heartbeat, known.heartbeat);
        holder.timers.device_timeout = std::max(holder.timers.device_timeout, known.device_timeout);
    }
    holder.flag_on = now;
    holder.last_message = holder.last_echo = now;
    intents_.insert_or_assign(winner.node, std::move(holder));
}

Record Cluster::wanted_record() const {
    Record wanted;
    if (members_.empty() && ledger_.holders().empty() && !ledger_.guard_from()) return wanted;
    ledger_.write_to(wanted);
    wanted.grant_number = grant_number_;
    wanted.granted = granted_;
    for (const auto& [node, intent] : intents_) {
        wanted.holders.insert_or_assign(node, intent);
        wanted.granted = intent.grant.ring;
    }
    // Whoever was not heard yet is still expected: that it was not is written a little later.
    if (restored_until_)
        for (auto& [node, holder] : wanted.holders)
            if (const auto before = asked_.holders.find(node);
                holder.is_restored && before != asked_.holders.end())
                holder.is_restored = before->second.is_restored;
    // Told the same vote again it is as confirmed as before: nothing is written for that. An ACK
    // that is under way at a restart switches nothing on any more when a broken ring may release.
    for (auto& [node, holder] : wanted.holders) {
        const auto before = asked_.holders.find(node);
        if (before != asked_.holders.end() && before->second.grant == holder.grant &&
            !before->second.needs_proof)
            holder.is_confirmed = holder.is_confirmed || before->second.is_confirmed;
    }
    return wanted;
}

// The usual end of a step, an echo's above all: found out without making a record. False: perhaps.
bool Cluster::is_asked_as_wanted() const {
    return intents_.empty() && !restored_until_ && !must_write_ && !ledger_.holders().empty() &&
           says_the_same(asked_,
                         {grant_number_, granted_, ledger_.guard_from(), ledger_.holders()});
}

void Cluster::persist(const Step& step) {
    if (!settings_.durable_grants) return;
    if (ledger_.guard_from() && step.now >= *ledger_.guard_from() + longest_guard(settings_))
        ledger_.end_guard();
    if (restored_until_ && step.now >= *restored_until_) restored_until_.reset();
    if (is_asked_as_wanted()) return;
    Record wanted = wanted_record();
    // Nothing was granted ever: the store's own word covers it.
    if (!must_write_ && asked_.is_empty() && wanted.holders.empty()) return;
    const bool is_forced = must_write_ && !restored_until_;
    if (!is_forced && says_the_same(asked_, {wanted.grant_number, wanted.granted, wanted.guard_from,
                                             wanted.holders}))
        return;
    if (is_forced) must_write_ = false;
    asked_ = std::move(wanted);
    asked_number_ = ++*step.last_write;
    step.actions->push_back(Persist{name_, asked_number_, asked_});
    // Until it is written the store may have either: nobody is certain whom it does not name.
    if (durable_granted_ != asked_.granted) durable_granted_.reset();
    std::erase_if(durable_, [this](const auto& entry) {
        return !names(asked_.holders, entry.first, entry.second.grant, entry.second.timers);
    });
}

void Cluster::persisted(std::uint64_t number, const Step& step) {
    if (number < asked_number_) return;
    durable_ = asked_.holders;
    durable_granted_ = asked_.granted;
    if (!members_.empty()) advance(step);
}

Duration longest_device_timeout(const Settings& settings) {
    const Duration stated((std::int64_t{settings.heartbeat_interval_max_ms} * 5 + 3) / 4 + 1);
    return std::max(stated, settings.device_timeout);
}

Duration longest_guard(const Settings& settings) {
    return Ledger::guard_length({.heartbeat = Duration(settings.heartbeat_interval_max_ms),
                                 .device_timeout = longest_device_timeout(settings)});
}

}  // namespace castvote::qnetd
