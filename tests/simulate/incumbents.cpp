// incumbents.cpp -- see incumbents.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/incumbents.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/wire/describe.hpp"

namespace castvote::simulate {

using qnetd::ProposalKind;
using qnetd::Ring;
using wire::Message;
using wire::MessageType;
using wire::NodeListType;
using wire::Vote;

// -- the arbiter's life ---------------------------------------------------------------------------

void Incumbents::died() {
    clients_.clear();
    for (auto& [node, seat] : seats_) seat.connection = 0;
}

void Incumbents::started(bool remembers, Instant now) {
    if (!remembers) {
        seats_.clear();
        forgotten_ = known_;
    }
    for (auto& [node, seat] : seats_) {
        if (!seat.back_by) seat.back_by = now + seat.heartbeat;
        seat.is_told = false;
        seat.waits_since.reset();
    }
}

void Incumbents::closed(ConnectionId connection) {
    const auto found = clients_.find(connection);
    if (found == clients_.end()) return;
    const Client client = found->second;
    clients_.erase(found);
    const auto seat = seats_.find(client.view.node);
    if (seat == seats_.end() || seat->second.connection != connection) return;
    if (client.lease.count() == 0 || !seat->second.is_told) {
        seats_.erase(seat);
        return;
    }
    // It keeps the vote for the rest of its lease.
    seat->second.connection = 0;
    seat->second.back_by = client.last_echo + client.lease;
    seat->second.is_told = false;
    seat->second.is_leased = true;
}

void Incumbents::time_passed(Instant now) {
    seats_.erase_if([&](const auto& entry) {
        const Seat& seat = entry.second;
        return seat.connection == 0 && seat.back_by && *seat.back_by < now;
    });
    look_at_waits(now);
}

// -- what the nodes say ---------------------------------------------------------------------------

void Incumbents::received(ConnectionId connection, const Message& message, Instant now) {
    if (message.type == MessageType::init) {
        init(connection, message, now);
        return;
    }
    const auto found = clients_.find(connection);
    if (found == clients_.end()) return;
    Client& client = found->second;
    switch (message.type) {
        case MessageType::set_option:
            if (message.keep_active_partition_tie_breaker)
                client.keep_active =
                    message.keep_active_partition_tie_breaker == wire::KeepActivePartition::enabled;
            if (message.ring_id) client.kept_vote_of = message.ring_id;
            if (message.released == 1) {  // it leaves
                seats_.erase(client.view.node);
                client.has_membership = false;
            }
            break;
        case MessageType::vote_info_reply: forgotten_.erase(client.view.node); break;
        case MessageType::echo_request: client.last_echo = now; break;
        case MessageType::heuristics_change:
            client.view.heuristics = message.heuristics.value_or(wire::Heuristics::undefined);
            break;
        case MessageType::node_list:
            if (message.node_list_type == NodeListType::membership) {
                membership(connection, client, message);
            } else if (message.node_list_type != NodeListType::quorum) {
                client.view.configured = qnetd::nodes_of(message.node_info);
                client.has_config = true;
            }
            note_those_behind();
            break;
        default: break;
    }
    time_passed(now);
}

void Incumbents::init(ConnectionId connection, const Message& message, Instant now) {
    Client client;
    client.view.node = message.node_id.value_or(0);
    client.view.ring.id = message.ring_id.value_or(wire::RingId{});
    client.view.tie_breaker = message.tie_breaker.value_or(wire::TieBreaker{});
    client.algorithm = qnetd::find_algorithm(
        message.decision_algorithm.value_or(wire::DecisionAlgorithm::ffsplit));
    client.heartbeat = Duration(message.heartbeat_interval.value_or(0));
    client.last_echo = now;
    clients_.insert_or_assign(connection, std::move(client));
}

void Incumbents::membership(ConnectionId connection, Client& client, const Message& message) {
    const NodeId node = client.view.node;
    client.view.ring = {message.ring_id.value_or(wire::RingId{}),
                        qnetd::nodes_of(message.node_info)};
    client.view.heuristics = message.heuristics.value_or(wire::Heuristics::undefined);
    client.has_membership = true;
    client.was_behind = false;
    break_rings(node, client.view.ring);
    contests_ += std::any_of(seats_.begin(), seats_.end(), [&](const auto& entry) {
        return !entry.second.ring.members.contains(node);
    });
    const auto found = seats_.find(node);
    if (found == seats_.end()) return;
    Seat& seat = found->second;
    if (seat.ring != client.view.ring) {
        seats_.erase(found);
    } else if (seat.connection != connection) {
        // What it was told on another connection is void, unless it kept the vote.
        if (seat.connection != 0 ||
            (seat.is_leased && client.kept_vote_of != client.view.ring.id)) {
            seats_.erase(found);
            return;
        }
        seat.is_leased = false;
        seat.connection = connection;
        seat.back_by.reset();
    }
}

// R1: a ring of which a member has reported a later one is at its end.
void Incumbents::break_rings(NodeId node, const Ring& ring) {
    seats_.erase_if([&](const auto& entry) {
        const Ring& held = entry.second.ring;
        return held.members.contains(node) && held != ring && ring.id.seq > held.id.seq;
    });
}

void Incumbents::note_those_behind() {
    for (auto& [connection, client] : clients_) {
        if (!client.is_judged()) continue;
        for (const auto& [other, ahead] : clients_)
            if (ahead.is_judged() && client.view.ring.members.contains(ahead.view.node) &&
                ahead.view.ring != client.view.ring &&
                ahead.view.ring.id.seq > client.view.ring.id.seq)
                client.was_behind = true;
    }
}

// -- what the arbiter says ------------------------------------------------------------------------

void Incumbents::sent(ConnectionId connection, const Message& message, Instant now) {
    const auto found = clients_.find(connection);
    if (found == clients_.end()) return;
    Client& client = found->second;
    switch (message.type) {
        case MessageType::init_reply:
            client.is_accepted = message.reply_error_code == wire::ReplyErrorCode::no_error;
            // Its INIT may name a later ring already.
            if (client.is_accepted) break_rings(client.view.node, client.view.ring);
            note_those_behind();
            break;
        case MessageType::set_option_reply:
            client.lease = Duration(message.lease.value_or(0));
            break;
        case MessageType::node_list_reply:
        case MessageType::heuristics_change_reply:
        case MessageType::vote_info:
            if (message.vote) told(connection, client, *message.vote);
            break;
        default: break;
    }
    time_passed(now);
}

void Incumbents::told(ConnectionId connection, Client& client, Vote vote) {
    const NodeId node = client.view.node;
    const auto found = seats_.find(node);
    if (vote == Vote::ack) {
        known_.insert(node);
        client.had_the_vote = client.was_told = true;
        if (found != seats_.end() && !found->second.is_told) ++returns_;
        seats_.insert_or_assign(node, Seat{.ring = client.view.ring,
                                           .connection = connection,
                                           .heartbeat = client.heartbeat,
                                           .back_by = {},
                                           .is_told = true,
                                           .is_leased = false,
                                           .waits_since = {}});
        return;
    }
    if (vote != Vote::nack) return;
    client.was_told = true;
    if (found == seats_.end() || found->second.connection != connection) return;
    if (is_best(found->second) && violation_.empty())
        violation_ = fmt::format("I5: node {} was denied, though its ring {} is still the best",
                                 node, wire::to_string(client.view.ring.id));
    seats_.erase(node);
}

// -- the judgement --------------------------------------------------------------------------------

void Incumbents::look_at_waits(Instant now) {
    const auto before = std::exchange(looked_at_, now);
    for (auto& [node, seat] : seats_) {
        // The arbiter was frozen, nobody said anything, or nothing could be written.
        if (!before || now - *before > seat.heartbeat) seat.waits_since.reset();
        if (seat.is_told || seat.connection == 0) continue;
        const Client& client = clients_.at(seat.connection);
        if (!client.is_judged() || !is_chosen(seat)) {
            seat.waits_since.reset();
            continue;
        }
        if (!seat.waits_since) seat.waits_since = now;
        const Duration wait = now - *seat.waits_since;
        if (wait > allowed_ + 2 * seat.heartbeat && violation_.empty())
            violation_ =
                fmt::format("I5: node {} is back in its ring {} and has waited {} ms for its ACK",
                            node, wire::to_string(seat.ring.id), wait.count());
    }
}

qnetd::View Incumbents::view(const Ring& held, const std::set<ConnectionId>& aside) const {
    qnetd::View view;
    view.granted = held;
    view.keep_active = true;
    for (const auto& [connection, client] : clients_) {
        if (!client.is_accepted) continue;
        view.keep_active = view.keep_active && client.keep_active;
        if (!client.is_judged() || aside.contains(connection)) continue;
        view.nodes.push_back(client.view);
        // With lms and 2nodelms it does not take the vote from who has it.
        view.nodes.back().is_newcomer = !client.was_told && client.view.ring != held;
    }
    std::sort(view.nodes.begin(), view.nodes.end(),
              [](const auto& one, const auto& other) { return one.node < other.node; });
    return view;
}

qnetd::Proposal Incumbents::proposal(const Seat& seat, const std::set<ConnectionId>& aside) const {
    return clients_.at(seat.connection).algorithm->propose(view(seat.ring, aside));
}

bool Incumbents::is_chosen(const Seat& seat) const {
    const qnetd::Proposal now = proposal(seat, {});
    return now.kind == ProposalKind::ring && now.ring == seat.ring;
}

bool Incumbents::is_best(const Seat& seat) const {
    const bool is_ffsplit =
        clients_.at(seat.connection).algorithm->number == wire::DecisionAlgorithm::ffsplit;
    std::vector<ConnectionId> laggards;
    for (const auto& [connection, client] : clients_) {
        if (client.view.ring == seat.ring) continue;
        const bool may_be_newcomer = !is_ffsplit && client.was_told && !client.had_the_vote;
        if (client.was_behind || may_be_newcomer) laggards.push_back(connection);
    }
    for (std::size_t choice = 0; choice < (std::size_t{1} << laggards.size()); ++choice) {
        std::set<ConnectionId> aside;
        for (std::size_t i = 0; i < laggards.size(); ++i)
            if ((choice >> i & 1) != 0) aside.insert(laggards[i]);
        const qnetd::Proposal without = proposal(seat, aside);
        if (without.kind == ProposalKind::nobody) return false;
        if (without.kind == ProposalKind::ring && without.ring != seat.ring) return false;
    }
    return true;
}

}  // namespace castvote::simulate
