// schedule_test.cpp -- what happens in one instant has its order.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/schedule.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace castvote::simulate;

TEST_CASE("a bell rings in its turn, and one that is last after all else of its instant") {
    for (const bool is_last : {false, true}) {
        Schedule schedule;
        std::string order;
        const std::size_t bell = schedule.make_bell([&] { order += 'b'; });
        if (is_last) schedule.make_last(bell);
        schedule.set_bell(bell, ms(5));
        schedule.after(ms(5), [&] {
            order += '1';
            schedule.after(0, [&] { order += '2'; });
        });
        schedule.after(ms(6), [&] { order += '3'; });
        while (schedule.step(ms(10))) {
        }
        CHECK(order == (is_last ? "12b3" : "b123"));
        CHECK(schedule.now() == ms(10));
    }
}
