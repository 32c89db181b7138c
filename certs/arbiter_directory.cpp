// arbiter_directory.cpp -- making the arbiter's CA and server certificate, signing requests.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/arbiter_directory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "certs/issue.hpp"
#include "certs/issuing.hpp"
#include "certs/layout.hpp"
#include "certs/marker.hpp"
#include "certs/names.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "common/ipc/group.hpp"

namespace castvote::certs {
namespace {

constexpr long first_serial = 101;

mode_t file_mode(GroupWrite group_write) { return group_write == GroupWrite::yes ? 0660 : 0640; }

long parse_serial(std::string_view text) {
    long value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

long serial_in(const Path& certificate_file) {
    const Expected<std::string> bytes = read_file(certificate_file);
    if (!bytes) return 0;
    const Expected<CertificatePtr> certificate =
        parse_certificate(*bytes, certificate_file.string());
    return certificate ? parse_serial(serial_number(certificate->get())) : 0;
}

Expected<void> already_exists(const Path& directory) {
    if (arbiter_format(directory) == Format::none) return {};
    return fail(fmt::format("a certificate authority already exists in {}", directory.string()),
                "go on with it, or move the directory away to begin anew (all clusters then need "
                "new certificates, and its names.json is copied back if any was renamed)");
}

}  // namespace

// serial.txt can be lost or restored from an old backup; NSS refuses a second certificate with a
// number it has seen. So the certificates themselves count, too, and the register.
Expected<long> last_serial(const Path& directory) {
    long last = first_serial - 1;
    if (const Expected<std::string> text = read_file(directory / layout::serial); text)
        last = std::max(last, parse_serial(*text));
    for (const char* own :
         {layout::ca_export, layout::next_ca, layout::ca_before, layout::server_certificate})
        last = std::max(last, serial_in(directory / own));
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
        const std::string name = entry.path().filename().string();
        if (name.rfind("cluster-", 0) == 0) last = std::max(last, serial_in(entry.path()));
    }
    const Expected<std::vector<Entry>> registered = read_register(directory);
    if (!registered) return tl::unexpected<Error>(registered.error());
    for (const Entry& entry : *registered) last = std::max(last, parse_serial(entry.serial));
    return last;
}

bool has_nss_database(const Path& directory) {
    return is_there(directory / "cert9.db") || is_there(directory / "cert8.db");
}

Format arbiter_format(const Path& directory) {
    for (const char* ours : {layout::ca_key, layout::server_key, layout::server_certificate})
        if (is_there(directory / ours)) return Format::pem;
    return has_nss_database(directory) ? Format::nss : Format::none;
}

Ownership arbiter_ownership(const Path& directory) {
    Ownership owner = owner_of(directory.parent_path()).value_or(Ownership{});
    if (owner.group != 0) return owner;
    // Debian leaves the parent with root and gives only this directory to the daemon's group.
    if (const auto own = owner_of(directory); own && own->group != 0) {
        owner.group = own->group;
    } else if (directory == Path(layout::arbiter_directory)) {
        if (const auto daemon = ipc::group_named(layout::arbiter_group)) owner.group = *daemon;
    }
    return owner;
}

Expected<Stored> init_arbiter(const Path& directory, GroupWrite group_write) {
    if (const Expected<void> fresh = already_exists(directory); !fresh)
        return tl::unexpected<Error>(fresh.error());
    const Ownership owner = arbiter_ownership(directory);
    const mode_t mode = group_write == GroupWrite::yes ? 0770 : 0750;
    if (const Expected<void> made = make_directory(directory, mode, owner); !made)
        return tl::unexpected<Error>(made.error());
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    if (const Expected<void> fresh = already_exists(directory); !fresh)
        return tl::unexpected<Error>(fresh.error());

    const std::time_t now = std::time(nullptr);
    const KeyPtr ca_key = make_key();
    const CertificatePtr ca = make_ca(ca_key.get(), first_serial, now);
    const KeyPtr server_key = make_key();
    const CertificatePtr server = make_server_certificate(
        server_key.get(), Issuer{ca.get(), ca_key.get()}, first_serial + 1, now);

    const Expected<void> registered = add_to_register(
        directory,
        {entry_for(ca.get(), nullptr, "init", now), entry_for(server.get(), ca.get(), "init", now)},
        owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    const mode_t open_mode = file_mode(group_write);
    const Expected<void> written = carry_out(
        {{directory / layout::marker, marker_text(), open_mode, owner},
         {directory / layout::serial, fmt::format("{}\n", first_serial + 1), open_mode, owner},
         {directory / layout::ca_export, to_text(ca.get()) + to_pem(ca.get()), 0644, owner},
         {directory / layout::ca_key, to_pem(ca_key.get()), 0600, Ownership{}},
         {directory / layout::server_key, to_pem(server_key.get()), 0640, owner},
         {directory / layout::server_certificate, to_pem(server.get()), 0644, owner}});
    if (!written) return tl::unexpected<Error>(written.error());
    return Stored{directory / layout::ca_export, {}};
}

Expected<void> check_signing(const Path& directory, std::string_view cluster) {
    if (const Expected<void> named = check_cluster_name(cluster); !named) return named;
    for (const Which which : {Which::present, Which::newest})
        if (const Expected<Signer> signer = load_signer(directory, which); !signer)
            return tl::unexpected<Error>(signer.error());
    return {};
}

Expected<Stored> renew_server(const Path& directory) {
    const Expected<Issuing> issuing = Issuing::begin(directory, Which::present);
    if (!issuing) return tl::unexpected<Error>(issuing.error());
    const Expected<std::vector<FileChange>> changes =
        server_renewal(directory, issuing->authority, issuing->owner);
    if (!changes) return tl::unexpected<Error>(changes.error());
    if (const Expected<void> written = carry_out(*changes); !written)
        return tl::unexpected<Error>(written.error());
    return Stored{directory / layout::server_certificate, {}};
}

Expected<CertificatePtr> issue_certificate(const Path& directory, X509_REQ* request,
                                           std::string_view name, const Issuance& issuance) {
    if (const Expected<void> named = check_cluster_name(issuance.cluster); !named)
        return tl::unexpected<Error>(named.error());
    if (const Expected<void> sound = check_request(request, issuance.cluster, name); !sound)
        return tl::unexpected<Error>(sound.error());
    const Expected<Issuing> issuing = Issuing::begin(directory, issuance.which);
    if (!issuing) return tl::unexpected<Error>(issuing.error());
    if (const Expected<void> present = check_present_name(directory, issuance.cluster); !present)
        return tl::unexpected<Error>(present.error());
    const Expected<long> serial = take_serial(directory, issuing->owner);
    if (!serial) return tl::unexpected<Error>(serial.error());
    const std::time_t now = std::time(nullptr);
    const Signer& authority = issuing->authority;
    CertificatePtr certificate =
        make_cluster_certificate(request, authority.issuer(), *serial, now, issuance.owner);
    Entry entry = entry_for(certificate.get(), authority.certificate.get(), issuance.by, now,
                            issuance.address);
    if (issuance.is_confirmed) entry.stored = "no";
    const Expected<void> registered =
        add_to_register(directory, {std::move(entry)}, issuing->owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    return certificate;
}

Expected<Stored> sign_request(const Path& directory, const Path& request_file,
                              std::string_view cluster) {
    const Expected<std::string> bytes = read_file(request_file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    const Expected<RequestPtr> request = parse_request(*bytes, request_file.string());
    if (!request) return tl::unexpected<Error>(request.error());
    const Expected<CertificatePtr> certificate = issue_certificate(
        directory, request->get(), request_file.string(),
        {.cluster = cluster, .by = "sign", .owner = {}, .address = {}, .which = Which::present});
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    const Path file = directory / fmt::format("cluster-{}.crt", cluster);
    const Expected<void> written =
        write_file(file, to_der(certificate->get()), 0640, arbiter_ownership(directory));
    if (!written) return tl::unexpected<Error>(written.error());
    Stored stored{file, {}};
    Expected<std::vector<Entry>> entries = read_register(directory);
    const Expected<std::vector<Renaming>> renamed = read_renamings(directory);
    if (entries && renamed) entries = by_present_names(std::move(*entries), *renamed);
    if (entries && latest_of_each_owner(*entries, cluster).size() > 1)
        stored.notes.push_back(
            fmt::format("Other nodes of a cluster \"{}\" have certificates with another key: the "
                        "arbiter takes them for another cluster until they have this one, too",
                        cluster));
    return stored;
}

}  // namespace castvote::certs
