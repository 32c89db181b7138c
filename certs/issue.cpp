// issue.cpp -- making keys, the CA, certificates and requests.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/issue.hpp"

#include <fmt/format.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "certs/layout.hpp"
#include "common/net/certificate_owner.hpp"

namespace castvote::certs {
namespace {

constexpr long start_in_the_past_s = 24 * 60 * 60;

// ASN1_TIME is set from text, so that 100 years from now also exist where time_t has 32 bits.
TimePtr asn1_time(const std::tm& utc) {
    const std::string text =
        fmt::format("{:04}{:02}{:02}{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                    utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
    TimePtr time(ASN1_TIME_new());
    must(time != nullptr && ASN1_TIME_set_string_X509(time.get(), text.c_str()) == 1, "a date");
    return time;
}

void set_validity(X509* certificate, std::time_t now) {
    const std::time_t start = now - start_in_the_past_s;
    std::tm utc{};
    gmtime_r(&start, &utc);
    must(X509_set1_notBefore(certificate, asn1_time(utc).get()) == 1, "a start date");
    gmtime_r(&now, &utc);
    utc.tm_year += validity_years;
    if (utc.tm_mon == 1 && utc.tm_mday == 29) utc.tm_mday = 28;  // 2100 has no such day.
    must(X509_set1_notAfter(certificate, asn1_time(utc).get()) == 1, "an end date");
}

NamePtr name_of(std::string_view cn) {
    // No length limit here: stock tools accept common names beyond the 64 bytes of X.520.
    ASN1_STRING* value = nullptr;
    const int type = ASN1_mbstring_ncopy(&value, reinterpret_cast<const unsigned char*>(cn.data()),
                                         static_cast<int>(cn.size()), MBSTRING_UTF8,
                                         B_ASN1_PRINTABLESTRING | B_ASN1_UTF8STRING, 0, 0);
    must(type > 0, "a common name");
    NamePtr name(X509_NAME_new());
    must(name != nullptr && X509_NAME_add_entry_by_NID(name.get(), NID_commonName, type,
                                                       ASN1_STRING_get0_data(value),
                                                       ASN1_STRING_length(value), -1, 0) == 1,
         "a distinguished name");
    ASN1_STRING_free(value);
    return name;
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509V3_set_ctx_nodb(&context);
    const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
         "a certificate extension");
}

CertificatePtr unsigned_certificate(const X509_NAME* subject, const X509_NAME* issuer,
                                    EVP_PKEY* key, long serial, std::time_t now) {
    CertificatePtr certificate(X509_new());
    must(certificate != nullptr, "memory for a certificate");
    must(X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
             ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial) == 1 &&
             X509_set_subject_name(certificate.get(), subject) == 1 &&
             X509_set_issuer_name(certificate.get(), issuer) == 1 &&
             X509_set_pubkey(certificate.get(), key) == 1,
         "a certificate");
    set_validity(certificate.get(), now);
    return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
    must(X509_sign(certificate, key, EVP_sha256()) > 0, "signing a certificate");
}

void name_owner(X509* certificate, std::string_view hexadecimal) {
    std::string value(net::owner_head);
    for (std::size_t i = 0; i + 1 < hexadecimal.size(); i += 2)
        value +=
            static_cast<char>(OPENSSL_hexchar2int(static_cast<unsigned char>(hexadecimal[i])) * 16 +
                              OPENSSL_hexchar2int(static_cast<unsigned char>(hexadecimal[i + 1])));
    must(value.size() == net::owner_head.size() + net::owner_bytes, "an owner");
    const std::unique_ptr<ASN1_OBJECT, FreeWith<ASN1_OBJECT_free>> name(
        OBJ_txt2obj(net::owner_extension, 1));
    const std::unique_ptr<ASN1_OCTET_STRING, FreeWith<ASN1_OCTET_STRING_free>> data(
        ASN1_OCTET_STRING_new());
    must(name != nullptr && data != nullptr &&
             ASN1_OCTET_STRING_set(data.get(), reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size())) == 1,
         "an owner");
    const ExtensionPtr extension(
        X509_EXTENSION_create_by_OBJ(nullptr, name.get(), /*crit=*/0, data.get()));
    must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "an owner");
}

