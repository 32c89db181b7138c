// facts.hpp -- what a duel knows about a cluster when it has to explain a difference.
//
// Follows the steps and what our arbiter was seen to answer, and says which named row applies: by
// what happened, never by how long our arbiter took. The windows are those of docs/safety.md.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "qnetd/core/algorithms/view.hpp"
#include "tests/compare/rows.hpp"
#include "tests/compare/side.hpp"

namespace castvote::compare {

// The timers of a run: all nodes and our arbiter have the same.
struct Timers {
    Duration heartbeat{1000};
    Duration device_timeout{1251};  // T, as our arbiter reckons it from the heartbeat
    Duration margin{1000};
    Duration fresh{1000};
    Clock::time_point guard_ends;  // R3: at the latest
    Duration slack{1500};          // for a busy machine
};

class Facts {
public:
    Facts(const Setup& setup, Timers timers) : setup_(setup), timers_(timers) {}

    void begin_event();
    // is_pending: our arbiter still had something to say, which it may say now.
    void performed(const Step& step, bool is_pending);
    // A moment at which both arbiters had said what they had to say.
    void seen(const Side& ours);

    // Connected nodes which list each other have reported different rings.
    bool has_contradictions() const;
    // When they began.
    Clock::time_point contradict_since() const { return contradict_since_; }
    const std::map<NodeId, Membership>& reported() const { return reported_; }

    // Why our arbiter gives `node` its ACK later; none: nothing that is named keeps it from that.
    std::optional<Row> why_later(NodeId node) const;
    // A node that is gone may still count the vote that keeps `node` from it, without an end.
    bool is_blocked_for_good(NodeId node) const;
    // Newcomers do not compete with the partition that has our vote.
    bool has_newcomers() const { return !newcomers_.empty(); }
    // Who has the vote by the book (tests/unit/support/dumb_*.hpp): as ours, or as stock judges,
    // which counts newcomers as soon as somebody else is judged again.
    enum class Judge { ours, stock };
    // had_it: the node whose ring had the vote before; by default what our arbiter knows of that.
    std::set<NodeId> winners_by_the_book(Judge judge, std::optional<NodeId> had_it = {}) const;
    // It was sent a vote that it had not answered for a heartbeat (R5).
    bool held_too_long(NodeId node) const;
    // How long our arbiter may take.
    Duration longest_wait() const;

    // Of the present event.
    bool has_withdrawn() const { return !withdrawn_.empty(); }
    bool has_left() const { return has_left_; }
    bool has_new_heuristics() const { return has_new_heuristics_; }
    bool has_late_replies() const { return has_late_replies_; }
    bool was_empty() const { return was_empty_; }
    // What must never be seen of ours, whatever stock does; empty if it was not.
    const std::string& alarm() const { return alarm_; }

private:
    struct Holder {
        Membership membership;    // in which it was told ACK
        Clock::time_point since;  // it was told so last
        Clock::time_point left;
        std::optional<Clock::time_point> nacked;  // after it left its ring
    };

    void new_ring(NodeId node, const Membership& membership);
    void left(NodeId node);
    bool is_quorate_without_vote(NodeId node) const;
    void forget_newcomers();
    void look_for_alarms(const Side& ours);
    qnetd::View view(Judge judge) const;

    Setup setup_;
    Timers timers_;
    std::map<NodeId, Membership> reported_;  // of connected nodes
    std::map<NodeId, NodeList> configured_;
    std::map<NodeId, bool> keep_active_;
    std::map<NodeId, Clock::time_point> joined_;
    std::map<NodeId, Holder> holders_;    // told ACK, and since neither NACKed nor in a new ring
    std::map<NodeId, Holder> withdrawn_;  // NACKed in the ring in which they were told ACK
    std::map<NodeId, Holder> young_;      // left the ring of a young vote
    std::map<NodeId, Holder> gone_;       // left with the vote
    std::map<NodeId, Clock::time_point> holds_replies_;
    std::set<NodeId> newcomers_;         // our arbiter has made no decision about them yet
    std::optional<Membership> granted_;  // which ring had our vote last
    Clock::time_point contradict_since_;
    bool has_left_ = false;
    bool has_new_heuristics_ = false;
    bool has_late_replies_ = false;
    bool was_empty_ = false;
    bool was_pending_ = false;
    std::string alarm_;
};

}  // namespace castvote::compare
