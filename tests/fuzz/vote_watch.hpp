// vote_watch.hpp -- a second, deliberately dumb look at what an arbiter says: may this ACK leave?
//
// Knows only what nodes sent and what they were told. An ACK is refused when it names another ring
// than the one its node reported last (R1), or while another node, told ACK in another ring, shows
// no sign at all of counting it no more (R2 a to e). It is more lenient than the ledger, never
// stricter. SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/wire/instant.hpp"
#include "common/wire/message.hpp"

namespace castvote::fuzz {

class VoteWatch {
public:
    // A node of a cluster, whatever connection it uses.
    using Who = std::pair<std::string, wire::NodeId>;

    void joined(const Who& who, wire::DecisionAlgorithm algorithm, Instant now);
    // A configuration or membership list was accepted; others mean nothing here.
    void listed(const Who& who, const wire::Message& list);
    // VOTE_INFO leaves to it.
    void told(const Who& who, const wire::Message& vote_info, Instant now);
    // Any message of it arrived.
    void heard(const Who& who, Instant now) { nodes_[who].last_heard = now; }
    // It sent VOTE_INFO_REPLY.
    void confirmed(const Who& who, std::uint32_t number);
    void left(const Who& who, Instant now);
    // The operator says so of a node that is not connected.
    void released(const Who& who) { nodes_[who].counts_in.reset(); }

    int acks = 0;

private:
    struct Ring {
        wire::RingId id;
        std::set<wire::NodeId> members;
        auto operator<=>(const Ring&) const = default;
    };
    struct Told {
        std::uint32_t number = 0;
        wire::Vote vote = wire::Vote::undefined;
        wire::RingId ring;
    };
    struct Node {
        wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::test;
        std::optional<Ring> reported;   // on this connection
        std::optional<Ring> last_word;  // on any
        Instant last_heard;
        std::set<wire::NodeId> configured;
        std::optional<Told> told;
        std::optional<Ring> counts_in;  // told ACK for it, and nothing since says otherwise
        std::set<wire::NodeId> configured_then;
        wire::DecisionAlgorithm algorithm_then = wire::DecisionAlgorithm::test;
        std::optional<Instant> gone_since;
    };

    bool may_count(const Who& who, const Node& node, const Node& winner, Instant now) const;

    std::map<Who, Node> nodes_;
};

}  // namespace castvote::fuzz
