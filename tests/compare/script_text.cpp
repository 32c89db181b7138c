// script_text.cpp -- setups and steps in words, for the story of a difference.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/wire/describe.hpp"
#include "tests/compare/script.hpp"

namespace castvote::compare {

namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string name_of(const wire::TieBreaker& tie_breaker) {
    if (tie_breaker.mode == wire::TieBreakerMode::node_id)
        return fmt::format("node {}", tie_breaker.node_id);
    return lower(wire::name_of(tie_breaker.mode));
}

std::string with_heuristics(wire::Heuristics heuristics) {
    return heuristics == wire::Heuristics::undefined
               ? ""
               : fmt::format(", heuristics {}", lower(wire::name_of(heuristics)));
}

std::string ring_of(const Membership& membership) {
    return fmt::format("ring {} of {}{}", wire::to_string(membership.ring),
                       fmt::join(membership.members, ","), with_heuristics(membership.heuristics));
}

}  // namespace

std::string to_string(const Setup& setup) {
    return fmt::format("{}, {} nodes, tie-breaker {}{}{}, {}",
                       lower(wire::name_of(setup.algorithm)), setup.nodes,
                       name_of(setup.tie_breaker), setup.keep_active ? ", keep-active" : "",
                       setup.with_heuristics ? ", heuristics" : "", setup.tls ? "TLS" : "plain");
}

std::string to_string(const Step& step) {
    const std::string who = fmt::format("node {} ", step.node);
    const std::string list = fmt::format("{}", fmt::join(step.nodes, ","));
    switch (step.deed) {
        case Deed::join:
            return who + fmt::format("connects: configuration {}, {}{}", list,
                                     ring_of(step.membership), step.on ? ", keep-active" : "");
        case Deed::leave: return who + "closes its connection";
        case Deed::report: return who + "reports " + ring_of(step.membership);
        case Deed::configure: return who + "has the configuration " + list;
        case Deed::heuristics:
            return who + "has heuristics " + lower(wire::name_of(step.heuristics));
        case Deed::keep_active: return who + (step.on ? "wants" : "does not want") + " keep-active";
        case Deed::quorum:
            return who + fmt::format("is {}quorate with {}", step.on ? "" : "in", list);
        case Deed::ask: return who + "asks for the vote";
        case Deed::hold: return who + "holds its replies back";
        case Deed::release: return who + "sends the replies that it held back";
        case Deed::wait_for_close: return who + "goes on without replies";
        case Deed::bad_config: return who + fmt::format("sends the configuration \"{}\"", list);
        case Deed::bad_membership: return who + fmt::format("sends the membership \"{}\"", list);
        case Deed::bad_heartbeat: return who + "sets a heartbeat of 1 ms";
        case Deed::knock:
            return fmt::format("somebody connects as node {}: {}, tie-breaker {}", step.node,
                               lower(wire::name_of(step.algorithm)), name_of(step.tie_breaker));
    }
    return who;
}

}  // namespace castvote::compare
