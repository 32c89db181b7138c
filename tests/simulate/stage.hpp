// stage.hpp -- a cluster in which things happen as a script says, for the directed cases.
//
// The arbiter is ours or the stock one, and so are the nodes; the script is the same for all. What
// is measured is how long two disjoint rings were quorate at a time (I1). Only the milliseconds of
// messages are drawn from the seed.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "qnetd/core/settings.hpp"
#include "tests/simulate/arbiter_host.hpp"
#include "tests/simulate/daemon.hpp"
#include "tests/simulate/stock_arbiter.hpp"

namespace castvote::simulate {

// Who plays.
struct Mix {
    bool our_arbiter = true;
    bool our_nodes = false;
};

struct Setup {
    std::size_t nodes = 2;
    Timers timers{.reconnect_wait = ms(2500)};
    bool keeps_state = false;  // of our arbiter; the stock one keeps none
    qnetd::FailOver failover = qnetd::FailOver::stock;
    Micros store_delay = 0;  // of each write
};

// What arrives at the arbiter, for scripts that wait for it.
class Ear final : public ArbiterEnd {
public:
    ArbiterEnd* arbiter = nullptr;
    bool is_listening() const override { return arbiter->is_listening(); }
    void opened(ConnectionId connection, NodeId node) override;
    void received(ConnectionId connection, wire::Message&& message) override;
    void closed(ConnectionId connection, Ending ending) override {
        arbiter->closed(connection, ending);
    }

    const Schedule* schedule = nullptr;
    std::map<NodeId, std::uint64_t> echoes;
    std::map<NodeId, Micros> echo_at;       // of the last
    std::map<NodeId, std::uint64_t> lists;  // of memberships
    struct Word {
        RingId ring;
        Nodes members;
    };
    std::map<NodeId, Word> words;  // what each reported last
    Nodes swallows_replies_of;     // nodes whose VOTE_INFO_REPLY never come

private:
    std::map<ConnectionId, NodeId> nodes_;
};

class Stage {
public:
    Stage(const Setup& setup, Mix mix, qnetd::Rules rules, std::uint64_t seed, bool with_trace);

    // -- time -------------------------------------------------------------------------------------
    void play(Micros duration);
    // A script whose situation does not come about proves nothing: that is a complaint.
    template <class Condition>
    bool play_until(Condition condition, Micros at_most, const std::string& what) {
        const Micros end = now() + at_most;
        while (!condition() && now() < end)
            if (!step(end)) break;
        if (condition()) return true;
        complain("did not come about: " + what);
        return false;
    }
    Micros now() const { return schedule_.now(); }

    // -- situations -------------------------------------------------------------------------------
    // Everything starts and comes to rest, with the vote on every node.
    void whole();
    // The cluster falls into two parts; nothing is waited for.
    void split(const Nodes& part);
    void heal();
    // Whole, then split, at rest again, and this part has the vote.
    void hold(const Nodes& part);
    // Just after an echo of the node has been answered, or after it has polled corosync.
    void after_echo(NodeId node);
    void after_poll(NodeId node);
    void after_list(NodeId node);
    Micros since_echo(NodeId node) { return now() - ear_.echo_at[node]; }

    // -- what befalls -----------------------------------------------------------------------------
    void cut(NodeId node) { network_.set_link(node, false, false); }
    void link(NodeId node, bool to_arbiter, bool from_arbiter) {
        network_.set_link(node, to_arbiter, from_arbiter);
    }
    void reset_at_arbiter(NodeId node) { network_.reset_at_arbiter(node); }
    void swallow_replies_of(NodeId node) { ear_.swallows_replies_of.insert(node); }
    Daemon& daemon(NodeId node) { return *daemons_.at(node); }
    void power_off(NodeId node);
    void boot(NodeId node);
    void restart_corosync(NodeId node);
    void start_arbiter();
    void kill_arbiter();
    void power_off_arbiter();
    void restart_arbiter(Micros after);
    void freeze_arbiter();
    void thaw_arbiter();
    void lose_store();

    // -- what is asked ----------------------------------------------------------------------------
    bool is_ours() const { return mix_.our_arbiter; }
    bool are_nodes_ours() const { return mix_.our_nodes; }
    bool is_quorate(NodeId node) const;
    // ... in a ring of nodes that it reaches: it has noticed what happened.
    bool is_quorate_anew(NodeId node) const;
    ClusterModel& cluster() { return cluster_; }
    // Only our arbiter promises these.
    void expect(bool is_so, const std::string& what);
    // The node is quorate among those whom it reaches, no later than this from now.
    void expect_quorate(NodeId node, Micros within);

    // How long it was quorate, all in all.
    Micros quorate_time(NodeId node) { return quorate_time_[node]; }

    Micros window() const { return window_; }
    // Ends the play.
    std::vector<std::string> complaints();
    const std::vector<std::string>& trace() const { return trace_; }
    void note(const std::string& text);

private:
    bool step(Micros end);
    void complain(const std::string& what);
    void judge_ack(NodeId node, RingId ring);
    qnetd::Settings settings(qnetd::Rules rules) const;

    Setup setup_;
    Mix mix_;
    bool with_trace_;
    Dice dice_;
    Schedule schedule_;
    Network network_;
    ClusterModel cluster_;
    std::unique_ptr<ArbiterProcess> arbiter_;
    Ear ear_;
    std::map<NodeId, std::unique_ptr<Daemon>> daemons_;
    int groups_ = 0;
    Micros window_ = 0;
    std::map<NodeId, Micros> quorate_time_;
    std::vector<std::string> complaints_;
    std::vector<std::string> trace_;
};

}  // namespace castvote::simulate
