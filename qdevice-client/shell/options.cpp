// options.cpp -- the command line under our own name; see options.hpp.
//
// The settings of the stdio provider go through the same reading as corosync.conf, so that both
// have one set of rules; only the names in the complaints differ.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "common/manual/manual.hpp"
#include "qdevice-client/quorum/keys.hpp"
#include "qdevice-client/quorum/sections.hpp"
#include "qdevice-client/quorum/stdio.hpp"
#include "qdevice-client/shell/stock_options.hpp"

namespace castvote::qdevice {
namespace {

// A text option and the configuration key which it fills.
struct KeyOption {
    const char* option;
    const char* key;
    const char* help;
};

constexpr KeyOption key_options[] = {
    {"--cluster", "totem.cluster_name", "name of the cluster; the certificate is made for it"},
    {"--arbiter", "quorum.device.net.host", "name or address of the arbiter"},
    {"--port", "quorum.device.net.port", "port of the arbiter (5403)"},
    {"--tls", "quorum.device.net.tls", "on, off or required (on)"},
    {"--algorithm", "quorum.device.net.algorithm", "ffsplit, lms or 2nodelms (ffsplit)"},
    {"--tie-breaker", "quorum.device.net.tie_breaker", "lowest, highest or a node id (lowest)"},
    {"--keep-active-partition", "quorum.device.net.keep_active_partition_tie_breaker",
     "on or off (on)"},
    {"--connect-timeout", "quorum.device.net.connect_timeout", "milliseconds"},
    {"--force-ip-version", "quorum.device.net.force_ip_version", "4 or 6"},
    {"--heuristics-mode", "quorum.device.heuristics.mode", "off, on or sync (off)"},
    {"--heuristics-timeout", "quorum.device.heuristics.timeout", "milliseconds"},
    {"--heuristics-sync-timeout", "quorum.device.heuristics.sync_timeout", "milliseconds"},
    {"--heuristics-interval", "quorum.device.heuristics.interval", "milliseconds"},
};

struct StdioArguments {
    std::vector<std::string> texts = std::vector<std::string>(std::size(key_options));
    std::uint32_t node_id = 0;
    std::uint32_t timeout_ms = 10000;
    std::uint32_t sync_timeout_ms = 30000;
    std::optional<std::uint32_t> device_votes;
    std::vector<std::uint32_t> nodes;
    std::vector<std::string> heuristics;
};

std::string option_for(const std::string& key) {
    for (const KeyOption& k : key_options)
        if (key == k.key) return k.option;
    if (key == "nodelist") return "--nodes";
    if (key == "quorum.device.votes") return "--device-votes";
    if (key.find("exec_") != std::string::npos) return "--heuristic";
    return "--node-id";
}

void add_stdio_options(CLI::App& app, StdioArguments& a) {
    const std::string group = "With --provider stdio";
    app.add_option("--node-id", a.node_id, "this node's number")->group(group);
    app.add_option("--nodes", a.nodes, "all nodes of the cluster, like 1,2")
        ->delimiter(',')
        ->group(group);
    for (std::size_t i = 0; i < std::size(key_options); ++i)
        app.add_option(key_options[i].option, a.texts[i], key_options[i].help)->group(group);
    app.add_option("--timeout", a.timeout_ms, "milliseconds until a silent device loses its vote")
        ->group(group);
    app.add_option("--sync-timeout", a.sync_timeout_ms,
                   "milliseconds that a new membership waits for the arbiter")
        ->group(group);
    app.add_option("--device-votes", a.device_votes, "weight of the arbiter's vote")->group(group);
    app.add_option("--heuristic", a.heuristics, "NAME=COMMAND, may be given several times")
        ->group(group);
}

Configured<Configuration> stdio_configuration(const StdioArguments& a,
                                              const ConfigurationLimits& limits) {
    Snapshot map{{"quorum.device.model", "net"},
                 {"quorum.device.timeout", a.timeout_ms},
                 {"quorum.device.sync_timeout", a.sync_timeout_ms},
                 {"runtime.votequorum.this_node_id", a.node_id}};
    for (std::size_t i = 0; i < std::size(key_options); ++i)
        if (!a.texts[i].empty()) map[key_options[i].key] = a.texts[i];
    for (std::size_t i = 0; i < a.nodes.size(); ++i) {
        // Five digits keep the given order in the sorted map.
        const std::string node = fmt::format("nodelist.node.{:05}.", i);
        map[node + "nodeid"] = a.nodes[i];
        map[node + "name"] = fmt::format("{}", a.nodes[i]);
    }
    for (const std::string& heuristic : a.heuristics) {
        const auto equals = heuristic.find('=');
        if (equals == std::string::npos)
            return Unexpected<ConfigurationError>(
                {"exec_", fmt::format("is '{}'", heuristic), "write NAME=COMMAND"});
        map["quorum.device.heuristics.exec_" + heuristic.substr(0, equals)] =
            heuristic.substr(equals + 1);
    }
    const auto algorithm = parse_algorithm(
        std::get<std::string>(
            map.try_emplace("quorum.device.net.algorithm", "ffsplit").first->second),
        limits);
    if (algorithm)
        map["quorum.device.votes"] =
            a.device_votes.value_or(usual_device_votes(*algorithm, a.nodes.size()));
    auto configuration = read_configuration(map, limits);
    if (!configuration) return configuration;
    for (const wire::NodeInfo& node : configuration->settings.config.nodes)
        if (node.node_id == configuration->settings.node_id) return configuration;
    return Unexpected<ConfigurationError>(
        {"nodelist", "lacks this node", fmt::format("add {} to it", a.node_id)});
}

manual::Manual manual_pages() {
    const auto letters = stock_options();
    return {
        .summary = "quorum device of a corosync node",
        .stock = {{"corosync-qdevice",
                   "quorum device of a corosync node",
                   {letters.begin(), letters.end()},
                   advanced_settings(),
                   ""}},
        .files = {{"/etc/corosync/corosync.conf",
                   "its section quorum.device configures the daemon"},
                  {"/etc/corosync/qdevice/net/nssdb", "certificates"},
                  {"/etc/default/corosync-qdevice",
                   "COROSYNC_QDEVICE_OPTIONS, the options of the service castvote-qdevice"}},
        .settings = advanced_settings(),
        .see_also = {"qdevice-tool", "qcert", "qnetd"},
    };
}

std::variant<Options, Leave> complain(const std::string& program, const std::string& text) {
    std::fprintf(stderr, "%s: %s\n", program.c_str(), text.c_str());
    return Leave{2};
}

std::variant<Options, Leave> parse_own_options(int argc, char** argv, const std::string& program) {
    Options o;
    o.program = program;
    CLI::App app(
        "Gives this node's cluster the vote of an arbiter. With corosync (the default) everything "
        "is "
        "read from corosync.conf; with --provider stdio memberships come as JSON lines on standard "
        "input, see docs/stdio.md.",
        program);
    app.set_version_flag("--version", "qdevice-client " CASTVOTE_VERSION);
    std::string provider = "corosync";
    std::vector<std::string> settings;
    StdioArguments stdio;
    bool background = false;
    app.add_option("--provider", provider, "where the vote goes: corosync or stdio")
        ->check(CLI::IsMember({"corosync", "stdio"}));
    app.add_flag("--wait-for-corosync", o.wait_for_corosync, "wait if corosync is not running yet");
    app.add_flag("--background", background, "become a daemon; logs go to syslog");
    app.add_flag("--debug", o.debug, "log every message");
    const auto* certificates =
        app.add_option("--certificates", o.advanced.certificates, "directory that qcert filled");
    const auto* socket =
        app.add_option("--socket", o.advanced.local_socket_file, "path of the control socket");
    const auto* pid_file = app.add_option("--pid-file", o.advanced.lock_file, "lock and pid file");
    app.add_option("--set", settings,
                   "an advanced setting, NAME=VALUE; the manual page lists them");
    app.footer(
        "Exit status: 0 ended in order; 1 ended by trouble, which the last line names; 2 wrong "
        "command line.\nStarted as corosync-qdevice it takes the options of that program.");
    manual::add_manual_option(app, manual_pages);
    add_stdio_options(app, stdio);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return Leave{app.exit(e) == 0 ? 0 : 2};
    }
    const Advanced given = o.advanced;
    for (const std::string& setting : settings)
        if (const auto applied = apply_advanced(setting, o.advanced); !applied)
            return complain(program, applied.error() + "; man qdevice-client lists them");
    if (certificates->count() > 0) o.advanced.certificates = given.certificates;
    o.foreground = !background;
    if (provider == "corosync") return o;

    o.provider = ProviderKind::stdio;
    o.foreground = true;
    if (socket->count() == 0) o.advanced.local_socket_file.clear();
    if (pid_file->count() == 0) o.advanced.lock_file.clear();
    auto configuration = stdio_configuration(stdio, o.advanced.limits);
    if (!configuration) {
        const ConfigurationError& e = configuration.error();
        return complain(program, fmt::format("{} {}: {}", option_for(e.key), e.what, e.remedy));
    }
    o.configuration = std::move(*configuration);
    return o;
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, char** argv) {
    const std::string path = argc > 0 ? argv[0] : "qdevice-client";
    const std::string program = path.substr(path.rfind('/') + 1);
    if (program == "corosync-qdevice") return parse_stock_options(argc, argv, program);
    return parse_own_options(argc, argv, program);
}

}  // namespace castvote::qdevice
