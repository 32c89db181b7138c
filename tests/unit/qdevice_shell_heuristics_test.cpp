// qdevice_shell_heuristics_test.cpp -- real commands, run and judged (node.md 12).
// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "qdevice-client/heuristics/runner.hpp"
#include "qdevice-client/heuristics/words.hpp"

using namespace castvote;
using namespace castvote::qdevice;
using Words = std::vector<std::string>;

namespace {

struct Bench {
    boost::asio::io_context io{1};
    std::vector<std::pair<std::uint32_t, wire::Heuristics>> results;
    std::vector<std::string> log;
    HeuristicsLimits limits;

    HeuristicsRunner runner() {
        return {io, limits,
                [this](std::uint32_t n, wire::Heuristics r) { results.emplace_back(n, r); },
                [this](Level, const std::string& text) { log.push_back(text); }};
    }

    // Runs the loop until `until` holds; false after five seconds.
    template <class Condition>
    bool wait(Condition until) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!until() && std::chrono::steady_clock::now() < end)
            io.run_for(std::chrono::milliseconds(5)), io.restart();
        return until();
    }

    wire::Heuristics result_of(std::vector<HeuristicsCommand> commands,
                               Duration timeout = Duration(4000)) {
        HeuristicsRunner r = runner();
        r.set_commands(std::move(commands));
        r.run(7, timeout);
        CHECK(results.empty());
        REQUIRE(wait([&] { return !results.empty(); }));
        CHECK(results.size() == 1);
        CHECK(results[0].first == 7);
        return results[0].second;
    }
};

// A file which the command writes, to learn its pid.
struct PidFile {
    std::string path = (std::filesystem::temp_directory_path() /
                        ("castvote-heuristics-" + std::to_string(getpid())))
                           .string();
    PidFile() { std::filesystem::remove(path); }
    ~PidFile() { std::filesystem::remove(path); }
    pid_t pid() const {
        pid_t value = 0;
        std::ifstream(path) >> value;
        return value;
    }
};

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0; }

}  // namespace

TEST_CASE("words") {
    CHECK(split_words("/bin/x") == Words{"/bin/x"});
    CHECK(split_words("  /usr/bin/printf \"a b\" c\\ d\te ") ==
          Words{"/usr/bin/printf", "a b", "c d", "e"});
    CHECK(split_words(R"(a "x\"y\\z\n")") == Words{"a", R"(x"y\z\n)"});
    CHECK(split_words(R"(a b"c d"e)") == Words{"a", "bc de"});
    CHECK(split_words(R"(a "" b)") == Words{"a"});  // an empty quoted word ends the command
    CHECK(split_words("a b\nc") == Words{"a", "b"});
    CHECK(split_words("a\rb") == Words{"a"});
    CHECK(split_words("a '$x' *") == Words{"a", "'$x'", "*"});
    CHECK(split_words("a \"open end") == Words{"a", "open end"});
    CHECK(split_words("a\\") == Words{"a\\"});
    CHECK(split_words(" \t ").empty());
}

