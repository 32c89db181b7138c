// join_stock.cpp -- qcert join for a node with the stock daemon: from our key to its database.
//
// The key waits for its certificate in a directory beside the real one. When both are there a new
// database is made whole, and only then takes its place: whatever fails before leaves all as it
// was, and the same command goes on with the same key.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/nss_tools.hpp"
#include "certs/pkcs12.hpp"
#include "certs/stock_database.hpp"
#include "certs/tool/join.hpp"
#include "certs/x509.hpp"
#include "common/ipc/client.hpp"

namespace castvote::certs::tool {
namespace {

constexpr const char* stock_control_socket = "/var/run/corosync-qdevice/corosync-qdevice.sock";

Path working_directory(const Plan& plan) { return plan.directory.string() + ".castvote-join"; }

bool holds_nothing(const Path& directory) {
    std::error_code failure;
    return std::filesystem::is_empty(directory, failure);
}

// What this node is short of, as "holds ..." goes on; empty if it is nothing. `trusts`: does it
// trust whom it shall?
std::string shortage(const StockNode& node, const Plan& plan, bool trusts) {
    if (!trusts) return "a database that does not trust this arbiter";
    if (node.certificates.empty()) return "a database without a certificate and its key";
    const auto is_right = [&](const CertificatePtr& one) {
        const auto name = common_name(X509_get_subject_name(one.get()));
        return name && equal_without_case(*name, plan.cluster) &&
               is_of_token_or_later(one.get(), node.authorities, plan.token);
    };
    if (std::any_of(node.certificates.begin(), node.certificates.end(), is_right)) return {};
    return "a database with a certificate of another cluster or arbiter, or of an authority "
           "that was exchanged";
}

// At its end the database is in its place; `file` is the PKCS#12 file in it.
Expected<Stored> replace_database(const Plan& plan, const Bundle& bundle) {
    const Path fresh = working_directory(plan) / "database";
    std::error_code failure;
    std::filesystem::remove_all(fresh, failure);  // of an attempt that was cut short
    if (const auto made = make_stock_node(fresh, plan.directory, bundle); !made)
        return tl::unexpected<Error>(made.error());
    const Expected<StockNode> node = read_stock_node(fresh);
    if (!node) return tl::unexpected<Error>(node.error());
    const bool trusts =
        std::all_of(bundle.others.begin(), bundle.others.end(),
                    [&](const CertificatePtr& ca) { return holds(node->authorities, ca.get()); });
    if (const std::string what = shortage(*node, plan, trusts); !what.empty())
        return fail(fmt::format("certutil and pk12util made {}", what),
                    fmt::format("look at it: certutil -L -d {}", fresh.string()));
    const auto mode = std::filesystem::perms(mode_of(plan.directory).value_or(0770));
    std::filesystem::permissions(fresh, mode, failure);  // else it stays for root alone
    const Path old = backup_of(plan.directory);
    const Expected<bool> had_one = put_directory(
        fresh, plan.directory, plan.by_force ? std::optional(old) : std::optional<Path>());
    if (!had_one) return tl::unexpected<Error>(had_one.error());
    Stored stored{plan.directory / layout::bundle, {}};
    if (*had_one) stored.notes.push_back(fmt::format("The old directory is {}", old.string()));
    return stored;
}

}  // namespace

Expected<bool, Failure> has_stock_database(const Plan& plan) {
    if (const Expected<void> tools = check_nss_tools("made"); !tools)
        return fail_with(tools.error());
    if (plan.by_force || !is_there(plan.directory) || holds_nothing(plan.directory)) return false;
    const auto refuse = [&](const std::string& what) {
        return fail_with(join_has_certificates,
                         fmt::format("{} holds {}", plan.directory.string(), what),
                         "say --force to keep it aside, and to make a new key and database");
    };
    switch (node_format(plan.directory)) {
        case Format::pem: return refuse("certificates of our daemon, for which --stock is not");
        case Format::none: return refuse("something else than a certificate database");
        case Format::nss: break;
    }
    const Expected<StockNode> node = read_stock_node(plan.directory);
    if (!node) return refuse("a database that cannot be read: " + node.error().what);
    const std::string what = shortage(*node, plan, is_any_of_token(node->authorities, plan.token));
    if (!what.empty()) return refuse(what);
    return true;
}

Expected<RequestPtr> stock_request(const Plan& plan) {
    const Path working = working_directory(plan);
    if (const auto made = make_directory(working, 0700, Ownership{}); !made)
        return tl::unexpected<Error>(made.error());
    return pending_request(working, plan.cluster);
}

Expected<Stored> store_stock_database(const Plan& plan, X509* certificate, const Certificates& cas,
                                      std::string_view source) {
    const Path working = working_directory(plan);
    const Expected<DirectoryLock> lock = DirectoryLock::take(working);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Expected<Bundle> bundle = signed_bundle(working, certificate, cas, source);
    if (!bundle) return tl::unexpected<Error>(bundle.error());
    return replace_database(plan, *bundle);
}

void remove_waiting_key(const Plan& plan) {
    std::error_code ignored;
    std::filesystem::remove_all(working_directory(plan), ignored);
}

bool is_stock_daemon_running() { return ipc::is_listening(stock_control_socket); }

}  // namespace castvote::certs::tool
