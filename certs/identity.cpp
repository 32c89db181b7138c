// identity.cpp -- loading and checking an arbiter's or a node's certificates.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/identity.hpp"

#include <fmt/format.h>

#include "certs/arbiter_directory.hpp"
#include "certs/authorities.hpp"
#include "certs/files.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

// The three files of a side, and what to do if they are not right.
struct Names {
    Path ca;
    Path certificate;
    Path key;
    Usage usage;
    const char* begin_anew;
    const char* renew;  // before it expires
};

constexpr const char* renew_ca =
    "exchange the arbiter's authority in time: \"qcert rotate --authority begin\" there, and new "
    "certificates for the nodes one after the other";

Names arbiter_names(const Path& directory) {
    return {
        directory / layout::ca_export,
        directory / layout::server_certificate,
        directory / layout::server_key,
        Usage::server,
        "restore the directory from a backup, or move it away and run \"qcert init\" (all clusters "
        "then need new certificates, and its names.json is copied back if any was renamed)",
        "\"qcert rotate\" makes a new one; no node notices"};
}

Names node_names(const Path& directory) {
    return {directory / layout::node_ca,
            directory / layout::cluster_certificate,
            directory / layout::cluster_key,
            Usage::client,
            "import qdevice-net-node.p12 of another node, or remove the directory and set up the "
            "certificates anew",
            "get a new one in time: \"qcert invite --more\" on the arbiter, \"qcert join --force\" "
            "here; the node daemon takes it up when it connects next"};
}

Expected<Certificates> load_certificates(const Path& file, const char* remedy) {
    const Expected<std::string> bytes = read_file(file);
    if (!bytes && is_there(file)) return tl::unexpected<Error>(bytes.error());
    if (!bytes) return fail(bytes.error().what, remedy);
    Expected<Certificates> certificates = parse_certificates(*bytes, file.string());
    if (!certificates) return fail(certificates.error().what, remedy);
    return certificates;
}

// The one that fits: there are two while a new certificate takes the place of the old one.
Expected<KeyPtr> load_key(const Names& names, const X509* certificate) {
    const Expected<std::string> text = read_file(names.key);
    if (!text && is_there(names.key)) return tl::unexpected<Error>(text.error());
    if (!text) return fail(text.error().what, names.begin_anew);
    Expected<std::vector<KeyPtr>> keys = parse_keys(*text, names.key.string());
    if (!keys) return fail(keys.error().what, names.begin_anew);
    if (KeyPtr key = take_fitting(*keys, certificate)) return key;
    return fail(fmt::format("the key in {} does not fit the certificate in {}", names.key.string(),
                            names.certificate.string()),
                names.begin_anew);
}

void warn_of_times(const X509* certificate, const Path& file, const char* renew,
                   std::vector<Error>& warnings) {
    const std::string end = date(X509_get0_notAfter(certificate));
    const auto days = days_until(end, std::time(nullptr));
    if (!is_expired(certificate) && days && *days < expiry_notice_days)
        warnings.push_back({fmt::format("the certificate in {} expires on {}, in {} days",
                                        file.string(), end, *days),
                            renew});
    if (is_expired(certificate))
        warnings.push_back({fmt::format("the certificate in {} expired on {}", file.string(),
                                        date(X509_get0_notAfter(certificate))),
                            "check this host's clock; if it is right, make new certificates"});
    if (is_not_yet_valid(certificate))
        warnings.push_back({fmt::format("the certificate in {} is not valid before {}",
                                        file.string(), date(X509_get0_notBefore(certificate))),
                            "check this host's clock, and that of the host that made it"});
}

struct Own {
    std::string certificate_pem;
    std::string key_pem;
    X509* issuer;  // one of the CAs
};

// Certificate and key of one side, checked against each other and the CAs.
Expected<Own> load_own(const Names& names, const Certificates& cas, std::vector<Error>& warnings) {
    const Expected<Certificates> certificates =
        load_certificates(names.certificate, names.begin_anew);
    if (!certificates) return tl::unexpected<Error>(certificates.error());
    const CertificatePtr& certificate = certificates->front();
    const Expected<KeyPtr> key = load_key(names, certificate.get());
    if (!key) return tl::unexpected<Error>(key.error());
    const auto issued = issuer_among(cas, certificate.get(), names.usage);
    if (!issued)
        return fail(fmt::format("the certificate in {} {} (the CA is in {})",
                                names.certificate.string(), issued.error(), names.ca.string()),
                    names.begin_anew);
    warn_of_times(certificate.get(), names.certificate, names.renew, warnings);
    return Own{to_pem(certificate.get()), to_pem(key->get()), *issued};
}

