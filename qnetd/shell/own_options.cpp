// own_options.cpp -- the command line of `qnetd`: long options only.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <thread>

#include "common/manual/manual.hpp"
#include "qnetd/shell/advanced.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

namespace {

constexpr std::int64_t init_timeout_max_ms = 600'000;

// What the command line gives in milliseconds.
struct Times {
    std::int64_t device_ms = 0;
    std::int64_t init_ms = 0;
};

constexpr const char* footer =
    "Exit status: 0 stopped as asked; 1 something unexpected; 2 wrong command line;\n"
    "3 certificates missing, unreadable or not fitting; 4 cannot listen on the address;\n"
    "5 control socket or lock file cannot be made; 6 another instance is running;\n"
    "7 the directory of grants cannot be used.\n"
    "Started as corosync-qnetd it takes the options of that program.\n";

const std::map<std::string, wire::TlsSupported> tls_words{
    {"off", wire::TlsSupported::unsupported},
    {"on", wire::TlsSupported::supported},
    {"required", wire::TlsSupported::required}};
const std::map<std::string, FailOver> failover_words{failover_names.begin(), failover_names.end()};
const std::map<std::string, bool> switch_words{{"on", true}, {"off", false}};
const std::map<std::string, AddressFamily> family_words{
    {"any", AddressFamily::any}, {"ipv4", AddressFamily::v4}, {"ipv6", AddressFamily::v6_only}};
const std::map<std::string, net::LogLevel> level_words{{"debug", net::LogLevel::debug},
                                                       {"info", net::LogLevel::info},
                                                       {"notice", net::LogLevel::notice},
                                                       {"warning", net::LogLevel::warning},
                                                       {"error", net::LogLevel::error}};

// One of `words`, without the other spellings that the library would offer.
template <class Value>
CLI::Option* choice(CLI::App& app, const std::string& name, Value& to,
                    const std::map<std::string, Value>& words, const std::string& help) {
    std::string names;
    for (const auto& [word, value] : words) names += (names.empty() ? "" : "|") + word;
    return app
        .add_option_function<std::string>(
            name, [&to, &words](const std::string& word) { to = words.at(word); }, help)
        ->check([&words, names](const std::string& word) {
            return words.contains(word) ? std::string() : "must be one of " + names;
        })
        ->type_name(names);
}

manual::Manual manual_pages() {
    const auto letters = stock_options();
    return {
        .summary = "arbiter of corosync clusters",
        .stock = {{"corosync-qnetd",
                   "arbiter of corosync clusters",
                   {letters.begin(), letters.end()},
                   advanced_settings(),
                   ""}},
        .files = {{"/etc/corosync/qnetd/nssdb", "certificates"},
                  {"/var/lib/castvote/qnetd/grants.db",
                   "who may count the vote; never to be restored from a copy"},
                  {"/etc/default/corosync-qnetd",
                   "COROSYNC_QNETD_OPTIONS, the options of the service castvote-qnetd"}},
        .settings = {},
        .see_also = {"qnetd-tool", "qcert", "qdevice-client"},
    };
}

void describe(CLI::App& app, Options& options, Times& times) {
    app.add_option("--listen", options.address, "address to listen on (default: all)")
        ->type_name("ADDRESS");
    app.add_option("--port", options.port, "TCP port (default 5403)")->check(CLI::Range(1, 65535));
    choice(app, "--address-family", options.family, family_words, "IP versions to listen on");
    choice(app, "--tls", options.arbiter.tls, tls_words,
           "on: nodes may use TLS (default); required: they must; off: they cannot");
    choice(app, "--client-certificate", options.arbiter.client_certificate_required, switch_words,
           "whether a node in TLS must show its cluster's certificate (default on)");
    app.add_option("--certificates", options.certificates, "directory of the certificates")
        ->type_name("DIRECTORY");
    app.add_flag("--make-certificates", options.makes_certificates,
                 "make a certificate authority and a certificate there if there are none");
    app.add_option("--max-clients", options.clients_max,
                   "connections at a time (default: no limit)");
    app.add_option("--device-timeout", times.device_ms,
                   "longest quorum.device.timeout of any stock node, milliseconds (default 10000)")
        ->check(CLI::Range(std::int64_t{1}, device_timeout_max_ms));
    choice(app, "--failover", options.arbiter.failover, failover_words,
           "when a node falls silent and the others' ring goes on: stock waits 1.5 of its "
           "heartbeats (default); fast asks it and waits 1.1 s, for clusters with fencing; strict "
           "waits 2 heartbeats, until it no longer shows an old quorum");
    app.add_option("--init-timeout", times.init_ms,
                   "close a connection that has not said who it is by then, milliseconds (default "
                   "30000; a TLS handshake has 10000 of them at most)")
        ->check(CLI::Range(std::int64_t{100}, init_timeout_max_ms));
    app.add_flag("--allow-test-algorithm", options.arbiter.test_algorithm_enabled,
                 "serve nodes with the algorithm `test`, which gives everybody the vote");
    app.add_option("--socket", options.local_socket, "control socket")->type_name("PATH");
    app.add_option("--lock-file", options.lock_file, "file that only one instance may hold")
        ->type_name("PATH");
    app.add_option("--state", options.state_directory,
                   "where grants are kept over a restart (default /var/lib/castvote/qnetd); none: "
                   "in memory, and votes are held back after every start")
        ->type_name("DIRECTORY|none");
    choice(app, "--log-level", options.log_level, level_words, "lowest level that is logged");
    app.add_option("--shards", options.shards, "threads (default: one per processor)")
        ->check(CLI::Range(std::size_t{1}, shards_max));
    app.add_flag("--foreground", options.foreground,
                 "stay in the foreground (always so; for scripts that say it)");
    app.set_version_flag("--version", "qnetd " CASTVOTE_VERSION);
    app.footer(footer);
    manual::add_manual_option(app, manual_pages);
}

}  // namespace

Parsed parse_own_options(const std::vector<std::string>& arguments) {
    Options options;
    options.shards = default_shards();
    Times times{.device_ms = options.arbiter.device_timeout.count(),
                .init_ms = options.arbiter.init_timeout.count()};
    CLI::App app("The arbiter: gives a cluster's vote to exactly one partition.", "qnetd");
    app.set_help_flag("--help", "print this and leave");
    describe(app, options, times);
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    try {
        app.parse(static_cast<int>(argv.size()), argv.data());
    } catch (const CLI::CallForHelp&) {
        return Leave{0, app.help(), {}};
    } catch (const CLI::CallForVersion& text) {
        return Leave{0, std::string(text.what()) + "\n", {}};
    } catch (const CLI::ParseError& error) {
        return Leave{static_cast<int>(ExitStatus::command_line),
                     {},
                     fmt::format("qnetd: {}; see qnetd --help\n", error.what())};
    }
    options.arbiter.device_timeout = Duration(times.device_ms);
    options.arbiter.init_timeout = Duration(times.init_ms);
    return options;
}

bool is_stock_name(const std::string& program) {
    return program.substr(program.find_last_of('/') + 1).starts_with("corosync-");
}

std::size_t default_shards() {
    return std::clamp<std::size_t>(std::jthread::hardware_concurrency(), 1, shards_max);
}

}  // namespace castvote::qnetd
