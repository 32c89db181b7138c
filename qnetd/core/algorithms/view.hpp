// view.hpp -- what a decision algorithm sees, and what it may answer.
//
// An algorithm is one pure function from a view of the connected nodes to a proposal, and one row
// in the table (all.cpp). It never sends, waits or remembers: the cluster carries a proposal out as
// NACK, reply, ACK, and only as far as the ledger allows (docs/safety.md R4).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "qnetd/core/ring.hpp"

namespace castvote::qnetd {

// One connected node that has sent both its configuration and its membership.
struct ViewNode {
    NodeId node = 0;
    Ring ring;
    Nodes configured;
    wire::Heuristics heuristics = wire::Heuristics::undefined;
    wire::TieBreaker tie_breaker;
    bool is_newcomer = false;  // no decision has reached it since it connected
    bool operator==(const ViewNode&) const = default;
};

struct View {
    std::vector<ViewNode> nodes;  // ascending by node id
    bool keep_active = false;     // every connected node wants the active partition kept
    std::optional<Ring> granted;  // which was given the vote last
    bool operator==(const View&) const = default;

    const ViewNode* find(NodeId node) const;
};

enum class ProposalKind : std::uint8_t {
    wait,      // the views contradict each other: no decision now
    nobody,    // no ring may hold the vote
    ring,      // this one shall
    everyone,  // each node in whatever ring it is (the test algorithm)
};

// Why a ring was chosen, in the words that status and log use.
enum class Why : std::uint8_t {
    none,
    majority,
    only_ring,
    only_half,
    better_score,
    more_connected_nodes,
    stays_active,
    tie_breaker,
    larger,
};
std::string_view meaning_of(Why why);

struct Proposal {
    ProposalKind kind = ProposalKind::wait;
    Ring ring;
    Why why = Why::none;
    Nodes still_newcomers;  // denied only because they are new: this was no decision for them
    bool operator==(const Proposal&) const = default;
};

// One decision algorithm. Everything that differs between them stands in its row.
struct Algorithm {
    wire::DecisionAlgorithm number = wire::DecisionAlgorithm::ffsplit;
    Proposal (*propose)(const View& view) = nullptr;
    // Judges a configuration or membership list of a node; no_error if it is accepted.
    wire::ReplyErrorCode (*check_config)(NodeId sender, const Nodes& list) = nullptr;
    wire::ReplyErrorCode (*check_membership)(NodeId sender, const Nodes& list) = nullptr;
    // Is a ring of so many nodes quorate without the arbiter's vote?
    bool (*is_quorate_without_vote)(std::size_t members, std::size_t configured) = nullptr;
    wire::Vote before_lists = wire::Vote::no_change;  // answer while a list is missing
    bool answers_ask_for_vote = true;
    bool takes_turns = true;  // its ACKs wait for NACKs and for the ledger; only `test` does not
};

// The row of an algorithm; nullptr for a number that nobody knows.
const Algorithm* find_algorithm(wire::DecisionAlgorithm number);
std::span<const Algorithm* const> all_algorithms();

extern const Algorithm ffsplit;
extern const Algorithm lms;
extern const Algorithm two_node_lms;
extern const Algorithm test_algorithm;

// True when connected nodes which list each other report different rings or members: then some of
// them have not yet told of a change, and a decision would rest on the past (arbiter.md 3.3).
bool has_contradictions(const View& view);

// The node that a tie breaker prefers among `nodes`; 0 when there is none.
NodeId preferred_node(const wire::TieBreaker& tie_breaker, const Nodes& nodes);

// For algorithms that have no rule of their own about lists.
wire::ReplyErrorCode any_list(NodeId sender, const Nodes& list);

}  // namespace castvote::qnetd
