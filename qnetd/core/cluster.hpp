// cluster.hpp -- one cluster: its connected nodes, the running decision, its ledger.
//
// Carries proposals out as NACK, reply, ACK (R4): whoever shall not hold the vote hears it first
// and confirms, then the ledger is asked, then the winners are told. A step that cannot be done yet
// leaves a deadline or waits for a message; every event looks again. Knows connections only as
// numbers.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/expected.hpp"
#include "qnetd/core/algorithms/view.hpp"
#include "qnetd/core/events.hpp"
#include "qnetd/core/ledger.hpp"
#include "qnetd/core/settings.hpp"
#include "qnetd/core/status.hpp"

namespace castvote::qnetd {

// More nodes than any corosync cluster has; bounds the cost of one decision.
constexpr std::size_t cluster_nodes_max = 128;
// Nodes in one list: as many as corosync can have at all.
constexpr std::size_t list_nodes_max = 384;

// A vote that was told and not yet confirmed. A reply counts only if it carries this very number.
struct Told {
    std::uint32_t sequence = 0;
    wire::Vote vote = wire::Vote::nack;
    Ring ring;
    bool switches_on = false;  // an ACK, and the vote is not known to have been on before it
    auto operator<=>(const Told&) const = default;
};

// A question whether the node is there, for the ring that it reported last: a VOTE_INFO that
// changes nothing. A reply counts only if it carries this very number.
struct Probe {
    std::uint32_t sequence = 0;
    Ring ring;
    Instant sent;
    bool is_answered = false;
    auto operator<=>(const Probe&) const = default;
};

// What the running decision still has to do with a node.
enum class Due : std::uint8_t { nothing, nack, nack_reply, ack, ack_reply };

// A node that has passed INIT.
struct Member {
    NodeId node = 0;
    ConnectionId connection = 0;
    std::string peer_address;
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    Duration heartbeat{0};
    // What our own node daemon says of itself, each 0 if it said nothing (docs/protocol.md 15).
    Duration lease{0};
    Duration device_timeout{0};
    Duration sync_timeout{0};
    Instant last_echo;  // arrival of its last INIT or ECHO_REQUEST
    // The ring whose vote it never ceased to count, by its own word, when it connected.
    std::optional<RingId> kept_vote_of;
    bool keep_active = false;
    bool tls = false;
    bool certificate_verified = false;
    std::string key_fingerprint;  // of its certificate; empty without one
    Instant connected_since;
    Instant last_message;
    Instant last_sent_after;  // when that was sent, at the earliest

    Ring ring;  // of INIT, without members, then of the latest membership list
    bool has_membership = false;
    bool has_moved = false;  // it has reported more than one ring on this connection
    // Its first quorum list here may be older than its ring, and names the same members.
    bool has_doubtful_quorum_list = false;
    bool has_quorum_list = false;  // sent on this connection
    // Whom its last quorum list named, if those are not the members of the ring that it had
    // reported: a ring whose synchronisation waited for nobody is reported after its end.
    std::optional<Nodes> quorum_list_ahead;
    Instant first_list_at;  // arrival of the first membership list on this connection
    std::vector<wire::NodeInfo> membership_list;
    std::vector<wire::NodeInfo> config_list;
    bool has_config = false;
    Nodes configured;
    std::optional<std::uint64_t> config_version;
    wire::Heuristics heuristics = wire::Heuristics::undefined;
    wire::Heuristics heuristics_membership = wire::Heuristics::undefined;
    wire::Heuristics heuristics_regular = wire::Heuristics::undefined;

    Due due = Due::nothing;
    std::uint32_t sequence = 0;  // of the last VOTE_INFO
    std::optional<Told> told;
    std::optional<Probe> probe;
    std::optional<Instant> nack_unanswered_since;  // for the ring that it reported last
    // For whatever ring: since when it is told NACK within every heartbeat and confirms none.
    std::optional<Instant> never_confirms_since;
    Instant last_nack;        // told
    Instant ack_not_before;   // R2s i
    bool is_newcomer = true;  // see ViewNode
    // It stuck to a ring that others had left, and confirmed a NACK there (R5) or did not answer a
    // probe; decisions go on without it until it reports again.
    bool is_set_aside = false;
    // A decision was made while it did not answer a probe: who won then is not unseated for a tie
    // breaker's sake.
    bool was_passed_over = false;
    std::optional<Ring> voting_in;  // the ring for which it was told ACK last, unless NACKed since
    Instant flag_on;                // when its vote was switched on, as far as is known
    std::optional<Instant>
        poll_paused;  // it was told to wait then; its flag may have run out since
    wire::Vote last_vote = wire::Vote::undefined;
    wire::Vote last_ack_or_nack = wire::Vote::undefined;

