// two_node_lms.cpp -- last man standing for exactly two nodes.
//
// Together both win; alone the connected one wins. Split, the one with the better heuristics wins,
// then the one that the tie breaker prefers; a newcomer never takes the vote from the other
// (arbiter.md 5).
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

namespace {

// pass > undefined > fail
int rank(wire::Heuristics heuristics) {
    switch (heuristics) {
        case wire::Heuristics::pass: return 2;
        case wire::Heuristics::undefined: return 1;
        case wire::Heuristics::fail: return 0;
    }
    return 1;
}

Proposal of(const ViewNode& node, Why why) {
    Proposal proposal;
    proposal.kind = ProposalKind::ring;
    proposal.ring = node.ring;
    proposal.why = why;
    return proposal;
}

Proposal propose(const View& view) {
    if (view.nodes.empty() || has_contradictions(view)) return {};
    const ViewNode& first = view.nodes.front();
    const ViewNode& last = view.nodes.back();
    const auto holds = [&](const ViewNode& node) {
        return view.granted == node.ring && !node.is_newcomer;
    };
    const auto keeps = [&](const ViewNode& holder, const ViewNode& newcomer) {
        Proposal proposal = of(holder, Why::stays_active);
        proposal.still_newcomers = {newcomer.node};
        return proposal;
    };
    if (first.ring != last.ring) {
        if (first.is_newcomer && holds(last)) return keeps(last, first);
        if (last.is_newcomer && holds(first)) return keeps(first, last);
    }
    for (const ViewNode& node : view.nodes)
        if (node.ring.members.size() == 2) return of(node, Why::majority);
    if (view.nodes.size() == 1) return of(first, Why::only_ring);
    if (rank(first.heuristics) != rank(last.heuristics))
        return of(rank(first.heuristics) > rank(last.heuristics) ? first : last, Why::better_score);
    const NodeId preferred = preferred_node(first.tie_breaker, {first.node, last.node});
    const ViewNode* winner = view.find(preferred);
    if (winner != nullptr) return of(*winner, Why::tie_breaker);
    Proposal nobody;
    nobody.kind = ProposalKind::nobody;
    return nobody;
}

wire::ReplyErrorCode check_config(NodeId, const Nodes& list) {
    return list.size() == 2 ? wire::ReplyErrorCode::no_error
                            : wire::ReplyErrorCode::unsupported_decision_algorithm;
}

bool is_quorate_without_vote(std::size_t members, std::size_t) { return members >= 2; }

}  // namespace

const Algorithm two_node_lms = {.number = wire::DecisionAlgorithm::two_node_lms,
                                .propose = propose,
                                .check_config = check_config,
                                .check_membership = any_list,
                                .is_quorate_without_vote = is_quorate_without_vote,
                                .before_lists = wire::Vote::no_change,
                                .answers_ask_for_vote = true,
                                .takes_turns = true};

}  // namespace castvote::qnetd
