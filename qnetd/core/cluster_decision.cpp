// cluster_decision.cpp -- from the nodes' views to votes: propose, NACK, reply, ledger, ACK (R4).
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "common/wire/check.hpp"
#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

using wire::Vote;

View Cluster::view(Instant now) const {
    View view;
    view.granted = granted_;
    view.keep_active = std::all_of(members_.begin(), members_.end(),
                                   [](const auto& entry) { return entry.second.keep_active; }) ||
                       std::any_of(members_.begin(), members_.end(), [](const auto& entry) {
                           return entry.second.is_decided_on() && entry.second.was_passed_over;
                       });
    for (const auto& [node, m] : members_) {
        if (!m.is_decided_on()) continue;
        view.nodes.push_back({.node = node,
                              .ring = m.ring,
                              .configured = m.configured,
                              .heuristics = m.heuristics,
                              .tie_breaker = m.tie_breaker,
                              // No decision has reached who was passed over either.
                              .is_newcomer = m.is_newcomer || m.was_passed_over ||
                                             (awaits_holder(now) && m.ring != granted_)});
    }
    return view;
}

void Cluster::decide(const Step& step) {
    look_again_.reset();
    intents_.clear();
    if (!algorithm().takes_turns) return;
    const Proposal proposal = algorithm().propose(view(step.now));
    is_stable_ = proposal.kind != ProposalKind::wait;
    if (!is_stable_) {
        candidate_.reset();
        if (!unstable_since_) unstable_since_ = step.now;
        advance(step);
        return;
    }
    unstable_since_.reset();
    for (auto& [node, m] : members_) m.probe.reset();
    candidate_.reset();
    why_ = proposal.why;
    if (proposal.kind == ProposalKind::ring) {
        candidate_ = Candidate{.ring = proposal.ring, .algorithm = algorithm().number};
        for (const auto& [node, m] : members_)
            if (m.is_decided_on() && m.ring == proposal.ring) candidate_->configured = m.configured;
    } else {
        // Who still counts the vote by its lease, and will be back, has not lost it (I5).
        if (!awaits_holder(step.now)) {
            granted_.reset();
            granted_since_.reset();
        }
        note(step, Level::warning, Reason::nobody_qualifies, {}, 0, Duration(0),
             "no partition may have the vote");
    }
    mark_dues(proposal, step.now);
    advance(step);
}

void Cluster::mark_dues(const Proposal& proposal, Instant now) {
    for (auto& [node, m] : members_) {
        if (!m.is_decided_on()) {
            m.due = Due::nothing;
            continue;
        }
        const bool wins = candidate_ && m.ring == candidate_->ring;
        m.due = wins ? Due::ack : Due::nack;
        const bool stays_new = proposal.still_newcomers.contains(node) || awaits_holder(now);
        if (wins && !stays_new) m.was_passed_over = false;
        if (!stays_new) m.is_newcomer = false;
    }
}

// Goes on with the running decision as far as it can be done now.
void Cluster::advance(const Step& step) {
    look_again_.reset();
    evict_silent(step);
    if (!is_stable_) {
        press_those_behind(step);
        return;
    }
    if (!nacks_are_confirmed(step) || !candidate_) return;
    if (is_cleared(step)) tell_winners(step);
}

// R5: a NACK unanswered for one heartbeat, while the connection lives, ends the connection. Who
// reports a new ring is told anew, but not for ever.
std::optional<Instant> Cluster::evicted_at(const Member& m) {
    constexpr int rings_longest = 8;  // heartbeats
    std::optional<Instant> end;
    if (!m.nack_unanswered_since) return end;
    end = *m.nack_unanswered_since + m.heartbeat;
    if (m.never_confirms_since)
        keep_earlier(end, *m.never_confirms_since + rings_longest * m.heartbeat);
    return end;
}

void Cluster::evict_silent(const Step& step) {
    for (auto& [node, m] : members_) {
        const std::optional<Instant> end = evicted_at(m);
        if (!end) continue;
        if (*end > step.now) {
            keep_earlier(look_again_, *end);
        } else if (std::find(step.evicted->begin(), step.evicted->end(), m.connection) ==
                   step.evicted->end()) {
            note(step, Level::warning, Reason::nack_unanswered, m.ring, node, Duration(0),
                 "it did not confirm the loss of the vote, its connection is closed");
            step.evicted->push_back(m.connection);
        }
    }
}

bool Cluster::nacks_are_confirmed(const Step& step) {
    for (auto& [node, m] : members_)
        if (m.due == Due::nack) tell_nack(m, step);
    const auto waiting = std::find_if(members_.begin(), members_.end(), [](const auto& entry) {
        return entry.second.due == Due::nack_reply;
    });
    if (waiting == members_.end()) return true;
    evict_silent(step);
    if (candidate_)
        note(step, Level::debug, Reason::waiting_for_replies, candidate_->ring, waiting->first,
             waiting->second.heartbeat, "the others must confirm first that they have no vote");
    return false;
}

