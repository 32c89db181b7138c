// vote_watch.cpp -- see vote_watch.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/vote_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tests/fuzz/reader.hpp"

namespace castvote::fuzz {

using wire::DecisionAlgorithm;
using wire::NodeListType;

namespace {

// The shortest T of a stock node, as far as an arbiter can know it (safety.md, words).
constexpr Duration stock_timeout{10000};

std::set<wire::NodeId> ids_of(const wire::Message& list) {
    std::set<wire::NodeId> ids;
    for (const wire::NodeInfo& one : list.node_info) ids.insert(one.node_id);
    return ids;
}

bool includes(const std::set<wire::NodeId>& all, const std::set<wire::NodeId>& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

void VoteWatch::joined(const Who& who, DecisionAlgorithm algorithm, Duration heartbeat,
                       Instant now) {
    Node& node = nodes_[who];
    if (is_over(node, now)) node.counts_in.reset();  // R2e, before it came back
    node.last_heard = node.last_echo = now;
    node.algorithm = algorithm;
    node.heartbeat = heartbeat;
    node.timeout = stock_timeout;
    node.lease = Duration(0);
    node.kept.reset();
    node.gone_since.reset();
    node.told.reset();
    node.reported.reset();
    node.configured.clear();
}

void VoteWatch::heard(const Who& who, bool is_echo, Instant now) {
    nodes_[who].last_heard = now;
    if (is_echo) nodes_[who].last_echo = now;
}

void VoteWatch::listed(const Who& who, const wire::Message& list, Instant now) {
    Node& node = nodes_[who];
    if (list.node_list_type == NodeListType::membership) {
        const Ring ring{*list.ring_id, ids_of(list)};
        if (node.counts_in && node.counts_in->ring != ring) node.counts_in.reset();  // R2b
        const bool is_in_no_hurry = !node.reported &&
                                    node.algorithm == DecisionAlgorithm::ffsplit &&
                                    !node.configured.empty() && node.kept != ring.id &&
                                    2 * ring.members.size() > node.configured.size() + 1;
        if (node.reported != ring)
            node.ack_not_before = is_in_no_hurry ? now + node.heartbeat : now;  // R2s i
        node.reported = node.last_word = ring;
        // R2c: it has left their ring behind, and they stay released whatever it reports later.
        for (auto& [other, holder] : nodes_)
            if (other.first == who.first && other != who && holder.counts_in &&
                holder.counts_in->ring.members.contains(who.second) &&
                ring.id.seq > holder.counts_in->ring.id.seq)
                holder.counts_in.reset();
    } else if (list.node_list_type != NodeListType::quorum) {
        node.configured = ids_of(list);
    }
}

void VoteWatch::agreed(const Who& who, const wire::Message& request, const wire::Message& reply) {
    Node& node = nodes_[who];
    if (reply.heartbeat_interval)
        node.heartbeat = std::max(node.heartbeat, Duration(*reply.heartbeat_interval));
    if (reply.device_timeout) {
        node.timeout = Duration(*reply.device_timeout);
        Duration& shortest = shortest_timeouts_.try_emplace(who.first, stock_timeout).first->second;
        shortest = std::min(shortest, node.timeout);
    }
    if (reply.lease) {
        expect(reply.device_timeout && *reply.device_timeout > 0, "a lease without a timeout");
        expect(*reply.lease > 0 && Duration(*reply.lease) <= 2 * node.heartbeat,
               "a lease of more than two heartbeats");
        node.lease = Duration(*reply.lease);
        node.kept = request.ring_id;
    }
    if (!reply.released) return;
    expect(reply.released == 1 && node.lease.count() > 0,
           "who has no lease gives its vote back by a word");
    node.counts_in.reset();  // R2d
    node.told.reset();
    node.reported.reset();
    node.kept.reset();
}

void VoteWatch::told(const Who& who, const wire::Message& vote_info, Instant now) {
    Node& node = nodes_[who];
    expect(node.reported && vote_info.ring_id == node.reported->id,
           "a vote for another ring than the one reported last");
    node.told = Told{*vote_info.msg_seq_number, *vote_info.vote, *vote_info.ring_id};
    check_number(who, node, vote_info);
    if (vote_info.vote == wire::Vote::nack) node.kept.reset();
    if (vote_info.vote != wire::Vote::ack) return;
    ++acks;
    if (node.algorithm != DecisionAlgorithm::test) {
        expect(now >= node.ack_not_before,
               fmt::format("node {} is told ACK less than a heartbeat after it connected",
                           who.second));
        for (const auto& [other_who, other] : nodes_)
            if (other_who.first == who.first && other_who != who)
                expect(!may_count(other_who, other, node, now),
                       fmt::format("node {} is told ACK in {}, node {} may count it in {}",
                                   who.second, wire::to_string(node.reported->id), other_who.second,
                                   wire::to_string(other.counts_in->ring.id)));
    }
    const bool still_counts =
        node.counts_in && !node.counts_in->is_forgotten && !is_over(node, now);
    const Duration before = still_counts ? node.counts_in->timeout : Duration(0);
    node.counts_in = Grant{.ring = *node.reported,
                           .configured = node.configured,
                           .algorithm = node.algorithm,
                           .timeout = std::max(node.timeout, before),
                           .lease = node.lease,
                           .is_forgotten = false,
                           .guard_from = {}};
}

// R3: every new ring is a new grant with a number of its own, through all restarts.
void VoteWatch::check_number(const Who& who, const Node& node, const wire::Message& vote_info) {
    if (!vote_info.grant_number) return;
    expect(node.lease.count() > 0 && vote_info.vote == wire::Vote::ack,
           "a grant's number for who has no lease, or no vote");
    LastNumber& last = numbers_[who.first];
    expect(*vote_info.grant_number > last.number ||
               (*vote_info.grant_number == last.number && *node.reported == last.ring),
           "a grant's number twice");
    last = {*vote_info.grant_number, *node.reported};
}

// R2e, for who has a lifetime. Never later than the ledger's.
bool VoteWatch::is_over(const Node& node, Instant now) {
    if (!node.counts_in) return true;
    const Grant& grant = *node.counts_in;
    if (grant.lease.count() > 0) return now >= node.last_echo + grant.lease + grant.timeout;
    return grant.algorithm == DecisionAlgorithm::ffsplit &&
           now >= node.gone_since.value_or(node.last_heard) + grant.timeout;
}

// The guard holds back rings that lack a configured node, for the slowest that it knows of.
bool VoteWatch::is_guarded(const Who& who, const Grant& grant, const Node& winner,
                           Instant now) const {
    if (!grant.guard_from || !winner.configured.contains(who.second) ||
        winner.reported->members.contains(who.second))
        return false;
    const auto shortest = shortest_timeouts_.find(who.first);
    const Duration length = shortest == shortest_timeouts_.end() ? stock_timeout : shortest->second;
    return now < *grant.guard_from + length;
}

bool VoteWatch::may_count(const Who& who, const Node& node, const Node& winner, Instant now) const {
    if (!node.counts_in || node.counts_in->algorithm == DecisionAlgorithm::test) return false;
    const Grant& grant = *node.counts_in;
    const Ring& old = grant.ring;
    const Ring& next = *winner.reported;
    if (old == next || is_over(node, now)) return false;
    // The same cluster in a greater ring, of which it is a member.
    if (next.members.contains(who.second) && next.id.seq > old.id.seq) return false;
    // R2c: another member had left that ring behind before.
    for (const wire::NodeId other : old.members) {
        const auto found = nodes_.find({who.first, other});
        if (other != who.second && found != nodes_.end() && found->second.last_word &&
            found->second.last_word->id.seq > old.id.seq)
            return false;
    }
    if (grant.is_forgotten) return is_guarded(who, grant, winner, now);
    // R2d: it is outvoted in its own configuration.
    return winner.algorithm != DecisionAlgorithm::ffsplit ||
           grant.algorithm != DecisionAlgorithm::ffsplit || winner.configured != grant.configured ||
           !includes(winner.configured, next.members) ||
           2 * next.members.size() <= winner.configured.size();
}

void VoteWatch::confirmed(const Who& who, std::uint32_t number) {
    Node& node = nodes_[who];
    if (!node.told || node.told->number != number) return;
    if (node.told->vote == wire::Vote::nack && node.reported &&
        node.told->ring == node.reported->id)
        node.counts_in.reset();  // R2a
    node.told.reset();
}

void VoteWatch::left(const Who& who, Instant now) {
    nodes_[who].gone_since = now;
    nodes_[who].told.reset();
    nodes_[who].reported.reset();
}

void VoteWatch::forgotten(std::optional<Instant> guard_from) {
    numbers_.clear();
    for (auto& [who, node] : nodes_)
        if (node.counts_in) {
            node.counts_in->is_forgotten = true;
            node.counts_in->guard_from = guard_from;
        }
}

void VoteWatch::unguarded() {
    for (auto& [who, node] : nodes_)
        if (node.counts_in) node.counts_in->guard_from.reset();
}

void VoteWatch::distrusted(const std::string& cluster, Instant now) {
    for (auto& [who, node] : nodes_)
        if (who.first == cluster && node.counts_in && node.counts_in->is_forgotten)
            node.counts_in->guard_from = now;
}

}  // namespace castvote::fuzz
