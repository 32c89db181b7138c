// running.cpp -- see running.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/running.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "certs/layout.hpp"
#include "certs/tool/tool.hpp"
#include "common/ipc/client.hpp"
#include "common/ipc/words.hpp"
#include "common/wire/printable.hpp"

namespace castvote::certs::tool {

void add_arbiter_options(CLI::App& verb, std::string& control_socket, std::string& directory,
                         bool& as_json) {
    verb.add_option(
            "--socket", control_socket,
            fmt::format("The arbiter's control socket (default {})", standard_control_socket))
        ->type_name("PATH");
    verb.add_option("--dir", directory,
                    fmt::format("Certificate directory (default {})", layout::arbiter_directory))
        ->type_name("DIR");
    verb.add_flag("--json", as_json, "Print JSON");
}

Hearing have_read_again(const std::string& control_socket, const Path& directory) {
    using What = Hearing::What;
    Hearing heard = have_names_read_again(control_socket, directory);
    if (heard.what == What::names_refused || heard.what == What::names_apart)
        heard.what = What::taken_up;
    return heard;
}

Hearing have_names_read_again(const std::string& control_socket, const Path& directory) {
    using Kind = ipc::Response::Kind;
    using What = Hearing::What;
    std::error_code ignored;
    const Path whole = std::filesystem::absolute(directory, ignored);
    const ipc::Response response = ipc::ask(control_socket, "reload " + ipc::quote(whole.string()));
    std::string text = printable(response.text.substr(0, response.text.find('\n')));
    switch (response.kind) {
        case Kind::ok: return {What::taken_up, std::move(text)};
        case Kind::cannot_connect:
        case Kind::cannot_talk: return {What::no_answer, std::move(text)};
        case Kind::nothing: return {What::no_answer, "it said nothing"};
        case Kind::unknown_status: return {What::stock, std::move(text)};
        case Kind::error: break;
    }
    if (text.starts_with(ipc::names_are_refused)) return {What::names_refused, std::move(text)};
    if (text.starts_with(ipc::names_are_apart)) return {What::names_apart, std::move(text)};
    const bool is_stock = text.starts_with("Unknown command");
    return {is_stock ? What::stock : What::refused, std::move(text)};
}

std::vector<std::string> clusters_of_running(const std::string& control_socket) {
    using nlohmann::json;
    const ipc::Response response = ipc::ask(control_socket, "json list");
    if (response.kind != ipc::Response::Kind::ok) return {};
    const json content = json::parse(response.text, nullptr, /*allow_exceptions=*/false);
    const json list = content.is_object() ? content.value("clusters", json()) : json();
    std::vector<std::string> names;
    for (const json& cluster : list)
        if (cluster.is_object() && cluster.value("name", json()).is_string())
            names.push_back(cluster["name"].get<std::string>());
    return names;
}

const char* name_of(Hearing::What what) {
    switch (what) {
        case Hearing::What::taken_up: return "taken_up";
        case Hearing::What::no_answer: return "no_answer";
        case Hearing::What::stock: return "stock";
        case Hearing::What::refused:
        case Hearing::What::names_refused: return "refused";
        case Hearing::What::names_apart: return "apart";
    }
    return "";
}

void print_hearing(const Hearing& heard, const std::string& control_socket, const char* words) {
    std::fflush(stdout);
    switch (heard.what) {
        case Hearing::What::taken_up: fmt::print("{}: {}\n", words, heard.text); return;
        case Hearing::What::no_answer:
            return print_error(
                {fmt::format("no arbiter answers at {}: {}", control_socket, heard.text),
                 "if one runs elsewhere on this host, say --socket; one that is started takes it "
                 "up"});
        case Hearing::What::stock:
            return print_error(
                {fmt::format("at {} runs the stock arbiter, which knows nothing of this",
                             control_socket),
                 "it goes on as before, with its own database"});
        case Hearing::What::names_apart:
            return print_error(
                {heard.text, "leave the nodes' names as they are, and repeat this command later"});
        case Hearing::What::refused:
        case Hearing::What::names_refused:
            return print_error(
                {fmt::format("the running arbiter has not taken it up: {}", heard.text),
                 "mend that, and repeat this command"});
    }
}

void say_to_syslog(std::string_view line) {
    ::openlog("qcert", LOG_PID, LOG_AUTH);
    ::syslog(LOG_NOTICE, "%s", printable(std::string(line)).c_str());
    ::closelog();
}

}  // namespace castvote::certs::tool
