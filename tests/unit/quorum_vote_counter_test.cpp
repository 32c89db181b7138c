// quorum_vote_counter_test.cpp -- votequorum's rules as the stdio provider keeps them
// (arbiter.md 1.1), and the lines which it reads and writes.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "qdevice-client/quorum/json_lines.hpp"

using namespace castvote;
using namespace castvote::qdevice;

namespace {

const wire::RingId whole{1, 4};
const wire::RingId alone{1, 8};

VoteCounter two_nodes() { return VoteCounter({.nodes = {1, 2}, .device_votes = 1}); }

}  // namespace

TEST_CASE("two nodes make three votes with the device, and two of them are enough") {
    VoteCounter counter = two_nodes();
    CHECK_FALSE(counter.tally().quorate);
    counter.begin_ring(whole, {1, 2}, at_ms(0));
    CHECK_FALSE(counter.tally().syncing);  // no vote was ever cast: nothing to wait for
    CHECK(counter.tally().votes == 2);
    CHECK(counter.tally().expected == 3);
    CHECK(counter.tally().quorum == 2);
    CHECK(counter.tally().quorate);
    REQUIRE(counter.cast(true, whole, at_ms(10)));
    CHECK(counter.tally().votes == 3);
}

TEST_CASE("a new ring counts nothing until the first vote for it") {
    VoteCounter counter = two_nodes();
    counter.begin_ring(whole, {1, 2}, at_ms(0));
    counter.cast(true, whole, at_ms(0));
    counter.begin_ring(alone, {1}, at_ms(1000));
    CHECK(counter.tally().syncing);
    CHECK_FALSE(counter.tally().quorate);
    CHECK_FALSE(counter.tally().vote);
    SECTION("a vote for the old ring changes nothing, not even the timer") {
        const VoteCounter before = counter;
        CHECK_FALSE(counter.cast(true, whole, at_ms(1500)));
        CHECK(counter == before);
    }
    SECTION("ACK makes the survivor quorate") {
        CHECK(counter.cast(true, alone, at_ms(1500)));
        CHECK(counter.tally().quorate);
        CHECK(counter.tally().votes == 2);
    }
    SECTION("NACK does not") {
        CHECK(counter.cast(false, alone, at_ms(1500)));
        CHECK_FALSE(counter.tally().syncing);
        CHECK_FALSE(counter.tally().quorate);
    }
    SECTION("silence ends the wait after S, without the vote") {
        counter.pass_time(at_ms(30999));
        CHECK(counter.tally().syncing);
        counter.pass_time(at_ms(31000));
        CHECK_FALSE(counter.tally().syncing);
        CHECK_FALSE(counter.tally().quorate);
        CHECK_FALSE(counter.deadline());
    }
}

TEST_CASE("the vote lapses T after the last one") {
    VoteCounter counter = two_nodes();
    counter.begin_ring(alone, {1}, at_ms(0));
    counter.cast(true, alone, at_ms(0));
    counter.cast(true, alone, at_ms(5000));
    CHECK(counter.deadline() == at_ms(15000));
    counter.pass_time(at_ms(14999));
    CHECK(counter.tally().quorate);
    counter.pass_time(at_ms(15000));
    CHECK_FALSE(counter.tally().quorate);
    SECTION("a ring that begins after it is not held back") {
        counter.begin_ring({1, 12}, {1}, at_ms(15001));
        CHECK_FALSE(counter.tally().syncing);
    }
    SECTION("a ring that begins late, before anybody looked, is not held back either") {
        VoteCounter late = two_nodes();
        late.begin_ring(alone, {1}, at_ms(0));
        late.cast(true, alone, at_ms(0));
        late.begin_ring({1, 12}, {1}, at_ms(10000));
        CHECK_FALSE(late.tally().syncing);
        CHECK_FALSE(late.tally().quorate);
    }
}

TEST_CASE("withdrawal takes the vote at once and releases a waiting ring") {
    VoteCounter counter = two_nodes();
    counter.begin_ring(alone, {1}, at_ms(0));
    counter.cast(true, alone, at_ms(0));
    counter.begin_ring({1, 12}, {1}, at_ms(10));
    counter.withdraw();
    CHECK_FALSE(counter.tally().syncing);
    CHECK_FALSE(counter.tally().quorate);
    CHECK_FALSE(counter.deadline());
}

