// key_pool.cpp -- see key_pool.hpp. By `--wrap` the linker takes __wrap_... below for the function
// of OpenSSL, which is __real_... then.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/key_pool.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdarg>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>

extern "C" {
EVP_PKEY* __real_EVP_PKEY_Q_keygen(OSSL_LIB_CTX*, const char*, const char* type, ...);
EVP_PKEY* __wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX*, const char*, const char* type, ...);
}

namespace castvote::testing {
namespace {

constexpr std::size_t pooled_bits = 2048;
constexpr std::size_t pool_size = 16;  // no test case needs as many at a time

class KeyPool {
public:
    KeyPool() { OPENSSL_init_crypto(0, nullptr); }  // so that OpenSSL ends after us

    template <class Make>
    EVP_PKEY* next(Make make) {
        const std::lock_guard lock(mutex_);
        if (own_ > 0) return make();
        if (keys_.size() < pool_size) {
            keys_.emplace_back(make(), EVP_PKEY_free);
        } else {
            keys_.push_back(keys_.front());
            keys_.pop_front();
        }
        EVP_PKEY* key = keys_.back().get();
        if (key != nullptr) EVP_PKEY_up_ref(key);
        return key;
    }
    void own(int by) {
        const std::lock_guard lock(mutex_);
        own_ += by;
    }

private:
    std::mutex mutex_;
    std::deque<std::shared_ptr<EVP_PKEY>> keys_;
    int own_ = 0;
};

KeyPool& pool() {
    static KeyPool made;
    return made;
}

}  // namespace

OwnKeys::OwnKeys() { pool().own(1); }
OwnKeys::~OwnKeys() { pool().own(-1); }

static EVP_PKEY* pooled_key(OSSL_LIB_CTX* library, const char* query, std::size_t bits) {
    const auto make = [&] { return __real_EVP_PKEY_Q_keygen(library, query, "RSA", bits); };
    return bits == pooled_bits ? pool().next(make) : make();
}

}  // namespace castvote::testing

EVP_PKEY* __wrap_EVP_PKEY_Q_keygen(OSSL_LIB_CTX* library, const char* query, const char* type,
                                   ...) {
    std::va_list rest;
    va_start(rest, type);
    EVP_PKEY* key = nullptr;
    if (std::string_view(type) == "RSA") {
        key = castvote::testing::pooled_key(library, query, va_arg(rest, std::size_t));
    } else if (std::string_view(type) == "EC") {
        key = __real_EVP_PKEY_Q_keygen(library, query, type, va_arg(rest, const char*));
    } else {
        key = __real_EVP_PKEY_Q_keygen(library, query, type);
    }
    va_end(rest);
    return key;
}
