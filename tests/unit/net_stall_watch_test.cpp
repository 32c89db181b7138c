// net_stall_watch_test.cpp -- a loop that stood still knows it, for as long as that matters.
// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>

#include "common/net/clock.hpp"
#include "common/net/stall_watch.hpp"

using namespace castvote;

TEST_CASE("what is read after a stall may have arrived when it began") {
    boost::asio::io_context io;
    net::StallWatch watch(io);
    const Instant start = net::now();
    const Instant back = start + Duration(5000);  // the loop has not turned since
    CHECK(watch.arrived_after(start) == start);
    CHECK(watch.arrived_after(back) <= start);
    CHECK(watch.arrived_after(back + Duration(900)) <= start);  // there may be more to read

    SECTION("then all is read") {
        CHECK(watch.arrived_after(back + Duration(1000)) == back + Duration(1000));
    }
    SECTION("it stands still again before all is read: all of that is in doubt") {
        CHECK(watch.arrived_after(back + Duration(3000)) <= start);
    }
}

TEST_CASE("an hour without input is no stall") {
    boost::asio::io_context io;
    net::StallWatch watch(io);
    io.run_for(std::chrono::milliseconds(2700));
    const Instant now = net::now();
    CHECK(watch.arrived_after(now) == now);
}
