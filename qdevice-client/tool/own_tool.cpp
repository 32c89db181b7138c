// own_tool.cpp -- see own_tool.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/tool/own_tool.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "certs/layout.hpp"
#include "common/ipc/client.hpp"
#include "common/manual/manual.hpp"
#include "qdevice-client/tool/doctor_facts.hpp"
#include "qdevice-client/tool/plain_status.hpp"
#include "qdevice-client/tool/stock_tool.hpp"

namespace castvote::qdevice {

namespace {

constexpr int usage = 1;
constexpr int no_sense = 3;

int complain(const ipc::Response& response, const std::string& socket) {
    using Kind = ipc::Response::Kind;
    const auto say = [](const std::string& text) {
        std::fprintf(stderr, "qdevice-tool: %s\n", text.c_str());
    };
    switch (response.kind) {
        case Kind::cannot_connect:
            say(
                fmt::format("no node daemon answers at {}: {}; is qdevice-client running? "
                            "(--socket PATH)",
                            socket, response.text));
            return no_sense;
        case Kind::nothing:
            say("the daemon closed the connection: too many tools ask at once; try again");
            return no_sense;
        case Kind::error: std::fprintf(stderr, "qdevice-tool: %s", response.text.c_str()); return 4;
        case Kind::unknown_status: say("no sense in the answer: " + response.text); return no_sense;
        case Kind::ok:
        case Kind::cannot_talk: break;
    }
    say("talking to the daemon failed: " + response.text);
    return 2;
}

int print_status(const std::string& socket, bool verbose, bool json) {
    const ipc::Response response = ipc::ask(socket, "json status");
    if (response.kind != ipc::Response::Kind::ok) return complain(response, socket);
    std::string text = response.text;
    if (!json) {
        auto plain = plain_status(text, verbose);
        if (!plain) return complain({ipc::Response::Kind::unknown_status, plain.error()}, socket);
        text = std::move(*plain);
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

manual::Manual manual_pages() {
    const auto letters = stock_tool_options();
    return {
        .summary = "asks the node daemon that runs here",
        .stock = {{"corosync-qdevice-tool",
                   "asks the node daemon that runs here",
                   {letters.begin(), letters.end()},
                   {},
                   ""}},
        .files = {{"/run/corosync-qdevice/corosync-qdevice.sock", "control socket"}},
        .settings = {},
        .see_also = {"qdevice-client"},
    };
}

}  // namespace

int run_own_tool(const std::vector<std::string>& arguments) {
    std::string socket = "/var/run/corosync-qdevice/corosync-qdevice.sock";
    bool verbose = false;
    bool json = false;
    std::string certificates = certs::layout::node_directory;
    CLI::App app("Asks the node daemon that runs here.", "qdevice-tool");
    app.set_help_flag("--help", "print this and leave");
    app.set_version_flag("--version", "qdevice-tool " CASTVOTE_VERSION);
    app.add_option("--socket", socket, "control socket of the daemon")->type_name("PATH");
    app.require_subcommand(1);
    manual::add_manual_option(app, manual_pages);
    app.footer(
        "Exit status: 0 done; 1 wrong command line; 2 internal error; 3 no daemon answers;\n"
        "4 the daemon refused; 6 the doctor found something wrong. Started as\n"
        "corosync-qdevice-tool it takes that program's options.\n");
    CLI::App* status = app.add_subcommand("status", "is this node protected, and what if...");
    status->add_flag("--verbose", verbose, "more about the connection");
    status->add_flag("--json", json, "for programs");
    CLI::App* doctor = app.add_subcommand(
        "doctor", "what is wrong with this node's set-up, and what to do; changes nothing");
    doctor->add_option("--certificates", certificates, "the node's certificate directory")
        ->type_name("DIR")
        ->capture_default_str();
    doctor->add_flag("--json", json, "for programs");
    const CLI::App* shutdown =
        app.add_subcommand("shutdown", "withdraw the vote and end the daemon");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    try {
        app.parse(static_cast<int>(argv.size()), argv.data());
    } catch (const CLI::Success& asked) {
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "qdevice-tool: %s; see qdevice-tool --help\n", error.what());
        return usage;
    }
    if (*status) return print_status(socket, verbose, json);
    if (*doctor) return doctor::report(examine(gather({socket, certificates})), json);
    if (!*shutdown) return usage;
    const ipc::Response response = ipc::ask(socket, "shutdown");
    return response.kind == ipc::Response::Kind::ok ? 0 : complain(response, socket);
}

}  // namespace castvote::qdevice
