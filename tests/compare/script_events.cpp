// script_events.cpp -- the events of a script; see script.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>
#include <utility>

#include "tests/compare/script.hpp"

namespace castvote::compare {

using wire::DecisionAlgorithm;
using wire::Heuristics;
using wire::TieBreakerMode;

bool Script::join(Event& event) {
    NodeList away;
    for (const auto& [id, node] : nodes_)
        if (!node.is_connected) away.push_back(id);
    if (away.empty()) return false;
    const NodeId id = one_of(away);
    event.name = "a node connects";
    report_of(id);
    event.steps = {step_of(id, Deed::join)};
    nodes_.at(id).is_connected = true;
    return true;
}

bool Script::leave(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    const NodeId id = one_of(here);
    event.name = "a node closes its connection";
    event.steps = {step_of(id, Deed::leave)};
    nodes_.at(id).is_connected = false;
    return true;
}

// The arbiter was out of reach for a moment.
bool Script::all_again(Event& event) {
    const NodeList here = connected();
    if (here.size() < 2) return false;
    event.name = "all nodes lose the arbiter and come back";
    for (const NodeId id : shuffled(here)) event.steps.push_back(step_of(id, Deed::leave));
    for (const NodeId id : shuffled(here)) event.steps.push_back(step_of(id, Deed::join));
    return true;
}

// The others form a ring without it, and its connection ends, in either order.
bool Script::die(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    const NodeId id = one_of(here);
    NodeList others = nodes_.at(id).membership.members;
    std::erase(others, id);
    if (others.empty()) return false;
    event.name = "a node dies";
    const Step end = step_of(id, Deed::leave);
    nodes_.at(id).is_connected = false;
    form_ring({id});
    form_ring(others);
    add_reports(event, others);
    event.steps.insert(chance(50) ? event.steps.begin() : event.steps.end(), end);
    event.is_compared_between = chance(30);
    return true;
}

// It joins the arbiter alone, then the ring of others.
bool Script::come_back(Event& event) {
    NodeList away;
    for (const auto& [id, node] : nodes_)
        if (!node.is_connected && node.membership.members.size() < nodes_.size())
            away.push_back(id);
    if (away.empty()) return false;
    const NodeId id = one_of(away);
    event.name = "a node comes back";
    event.is_compared_between = chance(50);
    NodeList members = nodes_.at(id).membership.members;
    const std::vector<NodeList> all = rings();
    const NodeList joined = one_of(all);
    const Step arrival = step_of(id, Deed::join);
    nodes_.at(id).is_connected = true;
    event.steps = {arrival};
    if (joined == members) return true;
    members.insert(members.end(), joined.begin(), joined.end());
    form_ring(members);
    add_reports(event, members);
    return true;
}

bool Script::split(Event& event) {
    std::vector<NodeList> large;
    for (const NodeList& ring : rings())
        if (ring.size() > 1) large.push_back(ring);
    if (large.empty()) return false;
    const NodeList whole = shuffled(one_of(large));
    const std::size_t half = chance(60) ? whole.size() / 2 : 1 + number(whole.size() - 1);
    const auto middle = whole.begin() + static_cast<std::ptrdiff_t>(half);
    form_ring({whole.begin(), middle});
    form_ring({middle, whole.end()});
    event.name = "a ring splits";
    add_reports(event, whole);
    event.is_compared_between = chance(25);
    return true;
}

bool Script::merge(Event& event) {
    std::vector<NodeList> all = rings();
    if (all.size() < 2) return false;
    const std::size_t first = number(all.size());
    const std::size_t second = (first + 1 + number(all.size() - 1)) % all.size();
    NodeList members = all[first];
    members.insert(members.end(), all[second].begin(), all[second].end());
    form_ring(members);
    event.name = "two rings become one";
    add_reports(event, members);
    event.is_compared_between = chance(25);
    return true;
}

bool Script::ring_again(Event& event) {
    const NodeList members = one_of(rings());
    form_ring(members);
    event.name = "a ring forms again";
    add_reports(event, members);
    event.is_compared_between = chance(25);
    return true;
}

bool Script::report_again(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    event.name = "a node repeats its report";
    event.steps = {step_of(one_of(here), Deed::report)};
    return true;
}

// A node that nobody has seen yet is configured, or no longer.
bool Script::configure(Event& event) {
    if (setup_.algorithm == DecisionAlgorithm::two_node_lms) return false;
    const NodeId further = static_cast<NodeId>(nodes_.size() + 1);
    if (std::erase(configured_, further) == 0) configured_.push_back(further);
    event.name = "the configuration changes";
    for (const NodeId id : shuffled(connected()))
        event.steps.push_back(step_of(id, Deed::configure));
    event.is_compared_between = chance(50);
    return true;
}

bool Script::heuristics(Event& event) {
    const NodeList here = connected();
    if (!setup_.with_heuristics || here.empty()) return false;
    Step step = step_of(one_of(here), Deed::heuristics);
    Heuristics& result = nodes_.at(step.node).membership.heuristics;
    result = result == Heuristics::pass ? Heuristics::fail : Heuristics::pass;
    step.heuristics = result;
    event.name = "heuristics change";
    event.steps = {step};
    return true;
}

bool Script::keep_active(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    const NodeId id = one_of(here);
    nodes_.at(id).keep_active = !nodes_.at(id).keep_active;
    event.name = "a node changes keep-active";
    event.steps = {step_of(id, Deed::keep_active)};
    return true;
}

// Mostly what corosync would say without the arbiter's vote; sometimes "quorate" in a minority.
bool Script::quorum(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    Step step = step_of(one_of(here), Deed::quorum);
    step.nodes = step.membership.members;
    step.on = 2 * step.nodes.size() > configured_.size() || chance(30);
    event.name = "a node reports its quorum";
    event.steps = {step};
    return true;
}

bool Script::ask(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    event.name = "a node asks for the vote";
    event.steps = {step_of(one_of(here), Deed::ask)};
    return true;
}

// Votes stay unanswered while something else happens.
bool Script::hold(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    NodeList holders = shuffled(here);
    holders.resize(1 + number(std::min<std::uint64_t>(holders.size(), 4)));
    Event first, second;
    using Draw = bool (Script::*)(Event&);
    static constexpr std::array<Draw, 6> meanwhile = {&Script::split,      &Script::merge,
                                                      &Script::ring_again, &Script::split,
                                                      &Script::configure,  &Script::heuristics};
    if (!(this->*meanwhile[number(meanwhile.size())])(first)) return false;
    if (chance(50)) (this->*meanwhile[number(meanwhile.size())])(second);
    event.name = "replies are held back while " + first.name;
    if (!second.steps.empty()) event.name += " and " + second.name;
    for (const NodeId id : holders) event.steps.push_back(step_of(id, Deed::hold));
    event.steps.insert(event.steps.end(), first.steps.begin(), first.steps.end());
    event.steps.insert(event.steps.end(), second.steps.begin(), second.steps.end());
    for (const NodeId id : shuffled(holders)) event.steps.push_back(step_of(id, Deed::release));
    return true;
}

// A split whose votes one of its nodes never answers.
bool Script::mute(Event& event) {
    if (setup_.algorithm != DecisionAlgorithm::ffsplit) return false;
    if (!split(event) || event.steps.empty()) return false;
    const NodeId id = event.steps[number(event.steps.size())].node;
    event.name = "a ring splits and a node answers no vote";
    event.is_compared_between = false;
    event.steps.insert(event.steps.begin(), step_of(id, Deed::hold));
    event.steps.push_back(step_of(id, Deed::wait_for_close));
    event.steps.push_back(step_of(id, Deed::leave));
    nodes_.at(id).is_connected = false;
    return true;
}

bool Script::mistake(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    Step step = step_of(one_of(here), Deed::bad_heartbeat);
    event.name = "a node makes a mistake";
    if (setup_.algorithm == DecisionAlgorithm::ffsplit && chance(70)) {
        step.deed = chance(50) ? Deed::bad_config : Deed::bad_membership;
        std::erase(step.nodes, step.node);
        if (chance(30)) step.nodes.clear();
    } else if (setup_.algorithm == DecisionAlgorithm::two_node_lms && chance(50)) {
        step.deed = Deed::bad_config;
        step.nodes.push_back(3);
    }
    event.steps = {step};
    return true;
}

bool Script::knock(Event& event) {
    const NodeList here = connected();
    if (here.empty()) return false;
    Step step = step_of(one_of(here), Deed::knock);
    step.algorithm = setup_.algorithm;
    step.tie_breaker = setup_.tie_breaker;
    event.name = "somebody else sends an INIT that must be refused";
    switch (number(5)) {
        case 0: step.tie_breaker = {TieBreakerMode::node_id, 99}; break;
        case 1:
            step.algorithm = setup_.algorithm == DecisionAlgorithm::ffsplit
                                 ? DecisionAlgorithm::lms
                                 : DecisionAlgorithm::ffsplit;
            break;
        case 2: step.algorithm = static_cast<DecisionAlgorithm>(9); break;
        case 3: step.heartbeat = Duration(999); break;
        default: break;  // the node id is in use
    }
    event.steps = {step};
    return true;
}

}  // namespace castvote::compare
