// nss_import.cpp -- driving certutil and pk12util.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/nss_import.hpp"

#include <fmt/format.h>

#include "certs/layout.hpp"
#include "certs/marker.hpp"
#include "certs/node_directory.hpp"
#include "certs/nss_tools.hpp"
#include "certs/pkcs12.hpp"
#include "certs/stock_database.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

bool has_certificate(const Path& directory, const char* nickname) {
    return run_nss_tool({"certutil", "-L", "-d", nss_database(directory), "-n", nickname, "-a"})
        .has_value();
}

Expected<Bundle> export_bundle(const Path& directory, const char* nickname, const Path& scratch) {
    const Path file = scratch / "export.p12";
    const Expected<std::string> said =
        run_nss_tool({"pk12util", "-d", nss_database(directory), "-o", file.string(), "-n",
                      nickname, "-W", "", "-K", ""});
    if (!said) return tl::unexpected<Error>(said.error());
    const Expected<std::string> bytes = read_file(file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    return read_bundle(*bytes, fmt::format("\"{}\" in {}", nickname, directory.string()));
}

Expected<void> refuse_if_ours(const Path& directory, Format format) {
    if (format == Format::nss) return {};
    if (format == Format::none)
        return fail(fmt::format("there is no stock certificate database in {}", directory.string()),
                    "name the directory that holds cert9.db and key4.db with --dir");
    return fail(fmt::format("{} already holds certificates as PEM files", directory.string()),
                "nothing needs to be done; to import anew, move them away first");
}

Expected<Stored> import_arbiter(const Path& directory) {
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Expected<void> pure = refuse_if_ours(directory, arbiter_format(directory));
    if (!pure) return tl::unexpected<Error>(pure.error());
    const Expected<TemporaryDirectory> scratch = TemporaryDirectory::make(directory);
    if (!scratch) return tl::unexpected<Error>(scratch.error());
    const Expected<Bundle> ca = export_bundle(directory, layout::ca_nickname, scratch->path());
    if (!ca) return tl::unexpected<Error>(ca.error());
    const Expected<Bundle> server =
        export_bundle(directory, layout::server_nickname, scratch->path());
    if (!server) return tl::unexpected<Error>(server.error());

    const Ownership owner = arbiter_ownership(directory);
    const Path ca_file = directory / layout::ca_export;
    Stored result{directory / layout::server_certificate, {}};
    if (!is_there(ca_file)) {
        const std::string bytes = to_text(ca->certificate.get()) + to_pem(ca->certificate.get());
        if (const Expected<void> written = write_file(ca_file, bytes, 0644, owner); !written)
            return tl::unexpected<Error>(written.error());
    }
    struct File {
        const char* name;
        std::string bytes;
        mode_t mode;
        Ownership owner;
    };
    for (const File& file :
         {File{layout::ca_key, to_pem(ca->key.get()), 0600, Ownership{}},
          File{layout::server_key, to_pem(server->key.get()), 0640, owner},
          File{layout::server_certificate, to_pem(server->certificate.get()), 0644, owner}}) {
        const Expected<void> written =
            write_file(directory / file.name, file.bytes, file.mode, file.owner);
        if (!written) return tl::unexpected<Error>(written.error());
    }
    result.notes.push_back(
        fmt::format("Imported the stock database in {}; it stays as it is", directory.string()));
    return result;
}

Expected<Stored> import_node(const Path& directory) {
    const Expected<void> pure = refuse_if_ours(directory, node_format(directory));
    if (!pure) return tl::unexpected<Error>(pure.error());
    const Expected<TemporaryDirectory> scratch = TemporaryDirectory::make(directory);
    if (!scratch) return tl::unexpected<Error>(scratch.error());
    // Whatever they are called: there are two while the arbiter's is exchanged, or another one
    // since.
    const Expected<StockNode> node = read_stock_node(directory);
    if (!node) return tl::unexpected<Error>(node.error());
    if (node->authorities.empty())
        return fail(fmt::format("the database in {} trusts no CA", directory.string()),
                    "move cert9.db and key4.db away, and begin anew: \"qcert import --ca\" with "
                    "the arbiter's qnetd-cacert.crt");
    // A cluster certificate may still be under way; one that is there must come over whole.
    const bool has_cluster = has_certificate(directory, layout::cluster_nickname);
    Expected<Bundle> cluster = Bundle{};
    if (has_cluster) {
        cluster = export_bundle(directory, layout::cluster_nickname, scratch->path());
        if (!cluster) return tl::unexpected<Error>(cluster.error());
    }
    Expected<Stored> result = take_over(directory, node->authorities,
                                        has_cluster ? &*cluster : nullptr, directory.string());
    if (!result) return result;
    result->notes.push_back(
        fmt::format("Imported the stock database in {}; it stays as it is", directory.string()));
    return result;
}

// NSS lets a key out only together with its certificate: so they are joined in a copy of the
// database.
Expected<KeyPtr> key_beside_certificate(const Path& directory, const Path& certificate_file) {
    const Expected<TemporaryDirectory> scratch = TemporaryDirectory::make(directory);
    if (!scratch) return tl::unexpected<Error>(scratch.error());
    for (const char* name : {"cert9.db", "key4.db"}) {
        const Expected<std::string> bytes = read_file(directory / name);
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        const Expected<void> written =
            write_file(scratch->path() / name, *bytes, 0600, Ownership{});
        if (!written) return tl::unexpected<Error>(written.error());
    }
    const Expected<std::string> joined =
        run_nss_tool({"certutil", "-A", "-d", nss_database(scratch->path()), "-t", "u,u,u", "-n",
                      layout::cluster_nickname, "-i", certificate_file.string()});
    if (!joined) return tl::unexpected<Error>(joined.error());
    Expected<Bundle> bundle =
        export_bundle(scratch->path(), layout::cluster_nickname, scratch->path());
    if (!bundle) return tl::unexpected<Error>(bundle.error());
    return std::move(bundle->key);
}

}  // namespace

Expected<Role> role_of_nss_database(const Path& directory) {
    if (const Expected<void> tools = check_nss_tools("read"); !tools)
        return tl::unexpected<Error>(tools.error());
    if (!has_nss_database(directory))
        return fail(fmt::format("there is no stock certificate database in {}", directory.string()),
                    "name the directory that holds cert9.db and key4.db with --dir");
    if (has_certificate(directory, layout::server_nickname)) return Role::arbiter;
    const Expected<StockNode> node = read_stock_node(directory);
    if (node && (!node->authorities.empty() || !node->certificates.empty())) return Role::node;
    return fail(
        fmt::format("the database in {} was not made by the stock tools", directory.string()),
        "name the directory of corosync-qnetd or corosync-qdevice with --dir");
}

Expected<Stored> import_nss_database(const Path& directory, Role role) {
    if (const Expected<void> tools = check_nss_tools("read"); !tools)
        return tl::unexpected<Error>(tools.error());
    return role == Role::arbiter ? import_arbiter(directory) : import_node(directory);
}

Expected<Stored> import_signed_certificate(const Path& directory, const Path& certificate_file) {
    Expected<Stored> stored = import_certificate(directory, certificate_file);
    if (stored || !is_there(directory / "cert9.db") || !check_nss_tools("read")) return stored;
    Expected<KeyPtr> key = key_beside_certificate(directory, certificate_file);
    if (!key) return stored;  // The first error says more than that of a tool.
    return import_certificate(directory, certificate_file, std::move(*key));
}

}  // namespace castvote::certs
