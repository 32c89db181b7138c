// tls.cpp -- see tls.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/tls.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "certs/layout.hpp"
#include "certs/x509.hpp"

namespace castvote::certs::enrol {
namespace {

namespace ssl = net::asio::ssl;

constexpr const char* other_arbiter =
    "check the address; if it is right, the arbiter has a new CA, or somebody is in between";

SSL_CTX* new_context(const SSL_METHOD* method) {
    SSL_CTX* context = SSL_CTX_new(method);
    must(context != nullptr && SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1,
         "a TLS context");
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

}  // namespace

Expected<ssl::context> server_context(const ArbiterIdentity& identity) {
    const Expected<CertificatePtr> certificate =
        parse_certificate(identity.certificate_pem, "the arbiter's certificate");
    if (!certificate) return tl::unexpected<Error>(certificate.error());
    const Expected<KeyPtr> key = parse_key(identity.key_pem, "the arbiter's key");
    if (!key) return tl::unexpected<Error>(key.error());
    const Expected<CertificatePtr> ca = parse_certificate(identity.ca_pem, "the CA certificate");
    if (!ca) return tl::unexpected<Error>(ca.error());
    ssl::context context(new_context(TLS_server_method()));
    SSL_CTX* native = context.native_handle();
    if (SSL_CTX_use_certificate(native, certificate->get()) != 1 ||
        SSL_CTX_use_PrivateKey(native, key->get()) != 1 ||
        SSL_CTX_add1_chain_cert(native, ca->get()) != 1)
        return fail(fmt::format("the arbiter's certificate cannot be used: {}", openssl_words()),
                    "make new certificates with \"qcert init\" in another directory");
    return context;
}

ssl::context client_context() {
    ssl::context context(new_context(TLS_client_method()));
    SSL_CTX_set_verify(context.native_handle(), SSL_VERIFY_NONE, nullptr);
    return context;
}

std::string exported(Stream& stream) {
    std::array<unsigned char, digest_bytes> bytes{};
    must(SSL_export_keying_material(stream.native_handle(), bytes.data(), bytes.size(),
                                    exporter_label.data(), exporter_label.size(), nullptr, 0,
                                    0) == 1,
         "a TLS export");
    return {bytes.begin(), bytes.end()};
}

Expected<CertificatePtr> ca_shown(Stream& stream, const Token& token) {
    X509* arbiter = SSL_get0_peer_certificate(stream.native_handle());
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(stream.native_handle());
    CertificatePtr ca;
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* shown = sk_X509_value(chain, i);
        if (!is_of_token(shown, token)) continue;
        must(X509_up_ref(shown) == 1, "a certificate");
        ca.reset(shown);
    }
    if (arbiter == nullptr || ca == nullptr)
        return fail("this is not the arbiter that the token is from: its CA is another one",
                    other_arbiter);
    if (X509_check_ca(ca.get()) == 0) return fail("the token does not name a CA", other_arbiter);
    if (const auto issued = verify_issued_by(arbiter, ca.get(), Usage::server); !issued)
        return fail(fmt::format("the arbiter's certificate {}", issued.error()), other_arbiter);
    const auto name = common_name(X509_get_subject_name(arbiter));
    if (!name || *name != layout::server_name)
        return fail("who answers has a certificate of this CA, but is not its arbiter",
                    other_arbiter);
    return ca;
}

}  // namespace castvote::certs::enrol
