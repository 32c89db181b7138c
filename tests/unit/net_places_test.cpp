// net_places_test.cpp -- how many strangers may be here at a time, and who counts as one of them.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/places.hpp"

#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "common/net/address.hpp"

using namespace castvote::net;

TEST_CASE("one network takes its part of the places, all together take all") {
    Places places(3, 2);
    auto one = places.take("a");
    const auto two = places.take("a");
    REQUIRE(one);
    REQUIRE(two);
    CHECK_FALSE(places.take("a"));
    const auto three = places.take("b");
    REQUIRE(three);
    CHECK_FALSE(places.take("c"));
    one.reset();
    CHECK(places.take("c"));
    CHECK(places.take("a"));
    CHECK(places.take("b"));  // each was given back at once
}

TEST_CASE("a place may be held longer than its like") {
    std::optional<Places> places(std::in_place, 1, 1);
    auto held = places->take("a");
    places.reset();
    held.reset();
}

TEST_CASE("whom a stranger can be taken for") {
    CHECK(host_of("::ffff:192.0.2.11:42548") == "192.0.2.11");
    CHECK(host_of("192.0.2.11:42548") == "192.0.2.11");
    CHECK(host_of("2001:db8::1:4711") == "2001:db8::1");
    CHECK(network_of("192.0.2.11") == "192.0.2.11");
    CHECK(network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
    CHECK(network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:3:4:5:6"));
    CHECK(network_of("?") == "?");
}
