// node_directory.cpp -- importing the CA, making requests, importing certificates and bundles.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/node_directory.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/marker.hpp"
#include "certs/pkcs12.hpp"

namespace castvote::certs {
namespace {

// Somebody who asks again does not keep earlier requests for long; unused keys shall not pile up.
constexpr std::size_t max_pending_keys = 16;

constexpr Ownership root{};

const char* fetch_ca_remedy =
    "fetch qnetd-cacert.crt from the arbiter that signed it, remove this directory and begin anew";

Expected<DirectoryLock> open_directory(const Path& directory) {
    if (const Expected<void> made = make_directory(directory, 0770, root); !made)
        return tl::unexpected<Error>(made.error());
    return DirectoryLock::take(directory);
}

Expected<void> write_marker(const Path& directory) {
    const Path marker = directory / layout::marker;
    if (is_there(marker)) return {};
    return write_file(marker, marker_text(), 0660, root);
}

Expected<CertificatePtr> load_certificate(const Path& file) {
    const Expected<std::string> bytes = read_file(file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    return parse_certificate(*bytes, file.string());
}

// No file, no keys; a damaged file is an error, because its keys may be awaited by a signature.
Expected<std::vector<KeyPtr>> load_keys(const Path& file) {
    if (!is_there(file)) return std::vector<KeyPtr>{};
    const Expected<std::string> text = read_file(file);
    if (!text) return tl::unexpected<Error>(text.error());
    return parse_keys(*text, file.string());
}

std::string all_to_pem(const std::vector<KeyPtr>& keys) {
    std::string text;
    for (const KeyPtr& key : keys) text += to_pem(key.get());
    return text;
}

Expected<void> remove_pending(const Path& directory, const EVP_PKEY* used) {
    const Path file = directory / layout::pending_keys;
    Expected<std::vector<KeyPtr>> keys = load_keys(file);
    if (!keys) return tl::unexpected<Error>(keys.error());
    const auto is_used = [&](const KeyPtr& key) { return EVP_PKEY_eq(key.get(), used) == 1; };
    const auto end = std::remove_if(keys->begin(), keys->end(), is_used);
    if (end == keys->end()) return {};
    keys->erase(end, keys->end());
    if (!keys->empty()) return write_file(file, all_to_pem(*keys), 0600, root);
    std::error_code failure;
    std::filesystem::remove(file, failure);
    return {};
}

// The key leaves request.key last: interrupted anywhere before, a repetition succeeds.
Expected<void> store_pair(const Path& directory, const EVP_PKEY* key, const X509* certificate) {
    const Expected<void> key_written =
        write_file(directory / layout::cluster_key, to_pem(key), 0600, root);
    if (!key_written) return key_written;
    return write_file(directory / layout::cluster_certificate, to_pem(certificate), 0644, root);
}

Expected<CertificatePtr> stored_ca(const Path& directory) {
    const Path file = directory / layout::node_ca;
    if (!is_there(file))
        return fail(
            fmt::format("there is no CA certificate in {}", directory.string()),
            "import the arbiter's qnetd-cacert.crt first, with -i or \"qcert import --ca\"");
    return load_certificate(file);
}

// Refuses a new CA under which the present cluster certificate would be worthless.
Expected<void> check_new_ca(const Path& directory, X509* ca) {
    const Path certificate_file = directory / layout::cluster_certificate;
    if (!is_there(certificate_file)) return {};
    const Expected<CertificatePtr> certificate = load_certificate(certificate_file);
    if (certificate && verify_issued_by(certificate->get(), ca, Usage::client)) return {};
    return fail(
        fmt::format("{} belongs to another CA than the one given", certificate_file.string()),
        "import the .p12 file made with the new arbiter, or remove the directory and begin "
        "anew");
}

// The CA of a bundle is the certificate in it that signed the cluster certificate.
X509* ca_of(const Bundle& bundle) {
    for (const CertificatePtr& other : bundle.others)
        if (verify_issued_by(bundle.certificate.get(), other.get(), Usage::client))
            return other.get();
    return nullptr;
}

Expected<std::optional<std::string>> settle_ca(const Path& directory, const Bundle& bundle,
                                               std::string_view source) {
    const Path file = directory / layout::node_ca;
    CertificatePtr present;
    if (is_there(file)) {
        Expected<CertificatePtr> loaded = load_certificate(file);
        if (loaded) present = std::move(*loaded);
    }
    if (present && verify_issued_by(bundle.certificate.get(), present.get(), Usage::client))
        return std::nullopt;
    X509* brought = ca_of(bundle);
    if (brought == nullptr)
        return fail(fmt::format("the certificate in {} was signed neither by the CA in {} nor by "
                                "one in the file itself",
                                source, file.string()),
                    "import the CA certificate of the arbiter that signed it first");
    const Expected<void> written = write_file(file, to_pem(brought), 0644, root);
    if (!written) return tl::unexpected<Error>(written.error());
    return fmt::format(
        "{} {}, fingerprint (SHA-256) {}",
        present ? "Replaced the CA certificate by the one in" : "Took the CA certificate from",
        source, fingerprint(brought));
}

}  // namespace

Format node_format(const Path& directory) {
    if (is_there(directory / layout::node_ca)) return Format::pem;
    return has_nss_database(directory) ? Format::nss : Format::none;
}

Expected<Stored> import_ca(const Path& directory, const Path& ca_file, Existing existing) {
    if (existing == Existing::fresh_only && node_format(directory) != Format::none)
        return fail(fmt::format("a CA certificate already exists in {}", directory.string()),
                    "go on with them, or remove the directory to begin anew");
    const Expected<CertificatePtr> ca = load_certificate(ca_file);
    if (!ca) return tl::unexpected<Error>(ca.error());
    if (X509_check_ca(ca->get()) == 0)
        return fail(fmt::format("the certificate in {} is not that of a CA", ca_file.string()),
                    "give the arbiter's file qnetd-cacert.crt");
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Path file = directory / layout::node_ca;
    if (const Expected<void> fine = check_new_ca(directory, ca->get()); !fine)
        return tl::unexpected<Error>(fine.error());
    if (const Expected<void> marked = write_marker(directory); !marked)
        return tl::unexpected<Error>(marked.error());
    const Expected<void> written = write_file(file, to_pem(ca->get()), 0644, root);
    if (!written) return tl::unexpected<Error>(written.error());
    return Stored{file, {fmt::format("CA fingerprint (SHA-256) {}", fingerprint(ca->get()))}};
}

Expected<Stored> request_certificate(const Path& directory, std::string_view cluster) {
    if (const Expected<void> named = check_cluster_name(cluster); !named)
        return tl::unexpected<Error>(named.error());
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Path keys_file = directory / layout::pending_keys;
    Expected<std::vector<KeyPtr>> keys = load_keys(keys_file);
    if (!keys) return tl::unexpected<Error>(keys.error());
    if (keys->size() >= max_pending_keys)
        keys->erase(keys->begin(), keys->end() - (max_pending_keys - 1));
    keys->push_back(make_key());
    const RequestPtr request = make_request(keys->back().get(), cluster);
    // The key first: a request whose key is lost would be signed in vain.
    const Expected<void> kept = write_file(keys_file, all_to_pem(*keys), 0600, root);
    if (!kept) return tl::unexpected<Error>(kept.error());
    const Path file = directory / layout::request;
    const Expected<void> written = write_file(file, to_der(request.get()), 0640, root);
    if (!written) return tl::unexpected<Error>(written.error());
    return Stored{file, {}};
}

Expected<RequestPtr> pending_request(const Path& directory, std::string_view cluster) {
    const Path file = directory / layout::request;
    for (const bool is_new : {false, true}) {
        if (is_new) {
            const Expected<Stored> made = request_certificate(directory, cluster);
            if (!made) return tl::unexpected<Error>(made.error());
        }
        const Expected<std::string> bytes = read_file(file);
        if (!bytes && !is_new) continue;
        if (!bytes) return tl::unexpected<Error>(bytes.error());
        Expected<RequestPtr> request = parse_request(*bytes, file.string());
        if (!request && is_new) return request;
        if (!request || !check_request(request->get(), cluster, file.string())) continue;
        const Expected<std::vector<KeyPtr>> keys = load_keys(directory / layout::pending_keys);
        if (!keys) return tl::unexpected<Error>(keys.error());
        const auto is_here = [&](const KeyPtr& key) {
            return EVP_PKEY_eq(key.get(), X509_REQ_get0_pubkey(request->get())) == 1;
        };
        if (std::any_of(keys->begin(), keys->end(), is_here)) return request;
    }
    return fail(fmt::format("the request in {} has no key", file.string()), "try again");
}

Expected<Bundle> signed_bundle(const Path& directory, X509* certificate, X509* ca,
                               std::string_view source) {
    Expected<std::vector<KeyPtr>> keys = load_keys(directory / layout::pending_keys);
    if (!keys) return tl::unexpected<Error>(keys.error());
    const auto fitting = std::find_if(keys->begin(), keys->end(), [&](const KeyPtr& key) {
        return fits(certificate, key.get());
    });
    if (fitting == keys->end())
        return fail(
            fmt::format("no key in {} fits the certificate from {}", directory.string(), source),
            "try again");
    Bundle bundle{std::move(*fitting), nullptr, {}};
    must(X509_up_ref(certificate) == 1 && X509_up_ref(ca) == 1, "certificates");
    bundle.certificate.reset(certificate);
    bundle.others.emplace_back(ca);
    return bundle;
}

Expected<Stored> store_signed(const Path& directory, X509* certificate, X509* ca,
                              std::string_view source) {
    const Expected<Bundle> bundle = signed_bundle(directory, certificate, ca, source);
    if (!bundle) return tl::unexpected<Error>(bundle.error());
    // The PKCS#12 file first: without cluster.pem nothing has happened yet.
    const Path file = directory / layout::bundle;
    const Expected<void> written =
        write_file(file, write_bundle(bundle->key.get(), certificate, ca), 0600, root);
    if (!written) return tl::unexpected<Error>(written.error());
    Expected<Stored> stored = store_bundle(directory, *bundle, source);
    if (!stored) return stored;
    stored->file = file;
    return stored;
}

Expected<Stored> import_certificate(const Path& directory, const Path& certificate_file,
                                    KeyPtr further_key) {
    const Expected<CertificatePtr> certificate = load_certificate(certificate_file);
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    const Expected<CertificatePtr> ca = stored_ca(directory);
    if (!ca) return tl::unexpected<Error>(ca.error());
    const auto issued = verify_issued_by(certificate->get(), ca->get(), Usage::client);
    if (!issued)
        return fail(fmt::format("the certificate in {} {}: {}", certificate_file.string(),
                                issued.error(), (directory / layout::node_ca).string()),
                    fetch_ca_remedy);
    const Expected<DirectoryLock> lock = DirectoryLock::take(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());

    Expected<std::vector<KeyPtr>> keys = load_keys(directory / layout::pending_keys);
    if (!keys) return tl::unexpected<Error>(keys.error());
    Expected<std::vector<KeyPtr>> current = load_keys(directory / layout::cluster_key);
    if (current)
        for (KeyPtr& key : *current) keys->push_back(std::move(key));
    if (further_key != nullptr) keys->push_back(std::move(further_key));
    const auto fitting = std::find_if(keys->begin(), keys->end(), [&](const KeyPtr& key) {
        return fits(certificate->get(), key.get());
    });
    if (fitting == keys->end())
        return fail(fmt::format("no key in {} fits the certificate in {}", directory.string(),
                                certificate_file.string()),
                    "import it on the node that made the request, or make a new request");
    const EVP_PKEY* key = fitting->get();
    if (const Expected<void> stored = store_pair(directory, key, certificate->get()); !stored)
        return tl::unexpected<Error>(stored.error());
    const Path file = directory / layout::bundle;
    const Expected<void> written =
        write_file(file, write_bundle(fitting->get(), certificate->get(), ca->get()), 0600, root);
    if (!written) return tl::unexpected<Error>(written.error());
    if (const Expected<void> removed = remove_pending(directory, key); !removed)
        return tl::unexpected<Error>(removed.error());
    return Stored{file, {}};
}

Expected<Stored> import_bundle(const Path& directory, const Path& bundle_file) {
    const Expected<std::string> bytes = read_file(bundle_file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    const Expected<Bundle> bundle = read_bundle(*bytes, bundle_file.string());
    if (!bundle) return tl::unexpected<Error>(bundle.error());
    return store_bundle(directory, *bundle, bundle_file.string());
}

Expected<Stored> store_bundle(const Path& directory, const Bundle& bundle,
                              std::string_view source) {
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Expected<std::optional<std::string>> note = settle_ca(directory, bundle, source);
    if (!note) return tl::unexpected<Error>(note.error());
    if (const Expected<void> marked = write_marker(directory); !marked)
        return tl::unexpected<Error>(marked.error());
    const Expected<void> stored = store_pair(directory, bundle.key.get(), bundle.certificate.get());
    if (!stored) return tl::unexpected<Error>(stored.error());
    if (const Expected<void> removed = remove_pending(directory, bundle.key.get()); !removed)
        return tl::unexpected<Error>(removed.error());
    Stored result{directory / layout::cluster_certificate, {}};
    if (*note) result.notes.push_back(**note);
    return result;
}

}  // namespace castvote::certs
