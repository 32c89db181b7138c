// test_certificates.cpp -- see test_certificates.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/test_certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tests/unit/support/key_pool.hpp"

namespace castvote::testing {

namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

Key make_key() { return Key(EVP_RSA_gen(2048), EVP_PKEY_free); }

Certificate make(const Authority::Wish& wish, EVP_PKEY* key, X509* issuer, EVP_PKEY* signer) {
    static long serial = 100;
    Certificate made(X509_new(), X509_free);
    X509* x = made.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), wish.begins_s);
    X509_gmtime_adj(X509_getm_notAfter(x), wish.ends_s);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer : x));
    const auto add = [x](int kind, const std::string& value) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
        X509_add_ext(x, extension, -1);
        X509_EXTENSION_free(extension);
    };
    if (issuer == nullptr) add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    std::string names;
    for (const std::string& name : wish.dns_names)
        names += (names.empty() ? "DNS:" : ",DNS:") + name;
    if (!names.empty()) add(NID_subject_alt_name, names);
    X509_sign(x, signer, EVP_sha256());
    return made;
}

template <class Write>
std::string pem_of(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return text;
}

std::string pem(X509* certificate) {
    return pem_of([certificate](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
}

std::string pem(EVP_PKEY* key) {
    return pem_of([key](BIO* bio) {
        PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
}

}  // namespace

struct Authority::Keys {
    Key key;
    Certificate certificate;
};

Authority::Authority(const std::string& name) : keys_(std::make_shared<Keys>()) {
    keys_->key = make_key();
    keys_->certificate =
        make({.common_name = name, .dns_names = {}}, keys_->key.get(), nullptr, keys_->key.get());
}

net::TlsIdentity Authority::issue(const Wish& wish) const {
    const Key key = make_key();
    const Certificate made = make(wish, key.get(), keys_->certificate.get(), keys_->key.get());
    return {pem(keys_->certificate.get()), pem(made.get()), pem(key.get())};
}

net::TlsIdentity Authority::only_trust() const { return {pem(keys_->certificate.get()), {}, {}}; }

const Authority& authority() {
    const OwnKeys own;
    static const Authority made;
    return made;
}

}  // namespace castvote::testing
