// ledger_record.cpp -- what of the ledger outlives a restart, what a restart makes of it (R3), and
// what need not be kept.
//
// Written is only what stays true however long ago it was written; read is the worst that it may
// have become since.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include "qnetd/core/ledger.hpp"
#include "qnetd/core/record.hpp"

namespace castvote::qnetd {

// R3. When the old process last heard a holder is not in the record: at most until the restart.
// That restart is recorded, so that the next one does not begin the lifetime anew; save a lease,
// which an answered INIT renews before it is written that the holder was heard again.
void Ledger::restore(const Record& record, bool is_same_clock, Instant now) {
    holders_ = record.holders;
    for (auto& [node, holder] : holders_) {
        holder.is_awaited = true;
        if (wants_proof_after_restart(holder)) holder.needs_proof = true;
        const Duration lease = holder.timers.lease;
        if (is_same_clock && holder.is_restored && lease.count() == 0) continue;
        holder.is_restored = true;
        holder.last_message = holder.last_echo = now;
        holder.ended = now;
        holder.end_of_stream = false;
        holder.flag_on = now;
        // Killed between the record and the ACK: what it held before is not known any more, nor
        // whether a "yes" of that waits in its corosync's queue (R2s ii).
        if (!holder.is_confirmed) holder.needs_proof = true;
        holder.unbroken_until =
            lease.count() > 0 ? lease_end(now, lease) : now + 2 * holder.timers.heartbeat;
    }
    words_ = record.words;
    for (const auto& [node, holder] : holders_)
        for (const NodeId member : holder.grant.ring.members) {
            Instant& since = unheard_since_.try_emplace(member, now).first->second;
            since = std::min(since, holder.flag_on);
        }
    guard_from_ = record.guard_from;
    if (is_same_clock) {
        known_from_ = record.known_from;
        return;
    }
    for (auto& [node, word] : words_) word.at = word.first_list_at = now;
    if (guard_from_) guard_from_ = now;
}

// What takes these back is not always written: an ACK for the same ring, a report of another.
void Ledger::write_to(Record& record) const {
    record.holders = holders_;
    for (auto& [node, holder] : record.holders) {
        holder.is_awaited = false;
        holder.round_over.reset();
        holder.proof_complete.reset();
        holder.broken_since.reset();
        holder.last_before_break.reset();
        holder.is_at_rest = false;  // it may be told NACK and ACK before the next record
    }
    record.words = words_;
    for (auto& [node, word] : record.words) {
        word.denied.reset();
    }
    record.guard_from = guard_from_;
    if (guard_from_) record.known_from = known_from_;
}

void Ledger::forget_reports_outside(const Nodes& nodes) {
    Nodes needed = nodes;
    for (const auto& [node, holder] : holders_) {
        needed.insert(node);
        needed.insert(holder.grant.ring.members.begin(), holder.grant.ring.members.end());
    }
    std::erase_if(words_, [&](const auto& entry) { return !needed.contains(entry.first); });
    std::erase_if(known_from_, [&](const auto& entry) { return !needed.contains(entry.first); });
    std::erase_if(unheard_since_, [&](const auto& entry) { return !needed.contains(entry.first); });
}

}  // namespace castvote::qnetd
