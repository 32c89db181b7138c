// incumbents.hpp -- invariant I5 of docs/safety.md, asked of every message of one cluster.
//
// An *incumbent* is a node that was sent ACK for its ring and has since reported no other, whose
// connection stands (or was ended by a restart of the arbiter, or within its lease, and which is
// back in time), and of whose ring no other member has reported a later one. To *deny* it is to
// send it NACK, or, when it is back, no ACK for longer than allowed. It must not be denied while
// the pure algorithm would choose its ring, whatever the arbiter makes of those who lag behind.
// Sees only messages: it shares the algorithms with qnetd/core and nothing else.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <set>
#include <string>

#include "common/wire/instant.hpp"
#include "common/wire/message.hpp"
#include "qnetd/core/algorithms/view.hpp"
#include "tests/simulate/arbiter_watch.hpp"
#include "tests/simulate/nodes.hpp"
#include "tests/simulate/small_map.hpp"

namespace castvote::simulate {

class Incumbents final : public ArbiterWatch {
public:
    // allowed: how long the ACK of a node that is back may take, beside one heartbeat in which
    // others confirm what they lost, and one for R2s i.
    explicit Incumbents(Duration allowed) : allowed_(allowed) {}

    void started(bool remembers, Instant now) override;
    void died() override;
    void received(ConnectionId connection, const wire::Message& message, Instant now) override;
    void sent(ConnectionId connection, const wire::Message& message, Instant now) override;
    void closed(ConnectionId connection) override;
    // Who was away for long has to wait for that.
    void store_is_stuck() override { looked_at_.reset(); }

    // Empty, or how an incumbent was denied.
    const std::string& violation() const { return violation_; }
    // The arbiter has forgotten that it gave the node a vote, and the node has confirmed none
    // since.
    bool is_forgotten(NodeId node) const { return forgotten_.contains(node); }
    // Rings reported beside the one that an incumbent holds.
    std::uint64_t contests() const { return contests_; }
    // Incumbents that came back after a restart, and were told ACK again.
    std::uint64_t returns() const { return returns_; }

private:
    struct Client {
        qnetd::ViewNode view;
        const qnetd::Algorithm* algorithm = nullptr;
        Duration heartbeat{0};
        Duration lease{0};
        Instant last_echo;
        bool is_accepted = false;
        bool keep_active = false;
        bool has_config = false;
        bool has_membership = false;
        bool was_behind = false;    // the arbiter may have set it aside
        bool was_told = false;      // ACK or NACK, on this connection
        bool had_the_vote = false;  // told NACK only, it may still be a newcomer (lms)
        std::optional<wire::RingId> kept_vote_of;  // by its own word, when it connected
        bool is_judged() const { return is_accepted && has_config && has_membership; }
    };
    struct Seat {
        qnetd::Ring ring;
        ConnectionId connection = 0;     // 0: it is away
        Duration heartbeat{0};           // of the node
        std::optional<Instant> back_by;  // while it is away
        bool is_told = true;             // ACK, on its present connection
        bool is_leased = false;          // it is away, and may keep its vote for a while
        std::optional<Instant> waits_since;
    };

    void init(ConnectionId connection, const wire::Message& message, Instant now);
    void membership(ConnectionId connection, Client& client, const wire::Message& message);
    void told(ConnectionId connection, Client& client, wire::Vote vote);
    void break_rings(NodeId node, const qnetd::Ring& ring);
    void note_those_behind();
    void look_at_waits(Instant now);
    void time_passed(Instant now);
    qnetd::View view(const qnetd::Ring& held, const std::set<ConnectionId>& aside) const;
    qnetd::Proposal proposal(const Seat& seat, const std::set<ConnectionId>& aside) const;
    // Does the algorithm prefer no other, whoever of those that lag is set aside?
    bool is_best(const Seat& seat) const;
    // Does it choose the seat's ring as things stand?
    bool is_chosen(const Seat& seat) const;

    Duration allowed_;
    SmallMap<ConnectionId, Client> clients_;
    SmallMap<NodeId, Seat> seats_;
    Nodes known_, forgotten_;  // nodes that were told ACK
    std::string violation_;
    std::optional<Instant> looked_at_;
    std::uint64_t contests_ = 0;
    std::uint64_t returns_ = 0;
};

}  // namespace castvote::simulate
