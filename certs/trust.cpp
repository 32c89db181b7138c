// trust.cpp -- see trust.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/trust.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "certs/pkcs12.hpp"

namespace castvote::certs {

Certificates trusted_with(const Certificates& now, const Bundle& bundle) {
    Certificates then;
    const bool is_known = issuer_among(now, bundle.certificate.get(), Usage::client).has_value();
    if (is_known)
        for (const CertificatePtr& ca : now) then.push_back(share(ca.get()));
    const auto is_next = [&](const X509* ca) {
        return std::all_of(now.begin(), now.end(), [&](const CertificatePtr& known) {
            return is_made_after(ca, known.get());
        });
    };
    for (const CertificatePtr& other : bundle.others)
        if (X509_check_ca(other.get()) != 0 && !holds(then, other.get()) &&
            (!is_known || is_next(other.get())))
            then.push_back(share(other.get()));
    return then;
}

std::vector<std::string> notes_of(const Trust& trust, std::string_view source) {
    const bool keeps_one =
        std::any_of(trust.now.begin(), trust.now.end(),
                    [&](const CertificatePtr& ca) { return holds(trust.then, ca.get()); });
    const char* what = trust.now.empty() ? "Took the CA certificate from"
                       : keeps_one       ? "Trusts beside the CA it had the one from"
                                         : "Replaced the CA certificate by the one in";
    std::vector<std::string> notes;
    for (const CertificatePtr& ca : trust.then)
        if (!holds(trust.now, ca.get()))
            notes.push_back(fmt::format("{} {}, fingerprint (SHA-256) {}", what, source,
                                        fingerprint(ca.get())));
    return notes;
}

}  // namespace castvote::certs
