// cluster.cpp -- nodes join, leave and send their lists; see cluster.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/cluster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/wire/check.hpp"

namespace castvote::qnetd {

namespace {

using wire::NodeListType;
using wire::ReplyErrorCode;
using wire::Vote;

using Answer = Expected<Vote, ReplyErrorCode>;

}  // namespace

Cluster::Cluster(std::string name, const Settings& settings, std::optional<Instant> guard_from,
                 std::uint64_t number, std::uint64_t last_grant)
    : name_(std::move(name)),
      settings_(settings),
      number_(number),
      ledger_(settings.rules, guard_from, settings.failover),
      grant_number_(last_grant) {}

Member& Cluster::member(NodeId node) {
    const auto found = members_.find(node);
    CHECK(found != members_.end(), "sessions name only nodes that joined");
    return found->second;
}

const Algorithm& Cluster::algorithm() const {
    CHECK(!members_.empty(), "an algorithm is asked for only while a node is connected");
    const Algorithm* row = find_algorithm(members_.begin()->second.algorithm);
    CHECK(row != nullptr, "INIT let only known algorithms pass");
    return *row;
}

bool Cluster::has_another_owner(const Member& candidate) const {
    return !candidate.key_fingerprint.empty() &&
           std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
               const std::string& key = entry.second.key_fingerprint;
               return !key.empty() && key != candidate.key_fingerprint;
           });
}

ReplyErrorCode Cluster::judge_join(const Member& candidate) const {
    for (const auto& [node, other] : members_) {
        if (other.tie_breaker != candidate.tie_breaker)
            return ReplyErrorCode::tie_breaker_differs_from_other_nodes;
        if (other.algorithm != candidate.algorithm)
            return ReplyErrorCode::algorithm_differs_from_other_nodes;
        if (node == candidate.node) return ReplyErrorCode::duplicate_node_id;
    }
    // R4: `test` asks nobody, so it does not begin while somebody may still count a real vote.
    const Algorithm* row = find_algorithm(candidate.algorithm);
    CHECK(row != nullptr, "INIT let only known algorithms pass");
    if (!row->takes_turns && !ledger_.holders().empty())
        return ReplyErrorCode::algorithm_differs_from_other_nodes;
    // "Come back later" is the one refusal after which a stock client does not give up.
    if (members_.size() >= cluster_nodes_max) return ReplyErrorCode::duplicate_node_id;
    return ReplyErrorCode::no_error;
}

void Cluster::join(Member joined, const Step& step) {
    const NodeId node = joined.node;
    CHECK(!members_.contains(node), "judge_join was asked before");
    joined.keep_active = settings_.keep_active_partition_default;
    joined.connected_since = step.now;
    joined.last_message = step.now;
    joined.last_sent_after = step.sent_after;
    joined.last_echo = step.now;
    joined.is_newcomer = !is_expected_holder(joined, step.now);
    const RingId ring = joined.ring.id;
    ledger_.declared(node, timers_of(joined));
    ledger_.heard(node, step.now);
    ledger_.echoed(node, step.now);
    members_.emplace(node, std::move(joined));
    note(step, Level::info, Reason::node_joined, Ring{ring, {}}, node, Duration(0),
         fmt::format("from {}", members_.at(node).peer_address));
}

void Cluster::leave(NodeId node, bool end_of_stream, const Step& step) {
    const Member& leaving = member(node);
    const Ring ring = leaving.ring;
    const bool had_lists = leaving.has_both_lists();
    const Instant last_sent_after = leaving.last_sent_after;
    members_.erase(node);
    intents_.erase(node);
    ledger_.ended(node, last_sent_after, end_of_stream, step.now);
    note(step, Level::info, Reason::node_left, ring, node, Duration(0),
         end_of_stream ? "it closed the connection" : "the connection is lost");
    Nodes needed;
    for (const auto& [id, other] : members_)
        needed.insert(other.configured.begin(), other.configured.end());
    ledger_.forget_reports_outside(needed);
    if (members_.empty()) {
        is_stable_ = false;
        unstable_since_.reset();
        candidate_.reset();
        look_again_.reset();
    } else if (had_lists) {
        decide(step);
    } else {
        advance(step);  // its INIT may have named a later ring, which held up a decision (R1)
    }
}

void Cluster::heard(NodeId node, Instant now, Instant sent_after) {
    member(node).last_message = now;
    member(node).last_sent_after = sent_after;
    ledger_.heard(node, now);
}

