// store_kill_test.cpp -- the power goes at every write and every sync of a store's life (I3).
//
// A child process lives with a store three times over and writes records; a pipe takes a letter for
// each step that it was told is done. It is killed at operation 1, 2, 3 and so on, and what was not
// synced is lost, wholly, in part or not at all. Whatever is left must open, without damage, with
// every record that was told, or its successor, and with the guard until that has run. With the
// journal lost or rotten besides, it may be found damaged, but is never taken for what it is not.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <compare>
#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/unit/support/faulty_vfs.hpp"
#include "tests/unit/support/store_driver.hpp"

namespace castvote::tests {

namespace {

constexpr std::uint64_t records = 6;
// The guard is taken out together with this one.
constexpr std::uint64_t record_after_guard = 4;

// Never returns.
[[noreturn]] void live(const std::string& directory, const Faults& faults, int told) {
    // What SQLite throws dice for, it throws alike in every life: files can be compared.
    ::sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr);
    use_faults(faults);
    const auto tell = [told](char word) {
        if (::write(told, &word, 1) != 1) ::_exit(3);
    };
    StoreDriver driver(directory);
    driver.vfs = faulty_vfs_name;
    for (std::uint64_t number = 1; number <= records; ++number) {
        if (number % 2 == 1) {  // another life
            driver.close();
            driver.open();
            tell('o');
        }
        if (number == record_after_guard) driver.now_ms = 1000 + test_guard.count();
        driver.write("alpha", record_number(number));
        tell('w');
    }
    driver.close();
    ::_exit(0);
}

struct End {
    bool was_open = false;
    std::uint64_t written = 0;  // records told
    bool was_killed = false;

    auto operator<=>(const End&) const = default;
};

End run(const std::string& directory, const Faults& faults) {
    int ends[2] = {};
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::close(ends[0]);
        live(directory, faults, ends[1]);
    }
    ::close(ends[1]);
    End end;
    for (char word = 0; ::read(ends[0], &word, 1) == 1;)
        if (word == 'o')
            end.was_open = true;
        else
            ++end.written;
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    end.was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!end.was_killed) REQUIRE(status == 0);
    return end;
}

// The records are those that were told, or one more; the guard is there until it was taken out.
void check_records(const StoreDriver& after, const End& end) {
    const auto& memory = after.store->memory();
    if (end.written < record_after_guard - 1) CHECK(memory.guard_from.has_value());
    if (end.written >= record_after_guard) CHECK_FALSE(memory.guard_from.has_value());
    const auto found = memory.records.find("alpha");
    if (end.written > 0) REQUIRE(found != memory.records.end());
    if (found == memory.records.end()) return;
    const std::uint64_t number = found->second.record.grant_number;
    CHECK(number >= end.written);
    CHECK(number <= end.written + 1);
    CHECK(found->second.record == record_number(number));
}

// A journal that waits to be rolled back cannot be, on a disk that can only be read: what stands
// beside it counts for nothing then.
void check_read_only(const ScratchDirectory& scratch, const End& end) {
    StoreDriver after(scratch.path("read-only"));
    std::filesystem::copy(scratch.path("state"), after.directory());
    after.vfs = faulty_vfs_name;
    use_faults({.fail_with = SQLITE_READONLY, .is_read_only = true});
    after.now_ms = 1000 + test_guard.count();
    after.boot = "boot-2";
    const auto opened = after.try_open();
    REQUIRE(opened);
    const auto& memory = (*opened)->memory();
    const auto found = memory.records.find("alpha");
    if (found == memory.records.end()) {
        if (end.written > 0) CHECK(memory.guard_from.has_value());
    } else {
        CHECK(found->second.record.grant_number >= end.written);
        CHECK(found->second.record.grant_number <= end.written + 1);
    }
    use_faults({});
}

// To another boot a guard that is recorded has not run, however long ago it began.
void open_after(StoreDriver& after) {
    after.now_ms = 1000 + test_guard.count();
    after.boot = "boot-2";
    auto opened = after.try_open();  // it writes nothing more: that would take its time
    REQUIRE(opened);
    after.store = std::move(*opened);
}

// What becomes of the journal: it is lost, empty, or a byte of it is another one.
std::vector<std::function<void(const std::string& file)>> ways_to_spoil(
    const std::string& journal) {
    namespace fs = std::filesystem;
    std::vector<std::function<void(const std::string&)>> ways;
    if (!fs::exists(journal)) return ways;
    ways.emplace_back([](const std::string& file) { fs::remove(file); });
    ways.emplace_back([](const std::string& file) { fs::resize_file(file, 0); });
    const auto size = static_cast<int>(fs::file_size(journal));
    for (const int at : {0, 2, 9, 13, 17, 21, 512, 515, 516 + 200, 516 + 4000, 512 + 4104, size / 2,
                         size - 1000, size - 2})
        if (at >= 0 && at < size)
            ways.emplace_back([at](const std::string& name) {
                std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
                file.seekg(at);
                const int before = file.get();
                file.seekp(at);
                file.put(static_cast<char>(before ^ 0x55));
            });
    return ways;
}

