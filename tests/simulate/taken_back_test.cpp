// taken_back_test.cpp -- who counts an old "yes" for too long is seen, and nobody else.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/taken_back.hpp"

#include <catch2/catch.hpp>

using namespace castvote::simulate;

namespace {

constexpr Micros ours = corrected_within;
constexpr Micros stock = stock_takes_back_within(ms(4000));

}  // namespace

// Found by seed 314740 of lms with nodes of both kinds: two stock nodes had counted theirs for 216
// ms when ours counted one, and was blamed for it 1 ms later.
TEST_CASE("each node has its own time to take an old vote back") {
    const OldYes at_once{.waited = ms(3600), .counted_since = ms(10000)};
    const OldYes later{.waited = ms(4600), .counted_since = ms(10216)};
    CHECK_FALSE(is_taken_back_late(at_once, 0, stock, ms(10217)));
    CHECK_FALSE(is_taken_back_late(later, 0, ours, ms(10217)));
    CHECK_FALSE(is_taken_back_late(later, 0, ours, ms(10236)));
    CHECK(is_taken_back_late(later, 0, ours, ms(10236) + 1));
    CHECK_FALSE(is_taken_back_late(at_once, 0, stock, ms(15000)));
    CHECK(is_taken_back_late(at_once, 0, stock, ms(15000) + 1));
}

TEST_CASE("as long as its daemon does not run, nobody takes an old vote back") {
    const OldYes yes{.waited = ms(100), .counted_since = ms(500)};
    CHECK_FALSE(is_taken_back_late(yes, std::nullopt, ours, ms(60000)));
    CHECK_FALSE(is_taken_back_late(yes, ms(60000), ours, ms(60020)));
    CHECK(is_taken_back_late(yes, ms(60000), ours, ms(60020) + 1));
}
