// node_directory.cpp -- importing the CA, making requests, importing certificates and bundles.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/node_directory.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/marker.hpp"
#include "certs/pair.hpp"
#include "certs/pkcs12.hpp"
#include "certs/trust.hpp"

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

// The PEM text of what a file of keys holds; none where it cannot be used any more.
std::string keys_in(const Path& file) {
    const Expected<std::vector<KeyPtr>> keys = load_keys(file);
    return keys ? all_to_pem(*keys) : std::string();
}

// The pair, and the CAs that are to be trusted. Those that are trusted now stay until the pair is
// the new one, so that what lies here fits together at every step.
std::vector<FileChange> pair_and_trust(const Path& directory, const EVP_PKEY* key,
                                       const X509* certificate, const Certificates& now_trusted,
                                       const Certificates& trusted) {
    const Path ca_file = directory / layout::node_ca;
    Certificates both;
    for (const Certificates* list : {&trusted, &now_trusted})
        for (const CertificatePtr& ca : *list)
            if (!holds(both, ca.get())) both.push_back(share(ca.get()));
    std::vector<FileChange> changes;
    if (both.size() != now_trusted.size()) changes.push_back({ca_file, to_pem(both), 0644, root});
    const Path key_file = directory / layout::cluster_key;
    const Pair pair{
        .certificate = {directory / layout::cluster_certificate, to_pem(certificate), 0644, root},
        .key = {key_file, to_pem(key), 0600, root}};
    for (FileChange& change : exchange_steps(pair, keys_in(key_file)))
        changes.push_back(std::move(change));
    if (both.size() != trusted.size()) changes.push_back({ca_file, to_pem(trusted), 0644, root});
    return changes;
}

Expected<Certificates> stored_cas(const Path& directory) {
    const Path file = directory / layout::node_ca;
    if (!is_there(file))
        return fail(
            fmt::format("there is no CA certificate in {}", directory.string()),
            "import the arbiter's qnetd-cacert.crt first, with -i or \"qcert import --ca\"");
    const Expected<std::string> bytes = read_file(file);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    return parse_certificates(*bytes, file.string());
}

Expected<CertificatePtr> load_ca(const Path& file) {
    Expected<CertificatePtr> ca = load_certificate(file);
    if (!ca || X509_check_ca(ca->get()) != 0) return ca;
    return fail(fmt::format("the certificate in {} is not that of a CA", file.string()),
                "give the arbiter's file qnetd-cacert.crt");
}

// What is written here is nothing to a stock daemon, and whoever dropped a CA would believe it
// gone.
Expected<void> refuse_stock_database(const Path& directory, std::string remedy) {
    if (node_format(directory) != Format::nss) return {};
    return fail(fmt::format("{} holds only the stock programs' certificate database, which this "
                            "does not change",
                            directory.string()),
                std::move(remedy));
}

// Refuses CAs under which the present cluster certificate would be worthless.
Expected<void> check_new_cas(const Path& directory, const Certificates& cas) {
    const Path certificate_file = directory / layout::cluster_certificate;
    if (!is_there(certificate_file)) return {};
    const Expected<CertificatePtr> certificate = load_certificate(certificate_file);
    if (certificate && issuer_among(cas, certificate->get(), Usage::client)) return {};
    return fail(
        fmt::format("{} belongs to another CA than the one given", certificate_file.string()),
        "import the .p12 file made with the new arbiter, or trust it beside the present one "
        "(\"qcert import --ca FILE --add\") until there is a certificate of it");
}

// The file for the other nodes names the CAs, too: it shall not bring back one that is dropped.
// Nothing where there is none, or no pair to make it of.
std::vector<FileChange> bundle_with(const Path& directory, const Certificates& cas) {
    const Path file = directory / layout::bundle;
    const auto certificate = load_certificate(directory / layout::cluster_certificate);
    Expected<std::vector<KeyPtr>> keys = load_keys(directory / layout::cluster_key);
    if (!is_there(file) || !certificate || !keys) return {};
    const KeyPtr key = take_fitting(*keys, certificate->get());
    if (key == nullptr) return {};
    return {{file, write_bundle(key.get(), certificate->get(), cas), 0600, root}};
}

