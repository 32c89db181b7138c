// certs_expiry_test.cpp -- an end is told long before it comes; the arbiter gets a new certificate.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/arbiter_directory.hpp"
#include "certs/identity.hpp"
#include "certs/issue.hpp"
#include "certs/layout.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

constexpr std::time_t day = 86400;

}  // namespace

TEST_CASE("days to a date, as far away as it may be") {
    CHECK(days_until("2126-11-25 06:32:00 UTC", 0) == 57306);
    CHECK(days_until("1970-01-02 00:00:00 UTC", 0) == 1);
    CHECK(days_until("1970-01-01 23:00:00 UTC", 0) == 0);
    CHECK(days_until("1969-12-31 23:00:00 UTC", 0) == -1);
    CHECK(days_until(date(std::time_t{1'800'000'000}), 1'800'000'000 - 10 * day - 7200) == 10);
    for (const char* none : {"", "an unreadable date", "2126", "2126-13-01 00:00:00 UTC",
                             "2126-02-30 00:00:00 UTC", "2126-02-20"})
        CHECK_FALSE(days_until(none, 0));
}

TEST_CASE("an arbiter hears half a year before its own certificates end") {
    const Scratch scratch;
    const auto warnings_of = [&](std::time_t made) {
        const Authority authority(0, made);
        const Path directory = scratch / "arbiter";
        REQUIRE(make_directory(directory, 0700, std::nullopt));
        put(directory / layout::ca_export, to_pem(authority.ca.get()));
        put(directory / layout::server_certificate, to_pem(authority.server(key(1)).get()));
        put(directory / layout::server_key, to_pem(key(1)));
        const auto identity = load_arbiter_identity(directory);
        REQUIRE(identity);
        return identity->warnings;
    };
    const std::time_t now = std::time(nullptr);
    // Certificates are good for a hundred years, of which 24 or 25 have a day more.
    const std::time_t validity = 36525 * day;
    CHECK(warnings_of(now - validity + 190 * day).empty());
    const auto soon = warnings_of(now - validity + 170 * day);
    REQUIRE(soon.size() == 2);
    CHECK(soon[0].what.find("server.pem expires on ") != std::string::npos);
    CHECK(soon[0].remedy.find("qcert rotate") != std::string::npos);
    CHECK(soon[1].what.find("qnetd-cacert.crt expires on ") != std::string::npos);
}

TEST_CASE("an arbiter's new certificate takes the place of the old one at every step") {
    const Scratch scratch;
    const Path directory = scratch / "arbiter";
    REQUIRE(init_arbiter(directory, GroupWrite::no));
    const std::string old_key = get(directory / layout::server_key);
    const std::string old_certificate = get(directory / layout::server_certificate);
    REQUIRE(renew_server(directory));
    const std::string new_key = get(directory / layout::server_key);
    const std::string new_certificate = get(directory / layout::server_certificate);
    CHECK(new_key != old_key);
    CHECK(mode_of(directory / layout::server_key) == 0640);
    const auto made = parse_certificate(new_certificate, "the new one");
    CHECK(serial_number(made->get()) == "103");
    const auto known = known_certificates(directory);
    REQUIRE(known);
    CHECK(known->back().by == "rotate");
    CHECK(known->back().use == "arbiter");
    // What lies there while it changes places: the key that fits is taken.
    for (const std::string& certificate : {old_certificate, new_certificate}) {
        put(directory / layout::server_key, new_key + old_key);
        put(directory / layout::server_certificate, certificate);
        const auto identity = load_arbiter_identity(directory);
        REQUIRE(identity);
        CHECK(identity->key_pem == (certificate == old_certificate ? old_key : new_key));
    }
    // Where it was broken off, it is done again.
    put(directory / layout::server_certificate, old_certificate);
    REQUIRE(renew_server(directory));
    REQUIRE(load_arbiter_identity(directory));
}

TEST_CASE("no certificate is exchanged that nodes would not take for the old one, nor a key lost") {
    const Scratch scratch;
    const Path directory = scratch / "arbiter";
    REQUIRE(init_arbiter(directory, GroupWrite::no));
    const std::string certificate = get(directory / layout::server_certificate);
    const std::string key = get(directory / layout::server_key);
    put(scratch / "request", to_der(make_request(castvote::certs::test::key(2), "alpha").get()));
    const auto other = sign_request(directory, scratch / "request", "alpha");
    REQUIRE(other);
    put(directory / layout::server_certificate,
        to_pem(parse_certificate(get(other->file), "another")->get()));
    const auto renamed = renew_server(directory);
    REQUIRE(!renamed);
    CHECK(renamed.error().what.find("another name") != std::string::npos);
    put(directory / layout::server_certificate, certificate);
    put(directory / layout::server_key, "no key");
    CHECK(!renew_server(directory));
    CHECK(get(directory / layout::server_key) == "no key");
    CHECK(get(directory / layout::server_certificate) == certificate);
    put(directory / layout::server_key, key);
    CHECK(renew_server(directory));
}
