// lms.cpp -- last man standing: the best partition wins, however small.
//
// Of several rings the one with the best score wins (nodes, plus passed, minus failed heuristics),
// or else the largest of all, or else the one with the node that the tie breaker prefers among all.
// A partition of newcomers never takes the vote from the one that holds it (arbiter.md 4, its
// defects mended: every node of the preferred partition wins, and large node ids count like
// others).
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

// The group with the greatest `measure`; nullptr when several have it.
template <class Measure>
const Group* best_of(const std::vector<Group>& groups, Measure measure) {
    const auto best = std::max_element(
        groups.begin(), groups.end(),
        [&](const Group& one, const Group& other) { return measure(one) < measure(other); });
    const auto equals = std::count_if(groups.begin(), groups.end(), [&](const Group& group) {
        return measure(group) == measure(*best);
    });
    return equals == 1 ? &*best : nullptr;
}

// The group of the node that the tie breaker prefers among all that compete: every group may win
// so, also one that is not among the best (arbiter.md 4, step 8).
const Group* preferred_of(const std::vector<Group>& groups, const wire::TieBreaker& tie_breaker) {
    Nodes competing;
    for (const Group& group : groups) competing.insert(group.nodes.begin(), group.nodes.end());
    const NodeId preferred = preferred_node(tie_breaker, competing);
    const auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
        return group.nodes.contains(preferred);
    });
    return found == groups.end() ? nullptr : &*found;
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

    const auto choose = [&](const Group* group, Why why) {
        if (group == nullptr) return false;
        proposal.kind = ProposalKind::ring;
        proposal.ring = group->ring;
        proposal.why = why;
        return true;
    };
    const auto only_one = [&] { return groups.size() == 1 ? &groups.front() : nullptr; };
    const auto score = [](const Group& group) { return group.score; };
    const auto size = [](const Group& group) { return group.nodes.size(); };
    proposal.kind = ProposalKind::nobody;
    if (choose(only_one(), Why::only_ring)) return proposal;
    set_newcomers_aside(view, groups, proposal);
    if (choose(only_one(), Why::stays_active)) return proposal;
    if (choose(best_of(groups, score), Why::better_score)) return proposal;
    if (choose(best_of(groups, size), Why::larger)) return proposal;
    choose(preferred_of(groups, view.nodes.front().tie_breaker), Why::tie_breaker);
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
