// join.cpp -- qcert join: a certificate for this node from an open invitation, and the quorum
// device in corosync.conf.
//
// What is there already is not asked for twice. Nothing is started or restarted.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "certs/enrol/ask.hpp"
#include "certs/enrol/corosync_conf.hpp"
#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/tool/enrol.hpp"
#include "certs/tool/join_others.hpp"
#include "certs/tool/tool.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

struct Failure {
    int status = failed;
    Error words;
};

tl::unexpected<Failure> fail_with(int status, std::string what, std::string remedy) {
    return tl::unexpected<Failure>(Failure{status, {std::move(what), std::move(remedy)}});
}

tl::unexpected<Failure> fail_with(const Error& error) {
    return tl::unexpected<Failure>(Failure{failed, error});
}

// "host", "host:5404", "[2001:db8::1]:5404", "2001:db8::1".
std::optional<enrol::Where> where_is(const std::string& text) {
    enrol::Where where;
    std::string port;
    const auto bracket = text.find(']');
    if (text.starts_with('[') && bracket != text.npos) {
        where.host = text.substr(1, bracket - 1);
        port = text.substr(bracket + 1);
        if (!port.empty() && port.front() != ':') return std::nullopt;
        if (!port.empty()) port.erase(0, 1);
    } else if (text.find(':') != text.npos && text.find(':') == text.rfind(':')) {
        where.host = text.substr(0, text.find(':'));
        port = text.substr(text.find(':') + 1);
    } else {
        where.host = text;
    }
    if (where.host.empty()) return std::nullopt;
    if (port.empty() && !text.ends_with(':')) return where;
    const char* past = port.data() + port.size();
    const auto [end, error] = std::from_chars(port.data(), past, where.port);
    if (error != std::errc() || end != past || where.port == 0) return std::nullopt;
    return where;
}

// What corosync.conf says, and what it is to say.
struct Configuration {
    Path file;
    std::string text;
    enrol::ConfigurationFacts facts;
};

Expected<std::optional<Configuration>, Failure> find_configuration(const JoinOptions& options) {
    Configuration found;
    found.file = options.configuration;
    if (options.configuration.empty())
        found.file = is_there(proxmox_configuration) ? proxmox_configuration : plain_configuration;
    if (!is_there(found.file)) {
        if (options.configuration.empty() && !options.apply) return std::nullopt;
        return fail_with(failed, fmt::format("there is no {}", found.file.string()),
                         "set up corosync first, or name its file with --corosync-conf");
    }
    const Expected<std::string> text = read_file(found.file);
    if (!text) return fail_with(text.error());
    const auto facts = enrol::read_configuration(*text);
    if (!facts) return fail_with(facts.error());
    found.text = *text;
    found.facts = *facts;
    return std::optional(std::move(found));
}

struct Plan {
    enrol::Where where;
    std::uint16_t arbiter_port = 0;
    Token token;
    std::string cluster;
    Path directory;
    std::optional<Configuration> configuration;
};

Expected<Plan, Failure> plan_of(const JoinOptions& options) {
    const auto where = where_is(options.address);
    if (!where)
        return fail_with(wrong_usage, fmt::format("\"{}\" is no address", options.address),
                         "say 192.0.2.1, or 192.0.2.1:5404");
    std::string text = options.token;
    if (text == "-") std::getline(std::cin, text);
    const Expected<Token> token = parse_token(text);
    if (!token) return tl::unexpected<Failure>(Failure{wrong_usage, token.error()});
    auto configuration = find_configuration(options);
    if (!configuration) return tl::unexpected<Failure>(configuration.error());
    std::string cluster = options.cluster;
    if (cluster.empty() && *configuration) cluster = (*configuration)->facts.cluster;
    if (cluster.empty())
        return fail_with(wrong_usage, "the cluster's name is not known",
                         "set totem.cluster_name in corosync.conf, or say --cluster NAME");
    const Path directory =
        options.directory.empty() ? Path(layout::node_directory) : Path(options.directory);
    return Plan{*where,
                options.arbiter_port == 0 ? where->port : options.arbiter_port,
                *token,
                cluster,
                directory.has_filename() ? directory : directory.parent_path(),
                std::move(*configuration)};
}

