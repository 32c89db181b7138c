// certs_revoked_test.cpp -- which certificates may be revoked, and what is kept about it.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/revoked.hpp"

#include "certs/arbiter_directory.hpp"
#include "certs/backup.hpp"
#include "certs/layout.hpp"
#include "certs/x509.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

namespace {

struct RevokingArbiter {
    RevokingArbiter() {
        REQUIRE(init_arbiter(directory, GroupWrite::yes));
        sign("alpha");  // 103
        sign("beta");   // 104
    }

    void sign(std::string_view cluster) {
        put(scratch / "request", to_der(make_request(key(2), cluster).get()));
        REQUIRE(sign_request(directory, scratch / "request", cluster));
    }

    std::vector<std::string> revoked(const Path& where) {
        const auto list = read_revoked(where);
        REQUIRE(list);
        std::vector<std::string> serials;
        for (const Revoked& one : *list) serials.push_back(one.serial);
        return serials;
    }

    Scratch scratch;
    Path directory = scratch / "arbiter";
};

using Serials = std::vector<std::string>;

}  // namespace

TEST_CASE("what is revoked is written down once, with its cluster") {
    RevokingArbiter arbiter;
    CHECK(arbiter.revoked(arbiter.directory).empty());
    const auto first = revoke(arbiter.directory, {"104"});
    REQUIRE(first);
    REQUIRE(first->added.size() == 1);
    CHECK(first->added[0].name == "beta");
    CHECK(first->added[0].revoked_at.ends_with(" UTC"));
    CHECK(mode_of(arbiter.directory / layout::revoked) == 0640);
    const auto again = revoke(arbiter.directory, {"103", "104", "103"});
    REQUIRE(again);
    CHECK(again->before.size() == 2);
    CHECK(again->before[0] == first->added[0]);
    CHECK(arbiter.revoked(arbiter.directory) == Serials{"104", "103"});
}

TEST_CASE("a number that was given before there was a register can be revoked, a later one not") {
    RevokingArbiter arbiter;
    arbiter.sign("alpha");  // 105: takes the place of 103 in cluster-alpha.crt
    std::filesystem::remove(arbiter.directory / layout::certificate_register);
    const auto lost = revoke(arbiter.directory, {"103"});
    REQUIRE(lost);
    CHECK(lost->added[0].name.empty());
    for (const char* serial : {"106", "0", "-1", "0103", "103 ", "", "99999999999999999999999"}) {
        INFO(serial);
        const auto refused = revoke(arbiter.directory, {"104", serial});
        REQUIRE_FALSE(refused);
        CHECK_FALSE(refused.error().remedy.empty());
    }
    for (const char* serial : {"101", "102"}) {
        const auto refused = revoke(arbiter.directory, {"104", serial});
        REQUIRE_FALSE(refused);
        check_told(refused.error(), "the arbiter's own");
    }
    CHECK(arbiter.revoked(arbiter.directory) == Serials{"103"});
}

TEST_CASE("a damaged list is none, and not an empty one") {
    RevokingArbiter arbiter;
    for (const char* text :
         {"", "{", "[]", R"({"version": 2, "revoked": []})", R"({"version": 1})",
          R"({"version": 1, "revoked": {}})", R"({"version": 1, "revoked": [7]})",
          R"({"version": 1, "revoked": [{"serial": "103"}]})",
          R"({"version": 1, "revoked": [{"serial": "", "name": "", "revoked_at": ""}]})",
          R"({"version": 1, "revoked": [{"serial": 103, "name": "", "revoked_at": ""}]})"}) {
        INFO(text);
        put(arbiter.directory / layout::revoked, text);
        const auto list = read_revoked(arbiter.directory);
        REQUIRE_FALSE(list);
        check_told(list.error(), "is damaged");
        CHECK_FALSE(revoke(arbiter.directory, {"103"}));
        CHECK(get(arbiter.directory / layout::revoked) == text);
    }
}

TEST_CASE("a list that cannot be looked at is not one that revokes nobody") {
    RevokingArbiter arbiter;
    std::filesystem::create_symlink(arbiter.scratch / "nowhere",
                                    arbiter.directory / layout::revoked);
    CHECK(!read_revoked(arbiter.directory));
}

TEST_CASE("a list that has vanished is not one that revokes nobody") {
    RevokingArbiter arbiter;
    const Path backup = arbiter.scratch / "backup";
    const bool has_register = GENERATE(true, false);  // else it begins by saying that
    if (!has_register) std::filesystem::remove(arbiter.directory / layout::certificate_register);
    REQUIRE(back_up(arbiter.directory, arbiter.scratch / "before"));
    REQUIRE(revoke(arbiter.directory, {"103"}));
    REQUIRE(back_up(arbiter.directory, backup));
    const auto vanish = [](const Path& directory) {
        std::filesystem::remove(directory / layout::revoked);
        const auto read = read_revoked(directory);
        REQUIRE_FALSE(read);
        check_told(read.error(), "revoked.json is missing");
    };
    vanish(arbiter.directory);
    CHECK_FALSE(revoke(arbiter.directory, {"104"}));
    CHECK_FALSE(back_up(arbiter.directory, arbiter.scratch / "another"));
    // What the error says helps: a backup, or to begin anew.
    REQUIRE(restore(arbiter.directory, backup, Present::aside));
    CHECK(arbiter.revoked(arbiter.directory) == Serials{"103"});
    vanish(arbiter.directory);
    put(arbiter.directory / layout::revoked, R"({"version": 1, "revoked": []})");
    REQUIRE(revoke(arbiter.directory, {"103"}));
    // Kept over a backup from before, it is missed there, too.
    const Path other = arbiter.scratch / "other";
    std::filesystem::copy(arbiter.directory, other);
    REQUIRE(restore(other, arbiter.scratch / "before", Present::aside));
    CHECK(arbiter.revoked(other) == Serials{"103"});
    vanish(other);
}

TEST_CASE("a backup takes the list along, and does not let in who was revoked after it") {
    RevokingArbiter arbiter;
    REQUIRE(revoke(arbiter.directory, {"103"}));
    REQUIRE(back_up(arbiter.directory, arbiter.scratch / "backup"));
    REQUIRE(revoke(arbiter.directory, {"104"}));
    REQUIRE(restore(arbiter.scratch / "fresh", arbiter.scratch / "backup", Present::refuse));
    CHECK(arbiter.revoked(arbiter.scratch / "fresh") == Serials{"103"});
    REQUIRE(restore(arbiter.directory, arbiter.scratch / "backup", Present::aside));
    CHECK(arbiter.revoked(arbiter.directory) == Serials{"103", "104"});
    // Who cannot be read here may have been the same authority.
    REQUIRE(revoke(arbiter.scratch / "fresh", {"104"}));
    REQUIRE(std::filesystem::remove(arbiter.scratch / "fresh" / layout::ca_export));
    REQUIRE(restore(arbiter.scratch / "fresh", arbiter.scratch / "backup", Present::aside));
    CHECK(arbiter.revoked(arbiter.scratch / "fresh") == Serials{"103", "104"});
    // The numbers of another authority mean other certificates.
    RevokingArbiter other;
    REQUIRE(revoke(other.directory, {"104"}));
    REQUIRE(restore(other.directory, arbiter.scratch / "backup", Present::aside));
    CHECK(arbiter.revoked(other.directory) == Serials{"103"});
}
