// tls_verify.cpp -- see tls_verify.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/tls_verify.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "common/net/tls_words.hpp"
#include "common/wire/check.hpp"

namespace castvote::net {

namespace {

constexpr std::time_t not_yet_valid_tolerance_s = 24 * 60 * 60;  // as NSS (certificates.md 5)

int slot() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

bool begins_within_tolerance(X509* certificate) {
    std::time_t latest = std::time(nullptr) + not_yet_valid_tolerance_s;
    return X509_cmp_time(X509_get0_notBefore(certificate), &latest) < 0;
}

}  // namespace

ssl_st* TlsCheck::make_ssl() {
    SSL* ssl = SSL_new(context_.native());
    if (ssl == nullptr) return nullptr;
    CHECK(SSL_set_ex_data(ssl, slot(), this) == 1, "the check is attached to its SSL");
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context_.native()), on_verify);
    if (context_.is_server()) return ssl;
    SSL_set_cert_cb(ssl, on_certificate_wanted, this);
    // A name which cannot be sent as SNI is no obstacle: the arbiter does not look at it.
    static_cast<void>(SSL_set_tlsext_host_name(ssl, context_.expected_name().c_str()));
    return ssl;
}

int TlsCheck::on_verify(int preverified, x509_store_ctx_st* store) {
    const void* ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    auto* check = static_cast<TlsCheck*>(SSL_get_ex_data(static_cast<const SSL*>(ssl), slot()));
    return check->judge(preverified == 1, store) ? 1 : 0;
}

int TlsCheck::on_certificate_wanted(ssl_st*, void* check) {
    static_cast<TlsCheck*>(check)->certificate_wanted_ = true;
    return 1;
}

bool TlsCheck::judge(bool preverified, x509_store_ctx_st* store) {
    if (!preverified && !tolerates(store)) {
        refusal_ = verify_failure_text(X509_STORE_CTX_get_error(store));
        return false;
    }
    if (!preverified) X509_STORE_CTX_set_error(store, X509_V_OK);
    // Depth 0 is judged last, and possibly several times: once per fault that was tolerated.
    if (X509_STORE_CTX_get_error_depth(store) != 0) return true;
    if (context_.is_server()) return !is_revoked(store);
    if (is_expected_name(store)) return true;
    refusal_ = "certificate is for \"" +
               names_of(X509_STORE_CTX_get_current_cert(store)).common_name + "\", expected \"" +
               context_.expected_name() + "\"";
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return false;
}

bool TlsCheck::tolerates(x509_store_ctx_st* store) {
    const int fault = X509_STORE_CTX_get_error(store);
    X509* certificate = X509_STORE_CTX_get_current_cert(store);
    if (fault != X509_V_ERR_CERT_HAS_EXPIRED && fault != X509_V_ERR_CERT_NOT_YET_VALID)
        return false;
    if (context_.is_server())
        return fault == X509_V_ERR_CERT_NOT_YET_VALID && begins_within_tolerance(certificate);
    if (fault == X509_V_ERR_CERT_NOT_YET_VALID && begins_within_tolerance(certificate)) return true;
    std::string warning = std::string(fault == X509_V_ERR_CERT_HAS_EXPIRED
                                          ? "the arbiter's certificate has expired"
                                          : "the arbiter's certificate is not valid yet");
    if (X509_STORE_CTX_get_error_depth(store) > 0)
        warning = std::string(fault == X509_V_ERR_CERT_HAS_EXPIRED
                                  ? "the arbiter's CA certificate has expired"
                                  : "the arbiter's CA certificate is not valid yet");
    if (std::find(warnings_.begin(), warnings_.end(), warning) == warnings_.end())
        warnings_.push_back(std::move(warning));
    return true;
}

bool TlsCheck::is_revoked(x509_store_ctx_st* store) {
    if (!context_.is_revoked(serial_of(X509_STORE_CTX_get_current_cert(store)))) return false;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED);
    refusal_ = verify_failure_text(X509_V_ERR_CERT_REVOKED);
    return true;
}

bool TlsCheck::is_expected_name(x509_store_ctx_st* store) {
    const std::string& name = context_.expected_name();
    return X509_check_host(X509_STORE_CTX_get_current_cert(store), name.data(), name.size(), 0,
                           nullptr) == 1;
}

TlsFacts TlsCheck::facts(const ssl_st* ssl) const {
    TlsFacts facts;
    if (X509* certificate = SSL_get0_peer_certificate(ssl)) facts.peer = names_of(certificate);
    const STACK_OF(X509)* chain = SSL_get0_verified_chain(ssl);
    if (facts.peer && chain != nullptr && sk_X509_num(chain) > 0)
        facts.peer->authority = digest_of(sk_X509_value(chain, sk_X509_num(chain) - 1));
    facts.own_certificate_sent =
        context_.is_server() || (certificate_wanted_ && context_.has_certificate());
    facts.version = std::string(SSL_get_version(ssl)) + ", " + SSL_get_cipher_name(ssl);
    facts.warnings = warnings_;
    return facts;
}

}  // namespace castvote::net
