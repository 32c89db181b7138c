// corosync_model.hpp -- rings and votequorum, as far as a quorum device can tell (docs/safety.md,
// facts).
//
// Nodes that can reach each other form rings after a token time-out and a consensus; every change
// ends in a synchronisation which waits for the device's poll. A poll changes the flag at once, but
// quorum is reckoned when the node's own message is delivered; one sent between token loss and the
// new membership stays queued, is delivered after the synchronisation and overwrites the flag (fact
// 1).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/types.hpp"
#include "tests/simulate/alarm.hpp"
#include "tests/simulate/nodes.hpp"
#include "tests/simulate/small_map.hpp"

namespace castvote::simulate {

using wire::RingId;

struct Timers {
    Micros token = ms(3000);
    Micros device_timeout = ms(10000);       // T
    Micros device_sync_timeout = ms(30000);  // S
    Micros heartbeat_max = ms(120000);       // quorum.device.net.heartbeat_interval_max
    // What a stock daemon waits before it connects anew; none: drawn, up to 0.45 T.
    std::optional<Micros> reconnect_wait = {};
};

// What a node's corosync tells the daemon beside it.
class QuorumListener {
public:
    virtual ~QuorumListener() = default;
    virtual void ring_changed(RingId ring, const Nodes& members) = 0;
    virtual void quorum_changed(bool quorate, const Nodes& members, bool flag) = 0;
};

enum class Phase : std::uint8_t { down, operational, gather, sync };

// A vote that waits for the next ring.
struct Queued {
    bool vote = false;
    Micros since = 0;
};

// A vote that is counted out of the queue (fact 1): nobody gave it in the ring where it counts.
struct OldYes {
    Micros waited = 0;         // in the queue
    Micros counted_since = 0;  // it was delivered
};

struct Corosync {
    NodeId id = 0;
    Phase phase = Phase::down;
    RingId ring;    // as last announced to the daemon
    Nodes members;  // of that ring
    std::uint64_t seq = 0;
    bool registered = false;
    bool alive = false;    // the device polled recently
    bool flag = false;     // CAST_VOTE
    bool holding = false;  // synchronisation waits for our poll
    bool stalled = false;  // the token is gone, which nobody has noticed yet: nothing is delivered
    bool quorate = false;  // as clients were told last
    Nodes view;            // ... and in which membership
    std::deque<Queued> queued;
    // Own messages that were sent while this ring was synchronised (send_around).
    std::deque<Task> around;
    // What is counted came out of the queue, and no poll since has confirmed it or come round with
    // a "no".
    std::optional<OldYes> old_yes;
    bool waits_for_all = false;      // wait_for_all: since it was quorate last, or started (fact 6)
    bool is_stray = false;           // the last poll was of a ring that nobody could have granted
    Micros delivered_by = 0;         // own votes come round the ring in the order of the polls
    Micros told_by = 0;              // the last word to its daemon is read
    std::optional<RingId> yes_ring;  // where the last poll said "yes"
    int noes_under_way = 0;          // own "no" cast, not yet delivered to itself
    std::uint64_t life = 0;          // counts restarts, so that old closures do nothing
    std::uint64_t gathering = 0;     // counts ring changes
    Micros gather_since = 0;
    std::uint64_t device_timer = 0;  // counts how often that was set
    QuorumListener* listener = nullptr;
};

class ClusterModel {
public:
    ClusterModel(Schedule& schedule, Dice& dice, Timers timers, std::size_t nodes,
                 unsigned device_votes);

    // wait_for_all is configured. Before anything starts.
    void wait_for_all() { has_wait_for_all_ = true; }

    // -- what faults do --------------------------------------------------------------------------
    void start(NodeId node, bool lost_ring_file);
    void stop(NodeId node);
    // Nodes with the same label reach each other.
    void set_group(NodeId node, int group);
    int group(NodeId node) const { return groups_.at(node); }

    // -- what the daemon calls -------------------------------------------------------------------
    // False when refused: another ring is current.
    bool poll(NodeId node, bool vote, RingId ring);
    // A message of its own, behind whatever it sent before: calls `back` when it has come round the
    // ring in which it was sent. In a later one it says nothing.
    void send_around(NodeId node, Task back);
    void register_device(NodeId node);
    void unregister_device(NodeId node);

    Corosync& node(NodeId node) { return nodes_.at(node); }
    const ByNode<Corosync>& nodes() const { return nodes_; }
    const Timers& timers() const { return timers_; }

    // I1: two nodes that are quorate in views without a common member; {0, 0} when there are none.
    // ..._gives_back: it has cast its "no" already, which has not come round its ring.
    struct Overlap {
        NodeId one = 0, other = 0;
        bool one_gives_back = false, other_gives_back = false;
        std::optional<OldYes> one_old = {}, other_old = {};
        bool is_stray = false;  // one of them votes in a ring that nobody could have granted
        bool is_last_moment() const { return one_gives_back || other_gives_back; }
    };
    Overlap double_quorum() const;
    // May there be another answer than when this was asked last?
    bool has_changed() { return std::exchange(has_changed_, false); }

private:
    Nodes component(NodeId node) const;
    void disturb();
    void lose_token(NodeId node, std::uint64_t life, std::uint64_t gathering);
    void enter_gather(Corosync& c);
    void join(const Corosync& c);
    Micros consensus(const Nodes& reached) const;
    void try_form(NodeId node);
    void form(const Nodes& members);
    void sync_maybe_done(RingId ring);
    void share_quorum(const Nodes& members);
    void operational(Corosync& c);
    void go_on(Corosync& c);
    void let_go(Corosync& c);
    static bool is_giving_back(const Corosync& c);
    void send_vote(Corosync& c, bool vote);
    void lose_vote(Corosync& c, bool is_withdrawn);
    void deliver(Corosync& c, Queued it);
    void let_around(Corosync& c, Task back);
    void arm_device_timer(Corosync& c, std::optional<Micros> delay);
    void reckon(Corosync& c, bool must_tell);
    void enter(Corosync& c, Phase phase);
    void tell(Corosync& c, std::function<void(Corosync&)> word);

    Schedule& schedule_;
    Dice& dice_;
    Timers timers_;
    std::size_t expected_nodes_;
    unsigned device_votes_;
    bool has_wait_for_all_ = false;
    ByNode<Corosync> nodes_;
    std::vector<const Corosync*> in_order_;  // ... which is quicker to walk
    ByNode<int> groups_;
    ByNode<std::optional<Alarm>> device_timers_;
    bool has_changed_ = true;  // some node's phase, quorum or view
};

}  // namespace castvote::simulate
