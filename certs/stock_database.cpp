// stock_database.cpp -- see stock_database.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/stock_database.hpp"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "certs/layout.hpp"
#include "certs/nss_tools.hpp"
#include "certs/pkcs12.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

constexpr mode_t file_mode = 0660;

// The stock tool seeds its keys with it; 40 hex digits.
std::string noise() {
    std::array<unsigned char, 20> bytes{};
    must(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1, "noise");
    std::string text;
    for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
    return text + "\n";
}

// NSS has written the path at which the database was made into one of its files.
Expected<void> name_place(const Path& directory, const Path& place) {
    const Path file = directory / layout::marker;
    if (!is_there(file)) return {};  // the old format has a binary one, which names none
    Expected<std::string> text = read_file(file);
    if (!text) return tl::unexpected<Error>(text.error());
    const std::string made_at = directory.string();
    for (std::size_t at = 0; (at = text->find(made_at, at)) != text->npos;) {
        text->replace(at, made_at.size(), place.string());
        at += place.string().size();
    }
    return write_file(file, *text, file_mode, Ownership{});
}

Expected<void> give_modes(const Path& directory) {
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
        if (entry.path().filename() == layout::bundle) continue;
        std::filesystem::permissions(entry.path(), std::filesystem::perms(file_mode), failure);
        if (failure) break;
    }
    if (!failure) return {};
    return fail(
        fmt::format("cannot set the modes in {}: {}", directory.string(), failure.message()),
        "run this as root");
}

// Each under its own name: NSS knows one subject by a nickname.
Expected<void> import_authority(const Path& directory, const std::string& passwords,
                                const X509* authority) {
    const Expected<TemporaryDirectory> scratch = TemporaryDirectory::make(directory.parent_path());
    if (!scratch) return tl::unexpected<Error>(scratch.error());
    const Path file = scratch->path() / layout::ca_export;
    if (const auto written = write_file(file, to_pem(authority), 0600, Ownership{}); !written)
        return written;
    const Expected<std::string> said = run_nss_tool(
        {"certutil", "-A", "-d", nss_database(directory), "-f", passwords, "-t", "CT,c,c", "-n",
         common_name(X509_get_subject_name(authority)).value_or(layout::ca_nickname), "-i",
         file.string()});
    if (!said) return tl::unexpected<Error>(said.error());
    return {};
}

}  // namespace

Expected<StockNode> read_stock_node(const Path& directory) {
    const Expected<std::string> said =
        run_nss_tool({"certutil", "-L", "-d", nss_database(directory)});
    if (!said) return tl::unexpected<Error>(said.error());
    const std::vector<Listed> rows = read_listing(*said);
    StockNode node;
    std::set<std::string> seen;  // a nickname may come twice, and names both then
    for (const Listed& row : rows) {
        const auto is_for_tls = [&](char letter) {  // what it is for stands in the first part
            return row.trust.find(letter) < row.trust.find(',');
        };
        const bool is_cluster = row.nickname == layout::cluster_nickname && is_for_tls('u');
        if ((!is_cluster && !is_for_tls('C')) || !seen.insert(row.nickname).second) continue;
        Expected<Certificates> all = exported_certificates(directory, row.nickname.c_str());
        if (!all) return tl::unexpected<Error>(all.error());
        Certificates& into = is_cluster ? node.certificates : node.authorities;
        std::move(all->begin(), all->end(), std::back_inserter(into));
    }
    return node;
}

Expected<void> make_stock_node(const Path& directory, const Path& place, const Bundle& bundle) {
    if (const Expected<void> made = make_directory(directory, 0700, Ownership{}); !made)
        return made;
    const Path passwords = directory / layout::stock_passwords;
    if (const auto written = write_file(passwords, "", file_mode, Ownership{}); !written)
        return written;
    const auto seed = write_file(directory / layout::stock_noise, noise(), file_mode, Ownership{});
    if (!seed) return seed;
    // No prefix: the format that this NSS, and the daemon by it, takes by default.
    const Expected<std::string> made =
        run_nss_tool({"certutil", "-N", "-d", directory.string(), "-f", passwords.string()});
    if (!made) return tl::unexpected<Error>(made.error());
    for (const CertificatePtr& authority : bundle.others)
        if (const auto taken = import_authority(directory, passwords.string(), authority.get());
            !taken)
            return taken;
    const Path file = directory / layout::bundle;
    const std::string bytes =
        write_bundle(bundle.key.get(), bundle.certificate.get(), bundle.others);
    if (const auto written = write_file(file, bytes, 0600, Ownership{}); !written) return written;
    const Expected<std::string> taken =
        run_nss_tool({"pk12util", "-i", file.string(), "-d", nss_database(directory), "-k",
                      passwords.string(), "-W", ""});
    if (!taken) return tl::unexpected<Error>(taken.error());
    if (const Expected<void> named = name_place(directory, place); !named) return named;
    return give_modes(directory);
}

}  // namespace castvote::certs
