// join_words.cpp -- what qcert join says: what was done, what comes next; in words or as JSON.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "certs/tool/join.hpp"

namespace castvote::certs::tool {
namespace {

using nlohmann::json;

void print_others(const std::vector<Joined>& others) {
    for (const Joined& one : others)
        fmt::print("{}: {}\n{}", one.host,
                   one.status == 0 ? "done" : fmt::format("NOT DONE (status {})", one.status),
                   one.status == 0 ? "" : one.words);
}

void print_next(const Plan& plan) {
    const bool is_proxmox = plan.is_on_proxmox();
    if (is_proxmox)
        fmt::print(
            "\nProxmox VE spreads this file to all nodes, and reloads it there at once:\n"
            "use --apply on the last node that joins. Then:\n");
    else
        fmt::print("\nNext, when all nodes have joined:\n  the same corosync.conf on each node\n");
    if (!is_proxmox) fmt::print("  on one node:   corosync-cfgtool -R\n");  // or the daemon ends
    fmt::print("  on each node:  systemctl enable --now corosync-qdevice\n");
    if (plan.is_stock)
        fmt::print(
            "                 (where it runs already: systemctl restart corosync-qdevice)\n");
    fmt::print("  then look at:  corosync-quorumtool -s, and {}\n",
               plan.is_stock ? "corosync-qdevice-tool -s" : "qdevice-tool doctor");
}

void print_words(const Plan& plan, const Told& told) {
    if (told.is_new)
        fmt::print("This node has a key of its own and a certificate for cluster \"{}\" in {}\n",
                   plan.cluster, plan.directory.string());
    else
        fmt::print("This node has its certificate for cluster \"{}\" already, in {}\n",
                   plan.cluster, plan.directory.string());
    for (const std::string& note : told.notes) fmt::print("{}\n", note);
    if (told.must_restart)
        fmt::print(
            "corosync-qdevice runs, and reads the new database only when it is started again:\n"
            "  systemctl restart corosync-qdevice\n");
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

}  // namespace

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
                         {"stock", plan.is_stock},
                         {"must_restart", told.must_restart},
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

}  // namespace castvote::certs::tool