// Does this node have what it would get? A directory with anything else in it is left alone.
Expected<bool, Failure> has_it(const Plan& plan, bool by_force) {
    if (by_force) return false;
    const auto refuse = [&](const std::string& what) {
        return fail_with(join_has_certificates,
                         fmt::format("{} holds {}", plan.directory.string(), what),
                         "say --force to replace it by a new key and certificate");
    };
    const Format format = node_format(plan.directory);
    if (format == Format::nss) return refuse("the stock programs' certificate database");
    if (format == Format::none || !is_there(plan.directory / layout::cluster_certificate))
        return false;
    const Expected<NodeIdentity> identity = load_node_identity(plan.directory);
    if (!identity || !identity->certificate_pem)
        return refuse("certificates that do not fit together");
    const auto cas = parse_certificates(identity->ca_pem, "the CA certificate");
    const auto own = parse_certificate(*identity->certificate_pem, "the certificate");
    if (!cas || !own) return refuse("certificates that cannot be read");
    const auto name = common_name(X509_get_subject_name(own->get()));
    if (!is_any_of_token(*cas, plan.token)) return refuse("a certificate of another arbiter");
    if (!name || !equal_without_case(*name, plan.cluster))
        return refuse("a certificate of another cluster");
    return true;
}

Expected<std::vector<std::string>, Failure> enrol_node(const Plan& plan) {
    const Expected<RequestPtr> request = pending_request(plan.directory, plan.cluster);
    if (!request) return fail_with(request.error());
    std::vector<std::string> notes;
    const std::string source = fmt::format("the arbiter at {}", plan.where.host);
    const auto store = [&](X509* certificate, const Certificates& cas) -> Expected<void> {
        const Expected<Stored> stored = store_signed(plan.directory, certificate, cas, source);
        if (!stored) return tl::unexpected<Error>(stored.error());
        notes = stored->notes;
        return {};
    };
    const auto asked =
        enrol::ask(plan.where, plan.token, {plan.cluster, to_pem(request->get())}, store);
    if (asked) return notes;
    const enrol::AskError& error = asked.error();
    switch (error.kind) {
        case enrol::AskFailure::unreachable:
            return fail_with(join_unreachable, error.words.what, error.words.remedy);
        case enrol::AskFailure::not_the_arbiter:
            return fail_with(join_wrong_arbiter, error.words.what, error.words.remedy);
        case enrol::AskFailure::refused:
            return fail_with(join_refused, error.words.what, error.words.remedy);
        case enrol::AskFailure::not_stored: break;
    }
    return fail_with(error.words);
}

// What was found out and done, for words and JSON alike.
struct Told {
    bool is_new = false;
    std::vector<std::string> notes;
    std::string section;             // for quorum { } of corosync.conf
    bool is_configured = false;      // this device stands there already
    std::vector<std::string> lines;  // of the change
    std::string backup;
    std::vector<Joined> others;
    bool is_applied_elsewhere = false;  // on those of the others that did not fail

    bool is_everywhere() const {
        return std::all_of(others.begin(), others.end(),
                           [](const Joined& one) { return one.status == 0; });
    }
};

std::string stamp() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                       utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

// The old file beside the new one; Proxmox VE's folder is for its own files.
Path backup_of(const Path& file) {
    const Path kept = file == Path(proxmox_configuration) ? Path(plain_configuration) : file;
    return kept.string() + ".before-castvote-" + stamp();
}

