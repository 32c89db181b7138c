// node_model.hpp -- a node of an explored cluster: what its corosync counts, at the worst.
//
// A node is a daemon that says what it is told to say, a corosync in a ring, and a flag: "this node
// counts the arbiter's vote". Wherever docs/safety.md ("What nodes really do") gives a span in
// which the flag may last, it lasts to the end of it here. A node of ours keeps to docs/safety.md,
// "Leases"; that it does is node_test's business, and the simulator's. It takes back at once what
// its corosync's queue delivers in the wrong ring (N6). Knows nothing of the arbiter's code.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <deque>
#include <optional>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"
#include "qnetd/core/events.hpp"
#include "qnetd/core/ring.hpp"

namespace castvote::explore {

using qnetd::ConnectionId;
using qnetd::NodeId;
using qnetd::Nodes;
using qnetd::Ring;

// One heartbeat is two ticks; whoever can sends an echo at every tick.
constexpr Duration heartbeat{8000};
constexpr Duration tick = heartbeat / 2;
constexpr Duration device_timeout{10000};  // T

// T as an arbiter may assume it of a stock node: hb / 0.8 rounded up, and a millisecond.
constexpr Duration assumed_timeout = std::max(heartbeat * 5 / 4 + Duration(1), device_timeout);

// Of our own nodes. Longer than a tick, so that a lost connection may be back in time.
constexpr Duration lease{5000};

Duration margin(Duration span);
// How long a stock node that is heard no more may count the vote (R2e).
Duration longest_lifetime();

// A message on its way to the arbiter.
struct Up {
    enum class Kind : std::uint8_t { membership, reply, heuristics, quorate };
    Kind kind = Kind::membership;
    Ring ring;                 // of a membership list
    std::uint32_t number = 0;  // of a VOTE_INFO_REPLY
    wire::Heuristics heuristics = wire::Heuristics::undefined;
};

// A VOTE_INFO on its way to the node.
struct Down {
    std::uint32_t number = 0;
    wire::Vote vote = wire::Vote::nack;
    wire::RingId ring;
    std::uint64_t grant = 0;  // its number, told to nodes with a lease
};

struct Node {
    // As the node sees its connection: `broken` is one that the arbiter gave up, unknown to the
    // node.
    enum class Link : std::uint8_t { none, open, broken };

    NodeId id = 0;
    Ring ring;                  // of its corosync
    bool is_gathering = false;  // it lost the token: it counts nothing until it is in a new ring
    std::uint64_t seq = 0;      // the greatest sequence that it has been in
    bool is_alive = true;       // its daemon runs
    bool is_cut = false;        // nothing passes between it and the arbiter
    Link link = Link::none;
    ConnectionId connection = 0;
    wire::RingId reported;  // the ring that the daemon sent last
    std::deque<Up> up;
    std::deque<Down> down;
    Instant heard;  // when the arbiter last had a message of it
    // Our own (docs/safety.md, leases): it keeps the vote through the loss of a connection.
    bool has_lease = false;
    Instant echoed;                // it sent the last INIT or echo that was answered then
    std::uint64_t last_grant = 0;  // the number of the last grant that it has seen

    bool flag = false;                  // it counts the vote in its ring
    std::optional<Instant> flag_until;  // ... but not for longer
    bool is_cast = false;               // its daemon cast "yes" last: to do so again is no news
    // Fact 1: a "yes" was cast after the token was lost; it will be delivered in the next ring.
    bool has_late_yes = false;

    bool counts(Instant now) const {
        return flag && !is_gathering && (!flag_until || now < *flag_until);
    }
};

// What differs between algorithms: votes of the device, and whether a daemon that is cut off lets
// go by itself (fact 3).
struct VoteRules {
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    std::size_t nodes = 2;
    Nodes leased;  // those who have a lease

    std::size_t device_votes() const {
        return algorithm == wire::DecisionAlgorithm::lms ? nodes - 1 : 1;
    }
    std::size_t quorum() const { return (nodes + device_votes()) / 2 + 1; }
    bool lets_go_when_cut_off() const { return algorithm == wire::DecisionAlgorithm::ffsplit; }
    bool lets_go(bool has_lease) const { return has_lease || lets_go_when_cut_off(); }
    bool all_let_go() const { return lets_go(leased.size() == nodes); }
    // Has a ring of so many nodes quorum with the vote?
    bool is_enough(std::size_t members) const { return members + device_votes() >= quorum(); }
};

// Does the node call itself quorate?
bool is_quorate(const Node& node, const VoteRules& rules, Instant now);

// Does it count the vote, by its own word, without a break since it was granted?
bool keeps_vote(const Node& node, Instant now);

// ... and does it say so when it connects (protocol.md 15, RING_ID)?
bool says_it_kept_the_vote(const Node& node, Instant now);

// When a living daemon that gets no answer any more gives up vote and connection; none for ever.
std::optional<Instant> lets_go_at(const Node& node, const VoteRules& rules);

// -- what happens to it ---------------------------------------------------------------------------

// Its corosync is in a new ring; the daemon reports it if it believes to be connected.
void enter_ring(Node& node, const Ring& ring);
// A VOTE_INFO reached the daemon: it votes if the ring is the one it reported last, and confirms.
void take_vote(Node& node, const Down& told, Instant now);
// The daemon ends without a word: the flag lasts for T after a last poll that may have been now.
void kill_daemon(Node& node, const VoteRules& rules, Instant now);
// The daemon learns that its connection is over.
void notice_end(Node& node, const VoteRules& rules, Instant now);
// Nothing came for too long: it gives up the vote and the connection.
void let_go(Node& node, const VoteRules& rules, Instant now);
// The daemon starts.
void start(Node& node);
// Its corosync and its daemon start anew, alone in a ring.
void restart(Node& node);
// The way to the arbiter fails; the cases that no arbiter can close end here (safety.md).
void lose_late_yes(Node& node);

}  // namespace castvote::explore