TEST_CASE("before the first membership no vote is taken") {
    VoteCounter counter = two_nodes();
    CHECK_FALSE(counter.cast(true, {}, at_ms(0)));
    CHECK_FALSE(counter.tally().vote);
}

// Every way to cut N nodes in two, the device voting for one side at most: never both quorate.
TEST_CASE("no cut gives both sides a quorum") {
    for (std::uint32_t n = 1; n <= 8; ++n)
        for (const std::uint32_t device_votes : {1U, n > 1 ? n - 1 : 1U})
            for (std::uint32_t left = 0; left <= n; ++left)
                for (const bool left_votes : {false, true}) {
                    std::vector<wire::NodeId> all;
                    for (std::uint32_t id = 1; id <= n; ++id) all.push_back(id);
                    const auto side = [&](std::uint32_t from, std::uint32_t to, bool vote) {
                        if (from == to) return false;
                        VoteCounter counter({.nodes = all, .device_votes = device_votes});
                        counter.begin_ring(alone, {all.begin() + from, all.begin() + to}, at_ms(0));
                        counter.cast(vote, alone, at_ms(0));
                        return counter.tally().quorate;
                    };
                    CHECK_FALSE((side(0, left, left_votes) && side(left, n, !left_votes)));
                }
}

TEST_CASE("input lines") {
    const auto line = parse_input_line(R"({"ring":{"node":1,"seq":12},"members":[1,2]})");
    REQUIRE(line);
    CHECK(*line == InputLine{MembershipLine{{1, 12}, {1, 2}}});
    CHECK(*parse_input_line(R"({"nodes":[1,2,3],"config_version":9})") ==
          InputLine{NodesLine{{1, 2, 3}, 9}});
    CHECK(*parse_input_line(R"({"stop":true})") == InputLine{StopLine{}});
    for (const char* bad :
         {"", "x", "[]", "7", "{}", R"({"members":[1]})", R"({"members":[],"ring":{}})",
          R"({"ring":{"node":1,"seq":1},"members":[1,1]})",
          R"({"ring":{"node":1,"seq":1},"members":[0]})",
          R"({"ring":{"node":1,"seq":1},"members":["1"]})",
          R"({"ring":{"node":1,"seq":1},"members":[4294967296]})",
          R"({"ring":{"node":1,"seq":-1},"members":[1]})", R"({"ring":{"node":1},"members":[1]})",
          R"({"ring":3,"members":[1]})", R"({"nodes":[]})", R"({"nodes":[1],"config_version":"x"})",
          R"({"stop":false})", "{\"members\":[1],\"x\":\"\xff\"}"}) {
        INFO(bad);
        const auto refused = parse_input_line(bad);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().size() > 10);
    }
    CHECK_FALSE(parse_input_line(std::string(input_line_size_max + 1, ' ')));
    CHECK_FALSE(parse_input_line(std::string(60000, '[')));
}

TEST_CASE("output lines read as documented") {
    VoteCounter counter = two_nodes();
    counter.begin_ring(alone, {1}, at_ms(0));
    counter.cast(true, alone, at_ms(0));
    const Tally t = counter.tally();
    CHECK(vote_line(t) == R"({"event":"vote","cast":true,"ring":{"node":1,"seq":8}})");
    CHECK(quorum_line(t) ==
          R"({"event":"quorum","quorate":true,"votes":2,"expected":3,"quorum":2,"vote":true,)"
          R"("ring":{"node":1,"seq":8},"members":[1]})");
    CHECK(sync_line(t) == R"({"event":"sync","ring":{"node":1,"seq":8},"members":[1]})");
    CHECK(started_line("a\"b", 1, t) ==
          R"({"event":"started","cluster":"a\"b","node":1,"expected":3,"quorum":2})");
    CHECK(error_line(3, "no") == R"({"event":"error","line":3,"text":"no"})");
    CHECK(status_line("\xff", "h:1") ==
          "{\"event\":\"status\",\"connection\":\"\xef\xbf\xbd\",\"arbiter\":\"h:1\"}");
}
