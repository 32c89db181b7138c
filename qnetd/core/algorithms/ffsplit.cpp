// ffsplit.cpp -- fifty-fifty split: a partition with at least half of the configured nodes may win.
//
// A majority always wins. Of two halves the better score wins (connected nodes, plus passed, minus
// failed heuristics), then the one with more connected nodes, then the one that had the vote, then
// the one with the preferred node. A half without a rival wins. Nodes must agree about the
// configuration (docs/protocol.md, decision algorithms; arbiter.md 3).
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

namespace {

using wire::ReplyErrorCode;

// A partition as seen by one of its nodes.
struct Claim {
    const ViewNode* node = nullptr;
    long active = 0;  // members that are connected
    long score = 0;
    bool is_majority = false;
    bool was_active = false;
    Why why = Why::none;
};

Claim claim_of(const View& view, const ViewNode& node) {
    Claim claim;
    claim.node = &node;
    for (const NodeId member : node.ring.members) {
        const ViewNode* connected = view.find(member);
        if (connected == nullptr) continue;
        ++claim.active;
        claim.score += connected->heuristics == wire::Heuristics::pass ? 1 : 0;
        claim.score -= connected->heuristics == wire::Heuristics::fail ? 1 : 0;
    }
    claim.score += claim.active;
    claim.is_majority = node.ring.members.size() > node.configured.size() / 2;
    claim.was_active = view.granted && view.granted->members.contains(node.node);
    return claim;
}

// Why the claim beats the best one so far; Why::none if it does not (arbiter.md 3.4).
Why beats(const View& view, const Claim& claim, const Claim& best) {
    if (claim.is_majority) return Why::majority;
    if (best.is_majority) return Why::none;
    const std::size_t configured = claim.node->configured.size();
    if (configured % 2 != 0 || claim.node->ring.members.size() < configured / 2) return Why::none;
    const Why first = best.node == nullptr ? Why::only_ring : Why::none;
    if (claim.score != best.score)
        return claim.score < best.score ? Why::none
               : first != Why::none     ? first
                                        : Why::better_score;
    if (claim.active != best.active)
        return claim.active < best.active ? Why::none
               : first != Why::none       ? first
                                          : Why::more_connected_nodes;
    if (best.node != nullptr && view.keep_active && claim.was_active != best.was_active)
        return claim.was_active ? Why::stays_active : Why::none;
    const NodeId preferred = preferred_node(claim.node->tie_breaker, claim.node->configured);
    return claim.node->ring.members.contains(preferred) ? Why::tie_breaker : Why::none;
}

bool agree_on_configuration(const View& view) {
    for (const ViewNode& node : view.nodes)
        if (node.configured != view.nodes.front().configured) return false;
    return true;
}

// Why the best claim is best, told from its side: when a rival of equal size lost by some rule, the
// winner may have been found first, so the losing comparison is looked at the other way round.
Why reason_for(const View& view, const Claim& best) {
    if (best.is_majority) return Why::majority;
    Why why = Why::only_ring;
    for (const ViewNode& node : view.nodes) {
        const Claim rival = claim_of(view, node);
        if (rival.node->ring == best.node->ring) continue;
        if (rival.node->ring.members.size() < rival.node->configured.size() / 2) {
            if (why == Why::only_ring) why = Why::only_half;
            continue;
        }
        if (best.score != rival.score) return Why::better_score;
        if (best.active != rival.active) return Why::more_connected_nodes;
        why = view.keep_active && best.was_active != rival.was_active ? Why::stays_active
                                                                      : Why::tie_breaker;
    }
    return why;
}

Proposal propose(const View& view) {
    Proposal proposal;
    if (!agree_on_configuration(view) || has_contradictions(view)) return proposal;
    Claim best;
    for (const ViewNode& node : view.nodes) {
        const Claim claim = claim_of(view, node);
        if (beats(view, claim, best) != Why::none) best = claim;
    }
    proposal.kind = best.node == nullptr ? ProposalKind::nobody : ProposalKind::ring;
    if (best.node == nullptr) return proposal;
    proposal.ring = best.node->ring;
    proposal.why = reason_for(view, best);
    return proposal;
}

ReplyErrorCode check_config(NodeId sender, const Nodes& list) {
    return list.contains(sender) ? ReplyErrorCode::no_error
                                 : ReplyErrorCode::invalid_config_node_list;
}

ReplyErrorCode check_membership(NodeId sender, const Nodes& list) {
    return list.contains(sender) ? ReplyErrorCode::no_error
                                 : ReplyErrorCode::invalid_membership_node_list;
}

// Every node has one vote and the arbiter one: quorum is half of the nodes, and one more.
bool is_quorate_without_vote(std::size_t members, std::size_t configured) {
    return 2 * members > configured + 1;
}

}  // namespace

const Algorithm ffsplit = {.number = wire::DecisionAlgorithm::ffsplit,
                           .propose = propose,
                           .check_config = check_config,
                           .check_membership = check_membership,
                           .is_quorate_without_vote = is_quorate_without_vote,
                           .before_lists = wire::Vote::ask_later,
                           .answers_ask_for_vote = false,
                           .takes_turns = true};

}  // namespace castvote::qnetd
