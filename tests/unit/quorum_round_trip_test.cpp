// quorum_round_trip_test.cpp -- what comes back from a played corosync, and what the provider makes
// of it (N15 of docs/safety.md). On a real one: tests/system/test_counted_vote.py.
// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "qdevice-client/quorum/corosync.hpp"
#include "qdevice-client/quorum/round_trip.hpp"
#include "tests/unit/support/played_corosync.hpp"
#include "tests/unit/support/played_cpg.hpp"
#include "tests/unit/support/waits_for.hpp"

namespace castvote {
namespace {

using qdevice::RoundTrip;
using std::chrono::milliseconds;
using Numbers = std::vector<std::uint64_t>;

std::string bytes_of(std::uint64_t number) {
    return {reinterpret_cast<const char*>(&number), sizeof number};
}

// A round trip whose messages back are collected; corosync is as `cpg` says.
struct Trip {
    explicit Trip(const tests::PlayedCpg& cpg) { tests::play_cpg(cpg); }

    Numbers back_within(milliseconds time, std::size_t count = 1) {
        const auto end = std::chrono::steady_clock::now() + time;
        while (back.size() < count && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_for(milliseconds(5));
        }
        return back;
    }

    boost::asio::io_context io;
    Numbers back;
    RoundTrip trip{io, [this](std::uint64_t number) { back.push_back(number); }};
};

TEST_CASE("a message to ourselves comes back with its number") {
    Trip it({});
    it.trip.send(1);
    CHECK(it.back_within(milliseconds(2000)) == Numbers{1});
    it.trip.send(2);
    CHECK(it.back_within(milliseconds(2000), 2) == Numbers{1, 2});
}

TEST_CASE("what is not our own message proves nothing") {
    Trip it({.delivers = false});
    it.trip.send(1);
    REQUIRE(tests::waits_for([] { return tests::played_cpg().sent == Numbers{1}; }));
    tests::deliver_cpg(bytes_of(1), /*node=*/1, /*process=*/0);
    tests::deliver_cpg(bytes_of(1), /*node=*/0, static_cast<std::uint32_t>(::getpid()) + 1);
    tests::deliver_cpg("1", /*node=*/0, /*process=*/0);
    tests::deliver_cpg({}, /*node=*/0, /*process=*/0);
    CHECK(it.back_within(milliseconds(100)).empty());
    tests::deliver_cpg(bytes_of(1), /*node=*/0, /*process=*/0);
    CHECK(it.back_within(milliseconds(2000)) == Numbers{1});
}

TEST_CASE("a corosync that is busy is asked again") {
    Trip it({.sends = {CS_ERR_TRY_AGAIN, CS_ERR_TRY_AGAIN}});
    it.trip.send(1);
    CHECK(it.back_within(milliseconds(2000)) == Numbers{1});
}

TEST_CASE("a service that is gone is looked for again, and asked anew") {
    Trip it({.delivers = false});
    it.trip.send(1);
    REQUIRE(tests::waits_for([] { return tests::played_cpg().sent == Numbers{1}; }));
    tests::play_cpg({.is_there = false});
    tests::end_cpg();
    CHECK(it.back_within(milliseconds(100)).empty());
    tests::play_cpg({});
    CHECK(it.back_within(milliseconds(2000)) == Numbers{1});
}

TEST_CASE("a call that corosync does not answer holds up neither a vote nor the end") {
    {
        Trip it({.hangs = true});
        it.trip.send(1);
        REQUIRE(tests::waits_for([] { return tests::played_cpg().waiting == 1; }));
        it.trip.send(2);
        CHECK(it.back_within(milliseconds(50)).empty());
    }
    CHECK(tests::played_cpg().waiting == 1);
    tests::play_cpg({});
    CHECK(tests::waits_for([] { return tests::played_cpg().open == 0; }));
}

// The provider with a cluster that has just formed its ring, and what it tells.
struct Provider {
    explicit Provider(const tests::PlayedCpg& cpg) {
        tests::play_anew();
        tests::play_cpg(cpg);
        REQUIRE(provider.open());
        REQUIRE(provider.start([this](const qdevice::ProviderEvent& event) {
            if (std::holds_alternative<qdevice::VoteCounted>(event)) ++counted;
            if (const auto* seen = std::get_if<qdevice::FlagSeen>(&event))
                flags_seen.push_back(seen->cast);
            if (const auto* remark = std::get_if<qdevice::Remark>(&event))
                remarks.push_back(remark->text);
        }));
        pass(milliseconds(100));
    }
    void pass(milliseconds time) {
        io.restart();
        io.run_for(time);
    }

    boost::asio::io_context io;
    qdevice::CorosyncProvider provider{io, {}};
    int counted = 0;
    std::vector<bool> flags_seen;
    std::vector<std::string> remarks;
};

// A "yes" that was cast, and does not come round.
struct Waiting : Provider {
    Waiting() : Provider({.delivers = false}) {
        CHECK(provider.cast(/*vote=*/true, {2, 8}));
        REQUIRE(tests::waits_for([] { return tests::played_cpg().sent == Numbers{1}; }));
    }
    // Now it does.
    int counted_after_all() {
        tests::deliver_cpg(bytes_of(1), 0, 0);
        pass(milliseconds(200));
        return counted;
    }
};

TEST_CASE("a \"yes\" is counted when it has come round, in its own ring only") {
    SECTION("it comes round") {
        Provider it({});
        CHECK(it.provider.cast(/*vote=*/true, {2, 8}));
        it.pass(milliseconds(200));
        CHECK(it.counted == 1);
    }
    SECTION("late") { CHECK(Waiting().counted_after_all() == 1); }
    SECTION("a new ring came first") {
        Waiting it;
        tests::tell_ring();
        CHECK(it.counted_after_all() == 0);
    }
    SECTION("it was taken back") {
        Waiting it;
        CHECK(it.provider.cast(/*vote=*/false, {2, 8}));
        CHECK(it.counted_after_all() == 0);
    }
    SECTION("an older message has overwritten it") {
        Waiting it;
        tests::PlayedCorosync corosync = tests::played();
        corosync.loses_votes = true;
        tests::play(corosync);
        it.flags_seen.clear();
        CHECK(it.counted_after_all() == 0);
        CHECK(it.flags_seen == std::vector<bool>{false});
    }
}

TEST_CASE("a \"no\" is counted as well") {
    Provider it({});
    CHECK(it.provider.cast(/*vote=*/false, {2, 8}));
    it.pass(milliseconds(200));
    CHECK(it.counted == 1);
}

TEST_CASE("a \"yes\" that does not come round is said, once for each ring") {
    Provider it({.is_there = false});
    for (int poll = 0; poll < 2; ++poll) {  // each sends another message
        CHECK(it.provider.cast(/*vote=*/true, {2, 8}));
        it.pass(milliseconds(1600));
    }
    REQUIRE(it.remarks.size() == 1);
    CHECK(it.remarks[0].find("has not come round") != std::string::npos);
    CHECK(it.provider.cast(/*vote=*/true, {2, 8}));
    it.pass(milliseconds(3200));
    CHECK(it.remarks.size() == 1);
}

}  // namespace
}  // namespace castvote
