// ledger.hpp -- who may still count the vote: the rules R1 and R2 (docs/safety.md).
//
// A node to which an ACK was sent is a *holder* until it is *released*: until it certainly counts
// the vote no more. The ledger remembers holders and what every node reported last, and answers one
// question: may this ring be granted now, and if not, when will time alone allow it? It knows
// nothing of algorithms, connections or messages; every proposal passes through it, whoever made it
// (R4).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>

#include "common/wire/instant.hpp"
#include "qnetd/core/note.hpp"
#include "qnetd/core/ring.hpp"
#include "qnetd/core/settings.hpp"

namespace castvote::qnetd {

// The timers of one node, as far as an arbiter can know them.
struct NodeTimers {
    Duration heartbeat{0};       // the largest that it ever declared
    Duration device_timeout{0};  // its quorum.device.timeout, or an upper bound of it
    Duration lease{0};           // which it holds to; 0: a stock node has none
    auto operator<=>(const NodeTimers&) const = default;
};

// A ring that an algorithm wants to hold the vote.
struct Candidate {
    Ring ring;
    Nodes configured;
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    auto operator<=>(const Candidate&) const = default;
};

struct Holder {
    Candidate grant;
    NodeTimers timers;
    Instant flag_on;            // when its vote was switched on, as far as is known
    bool is_confirmed = false;  // it answered the ACK: its vote was on by then
    // Its "yes" has come round its ring, so that none can wait in its corosync's queue (fact 1): a
    // node with a lease answers an ACK only then.
    bool is_at_rest = false;
    Instant last_message;          // t_m: arrival of its last complete message
    Instant last_echo;             // of its last INIT or ECHO_REQUEST: its lease runs from there
    std::optional<Instant> ended;  // t_c: end of its connection
    bool end_of_stream = false;    // ... which the node itself ended
    // R2s ii: it left its ring soon after its vote was switched on. An old "yes" may still wait in
    // its corosync's queue, so that only a NACK confirmed in its new ring, and T/2 more, releases
    // it.
    bool needs_proof = false;
    std::optional<Instant> proof_complete;
    // R2a: it confirmed a NACK when the "yes" before it may still have been on its way round.
    std::optional<Instant> round_over;
    // When another member of its ring first reported a later one, and t_m then (fail-over
    // `strict`).
    std::optional<Instant> broken_since;
    std::optional<Instant> last_before_break;
    // R3: known from a record, and nothing was heard of it since that was read.
    bool is_restored = false;
    bool is_awaited = false;  // ... nor has it reported a ring; not recorded
    // An ACK that left before a restart may be read as late as this: until then no broken ring
    // releases it, and a "yes" may be as young as its "no".
    Instant unbroken_until;
    auto operator<=>(const Holder&) const = default;
};

// What a node reported last.
struct Word {
    Ring ring;
    Instant at;
    Instant first_list_at;  // of its connection
    // In that ring it confirmed a NACK, and its synchronisation ended: only then what waited in its
    // corosync's queue is delivered (fact 1, R2s ii).
    std::optional<Instant> denied = {};
    std::optional<Instant> settled = {};
    auto operator<=>(const Word&) const = default;
};

struct Record;

struct Clearance {
    bool clear = true;
    // When time alone clears the way; none while only a node's or the operator's word can.
    std::optional<Instant> at;
    NodeId blocked_by = 0;  // the holder that takes longest; 0 for the guard
    Reason reason = Reason::waiting_for_release;
    bool operator==(const Clearance&) const = default;
};

class Ledger {
public:
    // guard_from: nothing is known of grants made before this instant (R3); none: all is known.
    Ledger(Rules rules, std::optional<Instant> guard_from, FailOver failover = FailOver::stock);

    // What a record says, after a restart: every holder in it is unreleased. is_same_clock: see
    // Restored.
    void restore(const Record& record, bool is_same_clock, Instant now);
    // Adds what the ledger knows.
    void write_to(Record& record) const;
    // The guard has run, for the slowest node that there can be.
    void end_guard();
    std::optional<Instant> guard_from() const { return guard_from_; }
    // How long a node with these timers blocks the vote, at most, when it is cut off with it.
    static Duration longest_wait(NodeTimers timers);
    // How long a guard runs for nodes with these timers.
    static Duration guard_length(NodeTimers timers);

    // An ACK for `grant` leaves to `node` now. flag_on: see Holder.
    void acked(NodeId node, const Candidate& grant, NodeTimers timers, Instant flag_on,
               Instant now);

