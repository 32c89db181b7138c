// store_kill_test.cpp -- the power goes at every write and every sync of a store's life (I3).
//
// A child process opens a store and writes records; a pipe takes the number of each that it was
// told is done. It is killed at operation 1, 2, 3 and so on, and what was not synced is lost,
// wholly, in part or not at all. Whatever is left must open, without damage, with every record that
// was told, or its successor, and with the guard of a new store.
// SPDX-License-Identifier: BSD-3-Clause
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/unit/support/faulty_vfs.hpp"
#include "tests/unit/support/store_driver.hpp"

namespace castvote::tests {

namespace {

constexpr std::uint64_t records = 6;

// Never returns.
[[noreturn]] void live(const std::string& directory, const Faults& faults, int told) {
    use_faults(faults);
    StoreDriver driver(directory);
    driver.vfs = faulty_vfs_name;
    driver.open();
    const auto tell = [told](char word) {
        if (::write(told, &word, 1) != 1) ::_exit(3);
    };
    tell('o');
    for (std::uint64_t number = 1; number <= records; ++number) {
        driver.write("alpha", record_number(number));
        tell('w');
    }
    driver.close();
    // How many operations a whole life has.
    ::_exit(operations() < 250 ? operations() : 250);
}

struct End {
    bool was_open = false;
    std::uint64_t written = 0;  // records told
    bool was_killed = false;
    int operations = 0;
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
    if (WIFEXITED(status)) end.operations = WEXITSTATUS(status);
    return end;
}

}  // namespace

TEST_CASE("killed at any write or sync, a store forgets nothing that it said is written") {
    const Loss loss = GENERATE(Loss::nothing, Loss::unsynced, Loss::every_second_unsynced);
    int killed = 0;
    for (int at = 1; at < 250; ++at) {
        ScratchDirectory scratch;
        const End end = run(scratch.path("state"), {.kill_at = at, .loss = loss});
        INFO("loss " << static_cast<int>(loss) << ", operation " << at << ", told " << end.written);
        StoreDriver after(scratch.path("state"));
        after.now_ms = 1500;
        REQUIRE_NOTHROW(after.open());
        const auto& memory = after.store->memory();
        if (end.was_open) {
            CHECK(after.store->health().put_aside.empty());
            CHECK(memory.guard_from == at_ms(1000));
        } else {
            CHECK(memory.guard_from.has_value());
        }
        const auto found = memory.records.find("alpha");
        if (end.written > 0) REQUIRE(found != memory.records.end());
        if (found != memory.records.end()) {
            const std::uint64_t number = found->second.record.grant_number;
            CHECK(number >= end.written);
            CHECK(number <= end.written + 1);
            CHECK(found->second.record == record_number(number));
        }
        if (!end.was_killed) {
            CHECK(end.written == records);
            CHECK(end.operations < at);
            CHECK(killed > 20);
            return;
        }
        ++killed;
    }
    FAIL("its life never ended by itself");
}

}  // namespace castvote::tests
