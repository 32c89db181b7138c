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

using Holders = std::map<NodeId, Holder>;

bool names(const Holders& holders, NodeId node, const Candidate& grant, NodeTimers timers) {
    const auto found = holders.find(node);
    return found != holders.end() && found->second.grant == grant && !found->second.is_restored &&
           !found->second.needs_proof && found->second.timers.heartbeat >= timers.heartbeat &&
           found->second.timers.device_timeout >= timers.device_timeout;
}

}  // namespace

void Cluster::restore(const Restored& restored, Instant now) {
    ledger_.restore(restored.record, restored.is_same_clock, now);
    granted_ = restored.record.granted;
    if (granted_) granted_since_ = now;
    grant_number_ = restored.record.grant_number;
    asked_ = restored.record;
    durable_ = restored.record.holders;
}

// Is it certain that a restart will find the winner as a holder of the chosen ring?
bool Cluster::is_recorded(const Member& winner) const {
    if (!settings_.durable_grants) return true;
    const NodeTimers timers = timers_of(winner);
    return names(asked_.holders, winner.node, *candidate_, timers) &&
           names(durable_, winner.node, *candidate_, timers);
}

void Cluster::intend(const Member& winner, Instant now) {
    if (asked_.granted != candidate_->ring && intents_.empty()) ++grant_number_;
    Holder holder;
    holder.grant = *candidate_;
    holder.timers = timers_of(winner);
    if (const auto old = ledger_.holders().find(winner.node); old != ledger_.holders().end()) {
        const NodeTimers known = old->second.timers;
        holder.timers.heartbeat = std::max(holder.timers.heartbeat, known.heartbeat);
        holder.timers.device_timeout = std::max(holder.timers.device_timeout, known.device_timeout);
    }
    holder.flag_on = now;
    holder.last_message = now;
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
    // Told the same vote again it is as confirmed as before: nothing is written for that.
    for (auto& [node, holder] : wanted.holders) {
        const auto before = asked_.holders.find(node);
        if (before != asked_.holders.end() && before->second.grant == holder.grant &&
            !before->second.needs_proof)
            holder.is_confirmed = holder.is_confirmed || before->second.is_confirmed;
    }
    return wanted;
}

void Cluster::persist(const Step& step) {
    if (!settings_.durable_grants) return;
    if (ledger_.guard_from() && step.now >= *ledger_.guard_from() + longest_guard(settings_))
        ledger_.end_guard();
    Record wanted = wanted_record();
    // Nothing was granted ever: the store's own word covers it.
    if (asked_.is_empty() && wanted.holders.empty()) return;
    if (says_the_same(asked_, wanted)) return;
    asked_ = std::move(wanted);
    asked_number_ = ++*step.last_write;
    step.actions->push_back(Persist{name_, asked_number_, asked_});
    // Until it is written the store may have either: nobody is certain whom it does not name.
    std::erase_if(durable_, [this](const auto& entry) {
        return !names(asked_.holders, entry.first, entry.second.grant, entry.second.timers);
    });
}

void Cluster::persisted(std::uint64_t number, const Step& step) {
    if (number < asked_number_) return;
    durable_ = asked_.holders;
    if (!members_.empty()) advance(step);
}

Duration longest_guard(const Settings& settings) {
    const Duration heartbeat(settings.heartbeat_interval_max_ms);
    const Duration stated((heartbeat.count() * 5 + 3) / 4 + 1);
    return Ledger::guard_length(
        {.heartbeat = heartbeat, .device_timeout = std::max(stated, settings.device_timeout)});
}

}  // namespace castvote::qnetd
