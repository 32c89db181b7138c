// revoke.cpp -- qcert revoke: certificates that the arbiter refuses from now on.
//
// Written to the arbiter's directory first, told to the running arbiter then: what was revoked
// stays so, whoever runs. Doing it twice is fine, and tells the arbiter again.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/revoke.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "certs/layout.hpp"
#include "certs/names.hpp"
#include "certs/register.hpp"
#include "certs/revoked.hpp"
#include "certs/tool/running.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

int report(const RevokeOptions& options, const Error& error, int status = failed) {
    if (!options.as_json) {
        print_error(error);
        return status;
    }
    const json answer = {{"error", {{"what", error.what}, {"remedy", error.remedy}}}};
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
    return status;
}

// All that is known of one cluster, under whatever name.
Expected<std::vector<std::string>> serials_of_cluster(const RevokeOptions& options,
                                                      const Path& directory) {
    Expected<std::vector<Entry>> known = known_certificates(directory);
    if (!known) return tl::unexpected<Error>(known.error());
    const Expected<std::vector<Renaming>> renamed = read_renamings(directory);
    if (!renamed) return tl::unexpected<Error>(renamed.error());
    known = by_present_names(std::move(*known), *renamed);
    const std::string name = present_name(cluster_names(*renamed), options.cluster);
    const std::vector<Entry> clusters = latest_of_each_owner(*known, name);
    if (clusters.empty())
        return fail(
            fmt::format("no certificate of a cluster \"{}\" is known here", options.cluster),
            "see \"qcert list\"");
    const Expected<std::string> owner = owner_meant(clusters, options.cluster, options.owner);
    if (!owner) return tl::unexpected<Error>(owner.error());
    std::vector<std::string> serials;
    for (const Entry& entry : *known)
        if (entry.use == "cluster" && entry.owner == *owner && equal_without_case(entry.name, name))
            serials.push_back(entry.serial);
    return serials;
}

json to_json(const std::vector<Revoked>& list) {
    json all = json::array();
    for (const Revoked& one : list)
        all.push_back({{"serial", one.serial}, {"name", one.name}, {"revoked_at", one.revoked_at}});
    return all;
}

void print_list(const std::vector<Revoked>& list, const char* how) {
    for (const Revoked& one : list)
        fmt::print("{:>5}  {}{}\n", one.serial, how,
                   one.name.empty() ? "" : fmt::format(", of cluster \"{}\"", one.name));
}

int print(const RevokeOptions& options, const Revocation& done, const Hearing& heard) {
    const bool is_known = heard.what == Hearing::What::taken_up;
    const int status = is_known ? static_cast<int>(tool::done) : revoke_not_taken_up;
    if (options.as_json) {
        const json answer = {{"revoked", to_json(done.added)},
                             {"already", to_json(done.before)},
                             {"arbiter", name_of(heard.what)},
                             {"arbiter_says", heard.text}};
        fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
        return status;
    }
    print_list(done.added, "revoked");
    print_list(done.before, "was revoked before");
    print_hearing(heard, options.control_socket, "The arbiter refuses them from now on");
    return status;
}

}  // namespace

int revoke(const RevokeOptions& given) {
    RevokeOptions options = given;
    if (options.control_socket.empty()) options.control_socket = standard_control_socket;
    if (options.serials.empty() == options.cluster.empty())
        return report(options,
                      {"either serial numbers or --cluster, please",
                       "see \"qcert list\" for both, and \"qcert revoke --help\""},
                      wrong_usage);
    const Path directory =
        options.directory.empty() ? Path(layout::arbiter_directory) : Path(options.directory);
    if (!options.cluster.empty()) {
        auto serials = serials_of_cluster(options, directory);
        if (!serials) return report(options, serials.error());
        options.serials = std::move(*serials);
    }
    const Expected<Revocation> done = certs::revoke(directory, options.serials);
    if (!done) return report(options, done.error());
    for (const Revoked& one : done->added)
        say_to_syslog(
            fmt::format("revoked certificate {} of cluster \"{}\"", one.serial, one.name));
    return print(options, *done, have_read_again(options.control_socket, directory));
}

CLI::App* describe_revoke(CLI::App& app, RevokeOptions& options) {
    CLI::App* verb = app.add_subcommand(
        "revoke", "Arbiter: refuse certificates from now on, also on open connections");
    verb->add_option("SERIAL", options.serials, "Serial numbers, as \"qcert list\" shows them");
    CLI::Option* cluster = verb->add_option("--cluster", options.cluster,
                                            "All that were issued to this cluster so far")
                               ->type_name("NAME");
    verb->add_option("--owner", options.owner,
                     "With --cluster, where several clusters have the name: the beginning of the "
                     "owner of the one that is meant")
        ->type_name("HEX")
        ->needs(cluster);
    add_arbiter_options(*verb, options.control_socket, options.directory, options.as_json);
    verb->footer(
        "Exit status: 0 done, also if it was done before; 1 refused or failed: nothing was "
        "revoked;\n"
        "2 wrong usage; 3 revoked, but no arbiter of ours has taken it up.");
    return verb;
}

}  // namespace castvote::certs::tool
