// store_test.cpp -- grants on disk: what comes back, and what a bad file or a full disk leads to.
// SPDX-License-Identifier: BSD-3-Clause
#include <sqlite3.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "qnetd/store/record_text.hpp"
#include "tests/unit/support/faulty_vfs.hpp"
#include "tests/unit/support/store_driver.hpp"

namespace castvote::tests {

using qnetd::Record;

namespace {

void spoil(const std::string& file, const char* sql) {
    sqlite3* handle = nullptr;
    REQUIRE(::sqlite3_open(file.c_str(), &handle) == SQLITE_OK);
    CHECK(::sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    ::sqlite3_close(handle);
}

}  // namespace

TEST_CASE("a record becomes text and comes back with every field") {
    Record record = record_number(7);
    qnetd::Holder& holder = record.holders[2];
    holder.grant.algorithm = wire::DecisionAlgorithm::lms;
    holder.is_confirmed = true;
    holder.ended = at_ms(11);
    holder.end_of_stream = true;
    holder.needs_proof = true;
    holder.proof_complete = at_ms(12);
    holder.is_restored = true;
    holder.unbroken_until = at_ms(13);
    record.guard_from = at_ms(-5);
    record.words[3] = {{{3, 99}, {3}}, at_ms(14)};
    record.known_from[4] = at_ms(15);
    CHECK(qnetd::store::record_of(qnetd::store::text_of(record)) == record);
    CHECK(qnetd::store::record_of(qnetd::store::text_of(Record())) == Record());
    for (const char* text : {"", "{}", "[]", "null", "{\"grant_number\":1}"})
        CHECK_FALSE(qnetd::store::record_of(text).has_value());
}

TEST_CASE("a new store guards, a complete one does not; the guard outlives restarts") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("deep/state"));
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(1000));
    driver.close();
    driver.now_ms = 2500;  // the empty store is not taken for all that there is
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(1000));
    driver.close();
    driver.boot = "boot-2";  // another clock: it begins again, once
    driver.now_ms = 100;
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(100));
    driver.close();
    driver.now_ms = 2000;
    driver.open();
    CHECK(driver.store->memory().guard_from == at_ms(100));
    driver.now_ms = 100 + test_guard.count();  // it has run: the store says so, also to a new boot
    driver.write("alpha", record_number(1));
    driver.close();
    driver.boot = "boot-3";
    driver.open();
    CHECK_FALSE(driver.store->memory().guard_from.has_value());
    CHECK(driver.store->memory().records.size() == 1);
}

TEST_CASE("records come back, of this boot or another, and empty ones are gone") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    const std::string odd("a\0b\xff", 4);
    driver.open();
    driver.write(odd, record_number(1));
    driver.write("beta", record_number(2));
    driver.write(odd, record_number(3));
    driver.write("beta", Record());
    CHECK(driver.store->health().writes == 4);
    driver.close();
    driver.open();
    REQUIRE(driver.store->memory().records.size() == 1);
    CHECK(driver.store->memory().records.at(odd).record == record_number(3));
    CHECK(driver.store->memory().records.at(odd).is_same_clock);
    driver.close();
    driver.boot = "boot-2";
    driver.open();
    CHECK_FALSE(driver.store->memory().records.at(odd).is_same_clock);
}

TEST_CASE("writes that fall together share one sync") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    std::promise<void> first_is_told;
    std::promise<void> rest_is_asked;
    auto rest = rest_is_asked.get_future().share();
    // The thread is held up while it tells; what is asked meanwhile goes in one transaction.
    driver.store->write({"0", 1, record_number(1)}, [&first_is_told, rest] {
        first_is_told.set_value();
        rest.wait();
    });
    first_is_told.get_future().wait();
    std::atomic<int> told = 0;
    for (int i = 1; i <= 500; ++i)
        driver.store->write({std::to_string(i % 250), 1, record_number(1)}, [&] { ++told; });
    rest_is_asked.set_value();
    // Who asked for an older record of the same cluster has nothing to learn.
    REQUIRE(waits_for([&] { return driver.store->health().writes == 251; }));
    CHECK(waits_for([&] { return told == 250; }));
    CHECK(driver.store->health().syncs == 2);
    CHECK(driver.store->health().writes == 251);
}

