// certs_identity_test.cpp -- the daemons get certificates that fit together, or a clear line.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/identity.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

constexpr std::time_t long_ago = 86400 * 365;  // 1971; certificates of then ended in 2071.

void put_arbiter(const Path& directory, const Authority& authority) {
    REQUIRE(make_directory(directory, 0700, std::nullopt));
    put(directory / layout::ca_export, to_pem(authority.ca.get()));
    put(directory / layout::server_certificate, to_pem(authority.server(key(1)).get()));
    put(directory / layout::server_key, to_pem(key(1)));
}

void put_node(const Path& directory, const Authority& authority) {
    REQUIRE(make_directory(directory, 0700, std::nullopt));
    put(directory / layout::node_ca, to_pem(authority.ca.get()));
    put(directory / layout::cluster_certificate, to_pem(authority.cluster(key(2)).get()));
    put(directory / layout::cluster_key, to_pem(key(2)));
}

CertificatePtr ended_yesterday(X509* certificate) {
    CertificatePtr ended(X509_dup(certificate));
    X509_gmtime_adj(X509_getm_notAfter(ended.get()), -86400);
    REQUIRE(X509_sign(ended.get(), key(0), EVP_sha256()) > 0);
    return ended;
}

}  // namespace

TEST_CASE("an arbiter's identity is what lies in its directory") {
    const Scratch scratch;
    const Authority authority;
    put_arbiter(scratch / "a", authority);
    const auto identity = load_arbiter_identity(scratch / "a");
    REQUIRE(identity);
    CHECK(identity->ca_pem == to_pem(authority.ca.get()));
    CHECK(identity->key_pem == to_pem(key(1)));
    CHECK(identity->certificate_pem == get(scratch / "a/server.pem"));
    CHECK(identity->warnings.empty());
}

TEST_CASE("an arbiter's files that do not fit together are told apart") {
    const Scratch scratch;
    const Authority authority;
    const Path directory = scratch / "a";
    put_arbiter(directory, authority);
    struct Damage {
        const char* file;
        std::string content;  // Empty: the file is removed.
        const char* told;
    };
    const Authority other(3);
    for (const Damage& damage :
         {Damage{layout::server_key, to_pem(key(2)), "does not fit"},
          Damage{layout::server_key, "no key", "server.key"},
          Damage{layout::server_key, "", "server.key"},
          Damage{layout::server_certificate, "", "server.pem"},
          Damage{layout::server_certificate, "no certificate", "server.pem"},
          Damage{layout::server_certificate, to_pem(other.server(key(1)).get()), "not signed by"},
          Damage{layout::server_certificate, to_pem(authority.cluster(key(1)).get()), "purpose"},
          Damage{layout::ca_export, "", "qnetd-cacert.crt"},
          Damage{layout::ca_export, "no certificate", "qnetd-cacert.crt"}}) {
        const std::string sound = get(directory / damage.file);
        std::filesystem::remove(directory / damage.file);
        if (!damage.content.empty()) put(directory / damage.file, damage.content);
        const auto identity = load_arbiter_identity(directory);
        INFO(damage.file << ": " << damage.content);
        REQUIRE_FALSE(identity);
        check_told(identity.error(), damage.told);
        put(directory / damage.file, sound);
    }
    CHECK(load_arbiter_identity(directory));
}

TEST_CASE("a directory without certificates says which step is missing") {
    const Scratch scratch;
    const auto missing = load_arbiter_identity(scratch / "none");
    REQUIRE_FALSE(missing);
    check_told(missing.error(), "does not exist");
    REQUIRE(make_directory(scratch / "empty", 0700, std::nullopt));
    const auto empty = load_arbiter_identity(scratch / "empty");
    REQUIRE_FALSE(empty);
    CHECK(empty.error().remedy.find("qcert init") != std::string::npos);
    const auto node = load_node_identity(scratch / "empty");
    REQUIRE_FALSE(node);
    CHECK(node.error().remedy.find("qcert import --ca") != std::string::npos);
    put(scratch / "empty/cert9.db", "a database");
    const auto arbiter_stock = load_arbiter_identity(scratch / "empty");
    const auto node_stock = load_node_identity(scratch / "empty");
    REQUIRE((!arbiter_stock && !node_stock));
    check_told(arbiter_stock.error(), "database");
    CHECK(node_stock.error().remedy.find("qcert import --dir") != std::string::npos);
}

