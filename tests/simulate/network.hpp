// network.hpp -- connections between node daemons and the arbiter, with everything that can befall
// them.
//
// A cut link loses nothing that TCP would not deliver later: what is sent into a cut waits and
// arrives when the link heals, in order, unless one side has given the connection up. A side that
// writes to a connection which the other no longer knows is reset.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>

#include "common/wire/message.hpp"
#include "tests/simulate/arbiter_watch.hpp"
#include "tests/simulate/corosync_model.hpp"

namespace castvote::simulate {

enum class Ending : std::uint8_t { end_of_stream, reset };

class ArbiterEnd {
public:
    virtual ~ArbiterEnd() = default;
    virtual bool is_listening() const = 0;
    virtual void opened(ConnectionId connection, NodeId node) = 0;
    virtual void received(ConnectionId connection, wire::Message&& message) = 0;
    virtual void closed(ConnectionId connection, Ending ending) = 0;
};

class NodeEnd {
public:
    virtual ~NodeEnd() = default;
    virtual void connected() = 0;
    virtual void received(wire::Message&& message) = 0;
    virtual void lost(bool while_connecting, Ending ending) = 0;
};

class Network {
public:
    // number: of the cluster, among those which one arbiter serves.
    Network(Schedule& schedule, Dice& dice, std::size_t number = 0)
        : schedule_(schedule), dice_(dice), last_(std::uint64_t{number} << number_shift) {}
    // The number of the network that has this connection.
    static std::size_t number_of(ConnectionId connection) { return connection >> number_shift; }

    void attach(ArbiterEnd* arbiter) { arbiter_ = arbiter; }
    void attach(NodeId node, NodeEnd* end) { links_[node].end = end; }

    // -- the node's side --------------------------------------------------------------------------
    void connect(NodeId node);
    void send_from_node(NodeId node, wire::Message&& message);
    // The process closed its socket or died; the kernel sends FIN.
    void close_from_node(NodeId node);
    // The machine is gone: nothing is sent.
    void vanish(NodeId node);

    // -- the arbiter's side -----------------------------------------------------------------------
    void send_from_arbiter(ConnectionId connection, wire::Message&& message);
    void close_from_arbiter(ConnectionId connection);
    void arbiter_died();
    // ... with its kernel: it closes nothing, and nothing that it sent is repeated.
    void arbiter_lost_power();
    // Its machine is off: it answers nothing at all; what is sent to it comes again later.
    void set_arbiter_machine(bool is_on);

    // -- faults -----------------------------------------------------------------------------------
    void set_link(NodeId node, bool to_arbiter, bool from_arbiter);
    // The arbiter alone sees the connection reset.
    void reset_at_arbiter(NodeId node);
    // Both see it. False if there is no connection.
    bool reset_at_both(NodeId node);

private:
    static constexpr unsigned number_shift = 40;
    struct Direction {
        bool is_up = true;
        std::uint64_t cuts = 0;
        Micros clear_at = 0;         // the last arrival so far
        std::deque<Task> under_way;  // in their order
    };
    struct Link {
        NodeEnd* end = nullptr;
        Direction to_arbiter, from_arbiter;
        ConnectionId at_node = 0;  // the connection that the node has open, or tries to open
        bool is_open = false;      // ... and which is established, as the node sees it
    };

    template <class What>
    void carry(Direction& direction, What what);
    void send_one(Direction& direction);
    void set_direction(Direction& direction, bool is_up);
    void cut(Direction& direction) { ++direction.cuts; }
    void resume(Direction& direction);
    void drop_at_node(NodeId node, ConnectionId connection, Ending ending);

    Schedule& schedule_;
    Dice& dice_;
    ArbiterEnd* arbiter_ = nullptr;
    ByNode<Link> links_;
    SmallMap<ConnectionId, NodeId> at_arbiter_;  // connections that the arbiter has open
    ConnectionId last_;
    bool machine_is_on_ = true;  // the arbiter's
};

}  // namespace castvote::simulate
