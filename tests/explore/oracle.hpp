// oracle.hpp -- the rules R1, R2, R3 and R4, leases and fail-over once more, as docs/safety.md
// words them.
//
// Sees only what passes between the arbiter and its clients, keeps a diary of it, and judges every
// ACK. It shares no code with qnetd/core/ledger.*: where both are wrong they must be wrong in two
// ways. It does not judge what nodes count: that is node_model.hpp's business (I1).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <string>

#include "qnetd/core/settings.hpp"
#include "tests/explore/node_model.hpp"

namespace castvote::explore {

// What is known of one node.
struct Entry {
    struct Grant {  // an ACK was sent to it, and nothing has taken it back
        Ring ring;
        bool is_answered = false;         // it confirmed this ACK
        bool left_young = false;          // it left the ring less than 2 hb after flag_on (R2s ii)
        std::optional<Instant> proof_at;  // from when on the confirmed NACK is proof (R2s ii)
        std::optional<Instant> ended;     // t_c
        bool by_itself = false;           // ... its own end of stream
        // When another member first told that the ring is broken: this one's last message before.
        std::optional<Instant> heard_before_break;
        // R3: the arbiter was started anew since; and an ACK sent before may be read until then.
        bool is_restored = false;
        Instant unbroken_until;
        std::optional<Instant> forgotten;  // the record of it was lost then
    };
    struct Told {
        std::uint32_t number = 0;
        wire::Vote vote = wire::Vote::nack;
        Ring ring;
    };
    struct Probe {  // for the ring that it reported last
        std::uint32_t number = 0;
        Instant sent;
        bool is_answered = false;
    };
    bool is_connected = false;
    bool has_reported = false;  // on this connection
    std::optional<Ring> word;   // the ring that it reported last, on any connection
    Instant word_at;
    bool is_old_word = false;            // of a life before: what is no grant is not always written
    Instant heard;                       // t_m
    Instant echoed;                      // its last INIT or echo
    bool is_voting = false;              // told ACK on this connection, and not NACK since
    Instant flag_on;                     // its vote was switched on then, at the earliest
    std::optional<Instant> waits_since;  // its polls may have stopped then
    std::optional<Told> told;            // not yet answered
    std::optional<Probe> probe;
    bool is_denied = false;  // it confirmed a NACK for the ring that it reported last
    std::optional<Grant> grant;
};

class Oracle {
public:
    Oracle(VoteRules rules, qnetd::FailOver failover) : rules_(rules), failover_(failover) {}

    void connected(NodeId node, const wire::RingId& ring, Instant now);
    void heard(NodeId node, Instant now);
    void reported(NodeId node, const Ring& ring, Instant now);
    void confirmed(NodeId node, std::uint32_t number, Instant now);
    void echoed(NodeId node, Instant now);
    void ended(NodeId node, bool by_itself, Instant now);
    // By its own word, before it reports, it has counted this ring's vote without a break.
    void kept(NodeId node, const wire::RingId& ring);
    // By its own word it has given the vote back (R2d).
    void gave_back(NodeId node);
    // has_record: with what it had written; else knowing nothing.
    void arbiter_restarted(bool has_record, Instant now);

    // The arbiter sent a VOTE_INFO. Empty, or what is wrong about it.
    std::string told(NodeId node, const Down& message, Instant now);

    const std::map<NodeId, Entry>& entries() const { return entries_; }

private:
    std::string judge_ack(NodeId node, const Ring& ring, Instant now) const;
    bool is_behind(const Entry& entry) const;
    bool may_still_speak(NodeId node, const Entry& entry, Instant now) const;
    bool is_in_the_way(NodeId holder, const Entry::Grant& grant, const Ring& ring) const;
    void drop_if_over(NodeId node, Entry& entry, Instant now) const;
    bool has_lease(NodeId node) const { return rules_.leased.contains(node); }
    bool is_over(NodeId node, const Entry& entry, Instant now) const;
    bool is_released(NodeId holder, const Entry& entry, const Ring& ring, Instant now) const;

    VoteRules rules_;
    qnetd::FailOver failover_;
    std::map<NodeId, Entry> entries_;
    std::map<NodeId, wire::RingId> init_rings_;  // of connections that have not reported yet
};

}  // namespace castvote::explore
