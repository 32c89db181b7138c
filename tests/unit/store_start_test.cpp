// store_start_test.cpp -- what a start makes of a store: of its age, its clock and a sick disk
// (R3).
// SPDX-License-Identifier: BSD-3-Clause
#include <sqlite3.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/unit/support/faulty_vfs.hpp"
#include "tests/unit/support/store_driver.hpp"

namespace castvote::tests {

namespace {

constexpr std::int64_t stopped_ms = 200'000;
constexpr std::int64_t minute_ms = 60'000;

// A complete store without a guard and with a record of alpha, stopped at stopped_ms.
void leave_stopped(StoreDriver& driver) {
    driver.open();
    driver.now_ms = 1000 + test_guard.count();
    driver.write("alpha", record_number(1));
    driver.now_ms = stopped_ms;
    driver.close();
}

const qnetd::Restored& alpha(const StoreDriver& driver) {
    return driver.store->memory().records.at("alpha");
}

bool is_believed(const StoreDriver& driver) {
    return !driver.store->memory().guard_from && !alpha(driver).record.guard_from &&
           driver.store->health().distrust.empty();
}

}  // namespace

TEST_CASE("a store that was stopped for a minute is believed") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    driver.now_ms = stopped_ms + minute_ms;
    driver.wall_s += 500;  // the clock of the same boot counts
    driver.open();
    CHECK(is_believed(driver));
    driver.close();
    driver.boot = "boot-2";  // there it is the wall clock
    driver.now_ms = 10;
    driver.wall_s += minute_ms / 1000;
    driver.open();
    CHECK(is_believed(driver));
}

TEST_CASE("a guard runs beside the records of a store that was stopped for longer") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    const std::string how = GENERATE("same boot", "another boot", "wall clock went back");
    INFO(how);
    if (how == "same boot") {
        driver.now_ms = stopped_ms + minute_ms + 1;
    } else {
        driver.boot = "boot-2";
        driver.now_ms = 400'000;
        driver.wall_s += how == "another boot" ? minute_ms / 1000 + 1 : -1;
    }
    const Instant start = at_ms(driver.now_ms);
    driver.open();
    CHECK(driver.store->memory().guard_from == start);
    CHECK(alpha(driver).record.guard_from == start);
    CHECK(alpha(driver).record.holders == record_number(1).holders);
    CHECK_FALSE(driver.store->health().distrust.empty());
    CHECK(driver.said().size() == 1);
    // Killed now, it is all there: the next start may be at once.
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.boot = driver.boot;
    next.now_ms = driver.now_ms + 10;
    next.open();
    CHECK(next.store->health().distrust.empty());
    CHECK(next.store->memory().guard_from == start);
    CHECK(alpha(next).record.guard_from == start);
    CHECK(alpha(next).is_same_clock == (how == "same boot"));
}

TEST_CASE("a store that was killed says nothing of its end, and its records count") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    driver.open();
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.now_ms = stopped_ms + 10 * minute_ms;
    next.open();
    CHECK(is_believed(next));
}

TEST_CASE("who opens a store and never begins leaves it as old as it was") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    for (int i = 1; i <= 3; ++i) {  // its port is taken by another arbiter
        driver.now_ms = stopped_ms + i * 30'000;
        REQUIRE(driver.try_open());
    }
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(stopped_ms + 90'000));
}

