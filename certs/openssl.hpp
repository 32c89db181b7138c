// openssl.hpp -- owners for OpenSSL's objects, and its error queue in words.
//
// Every OpenSSL object in this room lives in one of these pointers. The error queue is per thread
// and outlives the call that filled it, so whoever sees a failure empties it with `openssl_words`.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace castvote::certs {

template <auto Free>
struct FreeWith {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};

inline void free_certificates(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using CertificatesPtr = std::unique_ptr<STACK_OF(X509), FreeWith<free_certificates>>;
using RequestPtr = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using NamePtr = std::unique_ptr<X509_NAME, FreeWith<X509_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, FreeWith<ASN1_TIME_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, FreeWith<ASN1_INTEGER_free>>;
using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, FreeWith<X509_STORE_CTX_free>>;
using BundlePtr = std::unique_ptr<PKCS12, FreeWith<PKCS12_free>>;
using LibraryPtr = std::unique_ptr<OSSL_LIB_CTX, FreeWith<OSSL_LIB_CTX_free>>;
using ProviderPtr = std::unique_ptr<OSSL_PROVIDER, FreeWith<OSSL_PROVIDER_unload>>;

// Empties this thread's error queue; returns the root cause in words, "unknown reason" if none.
std::string openssl_words();

// For calls that fail only when memory is exhausted or we misuse the library: abort with `doing`.
void must(bool succeeded, const char* doing);

// A BIO that reads `bytes`, which must outlive it.
BioPtr read_from(std::string_view bytes);
BioPtr memory();
std::string content(BIO* memory_bio);

}  // namespace castvote::certs
