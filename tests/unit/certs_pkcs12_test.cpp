// certs_pkcs12_test.cpp -- the file that carries the key: written, read, old, damaged.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/pkcs12.hpp"

#include "certs/x509.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

std::string der_of(PKCS12* file) {
    const BundlePtr owner(file);
    REQUIRE(file != nullptr);
    const BioPtr bio = memory();
    REQUIRE(i2d_PKCS12_bio(bio.get(), file) == 1);
    return content(bio.get());
}

}  // namespace

TEST_CASE("a bundle comes back as it was written") {
    const Authority authority;
    const CertificatePtr cluster = authority.cluster(key(1));
    const std::string der = write_bundle(key(1), cluster.get(), only(authority.ca));
    const Expected<Bundle> bundle = read_bundle(der, "f");
    REQUIRE(bundle);
    CHECK(is_same(bundle->certificate.get(), cluster.get()));
    CHECK(fits(bundle->certificate.get(), bundle->key.get()));
    REQUIRE(bundle->others.size() == 1);
    CHECK(is_same(bundle->others[0].get(), authority.ca.get()));
    int length = 0;
    CHECK(X509_alias_get0(authority.ca.get(), &length) == nullptr);  // Only a copy was named.
}

TEST_CASE("bundles of old NSS, RC2 and 3DES, are read with the legacy provider") {
    const LibraryPtr library(OSSL_LIB_CTX_new());
    const ProviderPtr normal(OSSL_PROVIDER_load(library.get(), "default"));
    const ProviderPtr legacy(OSSL_PROVIDER_load(library.get(), "legacy"));
    if (legacy == nullptr) {
        WARN("SKIPPED: OpenSSL's legacy provider is not installed");
        return;
    }
    const Authority authority;
    const CertificatePtr cluster = authority.cluster(key(1));
    const std::string old = der_of(PKCS12_create_ex(
        "", "Cluster Cert", key(1), cluster.get(), nullptr, NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
        NID_pbe_WithSHA1And40BitRC2_CBC, 2048, 2048, 0, library.get(), nullptr));
    const Expected<Bundle> bundle = read_bundle(old, "f");
    REQUIRE(bundle);
    CHECK(is_same(bundle->certificate.get(), cluster.get()));
    CHECK(fits(bundle->certificate.get(), bundle->key.get()));
}

TEST_CASE("bundles that cannot serve are refused in words") {
    const Authority authority;
    const CertificatePtr cluster = authority.cluster(key(1));
    const std::string locked = der_of(
        PKCS12_create("secret", "Cluster Cert", key(1), cluster.get(), nullptr, 0, 0, 0, 0, 0));
    const std::string keyless =
        der_of(PKCS12_create("", "Cluster Cert", nullptr, cluster.get(), nullptr, 0, 0, 0, 0, 0));
    for (const std::string& bytes : {locked, keyless, std::string("garbage"), std::string(),
                                     to_der(cluster.get()), to_pem(cluster.get())}) {
        const Expected<Bundle> bundle = read_bundle(bytes, "node.p12");
        REQUIRE_FALSE(bundle);
        check_told(bundle.error(), "node.p12");
    }
}

TEST_CASE("a damaged bundle is an error, whatever was damaged") {
    const Authority authority;
    const CertificatePtr cluster = authority.cluster(key(1));
    const std::string der = write_bundle(key(1), cluster.get(), only(authority.ca));
    for (std::size_t length = 0; length < der.size(); length += 61)
        REQUIRE_FALSE(read_bundle(std::string_view(der).substr(0, length), "f"));
    // Any single bit: it may hit a comment-like field, but a key that comes out is the key.
    for (std::size_t at = 0; at < der.size(); at += 53) {
        std::string changed = der;
        changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
        const Expected<Bundle> bundle = read_bundle(changed, "f");
        if (bundle) REQUIRE(fits(bundle->certificate.get(), key(1)));
    }
}
