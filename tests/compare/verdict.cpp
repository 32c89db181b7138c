// verdict.cpp -- see verdict.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/verdict.hpp"

#include <algorithm>

namespace castvote::compare {

using wire::DecisionAlgorithm;

bool judges_one_by_one(DecisionAlgorithm algorithm) {
    return algorithm == DecisionAlgorithm::lms || algorithm == DecisionAlgorithm::two_node_lms;
}

std::set<NodeId> nodes_with(const Standings& standings, Standing wanted) {
    std::set<NodeId> nodes;
    for (const auto& [node, standing] : standings)
        if (standing == wanted) nodes.insert(node);
    return nodes;
}

// Every node for which they differ has the vote from stock, or would have it but for the defect
// that is_node_id_defect() is about, and not from us.
bool Verdict::is_ours_behind() const {
    return std::all_of(stock_.begin(), stock_.end(), [&](const auto& entry) {
        const auto [node, standing] = entry;
        const Standing our = ours_.at(node);
        if (our == standing) return true;
        if (standing == Standing::ack) return our != Standing::gone;
        return standing == Standing::nack && our == Standing::waits && is_beside_nominated(node);
    });
}

// What stock ffsplit mends when it is asked again.
std::optional<Row> Verdict::defect_of_stock() const {
    if (facts_.has_late_replies()) return Row::late_reply;
    if (facts_.has_left()) return Row::leaving_node;
    if (facts_.has_new_heuristics()) return Row::heuristics_everywhere;
    return std::nullopt;
}

// Nodes for which ours has not come to what the book says.
std::set<NodeId> Verdict::late() const {
    const std::set<NodeId> winners = facts_.winners_by_the_book(Facts::Judge::ours);
    std::set<NodeId> late;
    for (const auto& [node, standing] : ours_)
        if (standing != (winners.contains(node) ? Standing::ack : Standing::nack))
            late.insert(node);
    return late;
}

bool Verdict::is_blocked_for_good() const {
    const std::set<NodeId> nodes = late();
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](NodeId node) { return facts_.is_blocked_for_good(node); });
}

std::optional<Row> Verdict::lasting_row() const {
    if (is_node_id_defect()) return Row::node_id_tie_breaker;
    if (is_about_newcomers()) return Row::newcomers;
    if (!is_ours_behind()) return std::nullopt;
    for (const auto& [node, standing] : stock_)
        if (standing != ours_.at(node) && !facts_.is_blocked_for_good(node)) return std::nullopt;
    return Row::no_lifetime;
}

// Each does what the book says of it, and the books differ in that newcomers compete.
bool Verdict::is_about_newcomers() const {
    if (!judges_one_by_one(setup_.algorithm) || !facts_.has_newcomers()) return false;
    const std::set<NodeId> ours = nodes_with(ours_, Standing::ack);
    const std::set<NodeId> our_book = facts_.winners_by_the_book(Facts::Judge::ours);
    const std::set<NodeId> stock = nodes_with(stock_, Standing::ack);
    const std::set<NodeId> stock_book = facts_.winners_by_the_book(Facts::Judge::stock);
    const NodeId nominated = setup_.tie_breaker.node_id;  // see is_node_id_defect()
    const bool is_one_of_them = setup_.algorithm == DecisionAlgorithm::lms &&
                                stock_book.contains(nominated) && stock == std::set{nominated};
    return (ours == our_book || (ours.empty() && is_blocked_for_good())) &&
           (stock == stock_book || is_one_of_them);
}

// Stock has forgotten which partition was active, or has chosen another by a defect of its own;
// both keep what they chose. They do what the book says, each with what it remembers.
bool Verdict::each_keeps_its_own() const {
    const std::set<NodeId> stock = nodes_with(stock_, Standing::ack);
    return setup_.algorithm == DecisionAlgorithm::ffsplit &&
           (facts_.was_empty() || defect_of_stock()) && !stock.empty() && late().empty() &&
           stock == facts_.winners_by_the_book(Facts::Judge::stock, *stock.begin());
}

bool Verdict::is_beside_nominated(NodeId node) const {
    if (setup_.algorithm != DecisionAlgorithm::lms ||
        setup_.tie_breaker.mode != wire::TieBreakerMode::node_id ||
        node == setup_.tie_breaker.node_id)
        return false;
    const auto nominated = facts_.reported().find(setup_.tie_breaker.node_id);
    return nominated != facts_.reported().end() &&
           facts_.reported().at(node).ring == nominated->second.ring;
}

// Stock lms gives the vote to the nominated node alone, not to the others of its ring.
bool Verdict::is_node_id_defect() const {
    return std::all_of(stock_.begin(), stock_.end(), [&](const auto& entry) {
        const auto [node, standing] = entry;
        return standing == ours_.at(node) ||
               (is_beside_nominated(node) && standing == Standing::nack &&
                ours_.at(node) == Standing::ack);
    });
}

}  // namespace castvote::compare
