// certs_register_test.cpp -- the register of what the CA has issued, and who owns a cluster's name.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include "certs/arbiter_directory.hpp"
#include "certs/layout.hpp"
#include "certs/node_directory.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "common/net/certificate_owner.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

const std::string one_owner(64, 'a');

struct Arbiter {
    Arbiter() { fresh_arbiter(directory); }

    CertificatePtr invite(std::size_t key_number, const std::string& owner = one_owner) {
        Expected<CertificatePtr> made = issue_certificate(
            directory, make_request(key(key_number), "alpha").get(), "the request",
            {.cluster = "alpha", .by = "invite", .owner = owner, .address = "192.0.2.11"});
        REQUIRE(made);
        return std::move(*made);
    }

    Path sign(std::string_view cluster = "alpha") {
        put(scratch / "request", to_der(make_request(key(2), cluster).get()));
        const Expected<Stored> stored = sign_request(directory, scratch / "request", cluster);
        REQUIRE(stored);
        return stored->file;
    }

    std::vector<Entry> known() {
        Expected<std::vector<Entry>> entries = known_certificates(directory);
        REQUIRE(entries);
        return *entries;
    }

    Scratch scratch;
    Path directory = scratch / "arbiter";
};

std::vector<std::string> summary(const std::vector<Entry>& entries) {
    std::vector<std::string> lines;
    for (const Entry& entry : entries)
        lines.push_back(fmt::format("{} {} {} {}", entry.serial, entry.use, entry.name, entry.by));
    return lines;
}

}  // namespace

TEST_CASE("whatever the CA issues stands in the register") {
    Arbiter arbiter;
    const CertificatePtr joined = arbiter.invite(1);
    arbiter.sign("beta");
    const std::vector<Entry> entries = arbiter.known();
    CHECK(summary(entries) ==
          std::vector<std::string>{"101 authority QNet CA init", "102 arbiter Qnetd Server init",
                                   "103 cluster alpha invite", "104 cluster beta sign"});
    CHECK(entries[2].fingerprint == fingerprint(joined.get()));
    CHECK(entries[2].owner == one_owner);
    CHECK(entries[2].address == "192.0.2.11");
    CHECK(entries[2].not_after == date(X509_get0_notAfter(joined.get())));
    CHECK(entries[2].issued_at.ends_with(" UTC"));
    CHECK(entries[3].address.empty());
    CHECK(mode_of(arbiter.directory / layout::certificate_register) == 0640);
    CHECK(*read_register(arbiter.directory) == entries);
}

TEST_CASE("certificates from before the register are found by their files") {
    Arbiter arbiter;
    arbiter.sign();
    std::filesystem::remove(arbiter.directory / layout::certificate_register);
    const std::vector<Entry> found = arbiter.known();
    CHECK(summary(found) == std::vector<std::string>{"101 authority QNet CA found",
                                                     "102 arbiter Qnetd Server found",
                                                     "103 cluster alpha found"});
    CHECK(found[2].issued_at.empty());
    // The next one is registered, and its number is new, though no file tells the last one's.
    arbiter.invite(1);
    std::filesystem::remove(arbiter.directory / layout::serial);
    arbiter.invite(3);
    CHECK(summary(*read_register(arbiter.directory)) ==
          std::vector<std::string>{"104 cluster alpha invite", "105 cluster alpha invite"});
}

TEST_CASE("a damaged register is told, and nothing is issued beside it") {
    Arbiter arbiter;
    const Path file = arbiter.directory / layout::certificate_register;
    const std::string serial = get(arbiter.directory / layout::serial);
    for (const char* text :
         {"", "{", "[]", "{\"version\": 1}", "{\"version\": 2, \"certificates\": []}",
          "{\"version\": 1, \"certificates\": [{\"serial\": 103, \"fingerprint\": \"AB\"}]}",
          "{\"version\": 1, \"certificates\": [{\"serial\": \"103\"}]}",
          "{\"version\": 1, \"certificates\": [7]}"}) {
        put(file, text);
        const Expected<std::vector<Entry>> entries = read_register(arbiter.directory);
        REQUIRE_FALSE(entries);
        check_told(entries.error(), "register.json is damaged");
        CHECK_FALSE(issue_certificate(
            arbiter.directory, make_request(key(1), "alpha").get(), "the request",
            {.cluster = "alpha", .by = "invite", .owner = one_owner, .address = {}}));
        CHECK(get(file) == text);
        CHECK(get(arbiter.directory / layout::serial) == serial);
    }
}

TEST_CASE("a register that cannot be looked at is not an empty one") {
    Arbiter arbiter;
    const Path file = arbiter.directory / layout::certificate_register;
    std::filesystem::remove(file);
    std::filesystem::create_symlink(arbiter.directory / "nowhere", file);
    CHECK_FALSE(read_register(arbiter.directory));
}

TEST_CASE("nodes with a key each have one owner, which the CA has named") {
    Arbiter arbiter;
    const CertificatePtr first = arbiter.invite(1);
    const CertificatePtr second = arbiter.invite(2);
    CHECK(castvote::net::owner_named_in(first.get()) == one_owner);
    CHECK(cluster_owner(first.get()) == cluster_owner(second.get()));
    CHECK(cluster_owner(arbiter.invite(3, std::string(64, 'b')).get()) == std::string(64, 'b'));
    // Stock peers pass over what they do not know, if it is not critical.
    const X509_EXTENSION* last = X509_get_ext(first.get(), X509_get_ext_count(first.get()) - 1);
    CHECK(X509_EXTENSION_get_critical(last) == 0);
    const Expected<std::string> ca_text = read_file(arbiter.directory / layout::ca_export);
    CHECK(verify_issued_by(first.get(), parse_certificate(*ca_text, "ca")->get(), Usage::client));
}

TEST_CASE("a shared key is an owner of its own, and others can be added to it") {
    Arbiter arbiter;
    const Path file = arbiter.sign();
    const Expected<CertificatePtr> shared = parse_certificate(get(file), "shared");
    REQUIRE(shared);
    CHECK_FALSE(castvote::net::owner_named_in(shared->get()));
    const std::string owner = cluster_owner(shared->get());
    const auto latest_owner = [&](const char* name) {
        const auto clusters = latest_of_each_owner(arbiter.known(), name);
        return clusters.empty() ? "nobody" : clusters.front().owner;
    };
    CHECK(latest_owner("alpha") == owner);
    CHECK(latest_owner("ALPHA") == owner);
    CHECK(latest_owner("beta") == "nobody");
    CHECK(latest_owner("Qnetd Server") == "nobody");
    CHECK(cluster_owner(arbiter.invite(1, owner).get()) == owner);
    arbiter.invite(3, one_owner);
    CHECK(latest_owner("alpha") == one_owner);
    CHECK(latest_of_each_owner(arbiter.known(), "alpha").size() == 2);
}

TEST_CASE("the latest owner goes by number, not by the place in the file") {
    Entry nine, ten;
    nine.use = ten.use = "cluster";
    nine.name = ten.name = "alpha";
    nine.serial = "999";
    ten.serial = "1000";
    nine.owner = "nine";
    ten.owner = "ten";
    for (const auto& entries : {std::vector{ten, nine}, std::vector{nine, ten}}) {
        const auto clusters = latest_of_each_owner(entries, "alpha");
        REQUIRE(clusters.size() == 2);
        CHECK(clusters.front().owner == "ten");
    }
}