    // It answered the ACK that was sent to it last. flag_on: see Holder. Who has a lease says by it
    // that its vote is at rest.
    void ack_confirmed(NodeId node, Instant flag_on);

    // A complete message of the node arrived.
    void heard(NodeId node, Instant now);

    // An INIT or ECHO_REQUEST of it arrived.
    void echoed(NodeId node, Instant now);

    // Nothing is known of grants made before now: an older record was put back in our place.
    void begin_guard(Instant now);

    // Its largest heartbeat grew.
    void declared(NodeId node, NodeTimers timers);

    // It reported the ring in which it is now, by a membership list (R2b, R2s ii).
    // first_list_at: arrival of the first such list on its connection. sent_after: see
    // Cluster::Step; the age of a vote is judged by it.
    void reported(NodeId node, const Ring& ring, Instant first_list_at, Instant sent_after,
                  Instant now);

    // It confirmed a NACK which carried the ring that it reported last (R2a, R2s ii).
    void nack_confirmed(NodeId node, NodeTimers timers, Instant sent_after, Instant now);

    // The synchronisation of the ring that it reported last is over.
    void sync_ended(NodeId node, NodeTimers timers, Instant now);

    // Its connection ended; last_sent_after: when its last message was sent, at the earliest;
    // end_of_stream: the node's own FIN or close_notify was read.
    void ended(NodeId node, Instant last_sent_after, bool end_of_stream, Instant now);

    // It left and counts the vote no more, by its own word (R2d).
    void left(NodeId node, Instant now);

    // The operator's word: it counts no vote. False if it is no holder.
    bool release(NodeId node);

    // May the ring be granted now? guard_timers: of the slowest known node of the cluster.
    Clearance clearance(const Candidate& candidate, NodeTimers guard_timers, Instant now) const;

    // Has it reported another ring of the same members before?
    bool reported_as_well(NodeId node, const Ring& ring) const;

    // R1: has a member of the ring, as its latest word, a later ring?
    bool is_left_behind(const Ring& ring) const;

    // Forgets holders whose lifetime is over or whose proof is complete; returns them.
    std::map<NodeId, Holder> expire(Instant now);

    // Forgets what nodes outside `nodes` reported, unless a holder's ring depends on it.
    void forget_reports_outside(const Nodes& nodes);

    const std::map<NodeId, Holder>& holders() const { return holders_; }

    // When the holder certainly counts no vote any more, if time alone can tell (R2e).
    static std::optional<Instant> lifetime_end(const Holder& holder);

    // R3: does it want proof after a restart whatever its record says? A stock node's vote goes off
    // with its connection and on again, in the same ring, by an ACK that may have been under way.
    // It costs little: the lifetime begins with the restart. Without one the record must tell.
    static bool wants_proof_after_restart(const Holder& holder);

    // What a lifetime is multiplied with, or lengthened by: clocks differ, machines are busy.
    static Duration margin(Duration span);

    // When a lease has run out that was renewed last by an echo which arrived then.
    static Instant lease_end(Instant last_echo, Duration lease);

    bool operator==(const Ledger&) const = default;

private:
    friend struct Innards;  // tests/explore: the state as a key

    bool is_obstacle(NodeId node, const Holder& holder, const Candidate& candidate) const;
    std::optional<Instant> released_at(NodeId node, const Holder& holder,
                                       const Candidate& candidate, Instant now) const;
    bool is_settled(NodeId node, const Holder& holder) const;
    bool is_young(NodeId node, const Holder& holder, Instant broken) const;
    bool was_young_when_broken(NodeId node, const Holder& holder) const;
    void take_proof(NodeId node, NodeTimers timers);
    std::optional<Instant> broken_at(NodeId node, const Holder& holder,
                                     const Nodes& candidate) const;
    Clearance guard(const Candidate& candidate, NodeTimers guard_timers, Instant now) const;

    Rules rules_;
    FailOver failover_;
    std::optional<Instant> guard_from_;
    std::map<NodeId, Holder> holders_;
    std::map<NodeId, Word> words_;
    // Of who has reported nothing since its last connection, or since a restart: what it reports
    // next may have been so ever since then.
    std::map<NodeId, Instant> unheard_since_;
    // From when on a grant made before guard_from can no longer stand on a node: we granted anew,
    // or it confirmed a NACK (and, its flag being of unknown age, T/2 more: R2s ii).
    std::map<NodeId, Instant> known_from_;
};

}  // namespace castvote::qnetd
