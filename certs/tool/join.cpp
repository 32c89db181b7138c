// join.cpp -- qcert join: a certificate for this node from an open invitation, and the quorum
// device in corosync.conf.
//
// What is there already is not asked for twice. Nothing is started or restarted.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <charconv>
#include <iostream>
#include <optional>

#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/tool/join.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::tool {
namespace {

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

Path directory_of(const JoinOptions& options) {
    const Path named =
        options.directory.empty() ? Path(layout::node_directory) : Path(options.directory);
    const Path directory = named.has_filename() ? named : named.parent_path();
    if (!options.stock) return directory;
    // It is to be replaced by a rename: where a link leads, not the link.
    std::error_code failure;
    const Path real =
        std::filesystem::weakly_canonical(std::filesystem::absolute(directory, failure), failure);
    return failure ? directory : real;
}

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
    return Plan{*where,
                options.arbiter_port == 0 ? where->port : options.arbiter_port,
                *token,
                cluster,
                directory_of(options),
                std::move(*configuration),
                options.force,
                options.stock};
}

// Does this node have what it would get? A directory with anything else in it is left alone.
Expected<bool, Failure> has_it(const Plan& plan) {
    if (plan.is_stock) return has_stock_database(plan);
    if (plan.by_force) return false;
    const auto refuse = [&](const std::string& what, const char* remedy = nullptr) {
        return fail_with(
            join_has_certificates, fmt::format("{} holds {}", plan.directory.string(), what),
            remedy ? remedy : "say --force to replace it by a new key and certificate");
    };
    const Format format = node_format(plan.directory);
    if (format == Format::nss)
        return refuse("the stock programs' certificate database",
                      "say --stock if corosync-qdevice is the stock one here, or --force to get a "
                      "new key and certificate for ours beside it");
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
    if (!is_of_token_or_later(own->get(), *cas, plan.token))
        return refuse("a certificate of an authority that was exchanged");
    return true;
}

Expected<std::vector<std::string>, Failure> enrol_node(const Plan& plan) {
    const Expected<RequestPtr> request =
        plan.is_stock ? stock_request(plan) : pending_request(plan.directory, plan.cluster);
    if (!request) return fail_with(request.error());
    std::vector<std::string> notes;
    const std::string source = fmt::format("the arbiter at {}", plan.where.host);
    const auto store = [&](X509* certificate, const Certificates& cas) -> Expected<void> {
        const Expected<Stored> stored =
            plan.is_stock ? store_stock_database(plan, certificate, cas, source)
                          : store_signed(plan.directory, certificate, cas, source);
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
    if (plan.is_stock) words.emplace_back("--stock");
    const auto join_all = [&](const char* option) {
        std::vector<std::string> all = words;
        if (option != nullptr) all.emplace_back(option);
        told.others = join_on(hosts, options.ssh, options.address, to_text(plan.token), all);
    };
    join_all(options.force ? "--force" : nullptr);
    if (!options.apply || !told.is_everywhere() || plan.is_on_proxmox()) return;
    join_all("--apply");
    told.is_applied_elsewhere = true;
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
    const auto has = has_it(*plan);
    if (!has) return report(options, has.error());
    if (!*has) {
        const auto notes = enrol_node(*plan);
        if (!notes) return report(options, notes.error());
        told.is_new = true;
        told.notes = *notes;
        told.must_restart = plan->is_stock && is_stock_daemon_running();
    }
    if (plan->is_stock) remove_waiting_key(*plan);
    join_the_others(*plan, options, *others, told);
    if (*change && told.is_everywhere()) {
        const auto applied = apply(*plan, **change, told);
        if (!applied) return report(options, applied.error());
    }
    return print(*plan, told, options);
}

}  // namespace castvote::certs::tool
