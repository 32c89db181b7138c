// register.cpp -- the register's file, and the certificates beside it.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/register.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "certs/arbiter_directory.hpp"
#include "certs/authorities.hpp"
#include "certs/layout.hpp"
#include "certs/list_file.hpp"
#include "certs/x509.hpp"
#include "common/net/certificate_owner.hpp"

namespace castvote::certs {
namespace {

constexpr std::array<Member<Entry>, 12> register_members{{
    {"serial", &Entry::serial},
    {"use", &Entry::use, /*is_needed=*/false},
    {"name", &Entry::name, false},
    {"fingerprint", &Entry::fingerprint},
    {"owner", &Entry::owner, false},
    {"issued_at", &Entry::issued_at, false},
    {"not_after", &Entry::not_after, false},
    {"by", &Entry::by, false},
    {"address", &Entry::address, false},
    {"authority", &Entry::authority, false},
    {"stored", &Entry::stored, false},
    {"revokes", &Entry::revokes, false},
}};

constexpr ListFile<Entry> register_file{
    layout::certificate_register, "certificates",
    // An entry takes about 400 bytes: more than a hundred thousand certificates.
    64 * 1024 * 1024,
    "restore it from a backup, or move it away: then what was issued is known by the files "
    "cluster-*.crt only",
    register_members};

const char* use_of(X509* certificate, const std::string& name) {
    if (X509_check_ca(certificate) != 0 && X509_self_signed(certificate, 0) == 1)
        return "authority";
    return name == layout::server_name ? "arbiter" : "cluster";
}

// What another CA has signed, or whoever may write here has left, is not ours.
void add_found(const Path& file, const Certificates& authorities, std::vector<Entry>& entries) {
    const Expected<std::string> bytes = read_file(file);
    if (!bytes) return;
    const Expected<CertificatePtr> certificate = parse_certificate(*bytes, file.string());
    if (!certificate) return;
    const auto signer =
        std::find_if(authorities.begin(), authorities.end(), [&](const CertificatePtr& authority) {
            return X509_verify(certificate->get(), X509_get0_pubkey(authority.get())) == 1;
        });
    if (signer == authorities.end()) return;
    const bool is_authority = is_same(signer->get(), certificate->get());
    Entry entry = entry_for(certificate->get(), is_authority ? nullptr : signer->get(), "found",
                            std::nullopt);
    const bool is_known = std::any_of(entries.begin(), entries.end(), [&](const Entry& known) {
        return known.fingerprint == entry.fingerprint;
    });
    if (!is_known) entries.push_back(std::move(entry));
}

}  // namespace

std::string cluster_owner(const X509* certificate) {
    if (auto named = net::owner_named_in(certificate)) return *named;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    must(X509_pubkey_digest(certificate, EVP_sha256(), digest.data(), &size) == 1,
         "a key's fingerprint");
    return fmt::format("{:02x}", fmt::join(digest.data(), digest.data() + size, ""));
}

Entry entry_for(X509* certificate, const X509* authority, std::string_view by,
                std::optional<std::time_t> issued, std::string_view address) {
    Entry entry;
    entry.serial = serial_number(certificate);
    entry.name = common_name(X509_get_subject_name(certificate)).value_or("");
    entry.use = use_of(certificate, entry.name);
    entry.fingerprint = fingerprint(certificate);
    if (entry.use == "cluster") entry.owner = cluster_owner(certificate);
    if (issued) entry.issued_at = date(*issued);
    entry.not_after = date(X509_get0_notAfter(certificate));
    entry.by = by;
    entry.address = address;
    if (authority != nullptr) entry.authority = serial_number(authority);
    return entry;
}

Expected<std::vector<Entry>> read_register(const Path& directory) {
    return register_file.read(directory, [](const Entry& entry) {
        return !entry.serial.empty() && !entry.fingerprint.empty();
    });
}

Expected<std::vector<Entry>> known_certificates(const Path& directory) {
    Expected<std::vector<Entry>> entries = read_register(directory);
    if (!entries) return entries;
    const Expected<Authorities> read = read_authorities(directory);
    if (!read) return entries;
    const Certificates authorities = read->trusted();
    for (const char* own :
         {layout::ca_before, layout::ca_export, layout::next_ca, layout::server_certificate})
        add_found(directory / own, authorities, *entries);
    std::vector<Path> signed_ones;
    std::error_code failure;
    for (const auto& each : std::filesystem::directory_iterator(directory, failure)) {
        const std::string name = each.path().filename().string();
        if (name.starts_with("cluster-") && name.ends_with(".crt"))
            signed_ones.push_back(each.path());
    }
    std::sort(signed_ones.begin(), signed_ones.end());
    for (const Path& file : signed_ones) add_found(file, authorities, *entries);
    return entries;
}

Expected<void> write_register(const Path& directory, const std::vector<Entry>& entries,
                              std::optional<Ownership> owner) {
    return register_file.write(directory, entries, owner);
}

Expected<void> add_to_register(const Path& directory, std::vector<Entry> entries,
                               std::optional<Ownership> owner) {
    Expected<std::vector<Entry>> all = read_register(directory);
    if (!all) return tl::unexpected<Error>(all.error());
    std::move(entries.begin(), entries.end(), std::back_inserter(*all));
    return write_register(directory, *all, owner);
}

Expected<void> mark_stored(const Path& directory, std::string_view serial) {
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<std::vector<Entry>> all = read_register(directory);
    if (!all) return tl::unexpected<Error>(all.error());
    for (Entry& entry : *all)
        if (entry.serial == serial) entry.stored = "yes";
    return write_register(directory, *all, arbiter_ownership(directory));
}

std::vector<Entry> latest_of_each_owner(std::vector<Entry> entries, std::string_view cluster) {
    std::erase_if(entries, [cluster](const Entry& entry) {
        return entry.use != "cluster" || !equal_without_case(entry.name, cluster);
    });
    // The serial numbers grow, and are compared as numbers are.
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& one, const Entry& other) {
        return std::pair(one.serial.size(), std::string_view(one.serial)) >
               std::pair(other.serial.size(), std::string_view(other.serial));
    });
    std::vector<Entry> latest;
    for (Entry& entry : entries) {
        const bool is_known = std::any_of(latest.begin(), latest.end(), [&](const Entry& known) {
            return known.owner == entry.owner;
        });
        if (!is_known) latest.push_back(std::move(entry));
    }
    return latest;
}

Expected<std::string> owner_meant(const std::vector<Entry>& clusters, std::string_view cluster,
                                  std::string_view beginning) {
    std::string list;
    const Entry* meant = nullptr;
    for (const Entry& entry : clusters) {
        list += fmt::format("{}{} (serial {}, by {})", list.empty() ? "" : ", ",
                            entry.owner.substr(0, 12), entry.serial, entry.by);
        if (clusters.size() > 1 && beginning.empty()) continue;
        if (!entry.owner.starts_with(beginning)) continue;
        if (meant != nullptr)
            return fail(fmt::format("--owner {} fits several clusters", beginning),
                        "say more of it: " + list);
        meant = &entry;
    }
    if (meant != nullptr) return meant->owner;
    return fail(fmt::format("which cluster \"{}\": there are {}", cluster, clusters.size()),
                "say --owner and the beginning of one of these: " + list);
}

}  // namespace castvote::certs
