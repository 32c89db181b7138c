// tls.cpp -- see tls.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/net/tls_words.hpp"

namespace castvote::net {

namespace {

template <auto free_it>
struct FreeWith {
    template <class T>
    void operator()(T* object) const {
        free_it(object);
    }
};
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

constexpr int security_level = 2;  // 2048-bit keys, SHA-256: what the stock tools have made
constexpr int chain_depth = 1;

BioPtr read_from(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Never asks the terminal for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

Expected<CertificatePtr, std::string> certificate_of(const std::string& pem, const char* what) {
    const BioPtr bio = read_from(pem);
    CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    if (!certificate)
        return Unexpected<std::string>(std::string(what) + " is no PEM: " + openssl_reason());
    return certificate;
}

// The digests of those that are trusted from now on.
Expected<std::set<std::string>, std::string> trust(SSL_CTX* context, const TlsIdentity& identity) {
    const BioPtr bio = read_from(identity.ca_pem);
    std::set<std::string> trusted;
    while (const CertificatePtr ca{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)}) {
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) != 1)
            return Unexpected<std::string>("the CA certificate cannot be used: " +
                                           openssl_reason());
        trusted.insert(digest_of(ca.get()));
    }
    const std::string reason = openssl_reason();  // Also "no start line" behind the last one.
    if (trusted.empty()) return Unexpected<std::string>("the CA certificate is no PEM: " + reason);
    return trusted;
}

Expected<void, std::string> present(SSL_CTX* context, const TlsIdentity& identity) {
    auto certificate = certificate_of(identity.certificate_pem, "the certificate");
    if (!certificate) return Unexpected<std::string>(certificate.error());
    const BioPtr bio = read_from(identity.key_pem);
    const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    if (!key)
        return Unexpected<std::string>("the private key is no unencrypted PEM: " +
                                       openssl_reason());
    if (SSL_CTX_use_certificate(context, certificate->get()) != 1)
        return Unexpected<std::string>("the certificate cannot be used: " + openssl_reason());
    if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
        return Unexpected<std::string>("the private key does not fit the certificate: " +
                                       openssl_reason());
    return {};
}

struct Made {
    std::shared_ptr<SSL_CTX> context;
    std::set<std::string> trusted;
};

// What both sides have in common.
Expected<Made, std::string> context_for(const SSL_METHOD* method, const TlsIdentity& identity) {
    ERR_clear_error();
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
    if (!context) return Unexpected<std::string>("TLS cannot be set up: " + openssl_reason());
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_security_level(context.get(), security_level);
    SSL_CTX_set_verify_depth(context.get(), chain_depth);
    // Every second connection of a resuming stock node would die otherwise (certificates.md 7.3).
    SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_num_tickets(context.get(), 0);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    auto trusted = trust(context.get(), identity);
    if (!trusted) return Unexpected<std::string>(trusted.error());
    Made made{std::move(context), std::move(*trusted)};
    if (identity.certificate_pem.empty()) return made;
    if (auto presented = present(made.context.get(), identity); !presented)
        return Unexpected<std::string>(presented.error());
    return made;
}

}  // namespace

Expected<TlsContext, std::string> TlsContext::server(const TlsIdentity& identity,
                                                     ClientCertificate client_certificate,
                                                     RevokedSerials revoked) {
    if (identity.certificate_pem.empty())
        return Unexpected<std::string>("the arbiter needs a certificate");
    auto built = context_for(TLS_server_method(), identity);
    if (!built) return Unexpected<std::string>(built.error());
    SSL_CTX* context = built->context.get();
    SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_verify(context,
                       client_certificate == ClientCertificate::required
                           ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                           : SSL_VERIFY_NONE,
                       nullptr);
    TlsContext made;
    made.context_ = std::move(built->context);
    made.trusted_ = std::make_shared<std::set<std::string>>(std::move(built->trusted));
    made.revoked_ = std::make_shared<RevokedSerials>(std::move(revoked));
    made.is_server_ = true;
    made.has_certificate_ = true;
    return made;
}

Expected<TlsContext, std::string> TlsContext::client(const TlsIdentity& identity,
                                                     std::string expected_name) {
    auto built = context_for(TLS_client_method(), identity);
    if (!built) return Unexpected<std::string>(built.error());
    SSL_CTX* context = built->context.get();
    SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    TlsContext made;
    made.context_ = std::move(built->context);
    made.trusted_ = std::make_shared<std::set<std::string>>(std::move(built->trusted));
    made.has_certificate_ = !identity.certificate_pem.empty();
    made.expected_name_ = std::move(expected_name);
    return made;
}

}  // namespace castvote::net