TEST_CASE("a file that cannot be trusted is put aside, and the guard runs") {
    const char* damage =
        GENERATE("UPDATE grants SET record=CAST(replace(record, '8000', '1000') AS BLOB)",
                 "UPDATE grants SET cluster=CAST('other' AS BLOB)"
                 " WHERE cluster=CAST('7' AS BLOB)",
                 "UPDATE meta SET value=CAST('none' AS BLOB)", "DELETE FROM meta",
                 "DROP TABLE grants", "PRAGMA user_version=99", "page", "garbage", "short");
    INFO(damage);
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    for (int i = 0; i < 40; ++i) driver.write(std::to_string(i), record_number(1));
    driver.close();
    if (damage == std::string("garbage")) {
        std::ofstream(driver.file()) << std::string(5000, 'x');
    } else if (damage == std::string("short")) {
        std::filesystem::resize_file(driver.file(), 5000);
    } else if (damage == std::string("page")) {
        std::fstream file(driver.file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(4096 * 3);
        file << std::string(4096, '\x5a');
    } else {
        spoil(driver.file(), damage);
    }
    driver.now_ms = 5000;
    driver.open();
    CHECK(driver.store->memory().records.empty());
    CHECK(driver.store->memory().guard_from == at_ms(5000));
    CHECK(std::filesystem::exists(driver.file() + ".damaged-1"));
    CHECK(driver.store->health().put_aside == driver.file() + ".damaged-1");
    REQUIRE_FALSE(driver.said().empty());
    if (std::string(damage).starts_with("UPDATE"))
        CHECK_THAT(driver.said().front(), Catch::Contains("the row of"));
    driver.write("alpha", record_number(2));
    driver.close();
    driver.open();
    CHECK(driver.store->memory().records.size() == 1);
}

TEST_CASE("a full disk: nothing is told before it is written, and writing goes on later") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.vfs = faulty_vfs_name;
    use_faults({});
    driver.open();
    driver.write("alpha", record_number(1));
    use_faults({.fail_with = SQLITE_FULL});
    std::atomic<int> told = 0;
    driver.store->write({"alpha", 2, record_number(2)}, [&] { ++told; });
    driver.store->write({"beta", 3, record_number(3)}, [&] { ++told; });
    REQUIRE(waits_for([&] { return !driver.store->health().trouble.empty(); }));
    CHECK(told == 0);
    CHECK_THAT(driver.store->health().trouble, Catch::Contains("full"));
    driver.store->write({"alpha", 4, record_number(4)}, [&] { ++told; });
    use_faults({});
    REQUIRE(waits_for([&] { return told == 2; }));
    CHECK(driver.store->health().trouble.empty());
    driver.close();
    driver.open();
    CHECK(driver.store->memory().records.at("alpha").record == record_number(4));
    CHECK(driver.store->memory().records.at("beta").record == record_number(3));
}

TEST_CASE("who is told what is wrong may ask the store at once") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.vfs = faulty_vfs_name;
    use_faults({});
    driver.open();
    std::atomic<int> asked = 0;
    driver.on_say = [&] { asked += driver.store->health().trouble.empty() ? 100 : 1; };
    use_faults({.fail_with = SQLITE_FULL});
    driver.store->write({"alpha", 1, record_number(1)}, [] {});
    REQUIRE(waits_for([&] { return asked == 1; }));
    driver.on_say = nullptr;
    use_faults({});
    REQUIRE(waits_for([&] { return driver.store->health().trouble.empty(); }));
}

TEST_CASE("a guard that is over on a full disk is taken out later, and all is well again") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.vfs = faulty_vfs_name;
    use_faults({});
    driver.open();
    use_faults({.fail_with = SQLITE_FULL});
    driver.now_ms = 1000 + test_guard.count();
    REQUIRE(waits_for([&] { return !driver.store->health().trouble.empty(); }));
    use_faults({});
    REQUIRE(waits_for([&] { return driver.store->health().trouble.empty(); }));
    driver.close();
    driver.boot = "boot-2";
    driver.open();
    CHECK_FALSE(driver.store->memory().guard_from.has_value());
}

TEST_CASE("a store that ends on a full disk ends all the same") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.vfs = faulty_vfs_name;
    use_faults({});
    driver.open();
    use_faults({.fail_with = SQLITE_FULL});
    std::atomic<int> told = 0;
    driver.store->write({"alpha", 2, record_number(2)}, [&] { ++told; });
    driver.close();
    CHECK(told == 0);
    use_faults({});
}

TEST_CASE("a file that is removed under us takes no grants for nobody") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    driver.write("alpha", record_number(1));
    std::filesystem::remove(driver.file());
    std::atomic<int> told = 0;
    driver.store->write({"alpha", 2, record_number(2)}, [&] { ++told; });
    REQUIRE(waits_for([&] { return !driver.store->health().trouble.empty(); }));
    CHECK(told == 0);
    CHECK_THAT(driver.store->health().trouble, Catch::Contains("removed"));
}

TEST_CASE("a directory that cannot be used, and one that is in use, are said") {
    ScratchDirectory scratch;
    std::ofstream(scratch.path("file")) << "no directory";
    StoreDriver blocked(scratch.path("file/state"));
    const auto opened = blocked.try_open();
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error(), Catch::Contains("file/state"));

    StoreDriver first(scratch.path("state"));
    first.open();
    StoreDriver second(scratch.path("state"));
    const auto twice = second.try_open();
    REQUIRE_FALSE(twice);
    CHECK_THAT(twice.error(), Catch::Contains("locked"));
    CHECK_FALSE(std::filesystem::exists(first.file() + ".damaged-1"));
}

}  // namespace castvote::tests
