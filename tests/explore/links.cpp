// links.cpp -- connections between the nodes and the arbiter, and what passes over them.
// SPDX-License-Identifier: BSD-3-Clause
#include <utility>

#include "tests/explore/messages.hpp"
#include "tests/explore/world.hpp"

namespace castvote::explore {

void World::connect(Node& node) {
    node.link = Node::Link::open;
    node.connection = next_connection_++;
    node.reported = node.ring.id;
    sessions_[node.connection] = node.id;
    step(qnetd::Opened{node.connection, "explored"});
    step(qnetd::Received{node.connection, message::preinit("alpha")});
    if (node.has_lease) {
        step(qnetd::Received{node.connection, message::starttls()});
        step(qnetd::TlsEstablished{
            node.connection,
            qnetd::PeerCertificate{
                .common_name = "alpha", .dns_names = {}, .key_fingerprint = "alpha's"}});
    }
    node.heard = node.echoed = now_;
    // It may take the place of an older connection of its own, which ends by this (R5).
    step(qnetd::Received{node.connection, message::init(node.id, node.ring.id, *scope_)});
    oracle_.connected(node.id, node.ring.id, now_);
    if (node.has_lease) {
        if (says_it_kept_the_vote(node, now_)) oracle_.kept(node.id, node.ring.id);
        step(qnetd::Received{node.connection, message::options(node, now_)});
        // Its last poll may have been now; the next waits for the arbiter's word.
        if (node.flag && !node.flag_until) node.flag_until = now_ + device_timeout;
    }
    step(qnetd::Received{node.connection, message::config(scope_->votes.nodes)});
    node.up.push_back({.kind = Up::Kind::membership, .ring = node.ring});
}

void World::deliver(Node& node) {
    const Up up = node.up.front();
    node.up.pop_front();
    node.heard = now_;
    oracle_.heard(node.id, now_);
    switch (up.kind) {
        case Up::Kind::membership:
            oracle_.reported(node.id, up.ring, now_);
            step(qnetd::Received{node.connection, message::membership(up.ring)});
            if (node.has_lease) echo(node);
            return;
        case Up::Kind::reply:
            oracle_.confirmed(node.id, up.number, now_);
            step(qnetd::Received{node.connection, message::reply(up.number)});
            return;
        case Up::Kind::heuristics:
            step(qnetd::Received{node.connection, message::heuristics(up.heuristics)});
            return;
        case Up::Kind::quorate:
            step(qnetd::Received{node.connection,
                                 message::quorum(node.ring, wire::Quorate::quorate)});
            return;
    }
}

void World::echo(Node& node) {
    if (!sessions_.contains(node.connection)) return;
    node.heard = node.echoed = now_;
    oracle_.echoed(node.id, now_);
    step(qnetd::Received{node.connection, message::echo()});
}

// The arbiter sees the connection end.
void World::end_session(Node& node, qnetd::CloseCause cause) {
    const auto found = sessions_.find(node.connection);
    if (found == sessions_.end()) return;
    sessions_.erase(found);
    oracle_.ended(node.id, cause == qnetd::CloseCause::end_of_stream, now_);
    step(qnetd::Closed{node.connection, cause});
}

// A clean stop: what is on its way arrives, then its last word and the end. Before that it
// withdraws the device and makes sure, so that time passes: votes that were switched on at one
// instant are one vote to the ledger.
void World::stop(Node& node) {
    while (node.link == Node::Link::open && !node.up.empty()) deliver(node);
    advance_to(now_ + Duration(1));
    node.flag = false;
    node.flag_until.reset();
    const bool is_heard = node.link == Node::Link::open;
    kill_daemon(node, scope_->votes, now_);
    if (!is_heard) return;
    oracle_.gave_back(node.id);
    step(qnetd::Received{node.connection, message::farewell()});
    end_session(node, qnetd::CloseCause::end_of_stream);
}

void World::flap(std::size_t index) {
    ConnectionId& connection = beta_.connections.at(index);
    if (connection != 0) {
        step(qnetd::Closed{std::exchange(connection, 0), qnetd::CloseCause::reset_or_error});
        return;
    }
    connection = next_connection_++;
    const auto id = static_cast<NodeId>(index + 1);
    const Ring ring{{1, 100}, {1, 2}};
    step(qnetd::Opened{connection, "second"});
    step(qnetd::Received{connection, message::preinit("beta")});
    step(qnetd::Received{connection, message::init(id, ring.id, *scope_)});
    step(qnetd::Received{connection, message::config(2)});
    step(qnetd::Received{connection, message::membership(ring)});
    // It confirms whatever it is told; on a new connection numbers start at 1.
    for (std::uint32_t number : {1u, 2u}) step(qnetd::Received{connection, message::reply(number)});
}

}  // namespace castvote::explore
