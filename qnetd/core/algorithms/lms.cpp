// lms.cpp -- last man standing: the best partition wins, however small.
//
// Of several rings the best score wins (nodes, plus passed, minus failed heuristics), then the
// larger, then the one with the node that the tie breaker prefers among the connected ones. A
// partition of newcomers never takes the vote from the one that holds it (arbiter.md 4, its defects
// mended: every node of the preferred partition wins, and large node ids count like others).
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <map>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

namespace {

struct Group {
    Ring ring;
    Nodes nodes;  // connected ones
    long score = 0;
    bool has_decided_node = false;
};

std::vector<Group> groups_of(const View& view) {
    std::map<Ring, Group> groups;
    for (const ViewNode& node : view.nodes) {
        if (node.ring.id.seq == 0) continue;
        Group& group = groups[node.ring];
        group.ring = node.ring;
        group.nodes.insert(node.node);
        group.score += 1;
        group.score += node.heuristics == wire::Heuristics::pass ? 1 : 0;
        group.score -= node.heuristics == wire::Heuristics::fail ? 1 : 0;
        group.has_decided_node = group.has_decided_node || !node.is_newcomer;
    }
    std::vector<Group> list;
    for (auto& [ring, group] : groups) list.push_back(std::move(group));
    return list;
}

// Leaves only the groups with the greatest `measure`.
template <class Measure>
void keep_best(std::vector<Group>& groups, Measure measure) {
    auto best = measure(groups.front());
    for (const Group& group : groups) best = std::max(best, measure(group));
    std::erase_if(groups, [&](const Group& group) { return measure(group) != best; });
}

// A partition of newcomers does not compete with the one that holds the vote.
void set_newcomers_aside(const View& view, std::vector<Group>& groups, Proposal& proposal) {
    const bool is_held = view.granted && std::any_of(groups.begin(), groups.end(), [&](auto& g) {
                             return g.ring == *view.granted && g.has_decided_node;
                         });
    if (!is_held) return;
    std::erase_if(groups, [&](const Group& group) {
        if (group.has_decided_node || group.ring == *view.granted) return false;
        proposal.still_newcomers.insert(group.nodes.begin(), group.nodes.end());
        return true;
    });
}

Proposal propose(const View& view) {
    Proposal proposal;
    if (has_contradictions(view)) return proposal;
    std::vector<Group> groups = groups_of(view);
    if (groups.empty()) return proposal;
    Nodes connected;
    for (const ViewNode& node : view.nodes) connected.insert(node.node);

    proposal.kind = ProposalKind::ring;
    proposal.why = Why::only_ring;
    const auto settle = [&](Why why) {
        if (groups.size() != 1) return false;
        proposal.ring = groups.front().ring;
        proposal.why = why;
        return true;
    };
    if (settle(Why::only_ring)) return proposal;
    set_newcomers_aside(view, groups, proposal);
    if (settle(Why::stays_active)) return proposal;
    keep_best(groups, [](const Group& group) { return group.score; });
    if (settle(Why::better_score)) return proposal;
    keep_best(groups, [](const Group& group) { return group.nodes.size(); });
    if (settle(Why::larger)) return proposal;

    const NodeId preferred = preferred_node(view.nodes.front().tie_breaker, connected);
    std::erase_if(groups, [&](const Group& group) { return !group.nodes.contains(preferred); });
    if (!settle(Why::tie_breaker)) proposal.kind = ProposalKind::nobody;
    return proposal;
}

// The arbiter has one vote less than there are nodes: only all of them together need no vote.
bool is_quorate_without_vote(std::size_t members, std::size_t configured) {
    return members >= configured;
}

}  // namespace

const Algorithm lms = {.number = wire::DecisionAlgorithm::lms,
                       .propose = propose,
                       .check_config = any_list,
                       .check_membership = any_list,
                       .is_quorate_without_vote = is_quorate_without_vote,
                       .before_lists = wire::Vote::no_change,
                       .answers_ask_for_vote = true,
                       .takes_turns = true};

}  // namespace castvote::qnetd
