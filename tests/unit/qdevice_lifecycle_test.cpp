// qdevice_lifecycle_test.cpp -- the node daemon's start while corosync is busy or tells nothing
// (node.md 3), and where its log goes (node.md 2).
//
// The whole daemon runs here; corosync (played_corosync.hpp) and syslog are played. Its arbiter is
// a port of loopback where nobody listens.
// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/net/log.hpp"
#include "qdevice-client/shell/daemon.hpp"
#include "tests/unit/support/played_corosync.hpp"

using namespace castvote;
using namespace castvote::qdevice;
using std::chrono::milliseconds;

namespace {

struct Record {
    int priority = 0;
    std::string text;
};

struct PlayedSyslog {
    std::mutex mutex;
    std::vector<Record> records;
};

PlayedSyslog& played_syslog() {
    static PlayedSyslog the_syslog;
    return the_syslog;
}

// What was logged since it was asked last.
std::vector<Record> logged() {
    net::log_flush();
    const std::lock_guard lock(played_syslog().mutex);
    return std::exchange(played_syslog().records, {});
}

int times(const std::vector<Record>& records, int priority, const std::string& text) {
    return static_cast<int>(std::count_if(records.begin(), records.end(), [&](const Record& r) {
        return r.priority == priority && r.text.find(text) != std::string::npos;
    }));
}

Options options(bool stock_name, std::uint64_t max_cs_try_again) {
    Options options;
    options.stock_name = stock_name;
    options.foreground = false;
    options.advanced.max_cs_try_again = max_cs_try_again;
    options.advanced.lock_file.clear();
    options.advanced.local_socket_file.clear();
    return options;
}

struct Run {
    int status = -1;
    bool began = false;
    milliseconds took{0};
    std::vector<Record> log;
};

// To its end. `meanwhile` runs beside it, in a thread of its own.
template <class Meanwhile>
Run run(const Options& options, Meanwhile meanwhile) {
    start_log(options, options.debug, /*to_terminal=*/false);  // as main does
    logged();
    Run run;
    Daemon daemon(options, std::nullopt, [&] { run.began = true; });
    const auto start = std::chrono::steady_clock::now();
    std::jthread beside(meanwhile);
    run.status = daemon.run();
    run.took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - start);
    beside.join();
    run.log = logged();
    return run;
}

void pass(milliseconds time) {
    boost::asio::io_context io;
    boost::asio::steady_timer(io, time).wait();
}

void stop() { ::kill(::getpid(), SIGTERM); }

// However slow the machine is, or half a minute.
template <class Condition>
void pass_until(Condition condition) {
    for (int i = 0; i < 1500 && !condition(); ++i) pass(milliseconds(20));
}

bool has_voted() { return !tests::played().polled.empty(); }

bool has_said(const std::string& text) {
    const std::lock_guard lock(played_syslog().mutex);
    const auto& records = played_syslog().records;
    return std::any_of(records.begin(), records.end(), [&](const Record& record) {
        return record.text.find(text) != std::string::npos;
    });
}

void nothing() {}

}  // namespace

extern "C" {

void openlog(const char*, int, int) {}
void closelog() {}
void syslog(int priority, const char* format, ...) {
    char text[1000];
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const std::lock_guard lock(played_syslog().mutex);
    played_syslog().records.push_back({priority, text});
}

}  // extern "C"

TEST_CASE("a busy corosync is asked again a second later, and as often as the setting says") {
    const bool stock_name = GENERATE(true, false);
    tests::play_anew();
    auto corosync = tests::played();
    corosync.cmap_starts = std::vector<cs_error_t>(20, CS_ERR_TRY_AGAIN);
    tests::play(corosync);
    const Run busy = run(options(stock_name, 2), nothing);
    CHECK(busy.status == 1);
    CHECK_FALSE(busy.began);
    CHECK(times(busy.log, LOG_ERR, "corosync is busy (cmap_initialize)") == 1);
    const auto asked = tests::played().cmap_started;
    REQUIRE(asked.size() == 3);
    for (std::size_t i = 1; i < asked.size(); ++i)
        CHECK(asked[i] - asked[i - 1] >= milliseconds(1000));
    CHECK_FALSE(tests::played().is_registered);
}

