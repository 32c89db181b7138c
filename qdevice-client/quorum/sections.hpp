// sections.hpp -- the parts of the configuration: node list, heuristics, and the two net values
// which the command line shares with corosync.conf (node.md 5.2 to 5.4).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

// Nodes in cmap's order, each with its data centre id; an empty list is an error.
Configured<std::vector<wire::NodeInfo>> read_node_list(const Snapshot& map);

// Fills mode, times and commands of `c` (and its warnings); needs c.settings' device time-outs.
std::optional<ConfigurationError> read_heuristics(const Snapshot& map,
                                                  const ConfigurationLimits& limits,
                                                  Configuration& c);

// The error's key is left empty: each caller knows its own name for the value.
Configured<wire::DecisionAlgorithm> parse_algorithm(const std::string& text,
                                                    const ConfigurationLimits& limits);
Configured<wire::TieBreaker> parse_tie_breaker(const std::string& text);

// 0.8 T within the limits, in ms (node.md 4.3).
std::uint32_t heartbeat_interval_ms(const Settings& settings);

}  // namespace castvote::qdevice