CertificatePtr make_leaf(const X509_NAME* subject, EVP_PKEY* key, const Issuer& issuer, long serial,
                         std::time_t now, Usage usage, std::string_view owner = {}) {
    CertificatePtr certificate =
        unsigned_certificate(subject, X509_get_subject_name(issuer.certificate), key, serial, now);
    X509* made = certificate.get();
    // Encrypting the session key is RSA's affair alone; for EC keys the bit would be a lie.
    const bool is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    add_extension(
        made, issuer.certificate, NID_key_usage,
        is_rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature");
    add_extension(made, issuer.certificate, NID_ext_key_usage,
                  usage == Usage::server ? "serverAuth" : "clientAuth");
    add_extension(made, issuer.certificate, NID_subject_key_identifier, "hash");
    // A CA made by the stock tools has no key identifier to point at.
    if (X509_get_ext_by_NID(issuer.certificate, NID_subject_key_identifier, -1) >= 0)
        add_extension(made, issuer.certificate, NID_authority_key_identifier, "keyid:always");
    if (!owner.empty()) name_owner(made, owner);
    sign(made, issuer.key);
    return certificate;
}

Expected<void> check_request_key(const EVP_PKEY* key, std::string_view name) {
    const int bits = EVP_PKEY_get_bits(key);
    const bool is_rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    const bool is_ec = EVP_PKEY_is_a(key, "EC") == 1;
    if ((is_rsa && bits >= key_bits) || (is_ec && bits >= 256)) return {};
    const char* type = EVP_PKEY_get0_type_name(key);
    return fail(fmt::format("the key in {} is {} with {} bits, which is too weak or not understood "
                            "by all peers",
                            name, type != nullptr ? type : "of an unknown type", bits),
                "make a new request with an RSA key of at least 2048 bits");
}

}  // namespace

KeyPtr make_key() {
    KeyPtr key(EVP_RSA_gen(static_cast<unsigned>(key_bits)));
    must(key != nullptr, "making an RSA key");
    return key;
}

CertificatePtr make_ca(EVP_PKEY* key, long serial, std::time_t now, std::string_view name) {
    const NamePtr subject = name_of(name);
    CertificatePtr ca = unsigned_certificate(subject.get(), subject.get(), key, serial, now);
    add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(ca.get(), ca.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
    sign(ca.get(), key);
    return ca;
}

CertificatePtr make_server_certificate(EVP_PKEY* key, const Issuer& issuer, long serial,
                                       std::time_t now) {
    const NamePtr subject = name_of(layout::server_name);
    return make_leaf(subject.get(), key, issuer, serial, now, Usage::server);
}

CertificatePtr make_cluster_certificate(X509_REQ* request, const Issuer& issuer, long serial,
                                        std::time_t now, std::string_view owner) {
    return make_leaf(X509_REQ_get_subject_name(request), X509_REQ_get0_pubkey(request), issuer,
                     serial, now, Usage::client, owner);
}

Expected<void> check_cluster_name(std::string_view name) {
    const char* remedy = "use the cluster_name of corosync.conf";
    if (name.empty()) return fail("the cluster name is empty", remedy);
    if (name.size() > max_cluster_name_bytes)
        return fail(fmt::format("the cluster name has {} bytes, more than {}", name.size(),
                                max_cluster_name_bytes),
                    remedy);
    const auto is_forbidden = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f || c == '/';
    };
    if (std::any_of(name.begin(), name.end(), is_forbidden))
        return fail("the cluster name contains a slash or a control character", remedy);
    const int type =
        ASN1_mbstring_ncopy(nullptr, reinterpret_cast<const unsigned char*>(name.data()),
                            static_cast<int>(name.size()), MBSTRING_UTF8, B_ASN1_UTF8STRING, 0, 0);
    if (type > 0) return {};
    openssl_words();
    return fail("the cluster name is not valid UTF-8", remedy);
}

RequestPtr make_request(EVP_PKEY* key, std::string_view cluster) {
    const NamePtr subject = name_of(cluster);
    RequestPtr request(X509_REQ_new());
    must(request != nullptr && X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1 &&
             X509_REQ_set_subject_name(request.get(), subject.get()) == 1 &&
             X509_REQ_set_pubkey(request.get(), key) == 1 &&
             X509_REQ_sign(request.get(), key, EVP_sha256()) > 0,
         "a certificate request");
    return request;
}

Expected<void> check_request(X509_REQ* request, std::string_view cluster, std::string_view name) {
    EVP_PKEY* key = X509_REQ_get0_pubkey(request);
    if (key == nullptr)
        return fail(fmt::format("the key in {} is not understood ({})", name, openssl_words()),
                    "make a new request with an RSA key of at least 2048 bits");
    if (const Expected<void> strong = check_request_key(key, name); !strong) return strong;
    if (X509_REQ_verify(request, key) != 1) {
        openssl_words();
        return fail(fmt::format("{} is not signed with its own key", name),
                    "the file is damaged or forged: fetch it from the node again");
    }
    const std::optional<std::string> cn = common_name(X509_REQ_get_subject_name(request));
    if (!cn)
        return fail(fmt::format("{} does not name exactly one cluster", name),
                    "make a new request for the cluster on one of its nodes");
    if (!equal_without_case(*cn, cluster))
        return fail(
            fmt::format("{} is a request of cluster \"{}\", not of \"{}\"", name, *cn, cluster),
            "sign it under the name in the request, or make a new one");
    return {};
}

}  // namespace castvote::certs
