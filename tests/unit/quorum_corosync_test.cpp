// quorum_corosync_test.cpp -- a vote that a busy corosync does not take: only a "no" that was taken
// may be confirmed to the arbiter (docs/safety.md R2a). And a configuration that changes while
// corosync synchronises: asking for it then would be a deadlock (node.md 4.2).
// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "qdevice-client/quorum/corosync.hpp"
#include "tests/unit/support/played_corosync.hpp"

using namespace castvote;
using qdevice::CorosyncProvider;

TEST_CASE("a no is taken before anything else is said, or it is said that it was not") {
    tests::play_anew();
    const auto polls_return = [](std::vector<cs_error_t> results) {
        auto corosync = tests::played();
        corosync.polls = std::move(results);
        tests::play(corosync);
    };
    boost::asio::io_context io;
    CorosyncProvider provider(io, {});
    const auto opened = provider.open();
    INFO((opened ? "" : opened.error().text));
    REQUIRE(opened);
    const wire::RingId ring{1, 8};

    SECTION("taken") {
        CHECK(provider.cast(false, ring));
        CHECK(tests::played().polled.size() == 1);
    }
    SECTION("busy for a moment: it is tried again until it is taken") {
        polls_return({CS_ERR_TRY_AGAIN, CS_ERR_TRY_AGAIN});
        CHECK_FALSE(provider.cast(false, ring));
        CHECK(tests::played().polled.size() == 1);
        io.run_for(std::chrono::seconds(5));
        CHECK(tests::played().polled == std::vector<std::uint32_t>{0, 0, 0});
    }
    SECTION("a newer vote ends the attempts of an older one") {
        polls_return({CS_ERR_TRY_AGAIN});
        CHECK_FALSE(provider.cast(false, ring));
        CHECK(provider.cast(true, ring));
        io.run_for(std::chrono::seconds(5));
        CHECK(tests::played().polled == std::vector<std::uint32_t>{0, 1});
    }
    SECTION("refused") {
        polls_return({CS_ERR_NOT_EXIST});
        CHECK_FALSE(provider.cast(false, ring));
    }
    SECTION("the ring is gone, and with it what counted in it") {
        polls_return({CS_ERR_MESSAGE_ERROR});
        CHECK(provider.cast(false, ring));
    }
    SECTION("a yes is never cast later than it was meant") {
        polls_return({CS_ERR_TRY_AGAIN});
        CHECK(provider.cast(true, ring));
        CHECK(tests::played().polled.size() == 1);
    }
}

TEST_CASE("nothing is asked of cmap while a synchronisation lasts, and no change is lost") {
    tests::play_anew();
    boost::asio::io_context io;
    CorosyncProvider provider(io, {});
    REQUIRE(provider.open());
    std::vector<bool> debug;
    REQUIRE(provider.start([&](qdevice::ProviderEvent event) {
        if (const auto* wanted = std::get_if<qdevice::DebugWanted>(&event))
            debug.push_back(wanted->on);
    }));
    const auto pass = [&](int ms) {
        io.restart();
        io.run_for(std::chrono::milliseconds(ms));
    };
    const auto change = [](const char* to) {
        auto corosync = tests::played();
        corosync.map["logging.debug"] = to;
        tests::play(corosync);
        tests::tell_change();
    };
    pass(200);  // the first membership, and the reading that belongs to the start

    SECTION("a change that is told when a ring is, is read when that ring works") {
        const auto before = tests::played().cmap_calls;
        change("on");
        tests::tell_ring();
        pass(300);
        CHECK(tests::played().cmap_calls == before);
        tests::tell_quorum();
        pass(300);
        CHECK(debug == std::vector<bool>{true});
    }
    SECTION("a ring that comes between the change and the reading holds the reading up") {
        auto before = tests::played().cmap_calls;
        change("on");
        io.restart();
        while (tests::played().cmap_calls == before) io.run_one_for(std::chrono::seconds(1));
        before = tests::played().cmap_calls;  // the change is known, and not read yet
        tests::tell_ring();
        pass(300);
        CHECK(tests::played().cmap_calls == before);
        CHECK(debug.empty());
        tests::tell_quorum();
        pass(300);
        CHECK(debug == std::vector<bool>{true});
    }
    SECTION("a change in the middle of a synchronisation waits for its end") {
        tests::tell_ring();
        pass(50);
        const auto before = tests::played().cmap_calls;
        change("on");
        pass(300);
        CHECK(tests::played().cmap_calls == before);
        tests::tell_quorum();
        pass(300);
        CHECK(debug == std::vector<bool>{true});
    }
    SECTION("without any of that it is read at once") {
        change("on");
        pass(300);
        CHECK(debug == std::vector<bool>{true});
    }
}

TEST_CASE("a vote that a synchronisation waits for is looked for at once") {
    tests::play_anew();
    boost::asio::io_context io;
    qdevice::CorosyncOptions options;
    options.device_name = "Third";
    CorosyncProvider provider(io, options);
    const bool waits_for_all = GENERATE(false, true);
    if (waits_for_all) {
        auto corosync = tests::played();
        corosync.map["quorum.wait_for_all"] = std::uint8_t{1};
        tests::play(corosync);
    }
    REQUIRE(provider.open());
    REQUIRE(provider.start([](const qdevice::ProviderEvent&) {}));
    const auto pass = [&] {
        io.restart();
        io.run_for(std::chrono::milliseconds(50));
    };
    const wire::RingId ring{2, 8};
    pass();

    SECTION("by a message behind it that changes nothing, also if nothing changes by the vote") {
        tests::tell_ring();
        pass();
        CHECK(provider.cast(true, ring));
        CHECK(provider.cast(false, ring));
        const auto renamed = tests::played().renamed;
        REQUIRE(renamed.size() == (waits_for_all ? 1 : 2));  // there a "no" is final (fact 6)
        for (const auto& one : renamed) CHECK((one.from == "Third" && one.to == one.from));
        CHECK(renamed.front().polls_before == 1);
        CHECK(renamed.back().polls_before == renamed.size());
    }
    SECTION("it does not matter whether corosync takes that message") {
        auto corosync = tests::played();
        corosync.renames = {CS_ERR_TRY_AGAIN, CS_ERR_NOT_EXIST};
        tests::play(corosync);
        tests::tell_ring();
        pass();
        CHECK(provider.cast(true, ring));
        CHECK(provider.cast(true, ring));
        CHECK(tests::played().polled.size() == 2);
    }
    SECTION("no message where no synchronisation waits") {
        CHECK(provider.cast(true, ring));
        tests::tell_ring();
        pass();
        tests::tell_quorum();
        pass();
        CHECK(provider.cast(true, ring));
        CHECK(tests::played().renamed.empty());
    }
    SECTION("no message behind a vote that was not taken") {
        auto corosync = tests::played();
        corosync.polls = {CS_ERR_MESSAGE_ERROR};
        tests::play(corosync);
        tests::tell_ring();
        pass();
        CHECK(provider.cast(true, ring));
        CHECK(tests::played().renamed.empty());
    }
}
