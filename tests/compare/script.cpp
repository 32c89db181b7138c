// script.cpp -- see script.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/script.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace castvote::compare {

using wire::DecisionAlgorithm;
using wire::Heuristics;
using wire::TieBreakerMode;

namespace {

constexpr std::uint64_t ring_step = 4;  // as corosync counts
constexpr int draws_max = 100;          // until an event is found that can happen now

}  // namespace

Setup draw_setup(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto number = [&](std::uint64_t below) { return random() % below; };
    static constexpr std::array<DecisionAlgorithm, 10> algorithms = {
        DecisionAlgorithm::ffsplit, DecisionAlgorithm::ffsplit, DecisionAlgorithm::ffsplit,
        DecisionAlgorithm::ffsplit, DecisionAlgorithm::ffsplit, DecisionAlgorithm::lms,
        DecisionAlgorithm::lms,     DecisionAlgorithm::lms,     DecisionAlgorithm::two_node_lms,
        DecisionAlgorithm::test};
    Setup setup;
    setup.seed = seed;
    setup.algorithm = algorithms[number(algorithms.size())];
    const bool is_of_two = setup.algorithm == DecisionAlgorithm::two_node_lms || number(3) == 0;
    setup.nodes = is_of_two ? 2 : 2 + number(5);
    // Halves are what ffsplit is about.
    if (setup.algorithm == DecisionAlgorithm::ffsplit && setup.nodes % 2 != 0 && number(3) != 0)
        ++setup.nodes;
    setup.tie_breaker.mode = static_cast<TieBreakerMode>(1 + number(3));
    if (setup.tie_breaker.mode == TieBreakerMode::node_id)
        setup.tie_breaker.node_id = static_cast<NodeId>(1 + number(setup.nodes));
    setup.keep_active = number(2) == 0;
    setup.with_heuristics = number(2) == 0;
    setup.tls = number(2) == 0;
    setup.events = 15 + static_cast<int>(number(16));
    return setup;
}

Script::Script(const Setup& setup) : setup_(setup), random_(setup.seed ^ 0x9e3779b97f4a7c15ULL) {
    for (std::size_t i = 1; i <= setup.nodes; ++i) {
        configured_.push_back(static_cast<NodeId>(i));
        nodes_[static_cast<NodeId>(i)].keep_active = setup.keep_active;
    }
    form_ring(configured_);
}

std::uint64_t Script::number(std::uint64_t below) { return random_() % below; }

NodeList Script::connected() const {
    NodeList list;
    for (const auto& [id, node] : nodes_)
        if (node.is_connected) list.push_back(id);
    return list;
}

NodeList Script::shuffled(NodeList nodes) {
    for (std::size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[number(i)]);
    return nodes;
}

std::vector<NodeList> Script::rings() const {
    std::vector<NodeList> list;
    for (const auto& [id, node] : nodes_)
        if (node.membership.members.front() == id) list.push_back(node.membership.members);
    return list;
}

// Its number is greater than any that its members have seen.
void Script::form_ring(const NodeList& members) {
    std::uint64_t seq = 0;
    for (const NodeId id : members) seq = std::max(seq, nodes_.at(id).membership.ring.seq);
    const wire::RingId ring{*std::min_element(members.begin(), members.end()), seq + ring_step};
    NodeList sorted = members;
    std::sort(sorted.begin(), sorted.end());
    for (const NodeId id : members) {
        nodes_.at(id).membership.ring = ring;
        nodes_.at(id).membership.members = sorted;
    }
}

Step Script::step_of(NodeId node, Deed deed) const {
    Step step;
    step.deed = deed;
    step.node = node;
    step.membership = nodes_.at(node).membership;
    step.nodes = configured_;
    step.on = nodes_.at(node).keep_active;
    return step;
}

// With a ring come new results of the heuristics.
Step Script::report_of(NodeId node) {
    Heuristics& result = nodes_.at(node).membership.heuristics;
    if (setup_.with_heuristics && (result == Heuristics::undefined || chance(30)))
        result = chance(70) ? Heuristics::pass : Heuristics::fail;
    return step_of(node, Deed::report);
}

void Script::add_reports(Event& event, NodeList nodes) {
    std::erase_if(nodes, [&](NodeId id) { return !nodes_.at(id).is_connected; });
    for (const NodeId id : shuffled(std::move(nodes))) event.steps.push_back(report_of(id));
}

Event Script::next() {
    ++drawn_;
    for (int draws = 0; draws < draws_max; ++draws) {
        Event event;
        const bool is_opening = drawn_ <= static_cast<int>(setup_.nodes);
        const bool happens = is_opening && chance(85) ? join(event) : draw(event);
        if (happens && !event.steps.empty()) return event;
    }
    return {};
}

bool Script::draw(Event& event) {
    using Draw = bool (Script::*)(Event&);
    struct Row {
        unsigned weight;
        Draw play;
    };
    static constexpr std::array<Row, 18> rows = {{{14, &Script::join},
                                                  {9, &Script::leave},
                                                  {4, &Script::all_again},
                                                  {8, &Script::die},
                                                  {8, &Script::come_back},
                                                  {20, &Script::split},
                                                  {12, &Script::merge},
                                                  {5, &Script::ring_again},
                                                  {3, &Script::report_again},
                                                  {5, &Script::configure},
                                                  {10, &Script::heuristics},
                                                  {3, &Script::keep_active},
                                                  {4, &Script::quorum},
                                                  {3, &Script::ask},
                                                  {9, &Script::hold},
                                                  {2, &Script::mute},
                                                  {4, &Script::mistake},
                                                  {4, &Script::knock}}};
    std::uint64_t all = 0;
    for (const Row& row : rows) all += row.weight;
    std::uint64_t drawn = number(all);
    for (const Row& row : rows) {
        if (drawn < row.weight) return (this->*row.play)(event);
        drawn -= row.weight;
    }
    return false;
}

}  // namespace castvote::compare
