// pkcs12.cpp -- writing for NSS, reading from NSS of any age.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/pkcs12.hpp"

#include <fmt/format.h>

#include "certs/layout.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {
namespace {

void set_friendly_name(X509* certificate, const char* name) {
    must(X509_alias_set1(certificate, reinterpret_cast<const unsigned char*>(name), -1) == 1,
         "a friendly name");
}

// Objects of a private library context must not outlive it: take a copy into the default one.
Expected<Bundle> copied(EVP_PKEY* key, X509* certificate, STACK_OF(X509) * others,
                        std::string_view name) {
    Bundle bundle;
    Expected<KeyPtr> own_key = parse_key(to_pem(key), name);
    if (!own_key) return tl::unexpected<Error>(own_key.error());
    bundle.key = std::move(*own_key);
    Expected<CertificatePtr> own = parse_certificate(to_der(certificate), name);
    if (!own) return tl::unexpected<Error>(own.error());
    bundle.certificate = std::move(*own);
    for (int i = 0; i < sk_X509_num(others); ++i) {
        Expected<CertificatePtr> other = parse_certificate(to_der(sk_X509_value(others, i)), name);
        if (!other) return tl::unexpected<Error>(other.error());
        bundle.others.push_back(std::move(*other));
    }
    return bundle;
}

Expected<Bundle> read_with(OSSL_LIB_CTX* library, std::string_view der, std::string_view name) {
    PKCS12* made = PKCS12_init_ex(NID_pkcs7_data, library, nullptr);
    must(made != nullptr, "memory for a PKCS#12 file");
    const BioPtr bio = read_from(der);
    const bool is_pkcs12 = d2i_PKCS12_bio(bio.get(), &made) != nullptr;
    const BundlePtr file(made);  // Null if the parser already freed it.
    if (!is_pkcs12)
        return fail(fmt::format("{} is not a PKCS#12 file ({})", name, openssl_words()),
                    "give the file qdevice-net-node.p12 of the node that imported the certificate");
    EVP_PKEY* key = nullptr;
    X509* certificate = nullptr;
    STACK_OF(X509)* others = nullptr;
    const bool is_open = PKCS12_parse(file.get(), "", &key, &certificate, &others) == 1;
    const KeyPtr key_owner(key);
    const CertificatePtr certificate_owner(certificate);
    const CertificatesPtr others_owner(others);
    if (!is_open)
        return fail(fmt::format("{} cannot be opened ({})", name, openssl_words()),
                    "export it again with an empty password");
    openssl_words();
    if (key == nullptr || certificate == nullptr)
        return fail(fmt::format("{} holds no private key with its certificate", name),
                    "export certificate and key together, and import that file");
    return copied(key, certificate, others, name);
}

Expected<Bundle> read_with_legacy(std::string_view der, std::string_view name) {
    const LibraryPtr library(OSSL_LIB_CTX_new());
    must(library != nullptr, "memory for a library context");
    const ProviderPtr normal(OSSL_PROVIDER_load(library.get(), "default"));
    const ProviderPtr legacy(OSSL_PROVIDER_load(library.get(), "legacy"));
    if (normal == nullptr || legacy == nullptr) {
        openssl_words();
        return fail(fmt::format("{} needs OpenSSL's legacy provider, which is not installed", name),
                    "install it, or export the file again with a current version of NSS");
    }
    return read_with(library.get(), der, name);
}

}  // namespace

std::string write_bundle(EVP_PKEY* key, X509* certificate, const Certificates& cas) {
    const CertificatesPtr others(sk_X509_new_null());
    must(others != nullptr, "a list of certificates");
    for (const CertificatePtr& ca : cas) {
        // X509_alias_set1 marks the object itself; mark a copy of the CA, not the caller's.
        CertificatePtr named(X509_dup(ca.get()));
        must(named != nullptr, "memory for a CA");
        const auto name = common_name(X509_get_subject_name(ca.get()));
        set_friendly_name(named.get(), name ? name->c_str() : layout::ca_nickname);
        must(sk_X509_push(others.get(), named.get()) > 0, "a list of certificates");
        static_cast<void>(named.release());  // the list's from here on
    }
    const BundlePtr file(PKCS12_create("", layout::cluster_nickname, key, certificate, others.get(),
                                       NID_aes_256_cbc, NID_aes_256_cbc, PKCS12_DEFAULT_ITER,
                                       PKCS12_DEFAULT_ITER, 0));
    must(file != nullptr, "a PKCS#12 file");
    const BioPtr bio = memory();
    must(i2d_PKCS12_bio(bio.get(), file.get()) == 1, "writing a PKCS#12 file");
    return content(bio.get());
}

Expected<Bundle> read_bundle(std::string_view der, std::string_view name) {
    Expected<Bundle> bundle = read_with(nullptr, der, name);
    if (bundle) return bundle;
    Expected<Bundle> second = read_with_legacy(der, name);
    if (second) return second;
    return bundle;
}

}  // namespace castvote::certs
