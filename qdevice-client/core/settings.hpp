// settings.hpp -- the node's configuration as the core needs it: read from cmap (corosync) or given
// on the command line (stdio), checked before it gets here, in milliseconds throughout.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"

namespace castvote::qdevice {

enum class HeuristicsMode : std::uint8_t { off, on, sync };

// What may change while the daemon runs (node.md 5.7).
struct NodeConfig {
    std::vector<wire::NodeInfo> nodes;            // node id and data centre id only
    std::optional<std::uint64_t> config_version;  // totem.config_version
    HeuristicsMode heuristics_mode = HeuristicsMode::off;
    // The commands as text, compared and nothing else: a run in flight is repeated when they
    // change.
    std::string heuristics_commands;
    Duration heuristics_timeout{5000};
    Duration heuristics_sync_timeout{15000};
    Duration heuristics_interval{30000};
    bool operator==(const NodeConfig&) const = default;
};

// What is fixed while the daemon runs.
struct Settings {
    std::string cluster_name;  // totem.cluster_name
    wire::NodeId node_id = 0;
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    bool keep_active_partition = true;
    wire::TlsSupported tls = wire::TlsSupported::supported;  // quorum.device.net.tls
    Duration device_timeout{10000};                          // T, quorum.device.timeout
    Duration device_sync_timeout{30000};                     // S, quorum.device.sync_timeout
    Duration token_timeout{3000};                            // runtime.config.totem.token
    Duration connect_timeout{8000};
    std::uint32_t heartbeat_interval_min_ms = 1000;
    std::uint32_t heartbeat_interval_max_ms = 120000;
    bool wait_for_all = false;
    std::uint32_t message_receive_size_initial = 32768;  // bytes
    std::uint32_t message_send_size_initial = 32768;     // bytes
    std::uint32_t message_send_size_min = 32768;         // least that the arbiter must accept
    std::uint32_t message_receive_size_max = 16777216;   // most that the arbiter may announce
    // Drawn by the shell; makes reconnect delays differ between nodes.
    std::uint64_t jitter_seed = 0;
    NodeConfig config;
    bool operator==(const Settings&) const = default;
};

}  // namespace castvote::qdevice
