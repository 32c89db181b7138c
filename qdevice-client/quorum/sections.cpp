// sections.cpp -- see sections.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/sections.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "qdevice-client/quorum/keys.hpp"

namespace castvote::qdevice {
namespace {

using keys::get;

// A node without a number gets its IPv4 address as one, as corosync numbers it.
std::uint32_t node_id_of_address(const std::string& address, bool clear_high_bit) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.c_str(), nullptr, &hints, &found) != 0) return 0;
    const auto* in = reinterpret_cast<const sockaddr_in*>(found->ai_addr);
    const std::uint32_t id = ntohl(in->sin_addr.s_addr);
    freeaddrinfo(found);
    return clear_high_bit ? id & 0x7fffffffU : id;
}

Configured<std::uint32_t> node_id_at(const Snapshot& map, const std::string& node,
                                     bool clear_high_bit) {
    if (const auto id = get<std::uint32_t>(map, node + "nodeid")) return *id;
    const auto address = get<std::string>(map, node + "ring0_addr");
    if (!address)
        return Unexpected<ConfigurationError>(
            {node + "nodeid", "is missing", "give every node of the node list a nodeid"});
    const std::uint32_t id = node_id_of_address(*address, clear_high_bit);
    if (id != 0) return id;
    return Unexpected<ConfigurationError>(
        {node + "ring0_addr", fmt::format("is '{}', which names no IPv4 address", *address),
         "give the node a nodeid"});
}

Configured<HeuristicsMode> read_mode(const Snapshot& map) {
    const std::string key = "quorum.device.heuristics.mode";
    const auto text = get<std::string>(map, key);
    if (!text) return HeuristicsMode::off;
    if (keys::equals_ignoring_case(*text, "sync")) return HeuristicsMode::sync;
    if (const auto on = keys::parse_bool(*text))
        return *on ? HeuristicsMode::on : HeuristicsMode::off;
    return Unexpected<ConfigurationError>(
        {key, fmt::format("is '{}'", *text), "write on, off or sync"});
}

// A command is one line, whatever was written into cmap.
std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::replace(text.begin(), text.end(), '\r', ' ');
    return text;
}

std::vector<HeuristicsCommand> read_commands(const Snapshot& map,
                                             std::vector<std::string>& warnings) {
    const std::string prefix = "quorum.device.heuristics.exec_";
    std::vector<HeuristicsCommand> commands;
    for (auto at = map.lower_bound(prefix); at != map.end() && at->first.starts_with(prefix);
         ++at) {
        const std::string name = at->first.substr(prefix.size());
        const auto* line = std::get_if<std::string>(&at->second);
        if (name.empty() || name.find('.') != std::string::npos || line == nullptr)
            warnings.push_back(fmt::format(
                "{} is ignored: a command is a string, and its name has no dot", at->first));
        else
            commands.push_back({name, one_line(*line)});
    }
    return commands;
}

}  // namespace

Configured<std::vector<wire::NodeInfo>> read_node_list(const Snapshot& map) {
    const std::string prefix = "nodelist.node.";
    const bool clear_high_bit =
        get<std::string>(map, "totem.clear_node_high_bit").value_or("") == "yes";
    std::vector<wire::NodeInfo> nodes;
    for (auto at = map.lower_bound(prefix); at != map.end() && at->first.starts_with(prefix);
         ++at) {
        const auto dot = at->first.find('.', prefix.size());
        if (dot == std::string::npos) continue;
        const std::string attribute = at->first.substr(dot + 1);
        if (attribute != "ring0_addr" && attribute != "name") continue;
        const std::string node = at->first.substr(0, dot + 1);
        const auto id = node_id_at(map, node, clear_high_bit);
        if (!id) return tl::make_unexpected(id.error());
        if (std::any_of(nodes.begin(), nodes.end(),
                        [&](const wire::NodeInfo& n) { return n.node_id == *id; }))
            continue;
        nodes.push_back({*id, get<std::uint32_t>(map, node + "datacenterid").value_or(0),
                         wire::NodeState::not_set});
    }
    if (!nodes.empty()) return nodes;
    return Unexpected<ConfigurationError>(
        {"nodelist", "is empty", "list the cluster's nodes in corosync.conf"});
}

