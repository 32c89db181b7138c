// node.hpp -- the node daemon's state machine: step(event) -> actions.
//
// Copyable and comparable: equal state and equal event give equal actions. It puts together what
// the smaller parts decide: vote_policy (what is cast), contact (until when a yes may be cast),
// heuristics (which run is wanted), backoff (when to try again), answers (what the arbiter must
// say). node.cpp is the node's side, session.cpp the arbiter's.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qdevice-client/core/answers.hpp"
#include "qdevice-client/core/contact.hpp"
#include "qdevice-client/core/events.hpp"
#include "qdevice-client/core/heuristics.hpp"
#include "qdevice-client/core/status.hpp"
#include "qdevice-client/core/vote_policy.hpp"

namespace castvote::qdevice {

class Node {
public:
    // started: now. The first RingChanged must follow before anything is connected.
    Node(Settings settings, Instant started);

    // Carry the actions out in their order. After Exit nothing is done any more.
    Actions step(const Event& event);

    // When TimePassed is wanted at the latest; it may come earlier and then does nothing.
    std::optional<Instant> next_deadline() const;

    Status status() const;

    bool operator==(const Node&) const = default;

private:
    // The protocol's order (protocol.md 10).
    enum class Phase : std::uint8_t {
        unconnected,  // before the first membership, or until the next attempt
        connecting,
        awaiting_preinit_reply,
        securing,  // STARTTLS sent, TLS not there yet
        awaiting_init_reply,
        running_heuristics,  // accepted; the lists wait for the connect heuristics
        connected,           // lists sent; votes count
    };
    enum class EndedBy : std::uint8_t { us, them };

    // -- the node's side (node.cpp)
    void on(const RingChanged& changed);
    void on(const QuorumChanged& changed);
    void on(const FlagSeen& seen);
    void on(const ConfigChanged& changed);
    void on(const HeuristicsDone& done);
    void on(const CastRefused& refused);
    void on(const ProviderLost& lost);
    void on(const StopRequested&);
    void on(const TimePassed&);
    void use(const HeuristicsRuns::Finished& finished);
    void run(const std::optional<RunHeuristics>& wanted);
    void cast(const std::optional<Cast>& wanted);
    void exit(int status);

    // -- the arbiter's side (session.cpp)
    void on(const Connected&);
    void on(const TlsEstablished& established);
    void on(const Received& received);
    void on(const ConnectionLost& lost);
    void handle(const wire::Message& message);
    void preinit_reply(const wire::Message& message);
    void init_reply(const wire::Message& message);
    void echo_reply(const wire::Message& message);
    void vote_message(const wire::Message& message);
    void connect();
    void send_init();
    void send_first_lists(wire::Heuristics heuristics);
    void send_list(wire::Message list);
    void send(wire::Message message);
    void lose(const answers::Fault& fault, EndedBy ended_by);

    void report(Level level, std::string text);
    void report_vote(wire::Vote vote);
    bool is_accepted() const { return phase_ >= Phase::running_heuristics; }

    Settings settings_;
    Intervals intervals_;
    Instant now_;

    // What the quorum provider said.
    std::optional<wire::RingId> ring_;
    std::vector<wire::NodeId> members_;
    bool quorate_ = false;
    std::vector<wire::NodeInfo> quorum_list_;
    bool sync_in_progress_ = false;

    VotePolicy policy_;
    HeuristicsRuns heuristics_;
    std::optional<wire::Vote>
        reported_vote_;  // the arbiter's, in this ring, that was told in the log

    // The connection.
    Phase phase_ = Phase::unconnected;
    std::uint32_t number_ = 1;  // of our last request; never starts anew (protocol.md 4)
    std::optional<answers::Terms> terms_;
    Contact contact_;
    Instant init_sent_;
    std::optional<Instant> connect_deadline_;
    std::optional<Instant> connected_since_;
    bool tls_ = false;
    bool client_certificate_sent_ = false;

    // Between connections.
    Backoff backoff_;
    std::optional<Instant> next_attempt_;
    bool found_nobody_ = false;  // the last attempt did not get past TCP
    std::string last_disconnect_reason_;

    bool has_ended_ = false;
    Actions actions_;  // of the running step; empty between steps
};

}  // namespace castvote::qdevice
