// node_directory.hpp -- a node's certificate directory: CA, request, cluster certificate and key.
//
// Guards the pair: a cluster certificate is stored only with the key it fits and under the CA that
// signed it. Doing the same import twice succeeds, since pvecm does (certificates.md 4.1 step 12).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string_view>

#include "certs/arbiter_directory.hpp"
#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/openssl.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

struct Bundle;

Format node_format(const Path& directory);

// `fresh_only` is the stock behaviour: "already exists" if the directory is initialised.
enum class Existing { fresh_only, same_is_fine };

// Takes the arbiter's CA certificate (PEM, PEM behind text, DER), and trusts no other one from then
// on, nor does the PKCS#12 file for the other nodes; `file` is ca.pem. Refused, as add_ca is, where
// there is a stock database only, which it would not change.
Expected<Stored> import_ca(const Path& directory, const Path& ca_file, Existing existing);

// Trusts it beside what is trusted already, for the time in which the arbiter's CA is exchanged.
Expected<Stored> add_ca(const Path& directory, const Path& ca_file);

// Makes a key and a request for it; earlier keys stay pending. `file` is the request, DER.
Expected<Stored> request_certificate(const Path& directory, std::string_view cluster);

// The request that waits for its signature, if it is for this cluster and its key is here; else a
// new one. Whoever asks twice asks for the same key.
Expected<RequestPtr> pending_request(const Path& directory, std::string_view cluster);

// The pending key that a certificate fits, with both and the CAs, one of which must have signed it;
// nothing is stored. The source's name goes into errors.
Expected<Bundle> signed_bundle(const Path& directory, X509* certificate, const Certificates& cas,
                               std::string_view source);

// Takes a certificate for a pending key from memory, and the CAs that are to be trusted, no others,
// whatever was there before; one of them must have signed it. `file` is the PKCS#12 file with all
// of it. The source's name goes into errors.
Expected<Stored> store_signed(const Path& directory, X509* certificate, const Certificates& cas,
                              std::string_view source);

// Takes the signed certificate (PEM or DER); its key must be a pending one, the current one, or
// `further_key`. `file` is the PKCS#12 file for the other nodes.
Expected<Stored> import_certificate(const Path& directory, const Path& certificate_file,
                                    KeyPtr further_key = nullptr);

// Takes key, certificate and CAs from a PKCS#12 file with empty password. The file comes from root:
// its CAs are trusted in the place of the stored ones, with a note; but if one of these has signed
// the certificate they stay, and only CAs that were made later are trusted beside them.
Expected<Stored> import_bundle(const Path& directory, const Path& bundle_file);

// The same from memory; the source's name goes into errors.
Expected<Stored> store_bundle(const Path& directory, const Bundle& bundle, std::string_view source);

// Begins a directory with exactly these CAs and the bundle's pair, which one of them must have
// signed; `bundle` null: there is none yet. The source's name goes into errors.
Expected<Stored> take_over(const Path& directory, const Certificates& cas, const Bundle* bundle,
                           std::string_view source);

}  // namespace castvote::certs
