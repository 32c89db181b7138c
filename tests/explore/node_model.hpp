// node_model.hpp -- a node of an explored cluster: what its corosync counts, at the worst.
//
// A node is a daemon that says what it is told to say, a corosync in a ring, and a flag: "this node
// counts the arbiter's vote". Wherever docs/safety.md ("What nodes really do") gives a span in
// which the flag may last, it lasts to the end of it here. Knows nothing of the arbiter's code.
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

    std::size_t device_votes() const {
        return algorithm == wire::DecisionAlgorithm::lms ? nodes - 1 : 1;
    }
    std::size_t quorum() const { return (nodes + device_votes()) / 2 + 1; }
    bool lets_go_when_cut_off() const { return algorithm == wire::DecisionAlgorithm::ffsplit; }
    // Has a ring of so many nodes quorum with the vote?
    bool is_enough(std::size_t members) const { return members + device_votes() >= quorum(); }
};

// Does the node call itself quorate?
bool is_quorate(const Node& node, const VoteRules& rules, Instant now);

// When a living daemon that gets no answer any more casts NACK by itself; none for ever.
std::optional<Instant> lets_go_at(const Node& node, const VoteRules& rules);

// -- what happens to it ---------------------------------------------------------------------------

// Its corosync is in a new ring; the daemon reports it if it believes to be connected.
void enter_ring(Node& node, const Ring& ring);
// A VOTE_INFO reached the daemon: it votes if the ring is the one it reported last, and confirms.
void take_vote(Node& node, const Down& told, Instant now);
// The daemon ends without a word: the flag lasts for T after a last poll that may have been now.
void kill_daemon(Node& node, const VoteRules& rules, Instant now);
// The daemon learns that its connection is over.
void notice_end(Node& node, const VoteRules& rules);
// Its corosync and its daemon start anew, alone in a ring.
void restart(Node& node);
// The way to the arbiter fails; the cases that no arbiter can close end here (safety.md).
void lose_late_yes(Node& node);

}  // namespace castvote::explore
