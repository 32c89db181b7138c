// arbiter_directory.cpp -- making the arbiter's CA and server certificate, signing requests.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/arbiter_directory.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <tuple>

#include "certs/issue.hpp"
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
                "go on with it, or remove the directory to begin anew (all clusters then need new "
                "certificates)");
}

struct Authority {
    CertificatePtr certificate;
    KeyPtr key;
};

Expected<Authority> load_authority(const Path& directory) {
    if (arbiter_format(directory) != Format::pem)
        return fail(fmt::format("there is no certificate authority in {}", directory.string()),
                    "make one with -i or \"qcert init\"");
    const Path certificate_file = directory / layout::ca_export;
    const Path key_file = directory / layout::ca_key;
    const Expected<std::string> certificate_text = read_file(certificate_file);
    if (!certificate_text) return tl::unexpected<Error>(certificate_text.error());
    const Expected<std::string> key_text = read_file(key_file);
    if (!key_text) return tl::unexpected<Error>(key_text.error());
    Expected<CertificatePtr> certificate =
        parse_certificate(*certificate_text, certificate_file.string());
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    Expected<KeyPtr> key = parse_key(*key_text, key_file.string());
    if (!key) return tl::unexpected<Error>(key.error());
    if (!fits(certificate->get(), key->get()))
        return fail(fmt::format("{} does not fit {}", key_file.string(), certificate_file.string()),
                    "restore both files from the same backup");
    return Authority{std::move(*certificate), std::move(*key)};
}

// What it takes to issue: the authority, and nobody else at it meanwhile.
struct Issuing {
    Authority authority;
    DirectoryLock lock;
    Ownership owner;

    static Expected<Issuing> begin(const Path& directory) {
        Expected<Authority> authority = load_authority(directory);
        if (!authority) return tl::unexpected<Error>(authority.error());
        Expected<DirectoryLock> lock = DirectoryLock::take(directory);
        if (!lock) return tl::unexpected<Error>(lock.error());
        return Issuing{std::move(*authority), std::move(*lock), arbiter_ownership(directory)};
    }
    Issuer issuer() const { return {authority.certificate.get(), authority.key.get()}; }
};

// The arbiter's key, if it has one, as PEM. Refused where a new certificate, which has our name,
// would not be taken by the nodes for the old one.
Expected<std::string> key_to_be_replaced(const Path& directory) {
    const Path file = directory / layout::server_certificate,
               key_file = directory / layout::server_key;
    if (is_there(file)) {
        const Expected<std::string> text = read_file(file);
        if (!text) return text;
        const Expected<CertificatePtr> old = parse_certificate(*text, file.string());
        if (!old) return tl::unexpected<Error>(old.error());
        if (X509_check_host(old->get(), layout::server_name, 0, 0, nullptr) != 1)
            return fail(fmt::format("the certificate in {} is for another name than \"{}\", which "
                                    "the nodes ask for (net_nss_qnetd_cn)",
                                    file.string(), layout::server_name),
                        "make the new one by the tools that made it");
    }
    if (!is_there(key_file)) return std::string();
    const Expected<std::string> text = read_file(key_file);
    if (!text) return text;
    const Expected<std::vector<KeyPtr>> keys = parse_keys(*text, key_file.string());
    if (!keys) return tl::unexpected<Error>(keys.error());
    std::string pem;
    for (const KeyPtr& key : *keys) pem += to_pem(key.get());
    return pem;
}

// The next serial number, which is on the disk as used when it is returned. Under the lock.
Expected<long> take_serial(const Path& directory, const Ownership& owner) {
    const Expected<long> last = last_serial(directory);
    if (!last) return last;
    const Path file = directory / layout::serial;
    const Expected<void> counted =
        write_file(file, fmt::format("{}\n", *last + 1), mode_of(file).value_or(0640), owner);
    if (!counted) return tl::unexpected<Error>(counted.error());
    return *last + 1;
}

struct NewFile {
    const char* name;
    std::string bytes;
    mode_t mode;
    Ownership owner;
};

Expected<void> write_all(const Path& directory, const std::vector<NewFile>& files) {
    for (const NewFile& file : files) {
        const Expected<void> written =
            write_file(directory / file.name, file.bytes, file.mode, file.owner);
        if (!written) return written;
    }
    return {};
}

}  // namespace

