// cluster_failover.cpp -- who lags behind the others' ring: waited for, asked, or passed over.
//
// Somebody who falls silent while the others report a new ring is most likely dead. Whether the
// vote may then be handed over is not judged here but by the ledger, as ever (R4).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

using wire::Vote;

// A member of its ring has already reported a later one.
bool Cluster::is_behind(const Member& m) const {
    return std::any_of(m.ring.members.begin(), m.ring.members.end(), [&](NodeId other) {
        const auto found = members_.find(other);
        return found != members_.end() && found->second.has_both_lists() &&
               found->second.ring != m.ring && found->second.ring.id.seq > m.ring.id.seq;
    });
}

// R5: who answers, yet sticks to a ring that others have left, loses the vote and is set aside.
void Cluster::press_those_behind(const Step& step) {
    if (!unstable_since_) return;
    note(step, Level::info, Reason::waiting_for_views, {}, 0, Duration(0),
         "the nodes' views contradict each other, waiting for the slower ones");
    if (pass_over_the_silent(step)) {
        decide(step);
        return;
    }
    const Duration slowest = slowest_timers().heartbeat;
    const Instant end = *unstable_since_ + slowest + slowest / 2;
    if (end > step.now) {
        keep_earlier(look_again_, end);
        return;
    }
    for (auto& [node, m] : members_) {
        if (!m.is_decided_on() || !is_behind(m)) continue;
        if (m.due != Due::nack_reply) tell_nack(m, step);
    }
}

// R2s ii: an old "yes" may wait in its corosync's queue, and only its own report would show that.
std::optional<Instant> Cluster::young_until(const Member& m) const {
    const auto holder = ledger_.holders().find(m.node);
    if (!settings_.rules.recent_flag_needs_proof || holder == ledger_.holders().end() ||
        holder->second.is_at_rest)
        return std::nullopt;
    return holder->second.flag_on + 2 * holder->second.timers.heartbeat;
}

// From when on a node that is behind counts as silent; none while it does not. Who has a lease
// gives the vote back by itself; a stock node is asked whether it is there.
std::optional<Instant> Cluster::silent_from(Member& m, const Step& step) {
    if (m.lease.count() > 0) return Ledger::lease_end(m.last_echo, m.lease);
    if (settings_.failover != FailOver::fast) return std::nullopt;
    const Instant ask_at = *unstable_since_ + settings_.probe_after;
    if (ask_at > step.now) {
        keep_earlier(look_again_, ask_at);
        return std::nullopt;
    }
    if (!m.probe || m.probe->ring != m.ring) {
        m.probe = Probe{.sequence = ++m.sequence, .ring = m.ring, .sent = step.now};
        send_vote_info(m, Vote::no_change, step);
    }
    if (m.probe->is_answered) return std::nullopt;
    return m.probe->sent + settings_.probe_timeout;
}

// True when one of those behind is silent, and was set aside.
bool Cluster::pass_over_the_silent(const Step& step) {
    bool is_set_aside = false;
    for (auto& [node, m] : members_) {
        if (!m.is_decided_on() || !is_behind(m)) continue;
        if (const auto until = young_until(m); until && *until > step.now) {
            keep_earlier(look_again_, *until);
            continue;
        }
        if (m.due == Due::nack_reply) continue;  // R4, R5: it has to confirm that
        const std::optional<Instant> end = silent_from(m, step);
        if (!end) continue;
        if (*end > step.now) {
            keep_earlier(look_again_, *end);
            continue;
        }
        note(step, Level::warning,
             m.lease.count() > 0 ? Reason::lease_over : Reason::probe_unanswered, m.ring, node,
             Duration(0), "the decision goes on without it");
        m.is_set_aside = true;
        m.was_passed_over = true;
        is_set_aside = true;
    }
    return is_set_aside;
}

// A survivor's synchronisation ends as inquorate before the vote can be handed over. A stock node
// does not tell its limit: the default is taken.
void Cluster::judge_waits(const Member& m, const Step& step) {
    const Duration wait = Ledger::longest_wait(timers_of(m));
    if (wait <= m.sync_limit()) return;
    note(step, Level::warning, Reason::waits_exceed_sync_timeout, m.ring, m.node, wait,
         fmt::format("cut off with the vote it would block it for {} ms, and the others wait {} ms "
                     "at most: lower quorum.device.timeout on all nodes, or raise "
                     "quorum.device.sync_timeout",
                     wait.count(), m.sync_limit().count()));
}

}  // namespace castvote::qnetd
