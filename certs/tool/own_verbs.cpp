// own_verbs.cpp -- qcert under its own name: init, request, sign, import, list, show, backup,
// restore; invite, join, rename, revoke and rotate have files of their own.
//
// Long options, and --json wherever something is printed. Works in any directory, so that it can be
// tried out without root.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "certs/arbiter_directory.hpp"
#include "certs/backup.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/nss_import.hpp"
#include "certs/tool/enrol.hpp"
#include "certs/tool/rename.hpp"
#include "certs/tool/revoke.hpp"
#include "certs/tool/rotate.hpp"
#include "certs/tool/tool.hpp"
#include "common/manual/manual.hpp"

namespace castvote::certs::tool {
namespace {

struct Options {
    std::string directory;
    bool as_json = false;
    std::string cluster;
    std::string request_file;
    std::string ca_file;
    bool add = false;
    std::string certificate_file;
    std::string bundle_file;
    bool no_group_write = false;
    bool if_missing = false;
    std::string backup_file;
    bool force = false;
};

Path directory_or(const Options& options, const char* standard) {
    Path path = options.directory.empty() ? Path(standard) : Path(options.directory);
    // "dir/" and "dir" are one place, whose parent gives the owner.
    return path.has_filename() ? path : path.parent_path();
}

int print_failure(const Options& options, const Error& error) {
    if (!options.as_json) return report_error(error);
    const nlohmann::json answer = {{"error", {{"what", error.what}, {"remedy", error.remedy}}}};
    fmt::print("{}\n", answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return failed;
}

// `sentence` says what was done, the file name follows it.
struct Step {
    const char* sentence;
    Stored stored;
};

int print_steps(const Options& options, const std::vector<Step>& steps) {
    nlohmann::json answer = {{"files", nlohmann::json::array()},
                             {"notes", nlohmann::json::array()}};
    for (const Step& step : steps) {
        answer["files"].push_back(step.stored.file.string());
        for (const std::string& note : step.stored.notes) answer["notes"].push_back(note);
        if (options.as_json) continue;
        fmt::print("{} {}\n", step.sentence, step.stored.file.string());
        for (const std::string& note : step.stored.notes) fmt::print("{}\n", note);
    }
    if (options.as_json)
        fmt::print("{}\n", answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return done;
}

int print_step(const Options& options, const char* sentence, Expected<Stored> stored) {
    if (!stored) return print_failure(options, stored.error());
    return print_steps(options, {Step{sentence, std::move(*stored)}});
}

int init(const Options& options) {
    const Path directory = directory_or(options, layout::arbiter_directory);
    if (options.if_missing) {
        // One that cannot be taken over is no reason for a second authority beside it.
        const Expected<void> adopted = adopt_stock_database(directory, Role::arbiter);
        if (!adopted) return print_failure(options, adopted.error());
        if (arbiter_format(directory) != Format::none) return print_steps(options, {});
    }
    return print_step(
        options, "Made a certificate authority and the arbiter's certificate. Give the nodes",
        init_arbiter(directory, options.no_group_write ? GroupWrite::no : GroupWrite::yes));
}

int request(const Options& options) {
    const Path directory = directory_or(options, layout::node_directory);
    return print_step(options, "Made a request. Let the arbiter sign",
                      request_certificate(directory, options.cluster));
}

int sign(const Options& options) {
    const Path directory = directory_or(options, layout::arbiter_directory);
    return print_step(options, "Signed. Import on the node that made the request:",
                      sign_request(directory, options.request_file, options.cluster));
}

// Without a file to import: stock databases, in the given or in the two standard directories.
int import_stock_databases(const Options& options) {
    std::vector<Path> directories;
    if (!options.directory.empty()) {
        directories.push_back(directory_or(options, ""));
    } else {
        for (const char* standard : {layout::arbiter_directory, layout::node_directory})
            if (has_nss_database(standard)) directories.emplace_back(standard);
    }
    if (directories.empty())
        return print_failure(options, {"there is no stock certificate database on this host",
                                       "name what to import: --ca, --certificate, --p12 or --dir"});
    std::vector<Step> steps;
    for (const Path& directory : directories) {
        const Expected<Role> role = role_of_nss_database(directory);
        if (!role) return print_failure(options, role.error());
        Expected<Stored> stored = import_nss_database(directory, *role);
        if (!stored) return print_failure(options, stored.error());
        steps.push_back({"Stored", std::move(*stored)});
    }
    return print_steps(options, steps);
}

int import_files(const Options& options) {
    if (options.ca_file.empty() && options.certificate_file.empty() && options.bundle_file.empty())
        return import_stock_databases(options);
    const Path directory = directory_or(options, layout::node_directory);
    std::vector<Step> steps;
    if (!options.ca_file.empty()) {
        Expected<Stored> stored =
            options.add ? add_ca(directory, options.ca_file)
                        : import_ca(directory, options.ca_file, Existing::same_is_fine);
        if (!stored) return print_failure(options, stored.error());
        steps.push_back({"Stored the CA certificate in", std::move(*stored)});
    }
    if (!options.certificate_file.empty()) {
        Expected<Stored> stored = import_signed_certificate(directory, options.certificate_file);
        if (!stored) return print_failure(options, stored.error());
        steps.push_back(
            {"Stored the cluster certificate. Import on the other nodes:", std::move(*stored)});
    }
    if (!options.bundle_file.empty()) {
        Expected<Stored> stored = import_bundle(directory, options.bundle_file);
        if (!stored) return print_failure(options, stored.error());
        steps.push_back({"Stored the cluster certificate and its key in", std::move(*stored)});
    }
    return print_steps(options, steps);
}

int show_directories(const Options& options) {
    if (!options.directory.empty()) return show({directory_or(options, "")}, options.as_json);
    std::vector<Path> directories;
    for (const char* standard : {layout::arbiter_directory, layout::node_directory})
        if (is_there(standard)) directories.emplace_back(standard);
    if (!directories.empty()) return show(directories, options.as_json);
    return print_failure(options, {"there is no certificate directory on this host",
                                   "name one with --dir, or make one with init or import"});
}

int list_certificates(const Options& options) {
    const Path directory = directory_or(options, layout::arbiter_directory);
    if (is_there(directory)) return list(directory, options.as_json);
    return print_failure(options, {fmt::format("there is no directory {}", directory.string()),
                                   "name the arbiter's with --dir, or make one with init"});
}

int back_up_arbiter(const Options& options) {
    return print_step(
        options, "Keep this file safe, and off this machine:",
        back_up(directory_or(options, layout::arbiter_directory), options.backup_file));
}

int restore_arbiter(const Options& options) {
    return print_step(options, "Restored the arbiter's certificates in",
                      restore(directory_or(options, layout::arbiter_directory), options.backup_file,
                              options.force ? Present::aside : Present::refuse));
}

void describe_common(CLI::App* verb, Options& options, const std::string& standard) {
    verb->add_option("--dir", options.directory, "Certificate directory (default " + standard + ")")
        ->type_name("DIR");
    verb->add_flag("--json", options.as_json, "Print JSON");
}

struct Verb {
    CLI::App* described;
    int (*perform)(const Options&);
};

std::vector<Verb> describe(CLI::App& app, Options& options) {
    const std::string arbiter = layout::arbiter_directory;
    const std::string node = layout::node_directory;
    CLI::App* init_verb = app.add_subcommand(
        "init", "Arbiter: make the certificate authority and the arbiter's certificate");
    describe_common(init_verb, options, arbiter);
    init_verb->add_flag("--no-group-write", options.no_group_write,
                        "New files are not writable for the daemon's group");
    init_verb->add_flag("--if-missing", options.if_missing,
                        "Take over a stock database, and do nothing where certificates exist");
    CLI::App* request_verb =
        app.add_subcommand("request", "Node: make a key and a certificate request for the cluster");
    describe_common(request_verb, options, node);
    request_verb->add_option("--cluster", options.cluster, "cluster_name of corosync.conf")
        ->required()
        ->type_name("NAME");
    CLI::App* sign_verb = app.add_subcommand("sign", "Arbiter: sign a cluster's request");
    describe_common(sign_verb, options, arbiter);
    sign_verb->add_option("--cluster", options.cluster, "Cluster that the request is for")
        ->required()
        ->type_name("NAME");
    sign_verb->add_option("--request", options.request_file, "qdevice-net-node.crq of a node")
        ->required()
        ->check(CLI::ExistingFile)
        ->type_name("FILE");
    CLI::App* import_verb = app.add_subcommand(
        "import", "Node: take certificates. Without a file: take over a stock database in place");
    describe_common(import_verb, options, node);
    CLI::Option* ca = import_verb
                          ->add_option("--ca", options.ca_file,
                                       "The arbiter's qnetd-cacert.crt; no other one is trusted")
                          ->check(CLI::ExistingFile)
                          ->type_name("FILE");
    import_verb
        ->add_flag("--add", options.add,
                   "With --ca: trust it beside those that are trusted, while the arbiter's "
                   "authority is exchanged")
        ->needs(ca);
    import_verb
        ->add_option("--certificate", options.certificate_file,
                     "The signed certificate, cluster-NAME.crt")
        ->check(CLI::ExistingFile)
        ->type_name("FILE");
    import_verb
        ->add_option("--p12", options.bundle_file,
                     "qdevice-net-node.p12 of the node that imported the certificate")
        ->check(CLI::ExistingFile)
        ->type_name("FILE");
    CLI::App* show_verb =
        app.add_subcommand("show", "Say what a certificate directory holds and who can use it");
    describe_common(show_verb, options, "both of the above");
    CLI::App* list_verb =
        app.add_subcommand("list", "Arbiter: every certificate that its authority has issued");
    describe_common(list_verb, options, arbiter);
    return {
        {init_verb, init},           {request_verb, request},        {sign_verb, sign},
        {import_verb, import_files}, {list_verb, list_certificates}, {show_verb, show_directories}};
}

// The arbiter's certificates on the way to another machine.
std::vector<Verb> describe_moves(CLI::App& app, Options& options) {
    const std::string arbiter = layout::arbiter_directory;
    CLI::App* backup_verb =
        app.add_subcommand("backup", "Arbiter: all its certificates and keys as one file");
    describe_common(backup_verb, options, arbiter);
    backup_verb->add_option("--to", options.backup_file, "The file; a new one")
        ->required()
        ->type_name("FILE");
    CLI::App* restore_verb =
        app.add_subcommand("restore", "Arbiter: be the one that a backup was made of");
    describe_common(restore_verb, options, arbiter);
    restore_verb->add_option("--from", options.backup_file, "What \"qcert backup\" has written")
        ->required()
        ->check(CLI::ExistingFile)
        ->type_name("FILE");
    restore_verb->add_flag("--force", options.force,
                           "Move the certificates that are there to a directory beside it");
    return {{backup_verb, back_up_arbiter}, {restore_verb, restore_arbiter}};
}

manual::Manual manual_pages() {
    const auto arbiter = stock_arbiter_options();
    const auto node = stock_node_options();
    return {
        .summary = "certificates for an arbiter and its clusters",
        .stock = {{"corosync-qnetd-certutil",
                   "certificates of the arbiter",
                   {arbiter.begin(), arbiter.end()},
                   {},
                   ""},
                  {"corosync-qdevice-net-certutil",
                   "certificates of a corosync node",
                   {node.begin(), node.end()},
                   {},
                   "ARBITER NODE..."}},
        .files = {{layout::arbiter_directory, "certificates of the arbiter"},
                  {layout::node_directory, "certificates of a node"}},
        .settings = {},
        .see_also = {"qnetd", "qdevice-client"},
    };
}

}  // namespace

namespace {

// A token is worth a certificate as long as its invitation is open: others who list the processes
// here shall not read it. What was parsed is a copy.
void hide_tokens(int argc, char** argv) {
    constexpr std::size_t no_name_is_longer = 40;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument(argv[i]);
        if (argument.starts_with("cv") && argument.size() > no_name_is_longer)
            std::fill_n(argv[i], argument.size(), '*');
    }
}

}  // namespace

int own_verbs(int argc, char** argv) {
    Options options;
    CLI::App app("Certificates for a Castvote arbiter and its clusters.", "qcert");
    manual::add_manual_option(app, manual_pages);
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("qcert ") + CASTVOTE_VERSION);
    app.footer(
        "Exit status: 0 done, 1 refused or failed (show: unusable), 2 wrong usage or a named "
        "file does not exist.");
    std::vector<Verb> verbs = describe(app, options);
    for (const Verb& verb : describe_moves(app, options)) verbs.push_back(verb);
    InviteOptions inviting;
    JoinOptions joining;
    const CLI::App* invite_verb = describe_invite(app, inviting);
    const CLI::App* join_verb = describe_join(app, joining);
    RevokeOptions revoking;
    const CLI::App* revoke_verb = describe_revoke(app, revoking);
    RenameOptions renaming;
    RotateOptions rotating;
    const CLI::App* rotate_verb = describe_rotate(app, rotating);
    const CLI::App* rename_verb = describe_rename(app, renaming);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? done : wrong_usage;
    }
    hide_tokens(argc, argv);
    for (const Verb& verb : verbs)
        if (verb.described->parsed()) return verb.perform(options);
    if (invite_verb->parsed()) return invite(inviting);
    if (join_verb->parsed()) return join(joining);
    if (revoke_verb->parsed()) return revoke(revoking);
    if (rotate_verb->parsed()) return rotate(rotating);
    if (rename_verb->parsed()) return rename(renaming);
    return wrong_usage;
}

}  // namespace castvote::certs::tool
