// x509.hpp -- reading and writing certificates, requests and keys as text or bytes.
//
// Takes what the stock tools take (PEM, PEM behind a human-readable dump, DER) and compares names
// the way both sides of the protocol do: by the CN, without case (certificates.md 5). Does not know
// files: `name` is only what an error calls the thing.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/openssl.hpp"

namespace castvote::certs {

enum class Usage { server, client };

// PEM (leading text allowed) or DER.
Expected<CertificatePtr> parse_certificate(std::string_view bytes, std::string_view name);
Expected<RequestPtr> parse_request(std::string_view bytes, std::string_view name);

// All of a PEM text, or the one in DER; at least one, and none that is damaged.
using Certificates = std::vector<CertificatePtr>;
Expected<Certificates> parse_certificates(std::string_view bytes, std::string_view name);

// Unencrypted PEM; never asks for a passphrase. `parse_keys`: all keys of the text, at least one.
Expected<KeyPtr> parse_key(std::string_view pem, std::string_view name);
Expected<std::vector<KeyPtr>> parse_keys(std::string_view pem, std::string_view name);

std::string to_pem(const X509* certificate);
std::string to_pem(const Certificates& certificates);
std::string to_pem(const EVP_PKEY* key);  // PKCS#8, unencrypted.
std::string to_der(const X509* certificate);
std::string to_der(const X509_REQ* request);
std::string to_pem(const X509_REQ* request);
std::string to_text(X509* certificate);  // Human-readable dump, no PEM.

// The one CN as UTF-8; nothing if there is none, several, or one with a NUL in it.
std::optional<std::string> common_name(const X509_NAME* name);

// SHA-256 of the DER form, "AB:CD:..."; what an owner compares by eye.
std::string fingerprint(const X509* certificate);

std::string serial_number(const X509* certificate);  // Decimal.

// "2126-11-25 06:32:00 UTC"
std::string date(const ASN1_TIME* time);
std::string date(std::time_t seconds);

// Days from `now` to what date() has written, rounded down; nothing if it is no date. Also beyond
// what a time_t of 32 bits can say.
std::optional<long> days_until(std::string_view written, std::time_t now);
// Who renews certificates looks that seldom.
inline constexpr long expiry_notice_days = 180;

// A second owner of the same object.
CertificatePtr share(X509* certificate);

bool is_same(const X509* a, const X509* b);
bool holds(const Certificates& certificates, const X509* certificate);
bool fits(const X509* certificate, const EVP_PKEY* key);
// The first of them that fits, taken out of the list; null if none does.
KeyPtr take_fitting(std::vector<KeyPtr>& keys, const X509* certificate);
// By their dates, and where these are the same by their serial numbers.
bool is_made_after(const X509* certificate, const X509* other);
bool is_expired(const X509* certificate);
bool is_not_yet_valid(const X509* certificate);

// Signed by exactly this CA and fit for the usage, at security level 2 (keys of 2048 bits,
// SHA-256), not under the strict mode. Validity times do not count here: peers judge them each in
// their way. The error text completes "the certificate ... ".
Expected<void, std::string> verify_issued_by(X509* certificate, X509* ca, Usage usage);

// The first of several that has signed it so; the error is about all of them.
Expected<X509*, std::string> issuer_among(const Certificates& authorities, X509* certificate,
                                          Usage usage);

bool equal_without_case(std::string_view a, std::string_view b);  // ASCII letters only.

}  // namespace castvote::certs
