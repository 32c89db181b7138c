// dumb_ffsplit.hpp -- ffsplit a second time, written from arbiter.md 3.3 and 3.4 without a thought
// of speed.
//
// It walks nothing and compares no candidates in turn: it writes down all claims, throws away those
// that any rule rules out, and looks at what is left. With the differences from stock that are
// ours: a majority always beats a half, a node counts once, and the leaving node is not in the view
// at all.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::tests {

// Rule 7: whoever has the preferred node, the last such; if nobody has it, the first of all.
inline const qnetd::ViewNode* dumb_tie_breaker(const std::vector<const qnetd::ViewNode*>& equals) {
    const qnetd::ViewNode* chosen = equals.front();
    for (const qnetd::ViewNode* node : equals) {
        const wire::TieBreaker& tie = node->tie_breaker;
        wire::NodeId preferred = tie.node_id;
        if (tie.mode == wire::TieBreakerMode::lowest)
            preferred = *std::min_element(node->configured.begin(), node->configured.end());
        if (tie.mode == wire::TieBreakerMode::highest)
            preferred = *std::max_element(node->configured.begin(), node->configured.end());
        if (node->ring.members.contains(preferred)) chosen = node;
    }
    return chosen;
}

// "wait", "nobody", or the members of the chosen ring as "1,2".
inline std::string dumb_ffsplit(const qnetd::View& view) {
    using qnetd::ViewNode;
    const auto is_connected = [&](wire::NodeId id) {
        return std::any_of(view.nodes.begin(), view.nodes.end(),
                           [&](const ViewNode& node) { return node.node == id; });
    };

    // 3.3: stable?
    for (const ViewNode& a : view.nodes) {
        for (const ViewNode& b : view.nodes) {
            if (a.configured != b.configured) return "wait";
            if (!a.ring.members.contains(b.node)) continue;
            if (a.ring.id != b.ring.id) return "wait";
            for (const wire::NodeId member : a.ring.members)
                if (!b.ring.members.contains(member)) return "wait";
        }
    }

    // 3.4, rule 1: majorities.
    std::string last_majority;
    for (const ViewNode& node : view.nodes)
        if (2 * node.ring.members.size() > node.configured.size())
            last_majority = qnetd::to_string(node.ring.members);
    if (!last_majority.empty()) return last_majority;

    // Rules 2 and 3: of the rest only exact halves count.
    std::vector<const ViewNode*> left;
    for (const ViewNode& node : view.nodes)
        if (2 * node.ring.members.size() == node.configured.size()) left.push_back(&node);
    if (left.empty()) return "nobody";

    // Rules 4 to 6: keep those with the highest figure, one figure after the other.
    const auto active = [&](const ViewNode& node) {
        return std::count_if(node.ring.members.begin(), node.ring.members.end(), is_connected);
    };
    const auto score = [&](const ViewNode& node) {
        long sum = active(node);
        for (const ViewNode& other : view.nodes) {
            if (!node.ring.members.contains(other.node)) continue;
            if (other.heuristics == wire::Heuristics::pass) sum += 1;
            if (other.heuristics == wire::Heuristics::fail) sum -= 1;
        }
        return sum;
    };
    const auto was_active = [&](const ViewNode& node) -> long {
        return view.keep_active && view.granted && view.granted->members.contains(node.node);
    };
    const auto keep_highest = [&](auto figure) {
        long highest = -1000;
        for (const ViewNode* node : left) highest = std::max<long>(highest, figure(*node));
        std::erase_if(left, [&](const ViewNode* node) { return figure(*node) < highest; });
    };
    keep_highest(score);
    keep_highest(active);
    keep_highest(was_active);

    return qnetd::to_string(dumb_tie_breaker(left)->ring.members);
}

}  // namespace castvote::tests
