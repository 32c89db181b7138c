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

// The shortest time for which a cut off stock node may count its vote (safety.md R2e): T.
constexpr Duration shortest_lifetime{10000};

std::set<wire::NodeId> ids_of(const wire::Message& list) {
    std::set<wire::NodeId> ids;
    for (const wire::NodeInfo& one : list.node_info) ids.insert(one.node_id);
    return ids;
}

bool includes(const std::set<wire::NodeId>& all, const std::set<wire::NodeId>& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

}  // namespace

void VoteWatch::joined(const Who& who, DecisionAlgorithm algorithm, Instant now) {
    Node& node = nodes_[who];
    if (node.algorithm_then == DecisionAlgorithm::ffsplit && node.gone_since &&
        now >= *node.gone_since + shortest_lifetime)
        node.counts_in.reset();  // R2e, before it came back
    node.last_heard = now;
    node.algorithm = algorithm;
    node.gone_since.reset();
    node.told.reset();
    node.reported.reset();
    node.configured.clear();
}

void VoteWatch::listed(const Who& who, const wire::Message& list) {
    Node& node = nodes_[who];
    if (list.node_list_type == NodeListType::membership) {
        const Ring ring{*list.ring_id, ids_of(list)};
        if (node.counts_in && *node.counts_in != ring) node.counts_in.reset();  // R2b
        node.reported = node.last_word = ring;
        // R2c: it has left their ring behind, and they stay released whatever it reports later.
        for (auto& [other, holder] : nodes_)
            if (other.first == who.first && other != who && holder.counts_in &&
                holder.counts_in->members.contains(who.second) &&
                ring.id.seq > holder.counts_in->id.seq)
                holder.counts_in.reset();
    } else if (list.node_list_type != NodeListType::quorum) {
        node.configured = ids_of(list);
    }
}

void VoteWatch::told(const Who& who, const wire::Message& vote_info, Instant now) {
    Node& node = nodes_[who];
    expect(node.reported && vote_info.ring_id == node.reported->id,
           "a vote for another ring than the one reported last");
    node.told = Told{*vote_info.msg_seq_number, *vote_info.vote, *vote_info.ring_id};
    if (vote_info.vote != wire::Vote::ack) return;
    ++acks;
    if (node.algorithm != DecisionAlgorithm::test)
        for (const auto& [other_who, other] : nodes_)
            if (other_who.first == who.first && other_who != who)
                expect(!may_count(other_who, other, node, now),
                       fmt::format("node {} is told ACK in {}, node {} may count it in {}",
                                   who.second, wire::to_string(node.reported->id), other_who.second,
                                   other.counts_in ? wire::to_string(other.counts_in->id) : ""));
    node.counts_in = node.reported;
    node.configured_then = node.configured;
    node.algorithm_then = node.algorithm;
}

bool VoteWatch::may_count(const Who& who, const Node& node, const Node& winner, Instant now) const {
    if (!node.counts_in || node.algorithm_then == DecisionAlgorithm::test) return false;
    const Ring& old = *node.counts_in;
    const Ring& next = *winner.reported;
    if (old == next) return false;
    // The same cluster in a greater ring, of which it is a member.
    if (next.members.contains(who.second) && next.id.seq > old.id.seq) return false;
    // R2c: another member had left that ring behind before.
    for (const wire::NodeId other : old.members) {
        const auto found = nodes_.find({who.first, other});
        if (other != who.second && found != nodes_.end() && found->second.last_word &&
            found->second.last_word->id.seq > old.id.seq)
            return false;
    }
    // R2d: it is outvoted in its own configuration.
    if (winner.algorithm == DecisionAlgorithm::ffsplit &&
        node.algorithm_then == DecisionAlgorithm::ffsplit &&
        winner.configured == node.configured_then && includes(winner.configured, next.members) &&
        2 * next.members.size() > winner.configured.size())
        return false;
    // R2e: cut off or silent for long enough.
    if (node.algorithm_then != DecisionAlgorithm::ffsplit) return true;
    return now < node.gone_since.value_or(node.last_heard) + shortest_lifetime;
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
}

}  // namespace castvote::fuzz
