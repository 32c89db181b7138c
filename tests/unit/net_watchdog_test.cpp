// net_watchdog_test.cpp -- the service manager hears of us while all loops go round, and only then.
// SPDX-License-Identifier: BSD-3-Clause
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <future>
#include <string>

#include "common/net/notify.hpp"
#include "common/net/watchdog.hpp"

using namespace castvote::net;

namespace {

constexpr std::chrono::milliseconds interval{200};

// Plays the service manager, by an abstract address.
class Manager {
public:
    Manager() {
        const std::string name = "castvote-watchdog-" + std::to_string(::getpid());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name.data(), name.size());
        const auto length =
            static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
        ::setenv("WATCHDOG_USEC", "200000", 1);
        ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    }
    ~Manager() {
        for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
            ::unsetenv(name);
        ::close(socket_);
    }
    // How many words have come since the last time.
    int heard() {
        std::array<char, 64> word{};
        int count = 0;
        for (;; ++count) {
            const ssize_t got = ::recv(socket_, word.data(), word.size(), MSG_DONTWAIT);
            if (got < 0) return count;
            REQUIRE(std::string(word.data(), static_cast<std::size_t>(got)) == "WATCHDOG=1");
        }
    }

private:
    int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

}  // namespace

TEST_CASE("nobody is told who did not ask") {
    CHECK(!Watchdog::wanted());
    Manager manager;
    CHECK(Watchdog::wanted() == interval);
    ::setenv("WATCHDOG_PID", "1", 1);  // the service manager asks another process
    CHECK(!Watchdog::wanted());
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("WATCHDOG_USEC", "soon", 1);
    CHECK(!Watchdog::wanted());
}

TEST_CASE("the watchdog is fed while every loop goes round") {
    Manager manager;
    asio::io_context main{1};
    const auto work = asio::make_work_guard(main);
    Shard first;
    Shard second;
    first.start();
    second.start();
    Watchdog watchdog(main, {&first, &second});
    main.run_for(interval * 5);
    CHECK(manager.heard() >= 5);

    std::promise<void> done;  // what waits for it goes on when this test ends, however that is
    second.post([&done] { done.get_future().wait(); });  // hangs
    main.run_for(interval);
    manager.heard();  // of the round that had begun before
    main.run_for(interval * 5);
    CHECK(manager.heard() == 0);

    done.set_value();
    main.run_for(interval * 5);
    CHECK(manager.heard() >= 1);
    first.stop();
    second.stop();
}

TEST_CASE("a service manager that does not read holds nobody up") {
    Manager manager;
    asio::io_context main{1};
    const auto work = asio::make_work_guard(main);
    for (int words = 0; words < 1000; ++words)
        notify_service_manager("WATCHDOG=1", /*waits=*/false);
    Watchdog watchdog(main, {});
    CHECK(main.run_for(interval) > 0);
}

TEST_CASE("the watchdog of a daemon with one loop") {
    Manager manager;
    asio::io_context main{1};
    const auto work = asio::make_work_guard(main);
    Watchdog watchdog(main, {});
    main.run_for(interval * 5);
    CHECK(manager.heard() >= 5);
    ::poll(nullptr, 0, static_cast<int>(interval.count()) * 2);  // hangs
    CHECK(manager.heard() == 0);
}
