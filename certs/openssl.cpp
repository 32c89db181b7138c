// openssl.cpp -- the error queue in words, and memory BIOs.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/openssl.hpp"

#include <openssl/err.h>

#include <cstdio>
#include <cstdlib>

namespace castvote::certs {

std::string openssl_words() {
    // The oldest entry is the cause; the younger ones say through whom it came.
    std::string words;
    while (const unsigned long code = ERR_get_error()) {
        if (!words.empty()) continue;
        const char* reason = ERR_reason_error_string(code);
        if (reason != nullptr) words = reason;
    }
    return words.empty() ? "unknown reason" : words;
}

void must(bool succeeded, const char* doing) {
    if (succeeded) return;
    std::fprintf(stderr, "OpenSSL failed in: %s: %s\n", doing, openssl_words().c_str());
    std::abort();
}

BioPtr read_from(std::string_view bytes) {
    BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    must(bio != nullptr, "memory for reading");
    return bio;
}

BioPtr memory() {
    BioPtr bio(BIO_new(BIO_s_mem()));
    must(bio != nullptr, "memory for writing");
    return bio;
}

std::string content(BIO* memory_bio) {
    char* bytes = nullptr;
    const long length = BIO_get_mem_data(memory_bio, &bytes);
    return length > 0 ? std::string(bytes, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace castvote::certs
