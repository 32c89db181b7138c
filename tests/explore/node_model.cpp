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

bool keeps_vote(const Node& node, Instant now) {
    return node.is_cast && node.flag && (!node.flag_until || now < *node.flag_until);
}

bool says_it_kept_the_vote(const Node& node, Instant now) {
    // Not if its last poll is too old to be sure.
    return keeps_vote(node, now) &&
           (!node.flag_until || *node.flag_until - now > device_timeout / 2);
}

std::optional<Instant> lets_go_at(const Node& node, const VoteRules& rules) {
    const bool is_bound = node.link != Node::Link::none || (node.has_lease && node.is_cast);
    if (!node.is_alive || !is_bound) return std::nullopt;
    if (node.has_lease) return node.echoed + lease;
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
    if (node.has_lease) node.is_cast = false;
    if (!node.is_alive || node.link == Node::Link::none) return;
    node.reported = ring.id;
    node.up.push_back({.kind = Up::Kind::membership, .ring = ring});
}

namespace {

// Ours confirms an ACK when its "yes" has come round the ring, which it does not between the loss
// of the token and the next ring (N15).
bool confirms(const Node& node, const Down& told, bool is_heeded) {
    if (!node.has_lease || told.vote != wire::Vote::ack) return true;
    return is_heeded && (!node.is_gathering || node.flag);
}

}  // namespace

void take_vote(Node& node, const Down& told, Instant now) {
    const bool is_heeded = told.ring == node.reported && told.ring == node.ring.id;
    node.last_grant = std::max(node.last_grant, told.grant);
    if (confirms(node, told, is_heeded))
        node.up.push_back({.kind = Up::Kind::reply, .number = told.number});
    if (!is_heeded || told.vote == wire::Vote::no_change) return;
    if (told.vote == wire::Vote::ack) {
        // Ours takes back what is delivered in the wrong ring, within milliseconds (N6).
        if (!node.is_cast && node.is_gathering && !node.has_lease) node.has_late_yes = true;
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

namespace {

void notice_end_of_link(Node& node) {
    lose_late_yes(node);
    node.link = Node::Link::none;
    node.up.clear();
    node.down.clear();
}

}  // namespace

void kill_daemon(Node& node, const VoteRules& rules, Instant now) {
    Instant last_poll = now;
    if (const auto end = lets_go_at(node, rules)) last_poll = std::min(now, *end);
    notice_end_of_link(node);
    if (node.flag && !node.flag_until) node.flag_until = last_poll + device_timeout;
    node.is_alive = node.is_cast = false;
    node.last_grant = 0;
}

void notice_end(Node& node, const VoteRules& rules, Instant now) {
    notice_end_of_link(node);
    if (node.has_lease && keeps_vote(node, now)) return;  // until the lease is over
    if (rules.lets_go(node.has_lease)) node.flag = node.is_cast = false;
}

void let_go(Node& node, const VoteRules& rules, Instant now) {
    // Where nobody needs the vote, ours lets it run out from its last poll.
    const bool is_left = node.has_lease && keeps_vote(node, now) && !node.is_gathering &&
                         node.ring.members.size() >= rules.quorum();
    if (is_left && !node.flag_until) node.flag_until = node.echoed + lease + device_timeout;
    node.is_cast = false;
    if (!is_left) node.flag = false;
    notice_end_of_link(node);
}

void start(Node& node) {
    node.is_alive = true;
    if (!node.has_lease) return;
    node.flag = false;  // its first deed
    node.flag_until.reset();
}

void restart(Node& node) {
    notice_end_of_link(node);
    node.is_alive = node.is_cast = false;
    node.last_grant = 0;
    enter_ring(node, Ring{{node.id, node.seq + 1}, {node.id}});
}

void lose_late_yes(Node& node) { node.has_late_yes = false; }

}  // namespace castvote::explore
