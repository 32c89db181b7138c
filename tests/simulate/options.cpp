// options.cpp -- see options.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/options.hpp"

#include <fmt/format.h>

#include <vector>

namespace castvote::simulate {

bool may_vote_alone(const DeviceConf& device) {
    return device.algorithm == wire::DecisionAlgorithm::two_node_lms ||
           (device.algorithm == wire::DecisionAlgorithm::lms && device.wait_for_all);
}

// With lms one node and the arbiter are quorate.
unsigned device_votes(const Options& options) {
    return options.device.algorithm == wire::DecisionAlgorithm::lms
               ? static_cast<unsigned>(options.nodes - 1)
               : 1;
}

// Of an even number of nodes often half.
Nodes last_part(const Options& options) {
    Dice dice(derived_seed(options.seed, 0xc07));
    std::vector<NodeId> nodes;
    for (NodeId id = 1; id <= options.nodes; ++id) nodes.push_back(id);
    for (std::size_t left = nodes.size(); left > 1; --left)
        std::swap(nodes[left - 1], nodes[dice.below(left)]);
    const std::size_t any = 1 + dice.below(nodes.size() - 1);
    const bool is_half = nodes.size() % 2 == 0 && dice.one_in(2);
    Nodes part;
    for (std::size_t i = 0; i < (is_half ? nodes.size() / 2 : any); ++i) part.insert(nodes[i]);
    return part;
}

// The larger part goes on, or that with the node which the tie-breaker prefers.
bool goes_on_alone(const Options& options, const Nodes& part) {
    if (2 * part.size() != options.nodes) return 2 * part.size() > options.nodes;
    switch (options.device.tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return part.contains(1);
        case wire::TieBreakerMode::highest:
            return part.contains(static_cast<NodeId>(options.nodes));
        case wire::TieBreakerMode::node_id:
            return part.contains(options.device.tie_breaker.node_id);
    }
    return false;
}

std::string to_string(const Options& options) {
    const auto& tie_breaker = options.device.tie_breaker;
    return fmt::format("{} nodes, {}, {}tie-breaker {}, {}", options.nodes,
                       wire::name_of(options.device.algorithm),
                       options.device.wait_for_all ? "wait_for_all, " : "",
                       tie_breaker.mode == wire::TieBreakerMode::node_id
                           ? fmt::format("node {}", tie_breaker.node_id)
                           : wire::name_of(tie_breaker.mode),
                       options.device.keep_active ? "the active partition is kept"
                                                  : "the active partition is not kept");
}

Options options_of(std::uint64_t seed) { return options_of(seed, {}); }

Options options_of(std::uint64_t seed, const Wish& wish) {
    Dice dice(derived_seed(seed, 0x5eed5eedu));
    Options options;
    options.seed = seed;
    options.nodes = dice.one_in(3) ? 3 + dice.below(4) : 2;
    options.nodes = wish.nodes.value_or(options.nodes);
    options.device.algorithm = wish.algorithm;
    options.device.wait_for_all = wish.wait_for_all;
    if (wish.algorithm == wire::DecisionAlgorithm::two_node_lms) options.nodes = 2;
    if (dice.one_in(2)) options.timers = {ms(1000), ms(2000), ms(4000)};
    options.fault_every = dice.one_in(2) ? ms(5000) : ms(20000);
    // With the default timers half of them are calm for so long that what only time ends does end,
    // the longest guard (7 minutes) included.
    const bool has_default_timers = options.timers.device_timeout == Timers{}.device_timeout;
    if (has_default_timers && Dice(derived_seed(seed, 0xca17)).one_in(2)) {
        options.fault_every = ms(180000);
        options.duration = ms(3600000);
    }
    options.device.keep_active = !dice.one_in(4);
    auto& tie_breaker = options.device.tie_breaker;
    if (dice.one_in(4)) tie_breaker.mode = wire::TieBreakerMode::highest;
    if (dice.one_in(4))
        tie_breaker = {wire::TieBreakerMode::node_id,
                       static_cast<NodeId>(1 + dice.below(options.nodes))};
    // corosync's token_coefficient: each node from the third on adds 650 ms to 3000.
    options.timers.token +=
        options.timers.token * 65 / 300 * static_cast<Micros>(options.nodes - 2);
    return options;
}

}  // namespace castvote::simulate