TEST_CASE("whoever says that something happened later than now is of another clock") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    qnetd::Record late = record_number(1);
    qnetd::Record record = record_number(2);
    const std::string field =
        GENERATE("flag_on", "last_message", "ended", "word", "guard", "none", "wait");
    INFO(field);
    if (field == "flag_on") late.holders[1].flag_on = at_ms(3001);
    if (field == "last_message") late.holders[1].last_message = at_ms(3001);
    if (field == "ended") late.holders[1].ended = at_ms(3001);
    if (field == "word") late.words[1] = {{{1, 4}, {1, 2}}, at_ms(3001), at_ms(5)};
    if (field == "guard") late.guard_from = at_ms(3001);
    if (field == "wait") late.holders[1].unbroken_until = at_ms(3000 + test_guard.count());
    driver.write("late", late);
    driver.write("alpha", record);
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.now_ms = 3000;
    next.open();
    const bool is_fine = field == "none" || field == "wait";
    CHECK(next.store->memory().records.at("late").is_same_clock == is_fine);
    CHECK(alpha(next).is_same_clock);
    // Nor does it become of this clock as time goes by.
    next.copy_to(scratch.path("later"));
    StoreDriver later(scratch.path("later"));
    later.now_ms = 4000;
    later.open();
    CHECK(later.store->memory().records.at("late").is_same_clock == is_fine);
}

TEST_CASE("a guard that began later than now begins anew") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.now_ms = 500'000;
    driver.open();
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.now_ms = 3000;
    next.open();
    CHECK(next.store->memory().guard_from == at_ms(3000));
}

TEST_CASE("a start on a full disk knows the records, and writes when it can") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    driver.vfs = faulty_vfs_name;
    const bool is_read_only = GENERATE(false, true);
    INFO(is_read_only);
    if (is_read_only)
        use_faults({.fail_with = SQLITE_READONLY, .is_read_only = true});
    else
        use_faults({.fail_with = SQLITE_FULL});
    driver.open();
    CHECK(is_believed(driver));
    CHECK_FALSE(driver.store->health().trouble.empty());
    std::atomic<int> told = 0;
    driver.store->write({"beta", 1, record_number(2)}, [&] { ++told; });
    const std::size_t said = driver.said().size();
    CHECK(said == 1);
    use_faults({});
    REQUIRE(waits_for([&] { return told == 1; }));
    CHECK(driver.store->health().trouble.empty());
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.now_ms = stopped_ms + 10 * minute_ms;  // it was not stopped: that was written, too
    next.open();
    CHECK(is_believed(next));
    CHECK(next.store->memory().records.size() == 2);
}

TEST_CASE("a start that cannot read takes what is there for absent, also later") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    leave_stopped(driver);
    driver.vfs = faulty_vfs_name;
    use_faults({.fail_with = SQLITE_IOERR_WRITE, .fail_reads_with = SQLITE_IOERR_READ});
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(stopped_ms));
    CHECK(driver.store->memory().records.empty());
    CHECK_THAT(driver.said().at(0), Catch::Contains("counts as absent"));
    std::atomic<int> told = 0;
    driver.store->write({"beta", 1, record_number(2)}, [&] { ++told; });
    use_faults({});
    REQUIRE(waits_for([&] { return told == 1; }));
    CHECK(driver.store->health().trouble.empty());
    CHECK(std::filesystem::exists(driver.store->health().put_aside));
    driver.copy_to(scratch.path("killed"));
    StoreDriver next(scratch.path("killed"));
    next.now_ms = stopped_ms + 5;
    next.open();
    CHECK(next.store->memory().guard_from == at_ms(stopped_ms));
    CHECK(next.store->memory().records.size() == 1);
}

TEST_CASE("a new store on a full disk is made when there is room; its guard is of the start") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.vfs = faulty_vfs_name;
    use_faults({.fail_with = SQLITE_FULL});
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(1000));
    driver.now_ms = 5000;
    use_faults({});
    driver.write("alpha", record_number(1));
    CHECK(driver.store->health().put_aside.empty());
    driver.close();
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(1000));
    CHECK(driver.store->memory().records.size() == 1);
}

TEST_CASE("what is kept is only for its owner") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    driver.write("alpha", record_number(1));
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path("state"))) {
        INFO(entry.path());
        CHECK((entry.status().permissions() & std::filesystem::perms::mask) ==
              (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
        ++files;
    }
    CHECK(files == 2);  // and its journal
    CHECK(std::filesystem::status(scratch.path("state")).permissions() ==
          std::filesystem::perms::owner_all);
}

}  // namespace castvote::tests