// `now`: none where ca.pem cannot be used.
Expected<Trust> settle_trust(const Path& directory, const Bundle& bundle, std::string_view source) {
    Trust trust;
    if (Expected<Certificates> stored = stored_cas(directory)) trust.now = std::move(*stored);
    trust.then = trusted_with(trust.now, bundle);
    if (issuer_among(trust.then, bundle.certificate.get(), Usage::client)) return trust;
    return fail(fmt::format("the certificate in {} was signed neither by the CA in {} nor by "
                            "one in the file itself",
                            source, (directory / layout::node_ca).string()),
                "import the CA certificate of the arbiter that signed it first");
}

// Under the directory's lock. The key leaves request.key last: interrupted anywhere before, a
// repetition succeeds.
Expected<Stored> store(const Path& directory, const Bundle& bundle, const Trust& trust,
                       std::string_view source) {
    if (const Expected<void> marked = write_marker(directory); !marked)
        return tl::unexpected<Error>(marked.error());
    const Expected<void> stored = carry_out(pair_and_trust(
        directory, bundle.key.get(), bundle.certificate.get(), trust.now, trust.then));
    if (!stored) return tl::unexpected<Error>(stored.error());
    if (const Expected<void> removed = remove_pending(directory, bundle.key.get()); !removed)
        return tl::unexpected<Error>(removed.error());
    return Stored{directory / layout::cluster_certificate, notes_of(trust, source)};
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
    const Expected<CertificatePtr> ca = load_ca(ca_file);
    if (!ca) return tl::unexpected<Error>(ca.error());
    const Expected<void> ours = refuse_stock_database(
        directory,
        fmt::format("a node with the stock daemon drops the CA before by \"certutil -D -d {} -n "
                    "\"{}\"\" and a restart of its daemon, or gets all anew by \"qcert join "
                    "--stock --force\"; for ours \"qcert import --dir {}\" comes first",
                    directory.string(), layout::ca_nickname, directory.string()));
    if (!ours) return tl::unexpected<Error>(ours.error());
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Path file = directory / layout::node_ca;
    Certificates cas;
    cas.push_back(share(ca->get()));
    if (const Expected<void> fine = check_new_cas(directory, cas); !fine)
        return tl::unexpected<Error>(fine.error());
    if (const Expected<void> marked = write_marker(directory); !marked)
        return tl::unexpected<Error>(marked.error());
    std::vector<FileChange> changes = bundle_with(directory, cas);
    changes.push_back({file, to_pem(cas), 0644, root});
    if (const Expected<void> written = carry_out(changes); !written)
        return tl::unexpected<Error>(written.error());
    return Stored{file, {fmt::format("CA fingerprint (SHA-256) {}", fingerprint(ca->get()))}};
}