void Cluster::echoed(NodeId node, Instant now) {
    member(node).last_echo = now;
    ledger_.echoed(node, now);
}

void Cluster::set_heartbeat(NodeId node, Duration heartbeat) {
    Member& changed = member(node);
    changed.heartbeat = std::max(changed.heartbeat, heartbeat);
    ledger_.declared(node, timers_of(changed));
}

void Cluster::set_keep_active(NodeId node, bool keep_active) {
    member(node).keep_active = keep_active;
}

NodeTimers Cluster::timers_of(const Member& m) const {
    if (m.device_timeout.count() > 0)
        return {.heartbeat = m.heartbeat, .device_timeout = m.device_timeout, .lease = m.lease};
    // T = hb / 0.8, rounded up; a stock node cannot say it, and hb may have been clipped
    // (arbiter.md 9.1).
    const Duration stated((m.heartbeat.count() * 5 + 3) / 4 + 1);
    return {.heartbeat = m.heartbeat, .device_timeout = std::max(stated, settings_.device_timeout)};
}

NodeTimers Cluster::slowest_timers() const {
    NodeTimers slowest;
    for (const auto& [node, m] : members_) {
        const NodeTimers timers = timers_of(m);
        slowest.heartbeat = std::max(slowest.heartbeat, timers.heartbeat);
        slowest.device_timeout = std::max(slowest.device_timeout, timers.device_timeout);
    }
    return slowest;
}

std::optional<ConnectionId> Cluster::connection_replaced_by(const Member& candidate) const {
    const auto found = members_.find(candidate.node);
    if (found == members_.end() || found->second.lease.count() == 0) return std::nullopt;
    const std::string& key = found->second.key_fingerprint;
    if (key.empty() || key != candidate.key_fingerprint) return std::nullopt;
    return found->second.connection;
}

void Cluster::let_go(NodeId node, const Step& step) {
    Member& leaving = member(node);
    leaving.has_membership = false;
    leaving.due = Due::nothing;
    leaving.told.reset();
    leaving.probe.reset();
    leaving.nack_unanswered_since.reset();
    leaving.never_confirms_since.reset();
    leaving.voting_in.reset();
    leaving.kept_vote_of.reset();
    ledger_.left(node, step.now);
    note(step, Level::info, Reason::released, leaving.ring, node, Duration(0),
         "it gave it back before it left");
    const bool is_last = std::none_of(members_.begin(), members_.end(), [](const auto& entry) {
        return entry.second.is_decided_on();
    });
    if (!is_last) {
        decide(step);
        return;
    }
    is_stable_ = false;
    unstable_since_.reset();
    candidate_.reset();
    intents_.clear();
}

void Cluster::set_private_options(NodeId node, const wire::Message& request,
                                  std::uint64_t grant_of_others, wire::Message& reply,
                                  const Step& step) {
    Member& sender = member(node);
    const Duration longest_timeout = longest_device_timeout(settings_);
    if (request.device_timeout && *request.device_timeout > 0 &&
        Duration(*request.device_timeout) <= longest_timeout) {
        sender.device_timeout = Duration(*request.device_timeout);
        reply.device_timeout = request.device_timeout;
        // A lifetime with a lease is never longer than one without: guards are as long as that.
        if (request.lease && *request.lease > 0 &&
            Duration(*request.lease) <= 2 * sender.heartbeat) {
            sender.lease = Duration(*request.lease);
            sender.kept_vote_of = request.ring_id;
            reply.lease = request.lease;
        }
    }
    if (request.sync_timeout) {
        sender.sync_timeout = Duration(*request.sync_timeout);
        reply.sync_timeout = request.sync_timeout;
    }
    // No number that is honestly come by is larger.
    constexpr std::uint64_t grant_number_max = std::uint64_t{1} << 62;
    if (request.grant_number && settings_.durable_grants &&
        *request.grant_number > std::max(grant_number_, grant_of_others) &&
        *request.grant_number <= grant_number_max) {
        note(step, Level::error, Reason::record_is_old, {}, node, Duration(0),
             fmt::format("it has seen grant {}, the record ends with {}: an older copy was put "
                         "back, votes are held back until nobody can hold one given since",
                         *request.grant_number, grant_number_));
        grant_number_ = *request.grant_number;
        ledger_.begin_guard(step.now);
        must_write_ = true;
        restored_until_.reset();
    }
    if (request.grant_number) reply.grant_number = request.grant_number;
    if (request.released == 1 && sender.lease.count() > 0) {
        reply.released = request.released;
        let_go(node, step);
    }
}

