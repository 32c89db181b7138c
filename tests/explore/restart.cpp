// restart.cpp -- the arbiter's store, and what a restart must not forget (R3, I3).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "tests/explore/innards.hpp"
#include "tests/explore/world.hpp"

namespace castvote::explore {

namespace {

bool names(const std::map<NodeId, qnetd::Holder>& holders, NodeId node, const Ring& ring) {
    const auto found = holders.find(node);
    return found != holders.end() && found->second.grant.ring == ring;
}

// Could it still count the vote, or come to count it by what was sent to it already?
bool may_count(const Node& node, Instant now) {
    if (node.counts(now)) return true;
    return !node.is_gathering && node.reported == node.ring.id &&
           std::any_of(node.down.begin(), node.down.end(), [&](const Down& down) {
               return down.vote == wire::Vote::ack && down.ring == node.ring.id;
           });
}

}  // namespace

qnetd::Persisted Store::land() {
    const qnetd::Persist done = std::move(pending_.front());
    pending_.pop_front();
    last_grant_ = std::max(last_grant_, done.record.grant_number);
    if (done.record.is_empty())
        records_.erase(done.cluster);
    else
        records_.insert_or_assign(done.cluster, done.record);
    return {done.cluster, done.number};
}

void Store::lose(Instant now) {
    *this = Store();
    guard_from_ = now;
}

qnetd::Memory Store::memory() const {
    qnetd::Memory memory;
    memory.guard_from = guard_from_;
    memory.last_grant_number = last_grant_;
    for (const auto& [name, record] : records_)
        memory.records[name] = {.record = record, .is_same_clock = true};
    return memory;
}

bool Store::is_certain_of(NodeId node, const Ring& ring) const {
    const auto now = records_.find("alpha");
    if (now == records_.end() || !names(now->second.holders, node, ring)) return false;
    return std::all_of(pending_.begin(), pending_.end(), [&](const qnetd::Persist& write) {
        return write.cluster != "alpha" || names(write.record.holders, node, ring);
    });
}

void World::write() { step(store_.land()); }

// landed: so many of the writes under way are done when the old process ends.
void World::restart_arbiter(std::size_t landed, bool loses_store) {
    for (; landed > 0; --landed) store_.land();
    store_.kill();
    if (loses_store) store_.lose(now_);
    const bool is_durable = scope_->settings.durable_grants;
    arbiter_ = is_durable ? qnetd::Arbiter(scope_->settings, now_, store_.memory())
                          : qnetd::Arbiter(scope_->settings, now_);
    sessions_.clear();
    beta_ = {};
    oracle_.arbiter_restarted(is_durable && !loses_store, now_);
    // What was sent may still be read, until the daemon notices.
    for (Node& one : nodes_) {
        lose_late_yes(one);
        one.up.clear();
        if (one.link == Node::Link::open) one.link = Node::Link::broken;
    }
    if (is_durable) judge_memory();
    step(qnetd::TimePassed{});
}

// I3.
void World::judge_memory() {
    const auto cluster = qnetd::Innards::cluster(arbiter_, "alpha");
    if (store_.guard_from() && *store_.guard_from() + longest_lifetime() > now_) return;
    for (const Node& one : nodes_) {
        if (!may_count(one, now_)) continue;
        if (!cluster || !qnetd::Innards::holds(*cluster, one.id))
            violate(fmt::format(
                "I3: node {} may count the vote, and the arbiter forgot it by its restart",
                one.id));
    }
}

}  // namespace castvote::explore