// What is to be written, if anything; found out before the arbiter is asked for anything.
Expected<std::optional<enrol::Change>, Failure> plan_change(const Plan& plan, bool does_apply,
                                                            Told& told) {
    if (!plan.configuration) {
        told.section = enrol::device_section({plan.where.host, plan.arbiter_port, 2});
        return std::nullopt;
    }
    const enrol::ConfigurationFacts& facts = plan.configuration->facts;
    const enrol::Device device{plan.where.host, plan.arbiter_port, facts.nodes};
    told.section = enrol::device_section(device);
    told.is_configured = facts.has_device && facts.device_host == plan.where.host &&
                         facts.device_port == std::to_string(plan.arbiter_port);
    if (told.is_configured || !does_apply) return std::nullopt;
    Expected<enrol::Change> change = enrol::with_device(plan.configuration->text, device);
    if (!change) return fail_with(change.error());
    told.lines = change->lines;
    return std::optional(std::move(*change));
}

// Minutes after it was planned the file may be another, and the other one is to be changed. Where a
// link leads is what is written, and the link stays.
Expected<void, Failure> apply(Plan& plan, enrol::Change change, Told& told) {
    Configuration& configuration = *plan.configuration;
    std::error_code failure;
    const Path leads_to = std::filesystem::canonical(configuration.file, failure);
    const Path file = failure ? configuration.file : leads_to;
    const Expected<std::string> text = read_file(file);
    if (!text) return fail_with(text.error());
    if (*text != configuration.text) {
        const auto facts = enrol::read_configuration(*text);
        if (!facts) return fail_with(facts.error());
        configuration.text = *text;
        configuration.facts = *facts;
        auto fresh = plan_change(plan, /*does_apply=*/true, told);
        if (!fresh) return tl::unexpected<Failure>(fresh.error());
        if (!*fresh) return {};
        change = std::move(**fresh);
    }
    const Path backup = backup_of(file);
    const auto mode = mode_of(file).value_or(0644);
    const auto owner = owner_of(file);
    if (const auto kept = write_file(backup, configuration.text, mode, owner); !kept)
        return fail_with(kept.error());
    if (const auto written = write_file(file, change.text, mode, owner); !written)
        return fail_with(written.error());
    told.backup = backup.string();
    return {};
}

bool is_proxmox_file(const Plan& plan) {
    return plan.configuration && plan.configuration->file == Path(proxmox_configuration);
}

Expected<std::vector<std::string>, Failure> others_of(const Plan& plan, bool is_cluster_wide) {
    if (!is_cluster_wide) return std::vector<std::string>();
    if (!plan.configuration)
        return fail_with(failed, fmt::format("there is no {}", plain_configuration),
                         "it must say which nodes there are");
    auto others = other_nodes(plan.configuration->facts.members);
    if (!others) return fail_with(others.error());
    return std::move(*others);
}

// First each gets its certificate; a file is changed when all have one, and Proxmox VE spreads
// ours.
void join_the_others(const Plan& plan, const JoinOptions& options,
                     const std::vector<std::string>& hosts, Told& told) {
    std::vector<std::string> words{"--cluster", plan.cluster};
    if (options.arbiter_port != 0)
        words.insert(words.end(), {"--arbiter-port", std::to_string(options.arbiter_port)});
    const auto join_all = [&](const char* option) {
        std::vector<std::string> all = words;
        if (option != nullptr) all.emplace_back(option);
        told.others = join_on(hosts, options.ssh, options.address, to_text(plan.token), all);
    };
    join_all(options.force ? "--force" : nullptr);
    if (!options.apply || !told.is_everywhere() || is_proxmox_file(plan)) return;
    join_all("--apply");
    told.is_applied_elsewhere = true;
}

void print_others(const std::vector<Joined>& others) {
    for (const Joined& one : others)
        fmt::print("{}: {}\n{}", one.host,
                   one.status == 0 ? "done" : fmt::format("NOT DONE (status {})", one.status),
                   one.status == 0 ? "" : one.words);
}

