// view.cpp -- what all algorithms have in common.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/algorithms/view.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace castvote::qnetd {

const ViewNode* View::find(NodeId node) const {
    const auto at = std::lower_bound(nodes.begin(), nodes.end(), node,
                                     [](const ViewNode& n, NodeId id) { return n.node < id; });
    return at != nodes.end() && at->node == node ? &*at : nullptr;
}

bool has_contradictions(const View& view) {
    for (const ViewNode& one : view.nodes) {
        for (const NodeId member : one.ring.members) {
            const ViewNode* other = view.find(member);
            if (other != nullptr && other->ring != one.ring) return true;
        }
    }
    return false;
}

NodeId preferred_node(const wire::TieBreaker& tie_breaker, const Nodes& nodes) {
    switch (tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return nodes.empty() ? 0 : *nodes.begin();
        case wire::TieBreakerMode::highest: return nodes.empty() ? 0 : *std::prev(nodes.end());
        case wire::TieBreakerMode::node_id: return tie_breaker.node_id;
    }
    return 0;
}

wire::ReplyErrorCode any_list(NodeId, const Nodes&) { return wire::ReplyErrorCode::no_error; }

std::string_view meaning_of(Why why) {
    static constexpr std::array<std::string_view, 9> meanings = {
        "",
        "it has the majority of the configured nodes",
        "it is the only partition that reaches the arbiter",
        "no other partition that reaches the arbiter has half of the nodes",
        "its heuristics and connected nodes score better",
        "more of its nodes reach the arbiter",
        "it had the vote already and the active partition is kept",
        "the tie-breaker prefers it",
        "it is the larger partition"};
    const auto index = static_cast<std::size_t>(why);
    return index < meanings.size() ? meanings[index] : "";
}

}  // namespace castvote::qnetd