// -- lists ----------------------------------------------------------------------------------------

Answer Cluster::node_list(NodeId node, const wire::Message& list, const Step& step) {
    Member& sender = member(node);
    CHECK(list.node_list_type.has_value(), "the session lets no list without type pass");
    switch (*list.node_list_type) {
        case NodeListType::initial_config:
        case NodeListType::changed_config: return config_list(sender, list, step);
        case NodeListType::membership: return membership_list(sender, list, step);
        case NodeListType::quorum: return quorum_list(sender, list, step);
    }
    return Vote::no_change;
}

Answer Cluster::config_list(Member& sender, const wire::Message& list, const Step& step) {
    const Nodes nodes = nodes_of(list.node_info);
    const ReplyErrorCode error = list.node_info.size() > list_nodes_max
                                     ? ReplyErrorCode::invalid_config_node_list
                                     : algorithm().check_config(sender.node, nodes);
    if (error != ReplyErrorCode::no_error) return Unexpected<ReplyErrorCode>(error);
    sender.config_list = list.node_info;
    sender.config_version = list.config_version;
    sender.configured = nodes;
    sender.has_config = true;
    if (*list.node_list_type == NodeListType::initial_config || !sender.has_membership)
        return algorithm().before_lists;
    if (!algorithm().takes_turns) return Vote::no_change;
    decide(step);
    return answer_to(sender, step);
}

Answer Cluster::membership_list(Member& sender, const wire::Message& list, const Step& step) {
    CHECK(list.ring_id.has_value(), "the session lets no membership without ring pass");
    const Nodes nodes = nodes_of(list.node_info);
    const ReplyErrorCode error = list.node_info.size() > list_nodes_max
                                     ? ReplyErrorCode::invalid_membership_node_list
                                     : algorithm().check_membership(sender.node, nodes);
    if (error != ReplyErrorCode::no_error) return Unexpected<ReplyErrorCode>(error);
    const bool is_first = !sender.has_membership;
    const Ring ring{*list.ring_id, nodes};
    const bool is_new_ring = is_first || sender.ring != ring;
    const bool is_settled = is_settled_ring(sender, ring);
    sender.quorum_list_ahead.reset();
    sender.has_moved = sender.has_moved || (is_new_ring && !is_first);
    sender.ring = ring;
    sender.membership_list = list.node_info;
    sender.has_membership = true;
    if (sender.is_set_aside) sender.probe.reset();
    sender.is_set_aside = false;
    sender.heuristics_membership = list.heuristics.value_or(wire::Heuristics::undefined);
    sender.heuristics = sender.heuristics_membership;
    if (!sender.poll_paused) sender.poll_paused = step.now;
    if (!algorithm().takes_turns) return Vote::ack;
    if (is_new_ring) {
        // A NACK of the ring that it left proves nothing any more (arbiter.md 8, W12), nor is it
        // waited for (R5).
        if (sender.told && sender.told->vote == Vote::nack) sender.told.reset();
        if (sender.nack_unanswered_since.has_value()) sender.due = Due::nothing;
        sender.nack_unanswered_since.reset();
        if (is_first) {
            sender.first_list_at = step.now;
            sender.has_doubtful_quorum_list = ledger_.reported_as_well(sender.node, ring);
            judge_waits(sender, step);
        }
        ledger_.reported(sender.node, ring, sender.first_list_at, step.sent_after, step.now);
        if (is_settled) ledger_.sync_ended(sender.node, timers_of(sender), step.now);
        // R2s i: nobody needs the vote of a ring that is quorate without it, and at a (re)connect
        // the node's corosync may just be losing its token (docs/safety.md).
        const bool is_in_no_hurry =
            is_first && settings_.rules.late_ack_after_connect && sender.has_config &&
            algorithm().is_quorate_without_vote(nodes.size(), sender.configured.size()) &&
            sender.kept_vote_of != ring.id;
        sender.ack_not_before = is_in_no_hurry ? step.now + sender.heartbeat : step.now;
    }
    if (!sender.has_config) return algorithm().before_lists;
    decide(step);
    return answer_to(sender, step);
}

