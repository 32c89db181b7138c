// certs_trust_test.cpp -- whom a node trusts and whom it does not any more, whose certificate is
// worth something, and which files are taken for private keys.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "certs/arbiter_directory.hpp"
#include "certs/exchange.hpp"
#include "certs/identity.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/pkcs12.hpp"
#include "certs/register.hpp"
#include "certs/token.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

struct Two {
    Two() : old(0, std::time(nullptr) - 1000), fresh(1) {
        both = only(old.ca);
        both.push_back(share(fresh.ca.get()));
        put(scratch / "old.crt", to_pem(old.ca.get()));
        put(scratch / "fresh.crt", to_pem(fresh.ca.get()));
    }
    // The file that a node passes on when it trusts both.
    Path bundle(const Authority& authority) {
        const Path file = scratch / "both.p12";
        put(file, write_bundle(key(2), authority.cluster(key(2)).get(), both));
        return file;
    }
    std::size_t trusted(const Path& node) const {
        const auto all = parse_certificates(get(node / layout::node_ca), "ca.pem");
        REQUIRE(all);
        return all->size();
    }

    Scratch scratch;
    Authority old, fresh;
    Certificates both;
    Path node = scratch / "node";
};

}  // namespace

TEST_CASE("a CA that was dropped does not come back by a file from before") {
    Two two;
    REQUIRE(import_ca(two.node, two.scratch / "old.crt", Existing::fresh_only));
    const Path before = two.bundle(two.fresh);
    REQUIRE(import_bundle(two.node, before));
    put(two.node / layout::bundle, get(before));
    CHECK(two.trusted(two.node) == 2);
    REQUIRE(import_ca(two.node, two.scratch / "fresh.crt", Existing::same_is_fine));
    CHECK(two.trusted(two.node) == 1);
    const Expected<Bundle> passed_on = read_bundle(get(two.node / layout::bundle), "bundle");
    REQUIRE(passed_on);
    CHECK(passed_on->others.size() == 1);
    CHECK(fits(passed_on->certificate.get(), passed_on->key.get()));
    REQUIRE(import_bundle(two.node, before));
    CHECK(get(two.node / layout::node_ca) == to_pem(two.fresh.ca.get()));
}

TEST_CASE("nodes that share a key come to trust both authorities by its file") {
    Two two;
    const Authority& signer = GENERATE(true, false) ? two.old : two.fresh;
    REQUIRE(import_ca(two.node, two.scratch / "old.crt", Existing::fresh_only));
    REQUIRE(import_bundle(two.node, two.bundle(signer)));
    CHECK(two.trusted(two.node) == 2);
}

TEST_CASE("a node is given an authority beside the one it trusts") {
    const Scratch scratch;
    const Authority old(0), fresh(1);
    const Path node = scratch / "node";
    put(scratch / "old.crt", to_pem(old.ca.get()));
    put(scratch / "fresh.crt", to_text(fresh.ca.get()) + to_pem(fresh.ca.get()));
    put(scratch / "leaf.crt", to_pem(fresh.cluster(key(2)).get()));
    const auto none = add_ca(node, scratch / "fresh.crt");
    REQUIRE_FALSE(none);
    check_told(none.error(), "no CA certificate");
    REQUIRE(import_ca(node, scratch / "old.crt", Existing::fresh_only));
    for (int times = 0; times < 2; ++times) {
        REQUIRE(add_ca(node, scratch / "fresh.crt"));
        CHECK(get(node / layout::node_ca) == to_pem(old.ca.get()) + to_pem(fresh.ca.get()));
    }
    CHECK_FALSE(add_ca(node, scratch / "leaf.crt"));
    CHECK_FALSE(import_ca(node, scratch / "fresh.crt", Existing::fresh_only));
    // Half of a list is no list: who lost one would lose the arbiter.
    const std::string list = get(node / layout::node_ca);
    put(node / layout::node_ca, list.substr(0, list.size() - 200));
    CHECK_FALSE(load_node_identity(node));
}

TEST_CASE("a stock database's trust is not changed by a file that its daemon does not read") {
    Two two;
    REQUIRE(make_directory(two.node, 0700, std::nullopt));
    put(two.node / "cert9.db", "");
    for (const auto& refused :
         {import_ca(two.node, two.scratch / "old.crt", Existing::same_is_fine),
          add_ca(two.node, two.scratch / "old.crt")}) {
        REQUIRE_FALSE(refused);
        check_told(refused.error(), "stock");
        CHECK(refused.error().remedy.find("certutil") != std::string::npos);
    }
    CHECK_FALSE(is_there(two.node / layout::node_ca));
}

