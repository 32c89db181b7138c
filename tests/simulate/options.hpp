// options.hpp -- what a simulated run is like: drawn from its seed, or as somebody wants it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "qnetd/core/settings.hpp"
#include "tests/simulate/daemon.hpp"

namespace castvote::simulate {

struct Options {
    std::uint64_t seed = 1;
    std::size_t nodes = 2;
    DeviceConf device;
    Timers timers;
    bool our_nodes = false;
    bool mixed_nodes = false;
    // Played with its model: two quorate halves are then measured, until it is one again.
    bool stock_arbiter = false;
    // How much happens, and how long it goes on; then everything is healed.
    Micros duration = ms(600000);
    Micros fault_every = ms(15000);
    bool arbiter_restarts = true;
    bool keeps_state = false;  // R3: grants are recorded; else in memory, and the guard
    bool cluster_faults = true;
    bool arbiter_link_faults = true;
    bool process_faults = true;
    // More than the plain worlds have: all that befalls the arbiter's machine and its store.
    bool wide = false;
    // At one arbiter; the others are companions (companion.hpp).
    std::size_t clusters = 1;
    bool spares_arbiter = false;  // its faults befall the nodes and their links only
    // Of the faults that the seed brings, only those with these numbers happen.
    std::optional<std::set<std::uint64_t>> only_faults;
    qnetd::Rules rules;
    qnetd::FailOver failover = qnetd::FailOver::stock;
};

// What the first line of a trace says of them.
std::string to_string(const Options& options);

// What somebody wants instead of what the seed says.
struct Wish {
    std::optional<std::size_t> nodes = {};
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    bool wait_for_all = false;
};

// The options that a seed stands for.
Options options_of(std::uint64_t seed, const Wish& wish);
Options options_of(std::uint64_t seed);

// Does a stock daemon vote on without the arbiter (docs/safety.md, fact 3)?
bool may_vote_alone(const DeviceConf& device);

// Of the arbiter, as the algorithm wants them.
unsigned device_votes(const Options& options);

// How it ends: the part that is then cut off from the rest, and whether that part must go on. Both
// parts reach the arbiter.
Nodes last_part(const Options& options);
bool goes_on_alone(const Options& options, const Nodes& part);

}  // namespace castvote::simulate
