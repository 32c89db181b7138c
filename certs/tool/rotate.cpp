// rotate.cpp -- qcert rotate: a new key and certificate for the arbiter, while it runs.
//
// Open connections go on under the old one; no node loses its vote, and none has to be touched,
// since the authority is the same. Another authority takes three steps: exchange.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/rotate.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/tool/exchange.hpp"
#include "certs/tool/running.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {

int rotate(const RotateOptions& options) {
    if (!options.authority.empty()) return exchange(options);
    const Path directory =
        options.directory.empty() ? Path(layout::arbiter_directory) : Path(options.directory);
    const std::string socket =
        options.control_socket.empty() ? standard_control_socket : options.control_socket;
    const Expected<Stored> made = renew_server(directory);
    nlohmann::json answer;
    int status = failed;
    if (!made) {
        if (!options.as_json) return report_error(made.error());
        answer = {{"error", {{"what", made.error().what}, {"remedy", made.error().remedy}}}};
    } else {
        say_to_syslog(fmt::format("a new certificate of the arbiter in {}", made->file.string()));
        const Hearing heard = have_read_again(socket, directory);
        const bool is_known = heard.what == Hearing::What::taken_up;
        status = is_known ? static_cast<int>(done) : rotate_not_taken_up;
        if (!options.as_json) {
            fmt::print("The arbiter has a new key and certificate: {}\n", made->file.string());
            print_hearing(heard, socket, "It shows it from now on");
            return status;
        }
        answer = {{"files", {made->file.string()}},
                  {"arbiter", name_of(heard.what)},
                  {"arbiter_says", heard.text}};
    }
    fmt::print("{}\n", answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return status;
}

CLI::App* describe_rotate(CLI::App& app, RotateOptions& options) {
    CLI::App* verb = app.add_subcommand(
        "rotate",
        "Arbiter: a new key and certificate for itself, or step by step another authority; nodes "
        "notice nothing");
    CLI::Option* authority =
        verb->add_option("--authority", options.authority,
                         "Another authority, in three steps: begin (two are trusted), switch (the "
                         "arbiter shows the new one), finish (the old one is dropped)")
            ->check(CLI::IsMember({"begin", "switch", "finish"}))
            ->type_name("STEP");
    verb->add_flag("--force", options.force,
                   "With switch or finish: also where nodes are left behind that have no "
                   "certificate of the new authority")
        ->needs(authority);
    add_arbiter_options(*verb, options.control_socket, options.directory, options.as_json);
    verb->footer(
        "Exit status: 0 done, with --authority also if it was done before; 1 refused or failed: "
        "all is as\n"
        "before, or the same command goes on; 2 wrong usage; 3 made, but no arbiter of ours has\n"
        "taken it up.");
    return verb;
}

}  // namespace castvote::certs::tool