// An exchange that nobody goes on with: two authorities that may sign are more to lose than one.
void warn_of_exchange(const Authorities& authorities, std::vector<Error>& warnings) {
    const long days = days_in_exchange(authorities, std::time(nullptr));
    if (days < exchange_notice_days) return;
    warnings.push_back(
        {fmt::format("the exchange of the authority was begun {} days ago and is not over", days),
         authorities.stage() == Stage::begun
             ? "\"qcert rotate --authority switch\" says which nodes it waits for"
             : "\"qcert rotate --authority finish\" says which nodes it waits for"});
}

tl::unexpected<Error> only_stock_database(const Path& directory) {
    return fail(
        fmt::format("{} holds only the stock programs' certificate database", directory.string()),
        fmt::format("run \"qcert import --dir {}\" as root once; it leaves the database as "
                    "it is",
                    directory.string()));
}

// A directory we may not look into is not the same as an empty one.
Expected<void> check_directory(const Path& directory, const char* remedy) {
    std::error_code failure;
    const std::filesystem::directory_iterator entries(directory, failure);
    if (!failure) return {};
    if (failure == std::errc::no_such_file_or_directory)
        return fail(fmt::format("the certificate directory {} does not exist", directory.string()),
                    remedy);
    return fail(fmt::format("cannot look into {}: {}", directory.string(), failure.message()),
                "run this as root, or give this user access to it");
}

}  // namespace

Expected<ArbiterIdentity, Error> load_arbiter_identity(const std::filesystem::path& directory) {
    const char* remedy = "run \"qcert init\" once to make the arbiter's certificates";
    if (const Expected<void> readable = check_directory(directory, remedy); !readable)
        return tl::unexpected<Error>(readable.error());
    const Format format = arbiter_format(directory);
    if (format == Format::nss) return only_stock_database(directory);
    if (format == Format::none)
        return fail(fmt::format("there are no certificates in {}", directory.string()), remedy);
    const Names names = arbiter_names(directory);
    const Expected<Certificates> present = load_certificates(names.ca, names.begin_anew);
    if (!present) return tl::unexpected<Error>(present.error());
    const Expected<Authorities> authorities = read_authorities(directory);
    if (!authorities) return tl::unexpected<Error>(authorities.error());
    const Certificates cas = authorities->trusted();
    ArbiterIdentity identity;
    Expected<Own> own = load_own(names, cas, identity.warnings);
    if (!own) return tl::unexpected<Error>(own.error());
    warn_of_times(authorities->newest(), names.ca, renew_ca, identity.warnings);
    warn_of_exchange(*authorities, identity.warnings);
    identity.ca_pem = to_pem(own->issuer);
    for (const CertificatePtr& ca : cas)
        if (!is_same(ca.get(), own->issuer)) identity.ca_pem += to_pem(ca.get());
    identity.certificate_pem = std::move(own->certificate_pem);
    identity.key_pem = std::move(own->key_pem);
    return identity;
}

Expected<NodeIdentity, Error> load_node_identity(const std::filesystem::path& directory) {
    const char* remedy =
        "fetch qnetd-cacert.crt from the arbiter and run \"qcert import --ca\" with it";
    if (const Expected<void> readable = check_directory(directory, remedy); !readable)
        return tl::unexpected<Error>(readable.error());
    const Format format = node_format(directory);
    if (format == Format::nss) return only_stock_database(directory);
    if (format == Format::none)
        return fail(fmt::format("there is no CA certificate in {}", directory.string()), remedy);
    const Names names = node_names(directory);
    const Expected<Certificates> cas = load_certificates(names.ca, names.begin_anew);
    if (!cas) return tl::unexpected<Error>(cas.error());
    NodeIdentity identity;
    identity.ca_pem = to_pem(*cas);
    for (const CertificatePtr& ca : *cas)
        warn_of_times(ca.get(), names.ca, renew_ca, identity.warnings);
    if (!is_there(names.certificate)) {
        identity.warnings.push_back(
            {fmt::format("there is no cluster certificate in {}", directory.string()),
             "finish the set-up: \"qcert request\", sign on the arbiter, \"qcert import\""});
        return identity;
    }
    Expected<Own> own = load_own(names, *cas, identity.warnings);
    if (!own) return tl::unexpected<Error>(own.error());
    identity.certificate_pem = std::move(own->certificate_pem);
    identity.key_pem = std::move(own->key_pem);
    return identity;
}

}  // namespace castvote::certs
