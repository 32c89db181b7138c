// configuration.hpp -- corosync's configuration map, read into what the daemon needs (node.md 5).
//
// Works on a snapshot of cmap keys, so it never waits for corosync and is tested without it. Every
// error names the key and says what to write instead. It judges values only; whether the vote
// weights fit ffsplit on the running cluster is the provider's business.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/wire/expected.hpp"
#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice {

// A value with its cmap type: a key of the wrong type counts as absent.
using MapValue = std::variant<std::uint8_t, std::uint32_t, std::uint64_t, std::string>;
using Snapshot = std::map<std::string, MapValue>;  // sorted by key, as cmap iterates

struct HeuristicsCommand {
    std::string name;
    std::string line;
    bool operator==(const HeuristicsCommand&) const = default;
};

// The limits that the stock option -S can move (node.md 11).
struct ConfigurationLimits {
    std::uint32_t heuristics_min_timeout_ms = 1000;
    std::uint32_t heuristics_max_timeout_ms = 120000;
    std::uint32_t heuristics_min_interval_ms = 1000;
    std::uint32_t heuristics_max_interval_ms = 3600000;
    std::uint32_t heuristics_max_execs = 32;
    std::uint32_t heartbeat_interval_min_ms = 1000;
    std::uint32_t heartbeat_interval_max_ms = 120000;
    std::uint32_t connect_timeout_min_ms = 1000;
    std::uint32_t connect_timeout_max_ms = 120000;
    bool test_algorithm_enabled = false;
};

struct Configuration {
    Settings settings;
    std::string host;
    std::uint16_t port = 5403;
    int force_ip_version = 0;  // 0, 4 or 6
    std::vector<HeuristicsCommand> commands;
    std::uint32_t device_votes = 0;  // quorum.device.votes, 0: not given
    std::vector<std::string> warnings;
    bool operator==(const Configuration&) const = default;

    // True if the arbiter and the way to it are the same; the rest may change in a running core.
    bool same_connection(const Configuration& other) const;
};

struct ConfigurationError {
    std::string key;
    std::string what;    // "is missing", "is 'foo'"
    std::string remedy;  // what to write
    std::string text() const { return key + " " + what + ": " + remedy; }
    bool operator==(const ConfigurationError&) const = default;
};

template <class T>
using Configured = Expected<T, ConfigurationError>;

// The whole configuration, ready for a new core.
Configured<Configuration> read_configuration(const Snapshot& map,
                                             const ConfigurationLimits& limits);

// A change at run time (node.md 5.7). An invalid part keeps the old value and leaves a warning.
Configuration reread_configuration(const Snapshot& map, const ConfigurationLimits& limits,
                                   const Configuration& old);

std::string device_model(const Snapshot& map);  // empty: none
bool reload_in_progress(const Snapshot& map);
// logging.debug and the QDEVICE subsystem's own key, which wins (node.md 5.5).
bool debug_wanted(const Snapshot& map, std::vector<std::string>& warnings);

}  // namespace castvote::qdevice