Expected<Stored> add_ca(const Path& directory, const Path& ca_file) {
    Expected<CertificatePtr> ca = load_ca(ca_file);
    if (!ca) return tl::unexpected<Error>(ca.error());
    const Expected<void> ours = refuse_stock_database(
        directory,
        fmt::format("a node with the stock daemon trusts it, too, by \"certutil -A -d {} "
                    "-n \"{} next\" -t CT,c,c -a -i FILE\" and a restart of its daemon; "
                    "for ours \"qcert import --dir {}\" comes first",
                    directory.string(), layout::ca_nickname, directory.string()));
    if (!ours) return tl::unexpected<Error>(ours.error());
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    Expected<Certificates> cas = stored_cas(directory);
    if (!cas) return tl::unexpected<Error>(cas.error());
    const Path file = directory / layout::node_ca;
    Stored stored{file, {fmt::format("CA fingerprint (SHA-256) {}", fingerprint(ca->get()))}};
    if (holds(*cas, ca->get())) return stored;
    cas->push_back(std::move(*ca));
    const Expected<void> written = write_file(file, to_pem(*cas), 0644, root);
    if (!written) return tl::unexpected<Error>(written.error());
    return stored;
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

Expected<Bundle> signed_bundle(const Path& directory, X509* certificate, const Certificates& cas,
                               std::string_view source) {
    if (const auto issued = issuer_among(cas, certificate, Usage::client); !issued)
        return fail(fmt::format("the certificate from {} {}", source, issued.error()), "try again");
    Expected<std::vector<KeyPtr>> keys = load_keys(directory / layout::pending_keys);
    if (!keys) return tl::unexpected<Error>(keys.error());
    Bundle bundle{take_fitting(*keys, certificate), share(certificate), {}};
    if (bundle.key == nullptr)
        return fail(
            fmt::format("no key in {} fits the certificate from {}", directory.string(), source),
            "try again");
    for (const CertificatePtr& ca : cas) bundle.others.push_back(share(ca.get()));
    return bundle;
}

Expected<Stored> store_signed(const Path& directory, X509* certificate, const Certificates& cas,
                              std::string_view source) {
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    const Expected<Bundle> bundle = signed_bundle(directory, certificate, cas, source);
    if (!bundle) return tl::unexpected<Error>(bundle.error());
    Expected<Trust> trust = settle_trust(directory, *bundle, source);
    if (!trust) return tl::unexpected<Error>(trust.error());
    trust->then.clear();
    for (const CertificatePtr& ca : cas) trust->then.push_back(share(ca.get()));
    // The PKCS#12 file first: without cluster.pem nothing has happened yet.
    const Path file = directory / layout::bundle;
    const Expected<void> written =
        write_file(file, write_bundle(bundle->key.get(), certificate, cas), 0600, root);
    if (!written) return tl::unexpected<Error>(written.error());
    Expected<Stored> stored = store(directory, *bundle, *trust, source);
    if (!stored) return stored;
    stored->file = file;
    return stored;
}

Expected<Stored> import_certificate(const Path& directory, const Path& certificate_file,
                                    KeyPtr further_key) {
    const Expected<CertificatePtr> certificate = load_certificate(certificate_file);
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    const Expected<Certificates> cas = stored_cas(directory);
    if (!cas) return tl::unexpected<Error>(cas.error());
    const auto issued = issuer_among(*cas, certificate->get(), Usage::client);
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
    const KeyPtr key = take_fitting(*keys, certificate->get());
    if (key == nullptr)
        return fail(fmt::format("no key in {} fits the certificate in {}", directory.string(),
                                certificate_file.string()),
                    "import it on the node that made the request, or make a new request");
    std::vector<FileChange> changes =
        pair_and_trust(directory, key.get(), certificate->get(), *cas, *cas);
    const Path file = directory / layout::bundle;
    changes.push_back({file, write_bundle(key.get(), certificate->get(), *cas), 0600, root});
    if (const Expected<void> stored = carry_out(changes); !stored)
        return tl::unexpected<Error>(stored.error());
    if (const Expected<void> removed = remove_pending(directory, key.get()); !removed)
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
    const Expected<Trust> trust = settle_trust(directory, bundle, source);
    if (!trust) return tl::unexpected<Error>(trust.error());
    return store(directory, bundle, *trust, source);
}

Expected<Stored> take_over(const Path& directory, const Certificates& cas, const Bundle* bundle,
                           std::string_view source) {
    const Expected<DirectoryLock> lock = open_directory(directory);
    if (!lock) return tl::unexpected<Error>(lock.error());
    if (const Expected<void> fine = check_new_cas(directory, cas); !fine)
        return tl::unexpected<Error>(fine.error());
    if (bundle == nullptr) {
        if (const Expected<void> marked = write_marker(directory); !marked)
            return tl::unexpected<Error>(marked.error());
        const Path file = directory / layout::node_ca;
        if (const auto written = write_file(file, to_pem(cas), 0644, root); !written)
            return tl::unexpected<Error>(written.error());
        return Stored{file, {}};
    }
    const auto issued = issuer_among(cas, bundle->certificate.get(), Usage::client);
    if (!issued)
        return fail(fmt::format("the certificate in {} {}", source, issued.error()),
                    "import the .p12 file of a node that has a new one, or let this one join anew "
                    "(\"qcert join --force\")");
    Trust trust;
    for (const CertificatePtr& ca : cas) trust.then.push_back(share(ca.get()));
    return store(directory, *bundle, trust, source);
}

}  // namespace castvote::certs