void check_with_spoiled_journals(const ScratchDirectory& scratch, const StoreDriver& killed,
                                 const End& end) {
    int number = 0;
    for (const auto& spoil : ways_to_spoil(killed.file() + "-journal")) {
        INFO("way " << number);
        StoreDriver after(scratch.path(fmt::format("spoiled-{}", ++number)));
        std::filesystem::copy(scratch.path("state"), after.directory());
        spoil(after.file() + "-journal");
        open_after(after);
        if (after.store->health().put_aside.empty()) {
            check_records(after, end);
        } else {
            CHECK(after.store->memory().records.empty());
            CHECK(after.store->memory().guard_from.has_value());
        }
        after.close();
        std::filesystem::remove_all(after.directory());
    }
}

// Every file by its name, with its bytes; none if there is no such directory yet.
using Files = std::map<std::string, std::string>;
Files files_in(const std::string& directory) {
    Files files;
    std::error_code missing;
    for (const auto& entry : std::filesystem::directory_iterator(directory, missing)) {
        std::ifstream file(entry.path(), std::ios::binary);
        files[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(file), {});
    }
    return files;
}

// Many operations leave what another left before: to what the store does then, they are one.
void kill_everywhere(Loss loss) {
    std::set<std::pair<Files, End>> known;
    int at = 1;
    for (;; ++at) {
        ScratchDirectory scratch;
        const End end = run(scratch.path("state"), {.kill_at = at, .loss = loss});
        if (!known.emplace(files_in(scratch.path("state")), end).second) continue;
        INFO("loss " << static_cast<int>(loss) << ", operation " << at << ", told " << end.written);
        StoreDriver after(scratch.path("state"));
        check_with_spoiled_journals(scratch, after, end);
        check_read_only(scratch, end);
        open_after(after);
        if (end.was_open) CHECK(after.store->health().put_aside.empty());
        check_records(after, end);
        if (!end.was_killed) {
            CHECK(end.written == records);
            break;
        }
        REQUIRE(at < 1000);
    }
    CHECK(at > 100);
    CHECK(known.size() > 20);
}

}  // namespace

TEST_CASE("killed at any write or sync, a store forgets nothing that it said is written",
          "[killed][nothing]") {
    kill_everywhere(Loss::nothing);
}
TEST_CASE("... nor when what was not synced is lost", "[killed][unsynced]") {
    kill_everywhere(Loss::unsynced);
}
TEST_CASE("... nor when every second write that was not synced is lost", "[killed][second]") {
    kill_everywhere(Loss::every_second_unsynced);
}

// The disk says that it wrote, and kept what it had.
TEST_CASE("a file of which some pages are older than the rest is not believed") {
    ScratchDirectory scratch;
    StoreDriver driver(scratch.path("state"));
    driver.open();
    for (int i = 0; i < 30; ++i) driver.write(std::to_string(i), record_number(1));
    driver.write("7", record_number(2));  // its row now has a page where it stays
    driver.copy_to(scratch.path("old"));
    driver.write("7", record_number(3));
    driver.copy_to(scratch.path("new"));
    const auto bytes_of = [&](const std::string& name) {
        std::ifstream file(scratch.path(name + "/grants.db"), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const std::string old_bytes = bytes_of("old");
    const std::string new_bytes = bytes_of("new");
    REQUIRE(old_bytes.size() == new_bytes.size());
    std::vector<std::size_t> pages;  // that differ; the first has no data of ours
    for (std::size_t at = 4096; at < new_bytes.size(); at += 4096)
        if (new_bytes.compare(at, 4096, old_bytes, at, 4096) != 0) pages.push_back(at);
    REQUIRE(pages.size() >= 4);  // of two tables and their indices
    REQUIRE(pages.size() <= 8);
    // All of them old is an old file.
    for (unsigned chosen = 1; chosen + 1 < 1u << pages.size(); ++chosen) {
        std::string mixed = new_bytes;
        for (std::size_t i = 0; i < pages.size(); ++i)
            if (chosen >> i & 1u) mixed.replace(pages[i], 4096, old_bytes, pages[i], 4096);
        INFO("pages " << chosen);
        StoreDriver after(scratch.path("mixed-" + std::to_string(chosen)));
        std::filesystem::create_directory(after.directory());
        std::ofstream(after.file(), std::ios::binary) << mixed;
        after.open();
        CHECK_FALSE(after.store->health().put_aside.empty());
        CHECK(after.store->memory().records.empty());
    }
}

}  // namespace castvote::tests
