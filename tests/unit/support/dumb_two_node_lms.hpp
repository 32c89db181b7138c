// dumb_two_node_lms.hpp -- 2nodelms a second time, written from arbiter.md 5.
//
// Like dumb_lms.hpp it asks each node for its own answer. Ours differs from stock in that only one
// ring can win: of two rings that both claim two members the first wins, and such a ring wins over
// a node alone.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::tests {

// One evaluation: `c` is the sender, `o` the other connected node or null; "ack" or "nack".
inline std::string dumb_two_node_lms_of(const qnetd::View& view, const qnetd::ViewNode& c,
                                        const qnetd::ViewNode* o) {
    // 1.
    if (c.is_newcomer && o != nullptr && !o->is_newcomer && o->ring != c.ring && view.granted &&
        *view.granted == o->ring)
        return "nack";
    // 2 and 3.
    if (c.ring.members.size() == 2) return "ack";
    if (o == nullptr) return "ack";
    // 4. pass 2, undefined 1, fail 0
    const int mine = c.heuristics == wire::Heuristics::pass   ? 2
                     : c.heuristics == wire::Heuristics::fail ? 0
                                                              : 1;
    const int other = o->heuristics == wire::Heuristics::pass   ? 2
                      : o->heuristics == wire::Heuristics::fail ? 0
                                                                : 1;
    // Another that is a newcomer does not compete with a sender that has the vote.
    if (o->is_newcomer && !c.is_newcomer && view.granted && *view.granted == c.ring) return "ack";
    if (mine > other) return "ack";
    if (mine < other) return "nack";
    // 5.
    switch (c.tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return c.node < o->node ? "ack" : "nack";
        case wire::TieBreakerMode::highest: return c.node > o->node ? "ack" : "nack";
        case wire::TieBreakerMode::node_id: return c.node == c.tie_breaker.node_id ? "ack" : "nack";
    }
    return "nack";
}

// "wait", "nobody", or the members of the chosen ring.
inline std::string dumb_two_node_lms(const qnetd::View& view) {
    if (view.nodes.empty()) return "wait";
    const qnetd::ViewNode& a = view.nodes.front();
    if (view.nodes.size() == 1) return qnetd::to_string(a.ring.members);
    const qnetd::ViewNode& b = view.nodes.back();
    const bool related = a.ring.members.contains(b.node) || b.ring.members.contains(a.node);
    if (related && a.ring != b.ring) return "wait";
    const bool a_wins = dumb_two_node_lms_of(view, a, &b) == "ack";
    const bool b_wins = dumb_two_node_lms_of(view, b, &a) == "ack";
    const std::string first = qnetd::to_string(a.ring.members);
    const std::string last = qnetd::to_string(b.ring.members);
    if (a_wins && b_wins && a.ring.members.size() < 2 && b.ring.members.size() == 2) return last;
    if (a_wins) return first;
    return b_wins ? last : "nobody";
}

}  // namespace castvote::tests
