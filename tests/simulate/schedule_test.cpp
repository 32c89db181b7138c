// schedule_test.cpp -- what happens in one instant has its order.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/schedule.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <utility>
#include <vector>

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

// Many bells, each set anew now and then, against a list that is searched.
TEST_CASE("bells that are set anew and silenced ring in their order") {
    Schedule schedule;
    Dice dice(42);
    std::vector<std::size_t> bells;
    std::vector<std::pair<Micros, std::uint64_t>> due(7);  // {0, ...}: silent
    std::uint64_t turn = 0;
    std::size_t rung = 0;
    const auto set = [&](std::size_t bell, Micros at) {
        schedule.set_bell(bells[bell], at);
        due[bell] = {at, ++turn};
    };
    const auto change_some = [&] {
        const std::size_t bell = dice.below(due.size());
        if (dice.one_in(4)) {
            schedule.silence_bell(bells[bell]);
            due[bell] = {};
        } else {
            set(bell, schedule.now() + dice.between(1, 9));
        }
    };
    for (std::size_t bell = 0; bell < due.size(); ++bell)
        bells.push_back(schedule.make_bell([&, bell] {
            for (const auto& other : due) CHECK((other.first == 0 || due[bell] <= other));
            CHECK(due[bell].first == schedule.now());
            due[bell] = {};
            ++rung;
            if (dice.one_in(2)) set(bell, schedule.now() + dice.between(1, 9));
            change_some();
        }));
    for (std::size_t bell = 0; bell < due.size(); ++bell) set(bell, dice.between(1, 9));
    while (schedule.now() < ms(10)) {
        schedule.step(schedule.now() + 3);
        change_some();
    }
    CHECK(rung > 1000);
}
