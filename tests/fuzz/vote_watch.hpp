// vote_watch.hpp -- a second, deliberately dumb look at what an arbiter says: may this ACK leave?
//
// Knows only what nodes sent and what they were told, through all restarts of the arbiter. An ACK
// is refused when it names another ring than the one its node reported last (R1), while another
// node, told ACK in another ring, shows no sign at all of counting it no more (R2 a to e), or
// before its time (R2s i). It is more lenient than the ledger, never stricter.
// SPDX-License-Identifier: BSD-3-Clause
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

    void joined(const Who& who, wire::DecisionAlgorithm algorithm, Duration heartbeat, Instant now);
    // A configuration or membership list was accepted; others mean nothing here.
    void listed(const Who& who, const wire::Message& list, Instant now);
    // What its SET_OPTION said of it and was accepted.
    void agreed(const Who& who, const wire::Message& request, const wire::Message& reply);
    // VOTE_INFO leaves to it.
    void told(const Who& who, const wire::Message& vote_info, Instant now);
    // Any message of it arrived; is_echo: an INIT or ECHO_REQUEST, with which a lease begins.
    void heard(const Who& who, bool is_echo, Instant now);
    // It sent VOTE_INFO_REPLY.
    void confirmed(const Who& who, std::uint32_t number);
    void left(const Who& who, Instant now);
    // The operator says so of a node that is not connected.
    void released(const Who& who) { nodes_[who].counts_in.reset(); }

    // A restart of the arbiter found no record: from `guard_from` on the guard stands in for it.
    // None: it found an older one, so that nobody is protected until that is found out.
    void forgotten(std::optional<Instant> guard_from);
    // A guard that was begun is unknown again.
    void unguarded();
    // It was found out: the cluster has a guard from now on.
    void distrusted(const std::string& cluster, Instant now);

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
    // As it was when the vote was told.
    struct Grant {
        Ring ring;
        std::set<wire::NodeId> configured;
        wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::test;
        Duration timeout{0};  // T
        Duration lease{0};
        bool is_forgotten = false;
        std::optional<Instant> guard_from;
    };
    struct Node {
        wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::test;
        Duration heartbeat{0};  // the largest on this connection
        Duration timeout{0};
        Duration lease{0};
        std::optional<wire::RingId> kept;  // whose vote it kept when it connected, by its own word
        std::optional<Ring> reported;      // on this connection
        std::optional<Ring> last_word;     // on any
        Instant ack_not_before;
        Instant last_heard;
        Instant last_echo;
        std::set<wire::NodeId> configured;
        std::optional<Told> told;
        std::optional<Grant> counts_in;  // told ACK for it, and nothing since says otherwise
        std::optional<Instant> gone_since;
    };
    // Of a cluster.
    struct LastNumber {
        std::uint64_t number = 0;
        Ring ring;
    };

    void check_number(const Who& who, const Node& node, const wire::Message& vote_info);
    bool may_count(const Who& who, const Node& node, const Node& winner, Instant now) const;
    bool is_guarded(const Who& who, const Grant& grant, const Node& winner, Instant now) const;
    static bool is_over(const Node& node, Instant now);

    std::map<Who, Node> nodes_;
    std::map<std::string, LastNumber> numbers_;
    std::map<std::string, Duration> shortest_timeouts_;
};

}  // namespace castvote::fuzz