// R1, R2 and the guard of R3: may the chosen ring be granted now?
bool Cluster::is_cleared(const Step& step) {
    const Candidate& candidate = *candidate_;
    const bool is_behind_connected =
        std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
            const Ring& ring = entry.second.ring;
            return candidate.ring.members.contains(entry.first) && ring.id != candidate.ring.id &&
                   ring.id.seq > candidate.ring.id.seq;
        });
    if (is_behind_connected || ledger_.is_left_behind(candidate.ring)) {
        note(step, Level::info, Reason::waiting_for_views, candidate.ring, 0, Duration(0),
             "a member of this ring has reported a later one");
        return false;
    }
    const Clearance clearance = ledger_.clearance(candidate, slowest_timers(), step.now);
    if (clearance.clear) return true;
    const std::string who =
        clearance.reason == Reason::waiting_after_start
            ? "nothing is known of grants before this arbiter started"
            : fmt::format("node {} may still count the vote", clearance.blocked_by);
    note(step, Level::warning, clearance.reason, candidate.ring, clearance.blocked_by,
         clearance.at ? *clearance.at - step.now : Duration(0),
         clearance.at ? who : who + "; only it, or the operator, can release it");
    if (clearance.at) keep_earlier(look_again_, *clearance.at);
    return false;
}

void Cluster::tell_winners(const Step& step) {
    for (auto& [node, m] : members_) {
        if (m.due != Due::ack) continue;
        if (m.ack_not_before > step.now)
            keep_earlier(look_again_, m.ack_not_before);
        else if (is_recorded(m))
            tell_ack(m, step);
        else
            intend(m, step);
    }
    tell_of_slow_store(step);
}

// Milliseconds pass in silence, a sick disk does not.
void Cluster::tell_of_slow_store(const Step& step) {
    if (intents_.empty()) {
        waits_for_record_since_.reset();
        return;
    }
    if (!waits_for_record_since_) waits_for_record_since_ = step.now;
    const Instant tell_at = *waits_for_record_since_ + Duration(1000);
    if (tell_at > step.now)
        keep_earlier(look_again_, tell_at);
    else
        note(step, Level::warning, Reason::waiting_for_record, candidate_->ring, 0, Duration(0),
             "the grant is not on the disk yet, without that it could be forgotten");
}

// -- telling --------------------------------------------------------------------------------------

void Cluster::tell(Member& m, Vote vote, const Step& step) {
    m.told = Told{.sequence = ++m.sequence, .vote = vote, .ring = m.ring};
    m.last_vote = vote;
    m.last_ack_or_nack = vote;
    send_vote_info(m, vote, step);
}

void Cluster::send_vote_info(const Member& m, Vote vote, const Step& step) {
    wire::Message message;
    message.type = wire::MessageType::vote_info;
    message.msg_seq_number = m.sequence;
    message.vote = vote;
    message.ring_id = m.ring.id;
    if (vote == Vote::ack && m.lease.count() > 0 && grant_number_ > 0)
        message.grant_number = grant_number_;
    step.actions->push_back(Send{m.connection, std::move(message)});
}

void Cluster::tell_nack(Member& m, const Step& step) {
    const bool is_news = m.last_ack_or_nack != Vote::nack;
    m.due = Due::nack_reply;
    m.voting_in.reset();
    m.kept_vote_of.reset();
    if (!m.nack_unanswered_since) m.nack_unanswered_since = step.now;
    if (!m.never_confirms_since || step.now - m.last_nack > m.heartbeat)
        m.never_confirms_since = step.now;
    m.last_nack = step.now;
    keep_earlier(look_again_, *evicted_at(m));
    tell(m, Vote::nack, step);
    if (is_news)
        note(step, Level::info, Reason::denied, m.ring, m.node, Duration(0), "has no vote");
}

void Cluster::tell_ack(Member& m, const Step& step) {
    // Also who was only a newcomer when that was decided, because the last winner was awaited.
    m.is_newcomer = m.was_passed_over = false;
    const Duration flag_lasts = timers_of(m).device_timeout / 2;
    const bool flag_stayed_on = (m.voting_in || m.kept_vote_of == m.ring.id) &&
                                !(m.poll_paused && step.now - *m.poll_paused >= flag_lasts);
    if (!flag_stayed_on) {
        m.flag_on = step.now;
    } else if (!m.voting_in) {
        const auto before = ledger_.holders().find(m.node);
        const bool is_known =
            before != ledger_.holders().end() && before->second.grant.ring == m.ring;
        m.flag_on = is_known ? before->second.flag_on : step.now;
    }
    const bool switches_on = !flag_stayed_on || (m.told && m.told->switches_on);
    const bool is_news = m.voting_in != m.ring;
    m.voting_in = m.ring;
    m.poll_paused.reset();
    // A NACK that is still on its way is overtaken: its late confirmation says nothing any more.
    m.nack_unanswered_since.reset();
    m.never_confirms_since.reset();
    m.due = Due::ack_reply;
    intents_.erase(m.node);
    ledger_.acked(m.node, *candidate_, timers_of(m), m.flag_on, step.now);
    if (granted_ != candidate_->ring || !granted_since_) {
        granted_ = candidate_->ring;
        granted_since_ = step.now;
    }
    tell(m, Vote::ack, step);
    m.told->switches_on = switches_on;
    // Told again it is no news, yet it ends what the status says of a wait.
    note(step, is_news ? Level::info : Level::debug, Reason::granted, m.ring, m.node, Duration(0),
         std::string(meaning_of(why_)));
}

