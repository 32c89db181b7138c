// rename.cpp -- qcert rename: a cluster gets another name, and keeps its certificates and its vote.
//
// Written to the arbiter's directory first, told to the running arbiter then. From there on both
// names are one cluster for it, so that the nodes may change corosync.conf one after the other.
// Doing it twice is fine, and tells the arbiter again.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/rename.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "certs/layout.hpp"
#include "certs/names.hpp"
#include "certs/tool/running.hpp"
#include "certs/tool/tool.hpp"
#include "common/wire/printable.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

void print(const json& answer) {
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
}

int report(const RenameOptions& options, const Error& error) {
    if (!options.as_json) return report_error(error);
    print({{"error", {{"what", error.what}, {"remedy", error.remedy}}}});
    return failed;
}

bool is_refused(const Hearing& heard) {
    return heard.what == Hearing::What::refused || heard.what == Hearing::What::names_refused;
}

// Takes back what the running arbiter has refused, and sees that it works by the list before.
// False: the line stays, since others have gone on from it, or somebody had the arbiter take it up
// after all.
Expected<bool> withdraw(const Path& directory, const Renaming& one, const std::string& socket) {
    if (!certs::withdraw(directory, one)) return false;
    if (have_names_read_again(socket, directory).what != Hearing::What::names_refused) return true;
    if (const Expected<void> back = write_back(directory, one); !back)
        return tl::unexpected<Error>(
            {fmt::format("the arbiter works by \"{}\" for \"{}\", which cannot be written down: {}",
                         one.is, one.was, back.error().what),
             back.error().remedy});
    return false;
}

json to_json(const Renaming& one) {
    return {{"was", one.was}, {"is", one.is}, {"renamed_at", one.renamed_at}};
}

}  // namespace

int rename(const RenameOptions& options) {
    const Path directory =
        options.directory.empty() ? Path(layout::arbiter_directory) : Path(options.directory);
    const std::string socket =
        options.control_socket.empty() ? standard_control_socket : options.control_socket;
    const Expected<Rename> renamed =
        rename_cluster(directory, options.was, options.is, clusters_of_running(socket));
    if (!renamed) return report(options, renamed.error());
    const Renaming& one = renamed->renaming;
    const Hearing heard = have_names_read_again(socket, directory);
    if (is_refused(heard) && !renamed->was_done_before) {
        const Expected<bool> withdrawn = withdraw(directory, one, socket);
        if (!withdrawn) return report(options, withdrawn.error());
        if (*withdrawn)
            return report(options, {fmt::format("the running arbiter refuses it: {}", heard.text),
                                    "nothing was renamed; mend that, and repeat this command"});
    }
    if (!renamed->was_done_before)
        say_to_syslog(fmt::format("cluster \"{}\" is called \"{}\" now", one.was, one.is));
    const bool is_known = heard.what == Hearing::What::taken_up;
    const int status = is_known ? static_cast<int>(done) : rename_not_taken_up;
    if (options.as_json) {
        print({{"renamed", to_json(one)},
               {"already", renamed->was_done_before},
               {"arbiter", name_of(heard.what)},
               {"arbiter_says", heard.text}});
        return status;
    }
    fmt::print("\"{}\" is called \"{}\" {}\n", printable(options.was), printable(one.is),
               renamed->was_done_before ? "since " + one.renamed_at : "from now on");
    print_hearing(heard, socket, "Both names are one cluster for the arbiter");
    if (is_known)
        fmt::print(
            "Now change cluster_name in corosync.conf, on one node after the other or on all. A "
            "stock\nnode daemon must be restarted then.\n");
    return status;
}

CLI::App* describe_rename(CLI::App& app, RenameOptions& options) {
    CLI::App* verb = app.add_subcommand(
        "rename", "Arbiter: a cluster gets another name; certificates and vote stay");
    verb->add_option("OLD", options.was, "The name that it has, or had")->required();
    verb->add_option("NEW", options.is, "cluster_name of its corosync.conf from now on")
        ->required();
    add_arbiter_options(*verb, options.control_socket, options.directory, options.as_json);
    verb->footer(
        "Exit status: 0 done, also if it was done before; 1 refused or failed: nothing was "
        "renamed;\n"
        "2 wrong usage; 3 written down, but no arbiter of ours has taken it up, or not all of it: "
        "leave\nthe nodes' names, and repeat this later.");
    return verb;
}

}  // namespace castvote::certs::tool
