// certs_issue_test.cpp -- what is made has the stock names and dates, and what is refused.
// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

// A request whose common name is put in as it is, several if given several.
RequestPtr request_of(EVP_PKEY* with, const std::vector<std::string>& common_names) {
    RequestPtr request(X509_REQ_new());
    X509_NAME* subject = X509_REQ_get_subject_name(request.get());
    for (const std::string& name : common_names)
        X509_NAME_add_entry_by_NID(subject, NID_commonName, V_ASN1_UTF8STRING,
                                   reinterpret_cast<const unsigned char*>(name.data()),
                                   static_cast<int>(name.size()), -1, 0);
    X509_REQ_set_pubkey(request.get(), with);
    const bool has_own_digest = EVP_PKEY_is_a(with, "ED25519") == 1;
    REQUIRE(X509_REQ_sign(request.get(), with, has_own_digest ? nullptr : EVP_sha256()) > 0);
    return request;
}

std::string asn1_text(const ASN1_TIME* time) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(time)),
            static_cast<std::size_t>(ASN1_STRING_length(time))};
}

}  // namespace

TEST_CASE("a key is RSA of 2048 bits, and another one each time") {
    const castvote::testing::OwnKeys own;
    const KeyPtr one = make_key();
    const KeyPtr other = make_key();
    CHECK(EVP_PKEY_is_a(one.get(), "RSA") == 1);
    CHECK(EVP_PKEY_get_bits(one.get()) == 2048);
    CHECK(EVP_PKEY_eq(one.get(), other.get()) == 0);
}

TEST_CASE("the CA is the stock one: name, serial, path length, dates") {
    const std::time_t now = 1795588320;  // 2026-11-25 06:32:00 UTC
    const Authority authority(0, now);
    CHECK(common_name(X509_get_subject_name(authority.ca.get())) == "QNet CA");
    CHECK(serial_number(authority.ca.get()) == "101");
    CHECK(X509_get_pathlen(authority.ca.get()) == 0);
    CHECK(X509_check_ca(authority.ca.get()) == 1);
    CHECK(X509_get_version(authority.ca.get()) == X509_VERSION_3);
    CHECK(X509_get_signature_nid(authority.ca.get()) == NID_sha256WithRSAEncryption);
    CHECK(asn1_text(X509_get0_notBefore(authority.ca.get())) == "261124063200Z");
    CHECK(X509_get0_notAfter(authority.ca.get())->type == V_ASN1_GENERALIZEDTIME);
    CHECK(asn1_text(X509_get0_notAfter(authority.ca.get())) == "21261125063200Z");
}

TEST_CASE("a hundred years after a leap day that has no counterpart") {
    const Authority authority(0, 951825600);  // 2000-02-29 12:00:00 UTC
    CHECK(date(X509_get0_notAfter(authority.ca.get())) == "2100-02-28 12:00:00 UTC");
}

TEST_CASE("certificates verify under their CA at level 2, each for its own usage") {
    const Authority authority;
    const Authority other(3);
    const CertificatePtr server = authority.server(key(1));
    const CertificatePtr cluster = authority.cluster(key(2));
    CHECK(common_name(X509_get_subject_name(server.get())) == "Qnetd Server");
    CHECK(X509_check_host(server.get(), "Qnetd Server", 0, 0, nullptr) == 1);
    CHECK(verify_issued_by(server.get(), authority.ca.get(), Usage::server));
    CHECK(verify_issued_by(cluster.get(), authority.ca.get(), Usage::client));
    CHECK_FALSE(verify_issued_by(server.get(), authority.ca.get(), Usage::client));
    CHECK_FALSE(verify_issued_by(cluster.get(), authority.ca.get(), Usage::server));
    CHECK_FALSE(verify_issued_by(cluster.get(), other.ca.get(), Usage::client));
    CHECK(fits(cluster.get(), key(2)));
    CHECK_FALSE(fits(cluster.get(), key(1)));
}

TEST_CASE("a CA of the stock kind, without key identifier, signs too") {
    const Authority authority;
    CertificatePtr plain(X509_dup(authority.ca.get()));
    while (X509_get_ext_count(plain.get()) > 1)
        X509_EXTENSION_free(X509_delete_ext(plain.get(), X509_get_ext_count(plain.get()) - 1));
    REQUIRE(X509_sign(plain.get(), authority.ca_key, EVP_sha256()) > 0);
    const CertificatePtr cluster = make_cluster_certificate(
        make_request(key(1), "alpha").get(), {plain.get(), authority.ca_key}, 103, authority.now);
    CHECK(verify_issued_by(cluster.get(), plain.get(), Usage::client));
    CHECK(X509_get_ext_by_NID(cluster.get(), NID_authority_key_identifier, -1) < 0);
}