void Cluster::vote_info_reply(NodeId node, std::uint32_t sequence, const Step& step) {
    Member& m = member(node);
    if (m.probe && m.probe->sequence == sequence) m.probe->is_answered = true;
    if (!m.told || m.told->sequence != sequence) return;
    const Told told = *m.told;
    m.told.reset();
    if (told.vote == Vote::nack) {
        m.nack_unanswered_since.reset();
        m.never_confirms_since.reset();
        CHECK(told.ring == m.ring, "a NACK for a ring which the node has left is void");
        ledger_.nack_confirmed(node, timers_of(m), step.sent_after, step.now);
        if (m.due == Due::nack_reply) {
            m.due = Due::nothing;
            if (!is_stable_ && is_behind(m)) {
                m.is_set_aside = true;
                decide(step);
                return;
            }
        }
    } else {
        // It may have read the ACK, and switched the vote on, only now (R2s ii), or when it would
        // have given up a connection on which nothing comes.
        if (told.ring == m.ring && told.switches_on)
            m.flag_on = std::min(step.now, m.flag_on + 2 * m.heartbeat);
        if (told.ring == m.ring) ledger_.ack_confirmed(node, m.flag_on);
        if (m.due == Due::ack_reply) m.due = Due::nothing;
    }
    advance(step);
}

// -- time -----------------------------------------------------------------------------------------

void Cluster::time_passed(const Step& step) {
    for (const auto& [node, holder] : ledger_.expire(step.now))
        note(step, Level::info, Reason::released, holder.grant.ring, node, Duration(0),
             "its time is over, it counts no vote");
    if (!members_.empty()) advance(step);
}

void Cluster::operator_release(NodeId node, const Step& step) {
    const auto found = ledger_.holders().find(node);
    if (members_.contains(node) || found == ledger_.holders().end()) return;
    const Ring ring = found->second.grant.ring;
    ledger_.release(node);
    note(step, Level::warning, Reason::released, ring, node, Duration(0),
         "the operator said that it counts no vote");
    if (!members_.empty()) advance(step);
}

std::optional<Instant> Cluster::next_deadline() const {
    std::optional<Instant> earliest = look_again_;
    for (const auto& [node, holder] : ledger_.holders()) {
        if (holder.ended)
            if (const auto end = Ledger::lifetime_end(holder)) keep_earlier(earliest, *end);
        if (holder.proof_complete) keep_earlier(earliest, *holder.proof_complete);
        if (holder.round_over) keep_earlier(earliest, *holder.round_over);
    }
    // A recorded guard is cleared when it has run.
    if (restored_until_) keep_earlier(earliest, *restored_until_);
    if (asked_.guard_from && ledger_.guard_from())
        keep_earlier(earliest, *ledger_.guard_from() + longest_guard(settings_));
    return earliest;
}

RingId Cluster::ring_of(NodeId node) const {
    const auto found = members_.find(node);
    CHECK(found != members_.end(), "sessions name only nodes that joined");
    return found->second.ring.id;
}

void Cluster::note(const Step& step, Level level, Reason reason, const Ring& ring, NodeId node,
                   Duration wait, std::string detail) {
    Note note;
    note.level = level;
    note.reason = reason;
    note.cluster = name_;
    note.node = node;
    note.ring = ring.id;
    note.members.assign(ring.members.begin(), ring.members.end());
    note.configured = members_.empty() ? 0 : members_.begin()->second.configured.size();
    note.wait = wait;
    note.detail = std::move(detail);
    const bool is_decision = reason >= Reason::granted && reason <= Reason::nobody_qualifies;
    if (is_decision) {
        // Looking again at the same wait is no news.
        const Note& last = last_decision_;
        const bool is_repeated = last.reason == note.reason && last.ring == note.ring &&
                                 last.node == note.node && last.detail == note.detail &&
                                 last.members == note.members && !last.cluster.empty();
        last_decision_ = note;
        if (is_repeated) return;
        last_decision_at_ = step.now;
    }
    step.actions->push_back(Report{std::move(note)});
}

}  // namespace castvote::qnetd