    Duration sync_limit() const {
        return sync_timeout.count() > 0 ? sync_timeout : Duration(30000);
    }
    bool has_both_lists() const { return has_config && has_membership; }
    bool is_decided_on() const { return has_both_lists() && !is_set_aside; }
    bool operator==(const Member&) const = default;
};

// How long a guard lasts for the slowest nodes that the settings allow.
Duration longest_guard(const Settings& settings);
// The longest quorum.device.timeout of any node, which a longer guard would have to be made for.
Duration longest_device_timeout(const Settings& settings);

class Cluster {
public:
    // guard_from: nothing is known of grants before this instant. number: order of first
    // connection.
    // last_grant: number of the last grant of all clusters.
    Cluster(std::string name, const Settings& settings, std::optional<Instant> guard_from,
            std::uint64_t number, std::uint64_t last_grant);

    // Takes up what was recorded before a restart (R3). Once, before anything else.
    void restore(const Restored& restored, Instant now);

    // Where a step's actions go, and the connections which the cluster wants closed. The owner
    // closes them after the call and tells by leave().
    struct Step {
        Instant now;
        Instant sent_after;  // what happens now was sent then at the earliest
        Actions* actions = nullptr;
        std::vector<ConnectionId>* evicted = nullptr;
        std::uint64_t* last_write = nullptr;  // number of the last Persist of all clusters
        std::uint64_t* last_grant = nullptr;  // ... of the last grant
    };

    // Is a node connected whose certificate has another key? Nodes of one cluster share theirs.
    bool has_another_owner(const Member& candidate) const;
    // The error of an INIT that concerns the other nodes of the cluster (protocol.md 7).
    wire::ReplyErrorCode judge_join(const Member& candidate) const;
    // `member` passed INIT; judge_join had no objection.
    void join(Member member, const Step& step);
    // end_of_stream: the node itself ended the connection, and we read it.
    void leave(NodeId node, bool end_of_stream, const Step& step);

    // Any complete message of the node arrived.
    void heard(NodeId node, Instant now, Instant sent_after);
    void echoed(NodeId node, Instant now);
    void set_heartbeat(NodeId node, Duration heartbeat);
    // Our node daemon's own options; the reply says which of them are accepted (protocol.md 15).
    // grant_of_others: the last that it may have heard of in another cluster.
    void set_private_options(NodeId node, const wire::Message& request,
                             std::uint64_t grant_of_others, wire::Message& reply, const Step& step);
    // It has given the vote back and is about to leave: whatever it was told before is void (R2d).
    void let_go(NodeId node, const Step& step);
    // The connection of a node that comes back before we have noticed that it was gone; none if
    // `candidate` may not take its place (R5).
    std::optional<ConnectionId> connection_replaced_by(const Member& candidate) const;
    void set_keep_active(NodeId node, bool keep_active);

    // A list of any type; the vote to answer with, or the error. Lists are stored unless refused.
    Expected<wire::Vote, wire::ReplyErrorCode> node_list(NodeId node, const wire::Message& list,
                                                         const Step& step);
    Expected<wire::Vote, wire::ReplyErrorCode> ask_for_vote(NodeId node) const;
    wire::Vote heuristics_change(NodeId node, wire::Heuristics heuristics, const Step& step);
    void vote_info_reply(NodeId node, std::uint32_t sequence, const Step& step);
    // A reply to this node carries this vote: for the status, which shows the last one sent.
    void replied(NodeId node, wire::Vote vote);

    void time_passed(const Step& step);
    // The operator's word that a node which is not connected counts no vote any more.
    void operator_release(NodeId node, const Step& step);
    std::optional<Instant> next_deadline() const;