TEST_CASE("validity times warn and never refuse") {
    const Scratch scratch;
    Authority authority;
    put_arbiter(scratch / "a", authority);
    put(scratch / "a/server.pem", to_pem(ended_yesterday(authority.server(key(1)).get()).get()));
    const auto expired = load_arbiter_identity(scratch / "a");
    REQUIRE(expired);
    REQUIRE(expired->warnings.size() == 1);
    check_told(expired->warnings[0], "expired");

    const Authority tomorrow(0, std::time(nullptr) + 3 * 86400);
    put_node(scratch / "n", tomorrow);
    const auto early = load_node_identity(scratch / "n");
    REQUIRE(early);
    REQUIRE(early->warnings.size() == 2);  // The CA's, too.
    check_told(early->warnings[0], "not valid before");

    put_node(scratch / "n", Authority(0, long_ago));
    CHECK(load_node_identity(scratch / "n"));
}

TEST_CASE("a node works with its CA alone, and warns") {
    const Scratch scratch;
    const Authority authority;
    put_node(scratch / "n", authority);
    const auto whole = load_node_identity(scratch / "n");
    REQUIRE(whole);
    CHECK(whole->certificate_pem == get(scratch / "n/cluster.pem"));
    CHECK(whole->key_pem == to_pem(key(2)));
    CHECK(whole->warnings.empty());

    std::filesystem::remove(scratch / "n/cluster.pem");
    const auto bare = load_node_identity(scratch / "n");
    REQUIRE(bare);
    CHECK_FALSE(bare->certificate_pem.has_value());
    CHECK_FALSE(bare->key_pem.has_value());
    REQUIRE(bare->warnings.size() == 1);
    check_told(bare->warnings[0], "no cluster certificate");
}

TEST_CASE("a node's key and certificate that do not fit are told apart") {
    const Scratch scratch;
    const Authority authority;
    put_node(scratch / "n", authority);
    put(scratch / "n/cluster.key", to_pem(key(1)));
    const auto unfit = load_node_identity(scratch / "n");
    REQUIRE_FALSE(unfit);
    check_told(unfit.error(), "does not fit");
    put_node(scratch / "n", authority);
    put(scratch / "n/ca.pem", to_pem(Authority(3).ca.get()));
    const auto foreign = load_node_identity(scratch / "n");
    REQUIRE_FALSE(foreign);
    check_told(foreign.error(), "not signed by");
}

TEST_CASE("a file that this user may not read is told as such") {
    const Scratch scratch;
    put_arbiter(scratch / "a", Authority());
    REQUIRE(::chmod((scratch / "a/server.key").c_str(), 0) == 0);
    REQUIRE(::chmod((scratch / "a").c_str(), 0755) == 0);
    REQUIRE(::chmod((scratch / "").c_str(), 0755) == 0);
    REQUIRE(::chmod((scratch / "a/qnetd-cacert.crt").c_str(), 0644) == 0);
    REQUIRE(::chmod((scratch / "a/server.pem").c_str(), 0644) == 0);
    const bool is_root = ::geteuid() == 0;
    if (is_root) REQUIRE(::seteuid(65534) == 0);  // Root may read everything.
    const auto identity = load_arbiter_identity(scratch / "a");
    if (is_root) REQUIRE(::seteuid(0) == 0);
    REQUIRE_FALSE(identity);
    check_told(identity.error(), "server.key: Permission denied");
    CHECK(identity.error().remedy.find("access") != std::string::npos);
}