// serial.txt can be lost or restored from an old backup; NSS refuses a second certificate with a
// number it has seen. So the certificates themselves count, too, and the register.
Expected<long> last_serial(const Path& directory) {
    long last = first_serial - 1;
    if (const Expected<std::string> text = read_file(directory / layout::serial); text)
        last = std::max(last, parse_serial(*text));
    last = std::max(last, serial_in(directory / layout::ca_export));
    last = std::max(last, serial_in(directory / layout::server_certificate));
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
        directory, {entry_for(ca.get(), "init", now), entry_for(server.get(), "init", now)}, owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    const Expected<void> written = write_all(
        directory,
        {{layout::marker, marker_text(), file_mode(group_write), owner},
         {layout::serial, fmt::format("{}\n", first_serial + 1), file_mode(group_write), owner},
         {layout::ca_export, to_text(ca.get()) + to_pem(ca.get()), 0644, owner},
         {layout::ca_key, to_pem(ca_key.get()), 0600, Ownership{}},
         {layout::server_key, to_pem(server_key.get()), 0640, owner},
         {layout::server_certificate, to_pem(server.get()), 0644, owner}});
    if (!written) return tl::unexpected<Error>(written.error());
    return Stored{directory / layout::ca_export, {}};
}

Expected<void> check_signing(const Path& directory, std::string_view cluster) {
    if (const Expected<void> named = check_cluster_name(cluster); !named) return named;
    const Expected<Authority> authority = load_authority(directory);
    if (!authority) return tl::unexpected<Error>(authority.error());
    return {};
}

Expected<Stored> renew_server(const Path& directory) {
    const Expected<Issuing> issuing = Issuing::begin(directory);
    if (!issuing) return tl::unexpected<Error>(issuing.error());
    const Expected<std::string> old_key = key_to_be_replaced(directory);
    if (!old_key) return tl::unexpected<Error>(old_key.error());
    const Expected<long> serial = take_serial(directory, issuing->owner);
    if (!serial) return tl::unexpected<Error>(serial.error());
    const std::time_t now = std::time(nullptr);
    const Ownership& owner = issuing->owner;
    const KeyPtr key = make_key();
    const CertificatePtr certificate =
        make_server_certificate(key.get(), issuing->issuer(), *serial, now);
    const Expected<void> registered =
        add_to_register(directory, {entry_for(certificate.get(), "rotate", now)}, owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    // Both keys lie there while the certificates change places: the one that fits is taken.
    const Path key_file = directory / layout::server_key;
    const Path file = directory / layout::server_certificate;
    for (const auto& [path, bytes, mode] :
         {std::tuple(key_file, to_pem(key.get()) + *old_key, 0640),
          std::tuple(file, to_pem(certificate.get()), 0644),
          std::tuple(key_file, to_pem(key.get()), 0640)})
        if (const Expected<void> written =
                write_file(path, bytes, static_cast<mode_t>(mode), owner);
            !written)
            return tl::unexpected<Error>(written.error());
    return Stored{file, {}};
}

Expected<CertificatePtr> issue_certificate(const Path& directory, X509_REQ* request,
                                           std::string_view name, const Issuance& issuance) {
    if (const Expected<void> named = check_cluster_name(issuance.cluster); !named)
        return tl::unexpected<Error>(named.error());
    if (const Expected<void> sound = check_request(request, issuance.cluster, name); !sound)
        return tl::unexpected<Error>(sound.error());
    const Expected<Issuing> issuing = Issuing::begin(directory);
    if (!issuing) return tl::unexpected<Error>(issuing.error());
    if (const Expected<void> present = check_present_name(directory, issuance.cluster); !present)
        return tl::unexpected<Error>(present.error());
    const Expected<long> serial = take_serial(directory, issuing->owner);
    if (!serial) return tl::unexpected<Error>(serial.error());
    const std::time_t now = std::time(nullptr);
    CertificatePtr certificate =
        make_cluster_certificate(request, issuing->issuer(), *serial, now, issuance.owner);
    const Expected<void> registered = add_to_register(
        directory, {entry_for(certificate.get(), issuance.by, now, issuance.address)},
        issuing->owner);
    if (!registered) return tl::unexpected<Error>(registered.error());
    return certificate;
}

Expected<Stored> sign_request(const Path& directory, const Path& request_file,
                              std::string_view cluster) {
    const Expected<std::string> bytes = read_file(request_file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    const Expected<RequestPtr> request = parse_request(*bytes, request_file.string());
    if (!request) return tl::unexpected<Error>(request.error());
    const Expected<CertificatePtr> certificate =
        issue_certificate(directory, request->get(), request_file.string(),
                          {.cluster = cluster, .by = "sign", .owner = {}, .address = {}});
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
