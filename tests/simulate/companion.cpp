// companion.cpp -- see companion.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/companion.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/describe.hpp"

namespace castvote::simulate {

namespace {

std::string name_of(std::size_t number) { return fmt::format("sim{}", number); }

Options options_beside(const Options& first, std::size_t number) {
    using wire::DecisionAlgorithm;
    Dice dice(derived_seed(first.seed, 0xa160 + number));
    Options options = options_of(derived_seed(first.seed, 0xc0a7 + number),
                                 {.algorithm = dice.one_in(2)   ? DecisionAlgorithm::ffsplit
                                               : dice.one_in(2) ? DecisionAlgorithm::lms
                                                                : DecisionAlgorithm::two_node_lms});
    options.our_nodes = first.our_nodes;
    options.mixed_nodes = first.mixed_nodes;
    options.device.cluster_name = name_of(number);
    options.duration = first.duration;
    options.spares_arbiter = true;
    return options;
}

}  // namespace

Companion::Companion(const Options& first, std::size_t number, Schedule& schedule,
                     ArbiterHost& arbiter, const std::function<void(const std::string&)>& trace)
    : options_(options_beside(first, number)),
      dice_(derived_seed(options_.seed, 0), schedule.clock()),
      network_(schedule, dice_, number),
      cluster_(schedule, dice_, options_.timers, options_.nodes, device_votes(options_)),
      members_(make_members({schedule, dice_, cluster_, network_,
                             [trace](NodeId node, const std::string& text) {
                                 trace(fmt::format("node {}: {}", node, text));
                             },
                             options_.device},
                            options_)),
      faults_({options_, schedule, network_, cluster_, arbiter, nullptr, members_, trace, {}}) {
    arbiter.serve(network_, options_.device.cluster_name);
}

void Companion::start() {
    start_all(members_, cluster_);
    faults_.begin();
}

void Transcript::sent(ConnectionId connection, const wire::Message& message, Instant now) {
    wire::Message said = message;
    said.grant_number.reset();
    lines_.push_back(fmt::format("{} ms, connection {}: {}", now.time_since_epoch().count(),
                                 connection, wire::describe(said)));
    next_.sent(connection, message, now);
}

void Transcript::closed(ConnectionId connection) {
    lines_.push_back(fmt::format("connection {} ends", connection));
    next_.closed(connection);
}

std::string first_difference(const std::vector<std::string>& beside,
                             const std::vector<std::string>& alone) {
    const auto [one, other] =
        std::mismatch(beside.begin(), beside.end(), alone.begin(), alone.end());
    if (one == beside.end() && other == alone.end()) return {};
    return fmt::format("I6: beside other clusters it is told \"{}\", alone \"{}\"",
                       one == beside.end() ? "nothing" : *one,
                       other == alone.end() ? "nothing" : *other);
}

}  // namespace castvote::simulate
