// ring_test.cpp -- sets of nodes.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <random>
#include <set>

#include "qnetd/core/ring.hpp"

using castvote::qnetd::contains_all;
using castvote::qnetd::NodeId;
using castvote::qnetd::Nodes;

TEST_CASE("a set of nodes names each once, in ascending order", "[ring]") {
    const Nodes nodes{7, 2, 7, 3};
    CHECK(std::vector<NodeId>(nodes.begin(), nodes.end()) == std::vector<NodeId>{2, 3, 7});
    CHECK(nodes.contains(3));
    CHECK_FALSE(nodes.contains(4));
    CHECK(nodes == Nodes{3, 2, 7});
    CHECK(contains_all(nodes, Nodes{2, 7}));
    CHECK_FALSE(contains_all(nodes, Nodes{2, 4}));
}

TEST_CASE("sets of nodes behave as any sets do", "[ring]") {
    std::mt19937 chance(1);
    const auto draw = [&](Nodes& nodes, std::set<NodeId>& same) {
        for (std::size_t count = chance() % 6; count > 0; --count) {
            const auto node = static_cast<NodeId>(chance() % 5);
            CHECK(*nodes.insert(node) == node);
            same.insert(node);
        }
    };
    for (int round = 0; round < 500; ++round) {
        Nodes one, other;
        std::set<NodeId> same_one, same_other;
        draw(one, same_one);
        draw(other, same_other);
        CHECK(std::equal(one.begin(), one.end(), same_one.begin(), same_one.end()));
        CHECK(one.size() == same_one.size());
        CHECK((one == other) == (same_one == same_other));
        CHECK((one < other) == (same_one < same_other));
        one.insert(other.begin(), other.end());
        same_one.insert(same_other.begin(), same_other.end());
        CHECK(std::equal(one.begin(), one.end(), same_one.begin(), same_one.end()));
    }
}
