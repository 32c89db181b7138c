// node_model.cpp -- see node_model.hpp; the facts are those of docs/safety.md.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/node_model.hpp"

#include <algorithm>

namespace castvote::explore {

Duration margin(Duration span) { return std::max(Duration(1000), span * 5 / 100); }

Duration longest_lifetime() {
    const Duration span = 2 * heartbeat + assumed_timeout;
    return span + margin(span);
}

bool is_quorate(const Node& node, const VoteRules& rules, Instant now) {
    if (node.is_gathering) return false;
    const std::size_t vote = node.counts(now) ? rules.device_votes() : 0;
    return node.ring.members.size() + vote >= rules.quorum();
}

std::optional<Instant> lets_go_at(const Node& node, const VoteRules& rules) {
    if (!node.is_alive || node.link == Node::Link::none) return std::nullopt;
    if (!rules.lets_go_when_cut_off()) return std::nullopt;
    return node.heard + 2 * heartbeat;
}

void enter_ring(Node& node, const Ring& ring) {
    node.ring = ring;
    node.seq = std::max(node.seq, ring.id.seq);
    node.is_gathering = false;
    // Fact 2: nothing is cast in a new ring before the arbiter answered for it. A dead daemon's
    // vote holds the new ring in its synchronisation, and is over at the end of it.
    node.flag = false;
    node.flag_until.reset();
    if (!node.is_alive || node.link == Node::Link::none) return;
    node.reported = ring.id;
    node.up.push_back({.kind = Up::Kind::membership, .ring = ring});
}

void take_vote(Node& node, const Down& told, Instant now) {
    node.up.push_back({.kind = Up::Kind::reply, .number = told.number});
    if (told.ring != node.reported || told.ring != node.ring.id) return;
    if (told.vote == wire::Vote::ack) {
        if (!node.is_cast && node.is_gathering) node.has_late_yes = true;
        node.is_cast = true;
        node.flag = true;
        node.flag_until.reset();
        if (!node.is_gathering) node.has_late_yes = false;
        return;
    }
    node.flag = node.is_cast = false;
    node.flag_until.reset();
    if (node.has_late_yes && !node.is_gathering) {
        // The "no" ends the synchronisation, then the old "yes" arrives; the next poll mends it.
        node.flag = true;
        node.flag_until = now + device_timeout / 2;
        node.up.push_back({.kind = Up::Kind::quorate});
    }
    node.has_late_yes = false;
}

void kill_daemon(Node& node, const VoteRules& rules, Instant now) {
    Instant last_poll = now;
    if (const auto end = lets_go_at(node, rules)) last_poll = std::min(now, *end);
    lose_late_yes(node);
    if (node.flag && !node.flag_until) node.flag_until = last_poll + device_timeout;
    node.is_alive = node.is_cast = false;
    node.link = Node::Link::none;
    node.up.clear();
    node.down.clear();
}

void notice_end(Node& node, const VoteRules& rules) {
    lose_late_yes(node);
    node.link = Node::Link::none;
    node.up.clear();
    node.down.clear();
    if (rules.lets_go_when_cut_off()) node.flag = node.is_cast = false;
}

void restart(Node& node) {
    node.is_alive = node.is_cast = false;
    node.link = Node::Link::none;
    node.up.clear();
    node.down.clear();
    node.has_late_yes = false;
    enter_ring(node, Ring{{node.id, node.seq + 1}, {node.id}});
}

void lose_late_yes(Node& node) { node.has_late_yes = false; }

}  // namespace castvote::explore
