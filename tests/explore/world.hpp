// world.hpp -- the real arbiter core, a few nodes, and everything that can happen next.
//
// A World is a value: the search copies it and applies one Step to each copy. After every call of
// the core the invariants are looked at: I1 in the nodes, R1, R2 (I2) and R4 by the oracle, I6 by
// comparing the cluster that the event was not about; after a restart I3 by what the nodes may
// count.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <string>
#include <vector>

#include "qnetd/core/arbiter.hpp"
#include "tests/explore/key.hpp"
#include "tests/explore/oracle.hpp"
#include "tests/explore/store.hpp"

namespace castvote::explore {

// What the exploration is about; the same for all worlds of one search.
struct Scope {
    VoteRules votes;
    qnetd::Settings settings;
    wire::TieBreaker tie_breaker;
    bool second_cluster = false;
    bool has_heuristics = false;
    bool arbiter_restarts = false;
    bool store_losses = false;  // ... now and then on a new disk
    bool judges_rules = true;   // by the oracle; else only what the nodes count (I1)
};

struct Step {
    enum class Kind : std::uint8_t {
        // the course of things
        deliver,      // the arbiter reads the node's next message
        take,         // the node's daemon reads its next VOTE_INFO, and confirms it
        pass,         // a tick passes
        pass_moment,  // less passes, up to the next deadline of the arbiter
        connect,      // the daemon connects and sends its lists
        write,        // the arbiter's next write is on the disk
        notice,       // the daemon learns that its connection is over
        start,        // the daemon starts anew
        mend,         // the way between node and arbiter is back
        // faults
        form,             // the nodes of `set` are in a new ring, without the others
        lose_token,       // all members of the node's ring lose the token
        restart,          // the node's corosync (and daemon) starts anew, alone
        cut,              // nothing passes between node and arbiter, and nobody is told
        reset,            // the arbiter alone sees the connection end
        stop,             // the daemon of a node with a lease is stopped in order
        kill,             // the daemon is killed; the arbiter reads the end of stream if it can
        pass_check,       // the node's heuristics now pass
        fail_check,       // ... fail
        restart_arbiter,  // with a store, `node` of the writes under way are done before it
        lose_store,       // ... and nothing that was ever written is left
        flap,             // of the second cluster: a node's connection ends, or is back
    };
    Kind kind = Kind::pass;
    NodeId node = 0;
    Nodes set = {};
};
std::string to_string(const Step& step);

// The second cluster, "beta": two nodes that never part, whose connections come and go.
struct Beta {
    std::array<ConnectionId, 2> connections = {0, 0};  // 0: not connected
};

class World {
public:
    // Everybody is connected, in one ring, and has the vote: for a minute (is_settled), or since
    // now.
    static World granted(const Scope& scope, bool is_settled);
    // Node 1 has been in a ring of its own for a minute, and whoever won has the vote.
    static World split(const Scope& scope);
    // Everybody is connected and in one ring; nothing has been sent.
    static World fresh(const Scope& scope);

    std::vector<Step> possible() const;
    bool is_fault(const Step& step) const;
    // Does what the step says, which must be possible.
    void apply(const Step& step);

    // From now on every step is told, with what the world is like after it.
    void tell_to(std::vector<std::string>* story) { story_ = story; }

    // What is wrong since the last apply(); empty if nothing is.
    const std::string& violation() const { return violation_; }

    // When the faults stop, and everybody returns or only those go on who can: is in the end
    // exactly one ring with enough nodes granted (I4)? Empty, or what is wrong. known: worlds of
    // which the answer is known; grows.
    // story: takes what happened on the way, unless null.
    std::string comes_to_rest(bool everybody_returns, KeySet& known,
                              std::vector<std::string>* story = nullptr) const;

    Instant now() const { return now_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    const qnetd::Arbiter& arbiter() const { return arbiter_; }
    const Oracle& oracle() const { return oracle_; }
    const std::map<ConnectionId, NodeId>& sessions() const { return sessions_; }
    const Beta& beta() const { return beta_; }
    const Store& store() const { return store_; }
    std::string to_text() const;

private:
    World(const Scope& scope, Instant now);
    Node& node(NodeId id) { return nodes_.at(id - 1); }
    const Node& node(NodeId id) const { return nodes_.at(id - 1); }
    bool has_session(NodeId id) const;
    bool may_connect(const Node& node) const;
    bool can_form(const Nodes& set) const;

    using Input = std::variant<qnetd::Opened, qnetd::Received, qnetd::TlsEstablished, qnetd::Closed,
                               qnetd::TimePassed, qnetd::Persisted>;
    void step(Input what);
    void is_told(const qnetd::Send& send);
    void carry_out(const Step& what);
    void look();
    void violate(std::string what);
    void connect(Node& node);
    void deliver(Node& node);
    void echo(Node& node);
    void stop(Node& node);
    void end_session(Node& node, qnetd::CloseCause cause);
    void form(const Nodes& set);
    void pass_time();
    void pass_moment();
    void echo_all();
    void advance_to(Instant end);
    void settle_clocks();
    void write();
    void restart_arbiter(std::size_t landed, bool loses_store);
    void judge_memory();
    void flap(std::size_t index);
    void settle();
    bool converse(bool everybody_returns);
    void form_all();
    std::string what_is_missing() const;

    const Scope* scope_;
    Instant now_;
    qnetd::Arbiter arbiter_;
    std::vector<Node> nodes_;
    std::map<ConnectionId, NodeId> sessions_;  // which the arbiter has
    ConnectionId next_connection_ = 1;
    Oracle oracle_;
    Store store_;
    Beta beta_;
    std::string violation_;        // of the last step
    std::string first_violation_;  // of all steps
    std::vector<std::string>* story_ = nullptr;
};

}  // namespace castvote::explore
