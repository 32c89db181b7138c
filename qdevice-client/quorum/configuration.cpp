// configuration.cpp -- see configuration.hpp; the order of the checks is that of node.md 3.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/configuration.hpp"

#include <fmt/format.h>

#include "qdevice-client/quorum/keys.hpp"
#include "qdevice-client/quorum/sections.hpp"

namespace castvote::qdevice {
namespace {

using keys::get;

Unexpected<ConfigurationError> wrong(std::string key, std::string what, std::string remedy) {
    return Unexpected<ConfigurationError>({std::move(key), std::move(what), std::move(remedy)});
}

Configured<wire::TlsSupported> read_tls(const Snapshot& map) {
    const std::string key = "quorum.device.net.tls";
    const auto text = get<std::string>(map, key);
    if (!text) return wire::TlsSupported::supported;
    if (keys::equals_ignoring_case(*text, "required")) return wire::TlsSupported::required;
    if (const auto on = keys::parse_bool(*text))
        return *on ? wire::TlsSupported::supported : wire::TlsSupported::unsupported;
    return wrong(key, fmt::format("is '{}'", *text), "write on, off or required");
}

Configured<std::monostate> read_net(const Snapshot& map, const ConfigurationLimits& limits,
                                    Configuration& c) {
    const std::string net = "quorum.device.net.";
    const auto host = get<std::string>(map, net + "host");
    if (!host || host->empty())
        return wrong(net + "host", "is missing",
                     "name the arbiter in the net section of the device in corosync.conf");
    c.host = *host;
    const auto tls = read_tls(map);
    if (!tls) return tl::make_unexpected(tls.error());
    c.settings.tls = *tls;
    const auto port = keys::number(map, net + "port", 5403, 1, 65535);
    if (!port) return tl::make_unexpected(port.error());
    c.port = static_cast<std::uint16_t>(*port);
    const auto algorithm =
        parse_algorithm(get<std::string>(map, net + "algorithm").value_or("ffsplit"), limits);
    if (!algorithm)
        return wrong(net + "algorithm", algorithm.error().what, algorithm.error().remedy);
    c.settings.algorithm = *algorithm;
    const auto tie =
        parse_tie_breaker(get<std::string>(map, net + "tie_breaker").value_or("lowest"));
    if (!tie) return wrong(net + "tie_breaker", tie.error().what, tie.error().remedy);
    c.settings.tie_breaker = *tie;
    const auto heartbeat = heartbeat_interval_ms(c.settings);
    if (const auto wanted = c.settings.device_timeout.count() * 8 / 10; wanted != heartbeat)
        c.warnings.push_back(
            fmt::format("quorum.device.timeout is {}: heartbeats of {} ms, which belong to it, are "
                        "not allowed; {} ms are taken",
                        c.settings.device_timeout.count(), wanted, heartbeat));
    const auto connect = keys::number(map, net + "connect_timeout", heartbeat,
                                      limits.connect_timeout_min_ms, limits.connect_timeout_max_ms);
    if (!connect) return tl::make_unexpected(connect.error());
    c.settings.connect_timeout = Duration(*connect);
    const auto version = keys::number(map, net + "force_ip_version", 0, 0, 6);
    if (!version || (*version != 0 && *version != 4 && *version != 6))
        return wrong(net + "force_ip_version",
                     fmt::format("is '{}'", *get<std::string>(map, net + "force_ip_version")),
                     "write 4, 6, or 0 for either");
    c.force_ip_version = static_cast<int>(*version);
    const auto keep = keys::boolean(map, net + "keep_active_partition_tie_breaker", true);
    if (!keep) return tl::make_unexpected(keep.error());
    c.settings.keep_active_partition = *keep;
    return std::monostate{};
}

Configured<std::monostate> read_generic(const Snapshot& map, const ConfigurationLimits& limits,
                                        Configuration& c) {
    const auto model = get<std::string>(map, "quorum.device.model");
    if (!model)
        return wrong("quorum.device.model", "is missing",
                     "add a device section with 'model: net' to the quorum section of "
                     "corosync.conf and reload corosync (corosync-cfgtool -R)");
    if (*model != "net")
        return wrong("quorum.device.model", fmt::format("is '{}'", *model), "write 'model: net'");
    const auto id = get<std::uint32_t>(map, "runtime.votequorum.this_node_id");
    if (!id || *id == 0)
        return wrong("runtime.votequorum.this_node_id", "is missing",
                     "corosync must run with 'provider: corosync_votequorum'");
    c.settings.node_id = *id;
    c.settings.device_timeout =
        Duration(get<std::uint32_t>(map, "quorum.device.timeout").value_or(10000));
    c.settings.device_sync_timeout =
        Duration(get<std::uint32_t>(map, "quorum.device.sync_timeout").value_or(30000));
    c.settings.token_timeout =
        Duration(get<std::uint32_t>(map, "runtime.config.totem.token").value_or(3000));
    c.device_votes = get<std::uint32_t>(map, "quorum.device.votes").value_or(0);
    c.settings.wait_for_all =
        get<std::uint8_t>(map, "quorum.wait_for_all").value_or(std::uint8_t{0}) == 1;
    c.settings.heartbeat_interval_min_ms = limits.heartbeat_interval_min_ms;
    c.settings.heartbeat_interval_max_ms = limits.heartbeat_interval_max_ms;
    return std::monostate{};
}

}  // namespace

bool Configuration::same_connection(const Configuration& other) const {
    Settings a = settings;
    Settings b = other.settings;
    a.config = b.config = NodeConfig{};
    a.jitter_seed = b.jitter_seed = 0;
    return a == b && host == other.host && port == other.port &&
           force_ip_version == other.force_ip_version && device_votes == other.device_votes;
}

Configured<Configuration> read_configuration(const Snapshot& map,
                                             const ConfigurationLimits& limits) {
    Configuration c;
    const auto generic = read_generic(map, limits, c);
    if (!generic) return tl::make_unexpected(generic.error());
    if (const auto problem = read_heuristics(map, limits, c)) return tl::make_unexpected(*problem);
    auto nodes = read_node_list(map);
    if (!nodes) return tl::make_unexpected(nodes.error());
    c.settings.config.nodes = std::move(*nodes);
    c.settings.config.config_version = get<std::uint64_t>(map, "totem.config_version");
    const auto net = read_net(map, limits, c);
    if (!net) return tl::make_unexpected(net.error());
    const auto name = get<std::string>(map, "totem.cluster_name");
    if (!name || name->empty())
        return wrong("totem.cluster_name", "is missing",
                     "give the cluster a name in the totem section of corosync.conf");
    c.settings.cluster_name = *name;
    if (c.settings.algorithm == wire::DecisionAlgorithm::ffsplit && c.device_votes != 1)
        return wrong("quorum.device.votes",
                     c.device_votes == 0 ? "is missing" : fmt::format("is {}", c.device_votes),
                     "write 'votes: 1', the only number that the algorithm ffsplit is safe with");
    return c;
}

Configuration reread_configuration(const Snapshot& map, const ConfigurationLimits& limits,
                                   const Configuration& old) {
    Configuration fresh = old;
    fresh.warnings.clear();
    const auto keep = [&](const ConfigurationError& e) {
        fresh.warnings.push_back(e.text() + "; the previous value stays in force");
    };
    if (const auto whole = read_configuration(map, limits)) {
        fresh = *whole;
        fresh.settings.jitter_seed = old.settings.jitter_seed;
        // corosync itself takes this one when it is started, and only then.
        fresh.settings.wait_for_all = old.settings.wait_for_all;
        return fresh;
    }
    // Something is wrong somewhere: take over each part which is right by itself.
    Configuration part = old;
    if (const auto problem = read_heuristics(map, limits, part))
        keep(*problem);
    else
        fresh = part;
    if (auto nodes = read_node_list(map)) {
        fresh.settings.config.nodes = std::move(*nodes);
        fresh.settings.config.config_version = get<std::uint64_t>(map, "totem.config_version");
    } else {
        keep(nodes.error());
    }
    if (fresh.warnings.empty()) keep(read_configuration(map, limits).error());
    return fresh;
}

std::string device_model(const Snapshot& map) {
    return get<std::string>(map, "quorum.device.model").value_or("");
}

bool reload_in_progress(const Snapshot& map) {
    return get<std::uint8_t>(map, "config.totemconfig_reload_in_progress")
               .value_or(std::uint8_t{0}) == 1;
}

bool debug_wanted(const Snapshot& map, std::vector<std::string>& warnings) {
    bool debug = false;
    for (const char* key : {"logging.debug", "logging.logger_subsys.QDEVICE.debug"}) {
        const auto text = get<std::string>(map, key);
        if (!text) continue;
        if (keys::equals_ignoring_case(*text, "trace"))
            debug = true;
        else if (const auto on = keys::parse_bool(*text))
            debug = *on;
        else
            warnings.push_back(
                fmt::format("{} is '{}': write on, off or trace; the key is ignored", key, *text));
    }
    return debug;
}

}  // namespace castvote::qdevice