// Has the sender told the end of the synchronisation before the ring? A list names its own ring's
// members, when that is synchronised; each ring of a node has a greater sequence, by 4 at least.
// Here none was between the ring reported last and this one: it is of no other (R2s ii).
bool Cluster::is_settled_ring(const Member& sender, const Ring& ring) {
    return sender.lease.count() == 0 && sender.quorum_list_ahead == ring.members &&
           ring.id.seq == sender.ring.id.seq + 4;
}

Vote Cluster::quorum_list(Member& sender, const wire::Message& list, const Step& step) {
    if (!algorithm().takes_turns) return Vote::no_change;
    // Those of an older ring name other members.
    Nodes present;
    for (const wire::NodeInfo& info : list.node_info)
        if (info.state == wire::NodeState::member || info.state == wire::NodeState::not_set)
            present.insert(info.node_id);
    const bool is_doubtful = std::exchange(sender.has_doubtful_quorum_list, false);
    // The first one is repeated from before the connection.
    const bool is_ahead = std::exchange(sender.has_quorum_list, true) && sender.has_membership &&
                          present != sender.ring.members;
    sender.quorum_list_ahead = is_ahead ? std::optional(present) : std::nullopt;
    if (present == sender.ring.members && !is_doubtful)
        ledger_.sync_ended(sender.node, timers_of(sender), step.now);
    // R2s iii: an old "yes" was delivered after our NACK had been confirmed (docs/safety.md).
    const bool was_denied =
        sender.last_ack_or_nack == Vote::nack && !sender.voting_in && sender.due != Due::ack;
    const bool counts_the_vote =
        sender.has_both_lists() && list.quorate == wire::Quorate::quorate &&
        !algorithm().is_quorate_without_vote(sender.ring.members.size(), sender.configured.size());
    if (settings_.rules.repeat_nack_when_quorate && was_denied && counts_the_vote) {
        tell_nack(sender, step);
        return Vote::no_change;
    }
    // ... or while nobody has the vote yet: it casts nothing as long as it waits. It goes on to
    // wait.
    const bool nobody_gave_it = sender.has_moved && sender.lease.count() == 0 &&
                                sender.voting_in != sender.ring && present == sender.ring.members &&
                                sender.due != Due::nack_reply;
    if (settings_.rules.repeat_nack_when_quorate && nobody_gave_it && counts_the_vote) {
        sender.voting_in.reset();
        tell(sender, Vote::nack, step);
        return Vote::no_change;
    }
    // A stock lms server judges again here; our decisions need no such occasion.
    return Vote::no_change;
}

Answer Cluster::ask_for_vote(NodeId node) const {
    const auto found = members_.find(node);
    CHECK(found != members_.end(), "sessions name only nodes that joined");
    const Member& asking = found->second;
    if (!algorithm().answers_ask_for_vote)
        return Unexpected<ReplyErrorCode>(ReplyErrorCode::unsupported_decision_algorithm_message);
    if (!algorithm().takes_turns) return Vote::ack;
    if (!asking.has_both_lists()) return Vote::ask_later;
    if (asking.voting_in == asking.ring && !asking.is_set_aside) return Vote::ack;
    const bool is_denied =
        asking.told ? asking.told->vote == Vote::nack : asking.last_ack_or_nack == Vote::nack;
    return is_denied ? Vote::nack : Vote::wait_for_reply;
}

Vote Cluster::heuristics_change(NodeId node, wire::Heuristics heuristics, const Step& step) {
    Member& sender = member(node);
    sender.heuristics = heuristics;
    sender.heuristics_regular = heuristics;
    if (!sender.has_both_lists()) return algorithm().before_lists;
    if (!algorithm().takes_turns) return Vote::no_change;
    decide(step);
    return answer_to(sender, step);
}

// What a node is told in the reply to its own message: the vote itself comes as VOTE_INFO.
Vote Cluster::answer_to(Member& sender, const Step& step) const {
    const bool is_waiting =
        !is_stable_ || (sender.due == Due::ack && sender.voting_in != sender.ring &&
                        std::none_of(members_.begin(), members_.end(), [](const auto& entry) {
                            return entry.second.due == Due::nack_reply;
                        }));
    if (is_waiting && !sender.poll_paused) sender.poll_paused = step.now;
    return is_waiting ? Vote::wait_for_reply : Vote::no_change;
}

}  // namespace castvote::qnetd
