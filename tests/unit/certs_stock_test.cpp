// certs_stock_test.cpp -- around the database of a stock node: certutil's table, and a directory
// that takes another's place. What the tools make is in tests/system/test_join_stock.py.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/nss_tools.hpp"
#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::test;

TEST_CASE("certutil's table of certificates") {
    const std::vector<Listed> rows = read_listing(
        "\nCertificate Nickname                                         Trust Attributes\n"
        "                                                             SSL,S/MIME,JAR/XPI\n"
        "\n"
        "QNet CA                                                      CT,c,c\n"
        "QNet CA                                                      ,,   \n"
        "a name, longer than the column is wide, with commas and blanks in it u,u,u\r\n"
        "CT,c,c\n");
    CHECK(rows ==
          std::vector<Listed>{
              {"QNet CA", "CT,c,c"},
              {"QNet CA", ",,"},
              {"a name, longer than the column is wide, with commas and blanks in it", "u,u,u"}});
    CHECK(read_listing("").empty());
    CHECK(read_listing("no database, no table").empty());
}

namespace {

template <int error>
int fails_with(const char*, const char*) {
    errno = error;
    return -1;
}

}  // namespace

TEST_CASE("the old one gets a name that is free") {
    const Scratch scratch;
    const Path path = scratch / "nssdb";
    std::vector<Path> names;
    for (int i = 0; i < 3; ++i) {
        names.push_back(name_aside(path, "before-restore"));
        CHECK(names.back().string().starts_with(path.string() + ".before-restore-2"));
        CHECK_FALSE(is_there(names.back()));
        put(names.back(), "taken");
    }
}

TEST_CASE("a directory takes the place of another whole") {
    const Scratch scratch;
    const Path fresh = scratch / "fresh", place = scratch / "place", aside = scratch / "aside";
    REQUIRE(make_directory(fresh, 0700, std::nullopt));
    put(fresh / "file", "new");

    SECTION("where there is none") {
        const Expected<bool> had_one = put_directory(fresh, place, std::nullopt);
        REQUIRE(had_one);
        CHECK_FALSE(*had_one);
    }
    SECTION("of an empty one") {
        REQUIRE(make_directory(place, 0700, std::nullopt));
        const Expected<bool> had_one = put_directory(fresh, place, aside);
        REQUIRE(had_one);
        CHECK_FALSE(*had_one);
        CHECK_FALSE(is_there(aside));
    }
    SECTION("of one with files, which is kept") {
        REQUIRE(make_directory(place, 0700, std::nullopt));
        put(place / "file", "old");
        const Expected<bool> had_one = put_directory(fresh, place, aside);
        REQUIRE(had_one);
        CHECK(*had_one);
        CHECK(get(aside / "file") == "old");
    }
    SECTION("on a file system where names cannot be exchanged") {
        REQUIRE(make_directory(place, 0700, std::nullopt));
        put(place / "file", "old");
        const Expected<bool> had_one = put_directory(fresh, place, aside, fails_with<EINVAL>);
        REQUIRE(had_one);
        CHECK(*had_one);
        CHECK(get(aside / "file") == "old");
    }
    CHECK(get(place / "file") == "new");
    CHECK_FALSE(is_there(fresh));
}

TEST_CASE("what may not be put aside stays, and so does the new directory") {
    const Scratch scratch;
    const Path fresh = scratch / "fresh", place = scratch / "place", aside = scratch / "aside";
    for (const Path& directory : {fresh, place, aside}) {
        REQUIRE(make_directory(directory, 0700, std::nullopt));
        put(directory / "file", directory.filename().string());
    }
    const Expected<bool> unasked = put_directory(fresh, place, std::nullopt);
    REQUIRE_FALSE(unasked);
    check_told(unasked.error(), place.string());
    const Expected<bool> taken = put_directory(fresh, place, aside);
    REQUIRE_FALSE(taken);
    check_told(taken.error(), aside.string());
    const Path free = scratch / "free";
    const Expected<bool> failed = put_directory(fresh, place, free, fails_with<EIO>);
    REQUIRE_FALSE(failed);
    check_told(failed.error(), place.string());
    CHECK_FALSE(is_there(free));
    for (const Path& directory : {fresh, place, aside})
        CHECK(get(directory / "file") == directory.filename().string());
}