void print_next(const Plan& plan) {
    const bool is_proxmox = is_proxmox_file(plan);
    if (is_proxmox)
        fmt::print(
            "\nProxmox VE spreads this file to all nodes, and reloads it there at once:\n"
            "use --apply on the last node that joins. Then:\n");
    else
        fmt::print("\nNext, when all nodes have joined:\n  the same corosync.conf on each node\n");
    if (!is_proxmox) fmt::print("  on one node:   corosync-cfgtool -R\n");  // or the daemon ends
    fmt::print("  on each node:  systemctl enable --now corosync-qdevice\n");
    fmt::print("  then look at:  corosync-quorumtool -s, and qdevice-tool doctor\n");
}

void print_words(const Plan& plan, const Told& told) {
    if (told.is_new)
        fmt::print("This node has a key of its own and a certificate for cluster \"{}\" in {}\n",
                   plan.cluster, plan.directory.string());
    else
        fmt::print("This node has its certificate for cluster \"{}\" already, in {}\n",
                   plan.cluster, plan.directory.string());
    for (const std::string& note : told.notes) fmt::print("{}\n", note);
    print_others(told.others);
    if (!told.is_everywhere())
        return void(fmt::print("\ncorosync.conf was not changed here{}. Run the same again.\n",
                               told.is_applied_elsewhere ? ", but where \"done\" is said" : ""));
    const std::string file =
        plan.configuration ? plan.configuration->file.string() : plain_configuration;
    if (told.is_configured) {
        fmt::print("{} has this device already.\n", file);
    } else if (!told.backup.empty()) {
        fmt::print("\nChanged {} (the old one is {}):\n", file, told.backup);
        for (const std::string& line : told.lines) fmt::print("{}\n", line);
    } else {
        fmt::print("\nThis goes into the section quorum {{ }} of {}; --apply does it:\n\n{}", file,
                   told.section);
    }
    print_next(plan);
}

int print(const Plan& plan, const Told& told, const JoinOptions& options) {
    const int status = told.is_everywhere() ? static_cast<int>(done) : join_not_everywhere;
    if (!options.as_json) {
        print_words(plan, told);
        return status;
    }
    json others = json::array();
    for (const Joined& one : told.others)
        others.push_back({{"host", one.host}, {"status", one.status}, {"words", one.words}});
    const json answer = {{"cluster", plan.cluster},
                         {"other_nodes", std::move(others)},
                         {"directory", plan.directory.string()},
                         {"new_certificate", told.is_new},
                         {"notes", told.notes},
                         {"device", told.section},
                         {"device_is_configured", told.is_configured || !told.backup.empty()},
                         {"changes", told.lines},
                         {"backup", told.backup}};
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
    return status;
}

int report(const JoinOptions& options, const Failure& failure) {
    if (!options.as_json) {
        print_error(failure.words);
        return failure.status;
    }
    const json answer = {{"error",
                          {{"status", failure.status},
                           {"what", failure.words.what},
                           {"remedy", failure.words.remedy}}}};
    fmt::print("{}\n", answer.dump(2, ' ', false, json::error_handler_t::replace));
    return failure.status;
}

}  // namespace

int join(const JoinOptions& options) {
    auto plan = plan_of(options);
    if (!plan) return report(options, plan.error());
    Told told;
    const auto others = others_of(*plan, options.cluster_wide);
    if (!others) return report(options, others.error());
    const auto change = plan_change(*plan, options.apply, told);
    if (!change) return report(options, change.error());
    const auto has = has_it(*plan, options.force);
    if (!has) return report(options, has.error());
    if (!*has) {
        const auto notes = enrol_node(*plan);
        if (!notes) return report(options, notes.error());
        told.is_new = true;
        told.notes = *notes;
    }
    join_the_others(*plan, options, *others, told);
    if (*change && told.is_everywhere()) {
        const auto applied = apply(*plan, **change, told);
        if (!applied) return report(options, applied.error());
    }
    return print(*plan, told, options);
}

}  // namespace castvote::certs::tool
