// issue.hpp -- making keys, the CA, certificates and requests (certificates.md 1 and 7.2).
//
// Names, key type, digest and validity are those of the stock tools; key identifiers and key usage
// are added, which stock peers accept. Start dates lie 24 h back, because OpenSSL, unlike NSS,
// grants no slop and the clocks of freshly installed hosts differ. Pure: no files, `now` is a
// parameter.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "certs/error.hpp"
#include "certs/layout.hpp"
#include "certs/openssl.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

inline constexpr int key_bits = 2048;
inline constexpr int validity_years = 100;

// The name goes into a file name with ten or so characters around it, and file names end at 255.
inline constexpr std::size_t max_cluster_name_bytes = 200;

struct Issuer {
    X509* certificate;
    EVP_PKEY* key;
};

KeyPtr make_key();  // RSA

// Self-signed. An arbiter's first one has the stock name; another one must have another name, since
// certificates of stock CAs name their issuer by it alone.
CertificatePtr make_ca(EVP_PKEY* key, long serial, std::time_t now,
                       std::string_view name = layout::ca_name);

// For the arbiter: `CN=Qnetd Server`.
CertificatePtr make_server_certificate(EVP_PKEY* key, const Issuer& issuer, long serial,
                                       std::time_t now);

// For a cluster: subject and key of a request which passed `check_request`. `owner`, if any, is
// named in it (common/net/certificate_owner.hpp): 64 hexadecimal digits.
CertificatePtr make_cluster_certificate(X509_REQ* request, const Issuer& issuer, long serial,
                                        std::time_t now, std::string_view owner = {});

// Not empty, UTF-8, at most `max_cluster_name_bytes`, no '/' and no control character.
Expected<void> check_cluster_name(std::string_view name);

// `CN=<cluster>`, no attributes. The name must have passed `check_cluster_name`.
RequestPtr make_request(EVP_PKEY* key, std::string_view cluster);

// Signed with its own key, RSA of 2048 bits or more or EC of 256 or more, CN equal to `cluster`
// without case. `name` is what errors call the request.
Expected<void> check_request(X509_REQ* request, std::string_view cluster, std::string_view name);

}  // namespace castvote::certs