TEST_CASE("no command is undefined, all zero is a pass, the first failure a fail") {
    Bench b;
    SECTION("none") { CHECK(b.result_of({}) == wire::Heuristics::undefined); }
    SECTION("all pass") {
        CHECK(b.result_of({{"a", "/bin/true"}, {"b", "/bin/sh -c \"exit 0\""}}) ==
              wire::Heuristics::pass);
        CHECK(b.log.empty());
    }
    SECTION("one fails, at once") {
        const auto start = std::chrono::steady_clock::now();
        CHECK(b.result_of({{"a", "/bin/sleep 4"}, {"b", "/bin/false"}}) == wire::Heuristics::fail);
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
        REQUIRE(b.log.size() == 1);
        CHECK(b.log[0] == "heuristics command b failed with exit status 1");
    }
    SECTION("one crashes") {
        CHECK(b.result_of({{"a", "/bin/sh -c \"kill -SEGV $$\""}}) == wire::Heuristics::fail);
        CHECK(b.log.at(0).find("signal 11") != std::string::npos);
    }
    SECTION("one is no program") {
        CHECK(b.result_of({{"a", "/no/such/program"}}) == wire::Heuristics::fail);
        CHECK(b.log.at(0).find("absolute path") != std::string::npos);
    }
    SECTION("one is empty") { CHECK(b.result_of({{"a", "  "}}) == wire::Heuristics::fail); }
    SECTION("PATH is searched only on request") {
        CHECK(b.result_of({{"a", "true"}}) == wire::Heuristics::fail);
        Bench c;
        c.limits.use_path = true;
        CHECK(c.result_of({{"a", "true"}}) == wire::Heuristics::pass);
    }
    SECTION("a chatty one harms nobody, and reads nothing") {
        CHECK(
            b.result_of({{"a", "/bin/sh -c \"head -c 3000000 /dev/zero; head -c 9 >&2; cat\""}}) ==
            wire::Heuristics::pass);
    }
}

TEST_CASE("a hanging command fails its run, is terminated, then killed") {
    Bench b;
    b.limits.kill_interval = Duration(100);
    PidFile file;
    HeuristicsRunner r = b.runner();
    r.set_commands({{"a", "/bin/sh -c \"trap '' TERM; echo $$ > " + file.path +
                              "; while :; do /bin/sleep 1; done\""}});
    r.run(1, Duration(300));
    REQUIRE(b.wait([&] { return !b.results.empty(); }));
    CHECK(b.results[0].second == wire::Heuristics::fail);
    const pid_t pid = file.pid();
    REQUIRE(pid > 0);
    CHECK_FALSE(is_gone(pid));  // it ignored SIGTERM
    CHECK(b.wait([&] { return is_gone(pid); }));
}

TEST_CASE("a new run supersedes the old one, whose commands end") {
    Bench b;
    PidFile file;
    HeuristicsRunner r = b.runner();
    r.set_commands({{"a", "/bin/sh -c \"echo $$ > " + file.path + "; exec /bin/sleep 30\""}});
    r.run(1, Duration(30000));
    REQUIRE(b.wait([&] { return file.pid() > 0; }));
    const pid_t pid = file.pid();
    SECTION("by number") {
        r.set_commands({{"a", "/bin/true"}});  // restarts run 1
        r.run(2, Duration(4000));
        REQUIRE(b.wait([&] { return !b.results.empty() && is_gone(pid); }));
        CHECK(b.results ==
              std::vector<std::pair<std::uint32_t, wire::Heuristics>>{{2, wire::Heuristics::pass}});
    }
    SECTION("by new commands, under the same number") {
        r.set_commands({{"b", "/bin/true"}});
        REQUIRE(b.wait([&] { return !b.results.empty() && is_gone(pid); }));
        CHECK(b.results ==
              std::vector<std::pair<std::uint32_t, wire::Heuristics>>{{1, wire::Heuristics::pass}});
    }
}

TEST_CASE("too many processes that do not end fail the next run") {
    Bench b;
    b.limits.max_processes = 1;
    b.limits.kill_interval = Duration(200);
    PidFile file;
    HeuristicsRunner r = b.runner();
    r.set_commands({{"a", "/bin/sh -c \"trap '' TERM; echo $$ > " + file.path +
                              "; while :; do /bin/sleep 1; done\""}});
    r.run(1, Duration(30000));
    REQUIRE(b.wait([&] { return file.pid() > 0; }));
    r.run(2, Duration(30000));
    REQUIRE(b.wait([&] { return !b.results.empty(); }));
    CHECK(b.results[0] == std::pair<std::uint32_t, wire::Heuristics>{2, wire::Heuristics::fail});
    CHECK(b.wait([&] { return is_gone(file.pid()); }));
}
