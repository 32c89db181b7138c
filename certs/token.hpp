// token.hpp -- what an invitation hands to a node: one word to paste, and the proof of having it.
//
// The word holds a secret and the fingerprint of the arbiter's CA, so that the node knows its
// arbiter before it says anything, and a checksum, so that a typo is told as one. The secret never
// crosses the wire: the proof is bound to one TLS connection and one request, and is worth nothing
// elsewhere (docs/protocol.md 16). Pure, but for the dice.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "certs/error.hpp"
#include "certs/openssl.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

inline constexpr std::size_t secret_bytes = 16;
inline constexpr std::size_t digest_bytes = 32;  // SHA-256

struct Token {
    std::string secret;          // secret_bytes of them
    std::string ca_fingerprint;  // digest_bytes: SHA-256 of the CA certificate in DER form
    bool operator==(const Token&) const = default;
};

// With a new secret.
Token make_token(const X509* ca);

// "cv1" and 84 of a-z and 2-7. Reading it takes capitals, too.
std::string to_text(const Token& token);
Expected<Token> parse_token(std::string_view text);

// Is this the CA that the token means?
bool is_of_token(const X509* ca, const Token& token);
bool is_any_of_token(const Certificates& cas, const Token& token);

// Is a node's certificate one that the arbiter takes in times to come: signed by the CA that the
// token means, or by another one of `cas` that was made after it and takes its place?
bool is_of_token_or_later(X509* certificate, const Certificates& cas, const Token& token);

// `channel`: what TLS exports for this connection under `exporter_label`; `body`: what is asked.
inline constexpr std::string_view exporter_label = "EXPORTER-castvote-join";
std::string join_proof(const Token& token, std::string_view channel, std::string_view body);
bool is_join_proof(std::string_view proof, const Token& token, std::string_view channel,
                   std::string_view body);

}  // namespace castvote::certs