TEST_CASE("a cluster's name keeps its blanks, commas and letters, also beyond 64 bytes") {
    for (const std::string& name : {std::string("my cluster"), std::string("a,b=c+d\"e\\"),
                                    std::string("Gr\xc3\xbc\xc3\x9f\x65"), std::string(200, 'x')}) {
        REQUIRE(check_cluster_name(name));
        const RequestPtr request = make_request(key(1), name);
        CHECK(check_request(request.get(), name, "r"));
        const CertificatePtr certificate = Authority().cluster(key(1), name);
        CHECK(common_name(X509_get_subject_name(certificate.get())) == name);
    }
}

TEST_CASE("names that would leave the directory or break a line are refused") {
    for (const std::string& name :
         {std::string(), std::string("../alpha"), std::string("a/b"), std::string("a\nb"),
          std::string("a\0b", 3), std::string("\x7f"), std::string("\xff\xfe"),
          std::string(201, 'x')}) {
        INFO(name);
        const Expected<void> checked = check_cluster_name(name);
        REQUIRE_FALSE(checked);
        check_told(checked.error(), "cluster name");
    }
}

TEST_CASE("a request must carry the name it is signed under, without regard to case") {
    const RequestPtr request = make_request(key(1), "TestCl");
    CHECK(check_request(request.get(), "TestCl", "r"));
    CHECK(check_request(request.get(), "testcl", "r"));
    const Expected<void> other = check_request(request.get(), "testcl2", "r");
    REQUIRE_FALSE(other);
    check_told(other.error(), "TestCl");
    CHECK_FALSE(check_request(request_of(key(1), {"alpha", "beta"}).get(), "alpha", "r"));
    CHECK_FALSE(check_request(request_of(key(1), {"beta", "alpha"}).get(), "alpha", "r"));
    CHECK_FALSE(check_request(request_of(key(1), {}).get(), "alpha", "r"));
    CHECK_FALSE(
        check_request(request_of(key(1), {std::string("alpha\0x", 7)}).get(), "alpha", "r"));
}

TEST_CASE("keys of a request: RSA from 2048 bits and EC pass, the rest is refused") {
    const KeyPtr ec = own_key("EC");
    CHECK(check_request(request_of(ec.get(), {"alpha"}).get(), "alpha", "r"));
    for (const KeyPtr& weak : {own_key("RSA", 1024), own_key("RSA", 2040), own_key("ED25519")}) {
        REQUIRE(weak != nullptr);
        const Expected<void> checked =
            check_request(request_of(weak.get(), {"alpha"}).get(), "alpha", "r");
        REQUIRE_FALSE(checked);
        check_told(checked.error(), "key");
    }
}

TEST_CASE("a request that was changed under way is refused") {
    std::string der = to_der(make_request(key(1), "alpha").get());
    const std::size_t name = der.find("alpha");
    REQUIRE(name != der.npos);
    der[name] = 'A';  // Still "alpha" without case, but not what was signed.
    const Expected<RequestPtr> request = parse_request(der, "r");
    REQUIRE(request);
    const Expected<void> checked = check_request(request->get(), "alpha", "r");
    REQUIRE_FALSE(checked);
    check_told(checked.error(), "not signed with its own key");
}

TEST_CASE("certificates are read as PEM, as PEM behind text, and as DER") {
    const Authority authority;
    const std::string pem = to_pem(authority.ca.get());
    for (const std::string& form :
         {pem, to_text(authority.ca.get()) + pem, to_der(authority.ca.get())}) {
        const Expected<CertificatePtr> read = parse_certificate(form, "f");
        REQUIRE(read);
        CHECK(is_same(read->get(), authority.ca.get()));
    }
}

TEST_CASE("damaged input of any length is an error in words, never more") {
    const Authority authority;
    const std::string certificate = to_der(authority.ca.get());
    const std::string request = to_der(make_request(key(1), "alpha").get());
    const std::string pem = to_pem(key(1));
    for (std::size_t length = 0; length < certificate.size(); length += 3) {
        const auto read = parse_certificate(std::string_view(certificate).substr(0, length), "f");
        REQUIRE_FALSE(read);
    }
    for (std::size_t length = 0; length < request.size(); length += 3)
        REQUIRE_FALSE(parse_request(std::string_view(request).substr(0, length), "f"));
    for (std::size_t length = 0; length + 2 < pem.size(); length += 7)
        REQUIRE_FALSE(parse_key(std::string_view(pem).substr(0, length), "f"));
    const auto other = parse_certificate(pem, "here.pem");
    REQUIRE_FALSE(other);
    check_told(other.error(), "here.pem");
}

TEST_CASE("a private key under a passphrase is refused without asking for it") {
    const BioPtr bio = memory();
    unsigned char phrase[] = "secret";
    REQUIRE(PEM_write_bio_PKCS8PrivateKey(bio.get(), key(1), EVP_aes_256_cbc(),
                                          reinterpret_cast<char*>(phrase), 6, nullptr,
                                          nullptr) == 1);
    const Expected<KeyPtr> read = parse_key(content(bio.get()), "locked.key");
    REQUIRE_FALSE(read);
    check_told(read.error(), "locked.key");
}
