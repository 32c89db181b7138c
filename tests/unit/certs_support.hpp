// certs_support.hpp -- what the tests of certificates share: a scratch folder, keys made once.
//
// Making an RSA key takes a tenth of a second, so tests which do not care which key it is take one
// of these; what our code makes comes out of a pool (support/key_pool.hpp).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <catch2/catch.hpp>
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>

#include "certs/arbiter_directory.hpp"
#include "certs/files.hpp"
#include "certs/issue.hpp"
#include "tests/unit/support/key_pool.hpp"

namespace castvote::certs::test {

class Scratch {
public:
    Scratch() : directory_(*TemporaryDirectory::make(std::filesystem::temp_directory_path())) {}
    Path operator/(std::string_view name) const { return directory_.path() / name; }

private:
    TemporaryDirectory directory_;
};

// Key number 0 to 3, always the same within a run.
inline EVP_PKEY* key(std::size_t number) {
    static KeyPtr keys[4];
    const testing::OwnKeys own;
    if (keys[number] == nullptr) keys[number] = make_key();
    return keys[number].get();
}

inline KeyPtr own_key(const char* type, int bits_or_zero = 0) {
    if (bits_or_zero != 0)
        return KeyPtr(
            EVP_PKEY_Q_keygen(nullptr, nullptr, type, static_cast<std::size_t>(bits_or_zero)));
    if (std::string_view(type) == "EC")
        return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    return KeyPtr(EVP_PKEY_Q_keygen(nullptr, nullptr, type));
}

// The directory of an arbiter that nothing has happened to: made once in a run, since it takes two
// keys, and copied. Whoever needs two authorities makes the other one by init_arbiter().
inline void fresh_arbiter(const Path& directory) {
    static const Scratch scratch;
    static const Path made = scratch / "arbiter";
    const testing::OwnKeys own;
    if (!is_there(made)) REQUIRE(init_arbiter(made, GroupWrite::yes));
    std::filesystem::copy(made, directory, std::filesystem::copy_options::recursive);
    std::filesystem::permissions(directory, std::filesystem::status(made).permissions());
}

// A CA on key 0 and certificates under it, made now unless said otherwise.
struct Authority {
    explicit Authority(std::size_t key_number = 0, std::time_t made = std::time(nullptr))
        : now(made), ca_key(key(key_number)), ca(make_ca(ca_key, 101, made)) {}

    Issuer issuer() const { return {ca.get(), ca_key}; }
    CertificatePtr server(EVP_PKEY* for_key) const {
        return make_server_certificate(for_key, issuer(), 102, now);
    }
    CertificatePtr cluster(EVP_PKEY* for_key, std::string_view name = "alpha") const {
        return make_cluster_certificate(make_request(for_key, name).get(), issuer(), 103, now);
    }

    std::time_t now;
    EVP_PKEY* ca_key;
    CertificatePtr ca;
};

inline Certificates only(const CertificatePtr& certificate) {
    Certificates list;
    list.push_back(share(certificate.get()));
    return list;
}

inline void put(const Path& file, std::string_view bytes) {
    REQUIRE(write_file(file, bytes, 0600, std::nullopt));
}

inline std::string get(const Path& file) {
    const Expected<std::string> bytes = read_file(file);
    REQUIRE(bytes);
    return *bytes;
}

// An error of ours names the thing and the remedy, one line each.
inline void check_told(const Error& error, std::string_view naming) {
    INFO(error.what);
    CHECK(error.what.find(naming) != std::string::npos);
    CHECK_FALSE(error.remedy.empty());
    CHECK((error.what + error.remedy).find('\n') == std::string::npos);
}

}  // namespace castvote::certs::test
