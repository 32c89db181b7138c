// verdict.hpp -- two outcomes of one moment, and which named rows may explain that they differ.
//
// Only looks: what has to be waited for or asked again is the duel's business.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/compare/facts.hpp"

namespace castvote::compare {

// Stock lms and 2nodelms judge a node when it says something, and never a whole cluster.
bool judges_one_by_one(wire::DecisionAlgorithm algorithm);

std::set<NodeId> nodes_with(const Standings& standings, Standing wanted);

class Verdict {
public:
    // Both must outlive it.
    Verdict(const Setup& setup, const Facts& facts, Standings stock, Standings ours)
        : setup_(setup), facts_(facts), stock_(std::move(stock)), ours_(std::move(ours)) {}

    bool is_equal() const { return stock_ == ours_; }
    // Nodes for which ours has not come to what the book says.
    std::set<NodeId> late() const;
    // ... because of a node that is gone and has no lifetime.
    bool is_blocked_for_good() const;
    // A difference that lasts.
    std::optional<Row> lasting_row() const;
    // What stock ffsplit mends when it is asked again.
    std::optional<Row> defect_of_stock() const;
    // Stock has forgotten which partition was active, or has chosen another by a defect of its own;
    // both keep what they chose. They do what the book says, each with what it remembers.
    bool each_keeps_its_own() const;

private:
    bool is_ours_behind() const;
    bool is_beside_nominated(NodeId node) const;
    bool is_node_id_defect() const;
    bool is_about_newcomers() const;

    const Setup& setup_;
    const Facts& facts_;
    Standings stock_;
    Standings ours_;
};

}  // namespace castvote::compare
