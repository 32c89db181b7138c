// own_tool.cpp -- see own_tool.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/own_tool.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <string>

#include "certs/layout.hpp"
#include "common/ipc/client.hpp"
#include "common/ipc/words.hpp"
#include "common/manual/manual.hpp"
#include "qnetd/tool/doctor.hpp"
#include "qnetd/tool/plain_status.hpp"
#include "qnetd/tool/stock_tool.hpp"

namespace castvote::qnetd {

namespace {

constexpr int usage = 1;
constexpr int no_sense = 3;
constexpr int not_confirmed = 5;

struct Wanted {
    std::string socket = "/var/run/corosync-qnetd/corosync-qnetd.sock";
    bool verbose = false;
    bool json = false;
    std::string cluster;
    std::uint32_t node = 0;
    std::string certificates = certs::layout::arbiter_directory;
};

int complain(const ipc::Response& response, const std::string& socket) {
    using Kind = ipc::Response::Kind;
    const auto say = [](const std::string& text) {
        std::fprintf(stderr, "qnetd-tool: %s\n", text.c_str());
    };
    switch (response.kind) {
        case Kind::cannot_connect:
            say(fmt::format("no arbiter answers at {}: {}; is qnetd running? (--socket PATH)",
                            socket, response.text));
            return no_sense;
        case Kind::nothing:
            say("the arbiter closed the connection: too many tools ask at once; try again");
            return no_sense;
        case Kind::error: std::fprintf(stderr, "qnetd-tool: %s", response.text.c_str()); return 4;
        case Kind::unknown_status: say("no sense in the answer: " + response.text); return no_sense;
        default: say("talking to the arbiter failed: " + response.text); return 2;
    }
}

int ask_and_print(const Wanted& wanted, const std::string& request) {
    const ipc::Response response = ipc::ask(wanted.socket, request);
    if (response.kind != ipc::Response::Kind::ok) return complain(response, wanted.socket);
    std::string text = response.text;
    if (!wanted.json && request.starts_with("json ")) {
        auto plain = plain_status(text, wanted.verbose);
        if (!plain)
            return complain({ipc::Response::Kind::unknown_status, plain.error()}, wanted.socket);
        text = std::move(*plain);
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
}

// What is typed, without blanks around it; empty at the end of input.
std::string typed(const std::string& question) {
    std::fputs(question.c_str(), stdout);
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    const std::size_t first = line.find_first_not_of(" \t\r");
    return first == std::string::npos
               ? ""
               : line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
}

// Asks the arbiter what is at stake, and the operator twice.
int release(const Wanted& wanted) {
    const std::string request =
        fmt::format("release cluster {} node {}", ipc::quote(wanted.cluster), wanted.node);
    if (const int status = ask_and_print(wanted, request); status != 0) return status;
    if (typed(fmt::format("\nIs node {} switched off? (yes or no) ", wanted.node)) != "yes" ||
        typed("Type the number of the node that shall lose the vote: ") !=
            std::to_string(wanted.node)) {
        std::fputs("\nNothing was changed.\n", stdout);
        return not_confirmed;
    }
    return ask_and_print(wanted, request + " certain");
}

manual::Manual manual_pages() {
    const auto letters = stock_tool_options();
    return {
        .summary = "asks the arbiter that runs here",
        .stock = {{"corosync-qnetd-tool",
                   "asks the arbiter that runs here",
                   {letters.begin(), letters.end()},
                   {},
                   ""}},
        .files = {{"/run/corosync-qnetd/corosync-qnetd.sock", "control socket"}},
        .settings = {},
        .see_also = {"qnetd"},
    };
}

}  // namespace

int run_own_tool(const std::vector<std::string>& arguments) {
    Wanted wanted;
    CLI::App app("Asks the running arbiter.", "qnetd-tool");
    app.set_help_flag("--help", "print this and leave");
    app.set_version_flag("--version", "qnetd-tool " CASTVOTE_VERSION);
    app.add_option("--socket", wanted.socket, "control socket of the arbiter")->type_name("PATH");
    app.require_subcommand(1);
    manual::add_manual_option(app, manual_pages);
    app.fallthrough();
    app.footer(
        "Exit status: 0 done; 1 wrong command line; 2 internal error; 3 no arbiter answers;\n"
        "4 the arbiter refused; 5 a release was not confirmed; 6 the doctor found something "
        "wrong.\n"
        "Started as corosync-qnetd-tool it takes that program's options.\n");
    CLI::App* status = app.add_subcommand("status", "who has the vote, since when, and why");
    status->add_flag("--verbose", wanted.verbose, "more about each node");
    status->add_flag("--json", wanted.json, "for programs");
    CLI::App* list = app.add_subcommand("list", "clusters and their nodes");
    list->add_option("--cluster", wanted.cluster, "only this one")->type_name("NAME");
    list->add_flag("--json", wanted.json, "for programs");
    CLI::App* releasing = app.add_subcommand(
        "release", "your word that a lost node is off, so that others may have the vote");
    releasing->add_option("--cluster", wanted.cluster, "its cluster")
        ->type_name("NAME")
        ->required();
    releasing->add_option("--node", wanted.node, "its number")->type_name("NUMBER")->required();
    CLI::App* doctor = app.add_subcommand(
        "doctor",
        "what is wrong with the arbiter and its clusters, and what to do; changes nothing");
    doctor->add_option("--certificates", wanted.certificates, "the arbiter's certificate directory")
        ->type_name("DIR")
        ->capture_default_str();
    doctor->add_flag("--json", wanted.json, "for programs");
    CLI::App* shutdown = app.add_subcommand("shutdown", "end the arbiter");
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    try {
        app.parse(static_cast<int>(argv.size()), argv.data());
    } catch (const CLI::Success& asked) {
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        std::fprintf(stderr, "qnetd-tool: %s; see qnetd-tool --help\n", error.what());
        return usage;
    }
    const std::string only = wanted.cluster.empty() ? "" : " cluster " + ipc::quote(wanted.cluster);
    if (*status) return ask_and_print(wanted, "json status");
    if (*list)
        return ask_and_print(wanted, wanted.json ? "json list" + only : "list verbose" + only);
    if (*releasing) return release(wanted);
    if (*doctor)
        return doctor::report(examine(gather({wanted.socket, wanted.certificates})), wanted.json);
    if (*shutdown) return ask_and_print(wanted, "shutdown");
    return usage;
}

}  // namespace castvote::qnetd