TEST_CASE("what is taken over has exactly the CAs that were trusted, and a pair of one of them") {
    Two two;
    const Bundle pair{KeyPtr(EVP_PKEY_dup(key(2))), two.fresh.cluster(key(2)), {}};
    REQUIRE(take_over(two.node, two.both, &pair, "there"));
    CHECK(two.trusted(two.node) == 2);
    CHECK(is_there(two.node / layout::cluster_certificate));
    const auto refused = take_over(two.scratch / "other", only(two.old.ca), &pair, "there");
    REQUIRE_FALSE(refused);
    check_told(refused.error(), "there");
}

TEST_CASE("a certificate is worth something under the token's CA or one made after it") {
    Two two;
    const Token of_old = make_token(two.old.ca.get()), of_fresh = make_token(two.fresh.ca.get());
    const CertificatePtr by_old = two.old.cluster(key(2)), by_fresh = two.fresh.cluster(key(2));
    CHECK(is_of_token_or_later(by_old.get(), two.both, of_old));
    CHECK(is_of_token_or_later(by_fresh.get(), two.both, of_old));
    CHECK(is_of_token_or_later(by_fresh.get(), two.both, of_fresh));
    CHECK_FALSE(is_of_token_or_later(by_old.get(), two.both, of_fresh));
    CHECK_FALSE(is_of_token_or_later(by_fresh.get(), only(two.fresh.ca), of_old));
    CHECK(is_made_after(two.fresh.ca.get(), two.old.ca.get()));
    const Authority same(0, two.fresh.now);
    CHECK_FALSE(is_made_after(same.ca.get(), two.fresh.ca.get()));
    CHECK(is_made_after(make_ca(key(0), 102, two.fresh.now).get(), two.fresh.ca.get()));
}

TEST_CASE("what a node has stored is marked") {
    const Scratch scratch;
    const Path arbiter = scratch / "arbiter";
    REQUIRE(init_arbiter(arbiter, GroupWrite::no));
    const auto stored = [&] {
        const auto entries = read_register(arbiter);
        REQUIRE(entries);
        return entries->back().stored;
    };
    CHECK(stored().empty());
    REQUIRE(issue_certificate(arbiter, make_request(key(2), "alpha").get(), "the request",
                              {.cluster = "alpha",
                               .by = "invite",
                               .owner = {},
                               .address = "192.0.2.1",
                               .is_confirmed = true}));
    CHECK(stored() == "no");
    REQUIRE(mark_stored(arbiter, "103"));
    CHECK(stored() == "yes");
}

TEST_CASE("nobody leads root to another file for a key, and a signing key is root's alone") {
    const Scratch scratch;
    const Path arbiter = scratch / "arbiter", elsewhere = scratch / "elsewhere";
    REQUIRE(init_arbiter(arbiter, GroupWrite::yes));
    const Path ca_key = arbiter / layout::ca_key, server_key = arbiter / layout::server_key;
    const auto refused = [&](const Path& file) {
        const bool is_ca = file == ca_key;
        const auto signing = check_signing(arbiter, "alpha");
        const auto renewed = renew_server(arbiter);
        CHECK(signing.has_value() != is_ca);
        REQUIRE_FALSE(renewed);
        check_told(renewed.error(), file.string());
    };
    REQUIRE(check_signing(arbiter, "alpha"));
    for (const Path& file : {ca_key, server_key}) {
        std::filesystem::rename(file, elsewhere);
        std::filesystem::create_symlink(elsewhere, file);
        refused(file);
        std::filesystem::remove(file);
        REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
        refused(file);
        std::filesystem::rename(elsewhere, file);
    }
    for (const mode_t mode : {0640u, 0604u}) {
        REQUIRE(::chmod(ca_key.c_str(), mode) == 0);
        refused(ca_key);
    }
    REQUIRE(::chmod(ca_key.c_str(), 0600) == 0);
    CHECK(check_signing(arbiter, "alpha"));
    if (::geteuid() == 0) {
        REQUIRE(::chown(ca_key.c_str(), 65534, 0) == 0);
        refused(ca_key);
        REQUIRE(::chown(ca_key.c_str(), 0, 0) == 0);
    }
    CHECK(renew_server(arbiter));
}

TEST_CASE("a step of an exchange leaves no key that a power cut left half written") {
    const Scratch scratch;
    const Path arbiter = scratch / "arbiter";
    REQUIRE(init_arbiter(arbiter, GroupWrite::no));
    for (const char* name : {".ca.key.aB3xyz", ".ca-next.key.aB3xyz", ".ca.key.other-name"})
        put(arbiter / name, "half a key");
    REQUIRE(take_step(arbiter, Step::begin));
    CHECK_FALSE(is_there(arbiter / ".ca.key.aB3xyz"));
    CHECK_FALSE(is_there(arbiter / ".ca-next.key.aB3xyz"));
    CHECK(is_there(arbiter / ".ca.key.other-name"));
    CHECK(is_there(arbiter / layout::next_ca_key));
}
