// dumb_lms.hpp -- lms a second time, written from arbiter.md 4 as the stock server works.
//
// It asks every node in turn what its own evaluation would answer, step by step, and only then
// looks which ring the nodes with ACK are in. With the differences from stock that are ours: a node
// is judged together with its partition (so that the nominated node's whole ring wins, and a
// partition is a newcomer only as a whole), newcomers do not compete with the partition that holds
// the vote, and large node ids count like others.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::tests {

using ViewNodes = std::vector<const qnetd::ViewNode*>;

inline ViewNodes mates_of(const qnetd::View& view, const qnetd::ViewNode& x) {
    ViewNodes list;
    for (const qnetd::ViewNode& o : view.nodes)
        if (o.ring == x.ring) list.push_back(&o);
    return list;
}

// Steps 6 to 8, among those who compete: "ack" or "nack".
inline std::string dumb_lms_contest(const qnetd::View& view, const qnetd::ViewNode& c,
                                    const ViewNodes& known) {
    using qnetd::ViewNode;
    const auto count = [&](const ViewNode& x) {
        return static_cast<long>(mates_of(view, x).size());
    };
    const auto score = [&](const ViewNode& x) {
        long sum = count(x);
        for (const ViewNode* mate : mates_of(view, x)) {
            if (mate->heuristics == wire::Heuristics::pass) ++sum;
            if (mate->heuristics == wire::Heuristics::fail) --sum;
        }
        return sum;
    };
    // Steps 6 and 7: beaten, or better than every other ring?
    const auto unique_best = [&](auto figure) -> const ViewNode* {
        const ViewNode* best = known.front();
        for (const ViewNode* o : known)
            if (figure(*o) > figure(*best)) best = o;
        for (const ViewNode* o : known)
            if (o->ring != best->ring && figure(*o) == figure(*best)) return nullptr;
        return best;
    };
    if (const ViewNode* best = unique_best(score)) return best->ring == c.ring ? "ack" : "nack";
    if (const ViewNode* best = unique_best(count)) return best->ring == c.ring ? "ack" : "nack";

    // Step 8.
    wire::NodeId chosen = c.tie_breaker.node_id;
    if (c.tie_breaker.mode == wire::TieBreakerMode::lowest) chosen = known.front()->node;
    if (c.tie_breaker.mode == wire::TieBreakerMode::highest) chosen = known.back()->node;
    for (const ViewNode* o : known)
        if (o->node == chosen && o->ring == c.ring) return "ack";
    return "nack";
}

// One evaluation of node c: "wait", "ack" or "nack".
inline std::string dumb_lms_of(const qnetd::View& view, const qnetd::ViewNode& c) {
    using qnetd::ViewNode;
    // Step 2.
    for (const ViewNode& o : view.nodes) {
        const bool related = c.ring.members.contains(o.node) || o.ring.members.contains(c.node);
        if (related && (c.ring.id != o.ring.id || c.ring.members != o.ring.members)) return "wait";
    }
    const auto all_new = [&](const ViewNode& x) {
        for (const ViewNode* mate : mates_of(view, x))
            if (!mate->is_newcomer) return false;
        return true;
    };
    const auto has_ack = [&](const ViewNode& x) {
        return view.granted.has_value() && *view.granted == x.ring && x.ring.id.seq != 0;
    };
    bool somebody_holds = false;
    for (const ViewNode& o : view.nodes)
        if (has_ack(o) && !o.is_newcomer) somebody_holds = true;

    // Steps 3 and 4.
    ViewNodes known;
    std::set<qnetd::Ring> rings;
    for (const ViewNode& o : view.nodes)
        if (o.ring.id.seq != 0) {
            known.push_back(&o);
            rings.insert(o.ring);
        }
    if (rings.empty()) return "wait";
    if (c.ring.id.seq == 0) return "nack";
    if (rings.size() == 1) return "ack";

    // Step 5: a newcomer, while another ring has ACK.
    if (somebody_holds && all_new(c) && !has_ack(c)) return "nack";
    if (somebody_holds)
        std::erase_if(known, [&](const ViewNode* o) { return all_new(*o) && !has_ack(*o); });
    if (std::all_of(known.begin(), known.end(), [&](auto* o) { return o->ring == c.ring; }))
        return "ack";
    return dumb_lms_contest(view, c, known);
}

// "wait", "nobody", or the members of the ring whose nodes are told ACK, as "1,2"; "two rings" and
// "half a ring" would be mistakes of the twin.
inline std::string dumb_lms(const qnetd::View& view) {
    std::set<qnetd::Ring> granted;
    std::set<qnetd::Ring> denied;
    if (view.nodes.empty()) return "wait";
    for (const qnetd::ViewNode& node : view.nodes) {
        const std::string answer = dumb_lms_of(view, node);
        if (answer == "wait") return "wait";
        (answer == "ack" ? granted : denied).insert(node.ring);
    }
    if (granted.size() > 1) return "two rings";
    if (granted.empty()) return "nobody";
    return denied.contains(*granted.begin()) ? "half a ring"
                                             : qnetd::to_string(granted.begin()->members);
}

}  // namespace castvote::tests