    // The store has the record that was asked for by this number.
    void persisted(std::uint64_t number, const Step& step);
    // Asks for a write if a restart would find less than is known now. At the end of every step.
    void persist(const Step& step);

    // True when nothing is left to remember: no node, no holder, no record.
    bool is_forgettable() const {
        return members_.empty() && ledger_.holders().empty() && asked_.is_empty();
    }

    RingId ring_of(NodeId node) const;
    std::uint64_t grant_number() const { return grant_number_; }
    std::size_t size() const { return members_.size(); }
    ClusterStatus status() const;

    bool operator==(const Cluster&) const = default;

private:
    friend struct Innards;  // tests/explore: the state as a key

    Member& member(NodeId node);
    const Algorithm& algorithm() const;
    NodeTimers timers_of(const Member& member) const;
    NodeTimers slowest_timers() const;
    View view(Instant now) const;

    Expected<wire::Vote, wire::ReplyErrorCode> config_list(Member& member,
                                                           const wire::Message& list,
                                                           const Step& step);
    Expected<wire::Vote, wire::ReplyErrorCode> membership_list(Member& member,
                                                               const wire::Message& list,
                                                               const Step& step);
    static bool is_settled_ring(const Member& sender, const Ring& ring);
    wire::Vote quorum_list(Member& member, const wire::Message& list, const Step& step);

    void decide(const Step& step);
    void advance(const Step& step);
    void mark_dues(const Proposal& proposal, Instant now);
    bool is_behind(const Member& member) const;
    void press_those_behind(const Step& step);
    std::optional<Instant> young_until(const Member& member) const;
    bool pass_over_the_silent(const Step& step);
    void judge_waits(const Member& member, const Step& step);
    std::optional<Instant> silent_from(Member& member, const Step& step);
    static std::optional<Instant> evicted_at(const Member& member);
    void evict_silent(const Step& step);
    bool nacks_are_confirmed(const Step& step);
    bool is_cleared(const Step& step);
    void tell_winners(const Step& step);
    void tell_of_slow_store(const Step& step);
    bool is_recorded(const Member& winner) const;
    void intend(const Member& winner, const Step& step);
    bool is_expected(const Holder& holder, Instant now) const;
    bool awaits_holder(Instant now) const;
    bool is_expected_holder(const Member& joined, Instant now) const;
    Record wanted_record() const;
    bool is_asked_as_wanted() const;
    void tell(Member& member, wire::Vote vote, const Step& step);
    void send_vote_info(const Member& member, wire::Vote vote, const Step& step);
    void tell_nack(Member& member, const Step& step);
    void tell_ack(Member& member, const Step& step);
    wire::Vote answer_to(Member& member, const Step& step) const;
    void note(const Step& step, Level level, Reason reason, const Ring& ring, NodeId node,
              Duration wait, std::string detail);

    std::string name_;
    Settings settings_;
    std::uint64_t number_ = 0;
    std::map<NodeId, Member> members_;
    Ledger ledger_;

    bool is_stable_ = false;  // the last decision came to a result
    std::optional<Instant> unstable_since_;
    std::optional<Candidate> candidate_;  // which the last decision chose
    Why why_ = Why::none;
    std::optional<Ring> granted_;  // which was given the vote last
    std::optional<Instant> granted_since_;
    // R3: winners whose ACK waits for its record; the record that was asked for last; the holders
    // that a restart will certainly find.
    std::map<NodeId, Holder> intents_;
    Record asked_;
    std::uint64_t asked_number_ = 0;
    std::map<NodeId, Holder> durable_;
    std::optional<Ring> durable_granted_;  // asked_.granted, or none while that is not certain
    std::uint64_t grant_number_ = 0;
    // After a restart: until then whoever is still there has come back; then what became of the
    // others is written.
    std::optional<Instant> restored_until_;
    bool must_write_ = false;  // though nothing but instants differs, or a guard without holders
    std::optional<Instant> waits_for_record_since_;
    std::optional<Instant> look_again_;  // a wait of the running decision ends then
    Note last_decision_;
    Instant last_decision_at_;
};

}  // namespace castvote::qnetd
