// tls_words.cpp -- see tls_words.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/tls_words.hpp"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "common/net/certificate_owner.hpp"

namespace castvote::net {

namespace {

constexpr std::array<std::pair<int, const char*>, 16> reasons{{
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the peer showed no certificate"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the peer wants a TLS version that is too old"},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, "the peer refused our TLS versions"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher that both sides know"},
    {SSL_R_WRONG_VERSION_NUMBER, "the peer did not speak TLS"},
    {SSL_R_HTTP_REQUEST, "the peer did not speak TLS"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, "the peer does not trust our CA"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, "the peer refused our certificate"},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, "the peer cannot use our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, "the peer says our certificate is revoked"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, "the peer says our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, "the peer refused our certificate"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, "the peer requires a certificate of us"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, "the peer refused the handshake"},
    {SSL_R_TLSV1_ALERT_DECRYPT_ERROR, "the peer could not verify our signature"},
    {SSL_R_UNEXPECTED_EOF_WHILE_READING, "the peer closed the connection"},
}};

std::string text_of(const ASN1_STRING* string) {
    unsigned char* utf8 = nullptr;
    const int length = ASN1_STRING_to_UTF8(&utf8, string);
    if (length < 0) return {};
    std::string text(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(length));
    OPENSSL_free(utf8);
    return text.find('\0') == std::string::npos ? text : std::string();
}

}  // namespace

std::string openssl_reason() {
    const unsigned long first = ERR_get_error();
    ERR_clear_error();
    const char* text = first == 0 ? nullptr : ERR_reason_error_string(first);
    return text != nullptr ? text : "no reason given";
}

std::string tls_failure_text(unsigned long packed_error) {
    if (ERR_GET_LIB(packed_error) == ERR_LIB_SSL)
        for (const auto& [reason, words] : reasons)
            if (reason == ERR_GET_REASON(packed_error)) return words;
    const char* text = ERR_reason_error_string(packed_error);
    return text != nullptr ? text : "no reason given";
}

std::string verify_failure_text(int verify_error) {
    switch (verify_error) {
        case X509_V_ERR_CERT_HAS_EXPIRED: return "certificate expired";
        case X509_V_ERR_CERT_REVOKED: return "certificate was revoked";
        case X509_V_ERR_CERT_NOT_YET_VALID: return "certificate not yet valid (check both clocks)";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "certificate not signed by our CA";
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL: return "certificate with a key below 2048 bits";
        case X509_V_ERR_CA_MD_TOO_WEAK: return "certificate with a signature weaker than SHA-256";
        case X509_V_ERR_INVALID_PURPOSE: return "certificate not made for this use";
        default: return X509_verify_cert_error_string(verify_error);
    }
}

std::string serial_of(const x509_st* certificate) {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr), BN_free);
    char* decimal = number ? BN_bn2dec(number.get()) : nullptr;
    std::string text = decimal != nullptr ? decimal : "";
    OPENSSL_free(decimal);
    return text;
}

std::string digest_of(const x509_st* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) != 1) return {};
    return fmt::format("{:02x}", fmt::join(digest.data(), digest.data() + size, ""));
}

PeerNames names_of(x509_st* certificate) {
    PeerNames names;
    names.serial = serial_of(certificate);
    const X509_NAME* subject = X509_get_subject_name(certificate);
    int last = -1;
    for (int i = -1; (i = X509_NAME_get_index_by_NID(subject, NID_commonName, i)) >= 0;) last = i;
    if (last >= 0)
        names.common_name = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    auto* alternatives = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS) names.dns_names.push_back(text_of(name->d.dNSName));
    }
    GENERAL_NAMES_free(alternatives);
    if (auto owner = owner_named_in(certificate)) {
        names.key_fingerprint = std::move(*owner);
        return names;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_pubkey_digest(certificate, EVP_sha256(), digest.data(), &size) == 1)
        names.key_fingerprint =
            fmt::format("{:02x}", fmt::join(digest.data(), digest.data() + size, ""));
    return names;
}

}  // namespace castvote::net
