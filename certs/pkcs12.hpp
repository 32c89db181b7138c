// pkcs12.hpp -- the file in which key and certificate travel from node to node (certificates.md 6).
//
// Written so that NSS reads it: empty password, MAC present, friendly names of the stock tools.
// Read from NSS old and new: what the default provider refuses (RC2) is tried with OpenSSL's legacy
// one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/openssl.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

// What a PKCS#12 file holds: one key, the certificate that fits it, and all other certificates.
struct Bundle {
    KeyPtr key;
    CertificatePtr certificate;
    std::vector<CertificatePtr> others;
};

// DER; PBES2 with AES-256-CBC, SHA-256 MAC. Key and certificate must fit, and one of the CAs is the
// certificate's; each goes under its own name, since NSS takes no two for one.
std::string write_bundle(EVP_PKEY* key, X509* certificate, const Certificates& cas);

// `name` is what errors call the file.
Expected<Bundle> read_bundle(std::string_view der, std::string_view name);

}  // namespace castvote::certs
