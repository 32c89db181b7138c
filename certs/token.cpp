// token.cpp -- the token's text, and the proof.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/token.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace castvote::certs {
namespace {

constexpr std::string_view prefix = "cv";
constexpr char version = '1';
constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, base 32
constexpr std::size_t checksum_bytes = 4;  // one typo in four thousand million goes unseen
constexpr std::size_t payload_bytes = secret_bytes + digest_bytes + checksum_bytes;
constexpr std::size_t text_size = prefix.size() + 1 + (payload_bytes * 8 + 4) / 5;

constexpr const char* copy_again = "copy the whole command that \"qcert invite\" printed";

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string sha256(std::string_view bytes) {
    std::array<unsigned char, digest_bytes> digest{};
    must(SHA256(bytes_of(bytes), bytes.size(), digest.data()) != nullptr, "a digest");
    return {digest.begin(), digest.end()};
}

std::string checksum(std::string_view payload) {
    return sha256("castvote token 1" + std::string(payload)).substr(0, checksum_bytes);
}

std::string to_base32(std::string_view bytes) {
    std::string text;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : bytes) {
        held = held << 8 | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 5; bits -= 5) text += alphabet[held >> (bits - 5) & 31];
    }
    if (bits > 0) text += alphabet[held << (5 - bits) & 31];
    return text;
}

// Nothing if a letter is none of the alphabet, or the bits after the last byte are not zero.
std::optional<std::string> from_base32(std::string_view text) {
    std::string bytes;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const std::size_t value = alphabet.find(c);
        if (value == alphabet.npos) return std::nullopt;
        held = held << 5 | static_cast<std::uint32_t>(value);
        bits += 5;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>(held >> bits & 255);
    }
    if ((held & ((1U << bits) - 1)) != 0) return std::nullopt;
    return bytes;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return result;
}

std::string digest_of(const X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    must(X509_digest(certificate, EVP_sha256(), digest.data(), &length) == 1, "a fingerprint");
    return {digest.begin(), digest.begin() + length};
}

}  // namespace

Token make_token(const X509* ca) {
    std::array<unsigned char, secret_bytes> secret{};
    must(RAND_bytes(secret.data(), static_cast<int>(secret.size())) == 1, "a secret");
    return Token{{secret.begin(), secret.end()}, digest_of(ca)};
}

std::string to_text(const Token& token) {
    const std::string payload = token.secret + token.ca_fingerprint;
    return std::string(prefix) + version + to_base32(payload + checksum(payload));
}

Expected<Token> parse_token(std::string_view given) {
    const std::string text = lower(given);
    if (!text.starts_with(prefix) || text.size() <= prefix.size())
        return fail("this is no token: one begins with \"cv1\"", copy_again);
    if (text.size() != text_size && text[prefix.size()] == version)
        return fail(
            fmt::format("the token has {} characters, a whole one has {}", text.size(), text_size),
            copy_again);
    if (text[prefix.size()] != version)
        return fail("this token is of a form that this qcert does not know",
                    "use the same version of Castvote here as on the arbiter");
    const std::optional<std::string> bytes = from_base32(std::string_view(text).substr(3));
    if (!bytes) return fail("the token is mistyped: not all its letters can be right", copy_again);
    const std::string payload = bytes->substr(0, secret_bytes + digest_bytes);
    if (bytes->substr(payload.size()) != checksum(payload))
        return fail("the token is mistyped: its checksum is wrong", copy_again);
    return Token{payload.substr(0, secret_bytes), payload.substr(secret_bytes)};
}

bool is_of_token(const X509* ca, const Token& token) {
    return digest_of(ca) == token.ca_fingerprint;
}

bool is_any_of_token(const Certificates& cas, const Token& token) {
    return std::any_of(cas.begin(), cas.end(),
                       [&](const CertificatePtr& ca) { return is_of_token(ca.get(), token); });
}

bool is_of_token_or_later(X509* certificate, const Certificates& cas, const Token& token) {
    const auto issuer = issuer_among(cas, certificate, Usage::client);
    return issuer && std::any_of(cas.begin(), cas.end(), [&](const CertificatePtr& ca) {
               return is_of_token(ca.get(), token) &&
                      (is_same(ca.get(), *issuer) || is_made_after(*issuer, ca.get()));
           });
}

std::string join_proof(const Token& token, std::string_view channel, std::string_view body) {
    // The channel's part has a fixed length, so that no byte can change sides.
    const std::string said = "castvote join 1" + sha256(channel) + std::string(body);
    std::array<unsigned char, digest_bytes> proof{};
    unsigned size = 0;
    must(HMAC(EVP_sha256(), token.secret.data(), static_cast<int>(token.secret.size()),
              bytes_of(said), said.size(), proof.data(), &size) != nullptr,
         "a proof");
    return {proof.begin(), proof.begin() + size};
}

bool is_join_proof(std::string_view proof, const Token& token, std::string_view channel,
                   std::string_view body) {
    const std::string right = join_proof(token, channel, body);
    return proof.size() == right.size() &&
           CRYPTO_memcmp(proof.data(), right.data(), right.size()) == 0;
}

}  // namespace castvote::certs