TEST_CASE("a corosync that was busy for a moment costs nobody the start") {
    tests::play_anew();
    auto corosync = tests::played();
    corosync.cmap_starts = {CS_ERR_TRY_AGAIN};
    // The second attempt begins with cmap again, which answers then.
    corosync.votequorum_starts = {CS_ERR_TRY_AGAIN};
    tests::play(corosync);
    const Run started = run(options(true, 2), [] {
        pass_until(has_voted);
        stop();
    });
    CHECK(started.status == 0);
    CHECK(started.began);
    CHECK(tests::played().cmap_started.size() == 3);
    CHECK_FALSE(tests::played().polled.empty());  // "no", as there is no arbiter
    CHECK(times(started.log, LOG_ERR, "") == 0);
}

TEST_CASE("without a corosync nobody is asked again") {
    tests::play_anew();
    auto corosync = tests::played();
    corosync.cmap_starts = {CS_ERR_LIBRARY};
    tests::play(corosync);
    const Run absent = run(options(true, 10), nothing);
    CHECK(absent.status == 1);
    CHECK(tests::played().cmap_started.size() == 1);
    CHECK(times(absent.log, LOG_ERR, "is corosync running?") == 1);
}

TEST_CASE("no membership in time ends the daemon under the stock name, unregistered") {
    tests::play_anew();
    auto corosync = tests::played();
    corosync.tells_membership = false;
    tests::play(corosync);
    const Run silent = run(options(true, 1), nothing);
    CHECK(silent.status == 1);
    CHECK(silent.took >= milliseconds(1000));
    CHECK(times(silent.log, LOG_ERR, "corosync has told of no membership for 1 s") == 1);
    CHECK_FALSE(tests::played().is_registered);
    CHECK(tests::played().polled.empty());
}

TEST_CASE("no membership in time is said under our own name, and waited for") {
    tests::play_anew();
    auto corosync = tests::played();
    corosync.tells_membership = false;
    tests::play(corosync);
    const Run late = run(options(false, 1), [] {
        pass_until([] { return has_said("no membership"); });
        tests::tell_membership();
        pass_until(has_voted);
        stop();
    });
    CHECK(late.status == 0);
    CHECK(late.took >= milliseconds(1000));
    CHECK(times(late.log, LOG_WARNING, "corosync has told of no membership for 1 s") == 1);
    CHECK(tests::played().polled.front() == 0);
    CHECK_FALSE(tests::played().is_registered);
}

TEST_CASE("a membership in time is no news") {
    tests::play_anew();
    const Run prompt = run(options(true, 1), [] {
        pass(milliseconds(1500));
        stop();
    });
    CHECK(prompt.status == 0);
    CHECK(times(prompt.log, LOG_ERR, "") == 0);
    CHECK(times(prompt.log, LOG_WARNING, "membership") == 0);
}

TEST_CASE("-d sends debug records to syslog, -dd sends them as info and raises nothing else") {
    struct Row {
        const char* letters;
        int debug_priority;  // -1: dropped
    };
    const Row row = GENERATE(Row{"-f", -1}, Row{"-df", LOG_DEBUG}, Row{"-ddf", LOG_INFO},
                             Row{"-dddf", LOG_INFO});
    INFO(row.letters);
    std::string program = "corosync-qdevice";
    std::string letters = row.letters;
    char* arguments[] = {program.data(), letters.data(), nullptr};
    ::optind = 0;  // getopt begins anew
    const auto parsed = parse_options(2, arguments);
    REQUIRE(std::holds_alternative<Options>(parsed));
    const Options& given = std::get<Options>(parsed);
    logged();
    start_log(given, given.debug, /*to_terminal=*/false);
    net::log(net::LogLevel::debug, "a detail");
    net::log(net::LogLevel::info, "a fact");
    net::log(net::LogLevel::notice, "an event");
    net::log(net::LogLevel::warning, "a worry");
    net::log(net::LogLevel::error, "a fault");
    const auto records = logged();
    CHECK(times(records, row.debug_priority, "a detail") == (row.debug_priority == -1 ? 0 : 1));
    CHECK(records.size() == (row.debug_priority == -1 ? 4 : 5));
    CHECK(times(records, LOG_INFO, "a fact") == 1);
    CHECK(times(records, LOG_NOTICE, "an event") == 1);
    CHECK(times(records, LOG_WARNING, "a worry") == 1);
    CHECK(times(records, LOG_ERR, "a fault") == 1);
}