std::optional<ConfigurationError> read_heuristics(const Snapshot& map,
                                                  const ConfigurationLimits& limits,
                                                  Configuration& c) {
    const std::string prefix = "quorum.device.heuristics.";
    const auto mode = read_mode(map);
    if (!mode) return mode.error();
    const auto timeout =
        keys::number(map, prefix + "timeout", c.settings.device_timeout.count() / 2,
                     limits.heuristics_min_timeout_ms, limits.heuristics_max_timeout_ms);
    if (!timeout) return timeout.error();
    const auto sync =
        keys::number(map, prefix + "sync_timeout", c.settings.device_sync_timeout.count() / 2,
                     limits.heuristics_min_timeout_ms, limits.heuristics_max_timeout_ms);
    if (!sync) return sync.error();
    const auto interval =
        keys::number(map, prefix + "interval", c.settings.device_timeout.count() * 3,
                     limits.heuristics_min_interval_ms, limits.heuristics_max_interval_ms);
    if (!interval) return interval.error();
    NodeConfig& config = c.settings.config;
    config.heuristics_mode = *mode;
    config.heuristics_timeout = Duration(*timeout);
    config.heuristics_sync_timeout = Duration(*sync);
    config.heuristics_interval = Duration(*interval);
    c.commands.clear();
    if (*mode == HeuristicsMode::off) return std::nullopt;
    c.commands = read_commands(map, c.warnings);
    if (c.commands.size() > limits.heuristics_max_execs) {
        c.warnings.push_back(
            fmt::format("{} heuristics commands are more than {}: heuristics are off",
                        c.commands.size(), limits.heuristics_max_execs));
        c.commands.clear();
        config.heuristics_mode = HeuristicsMode::off;
    } else if (c.commands.empty()) {
        c.warnings.emplace_back("heuristics have no command (exec_NAME): heuristics are off");
        config.heuristics_mode = HeuristicsMode::off;
    }
    return std::nullopt;
}

Configured<wire::DecisionAlgorithm> parse_algorithm(const std::string& text,
                                                    const ConfigurationLimits& limits) {
    if (text == "ffsplit") return wire::DecisionAlgorithm::ffsplit;
    if (text == "lms") return wire::DecisionAlgorithm::lms;
    if (text == "2nodelms") return wire::DecisionAlgorithm::two_node_lms;
    if (text == "test" && limits.test_algorithm_enabled) return wire::DecisionAlgorithm::test;
    if (text == "test")
        return Unexpected<ConfigurationError>(
            {"", "is 'test', which gives everybody a vote",
             "use ffsplit or lms, or allow it with -S net_test_algorithm_enabled=on"});
    return Unexpected<ConfigurationError>(
        {"", fmt::format("is '{}'", text), "write ffsplit, lms or 2nodelms"});
}

Configured<wire::TieBreaker> parse_tie_breaker(const std::string& text) {
    if (text == "lowest") return wire::TieBreaker{wire::TieBreakerMode::lowest, 0};
    if (text == "highest") return wire::TieBreaker{wire::TieBreakerMode::highest, 0};
    const auto id = keys::parse_number(text);
    if (id && *id >= 1 && *id <= 0xffffffffLL)
        return wire::TieBreaker{wire::TieBreakerMode::node_id, static_cast<wire::NodeId>(*id)};
    return Unexpected<ConfigurationError>(
        {"", fmt::format("is '{}'", text), "write lowest, highest or a node id"});
}

std::uint32_t heartbeat_interval_ms(const Settings& settings) {
    const auto wanted = settings.device_timeout.count() * 8 / 10;
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
        wanted, settings.heartbeat_interval_min_ms,
        std::max(settings.heartbeat_interval_min_ms, settings.heartbeat_interval_max_ms)));
}

}  // namespace castvote::qdevice
