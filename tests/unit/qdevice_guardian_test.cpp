// qdevice_guardian_test.cpp -- the process that takes the vote back when the daemon is killed. Each
// test makes a "daemon" of its own, a child, and kills it.
// SPDX-License-Identifier: BSD-3-Clause
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "qdevice-client/shell/guardian.hpp"
#include "tests/unit/support/waits_for.hpp"

namespace castvote::qdevice {
namespace {

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() { close(); }
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }
    int get() const { return number_; }

private:
    int number_;
};

std::pair<Descriptor, Descriptor> stream_pair() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// What is read: a byte, 0 at the end, or '-' when there is nothing yet.
char read_from(const Descriptor& from, int flags = 0) {
    char byte = 0;
    const ssize_t got = ::recv(from.get(), &byte, 1, flags);
    if (got < 0) {
        REQUIRE(errno == EAGAIN);
        return '-';
    }
    return got == 0 ? char{0} : byte;
}
void write_to(const Descriptor& to, char byte) { REQUIRE(::send(to.get(), &byte, 1, 0) == 1); }

// A daemon that does `life` and then waits to be killed. Its connections are made when its guardian
// runs already. Its last will says 'w', and is done when it was told so.
class Killable {
public:
    using Connect = std::function<Descriptor()>;

    explicit Killable(const std::function<void(Guardian&, const Connect&)>& life) {
        listen();
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) live(life);
        wills_.close();
        REQUIRE(read_from(testament) == 'r');  // it has begun
    }
    ~Killable() {
        if (pid_ > 0) kill();
    }
    void kill() {
        ::kill(pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
    void kill_group() {
        ::kill(-pid_, SIGKILL);
        ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    }
    // The other end of its next connection.
    Descriptor peer() { return Descriptor(::accept(listener_.get(), nullptr, nullptr)); }

private:
    std::pair<Descriptor, Descriptor> wills_and_testament_ = stream_pair();
    Descriptor& wills_ = wills_and_testament_.first;

public:
    Descriptor& testament = wills_and_testament_.second;

private:
    void listen() {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const any = reinterpret_cast<sockaddr*>(&address_);
        socklen_t size = sizeof address_;
        REQUIRE(::bind(listener_.get(), any, size) == 0);
        REQUIRE(::listen(listener_.get(), 2) == 0);
        REQUIRE(::getsockname(listener_.get(), any, &size) == 0);
    }

    [[noreturn]] void live(const std::function<void(Guardian&, const Connect&)>& life) {
        testament.close();
        listener_.close();
        auto guardian = Guardian::start([this] {
            say('w');
            read_from(wills_);
        });
        if (!guardian) ::_exit(1);
        life(*guardian, [this] {
            Descriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            ::connect(connection.get(), reinterpret_cast<sockaddr*>(&address_), sizeof address_);
            return connection;
        });
        say('r');
        while (true) ::pause();
    }
    void say(char word) { static_cast<void>(::send(wills_.get(), &word, 1, MSG_NOSIGNAL)); }

    Descriptor listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address_{};
    pid_t pid_ = -1;
};

std::vector<pid_t> children() {
    std::ifstream file("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    return {std::istream_iterator<pid_t>(file), {}};
}

std::string name_of(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

TEST_CASE("guardian: the connection of a killed daemon ends after its last will") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        guardian.hold(connect().get());
    });
    const Descriptor peer = daemon.peer();
    CHECK(read_from(peer, MSG_DONTWAIT) == '-');
    daemon.kill();
    CHECK(read_from(daemon.testament) == 'w');
    CHECK(read_from(peer, MSG_DONTWAIT) == '-');
    write_to(daemon.testament, 'g');
    CHECK(read_from(peer) == 0);
}

TEST_CASE("guardian: a new connection takes the place of the one before") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        guardian.hold(connect().get());
        guardian.hold(connect().get());
    });
    const Descriptor before = daemon.peer();
    const Descriptor now = daemon.peer();
    CHECK(read_from(before) == 0);
    CHECK(read_from(now, MSG_DONTWAIT) == '-');
    daemon.kill();
    CHECK(read_from(daemon.testament) == 'w');
    write_to(daemon.testament, 'g');
    CHECK(read_from(now) == 0);
}

TEST_CASE("guardian: a connection that the daemon ends itself ends at once") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        guardian.hold(connect().get());
        guardian.let_go();
    });
    const Descriptor peer = daemon.peer();
    CHECK(read_from(peer) == 0);
    daemon.kill();  // its vote may still be counted, by a lease
    CHECK(read_from(daemon.testament) == 'w');
    write_to(daemon.testament, 'g');
    CHECK(read_from(daemon.testament) == 0);
}

TEST_CASE("guardian: who has withdrawn its vote, or never reached the arbiter, has no last will") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        guardian.hold(connect().get());
        guardian.dismiss();
    });
    daemon.kill();
    CHECK(read_from(daemon.testament) == 0);
    Killable stranger([](Guardian&, const Killable::Connect&) {});
    stranger.kill();
    CHECK(read_from(stranger.testament) == 0);
}

TEST_CASE("guardian: one that cannot be told is no reason to take the vote back") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        const Descriptor connection = connect();
        for (int messages = 0; messages < 5000; ++messages) guardian.hold(connection.get());
    });
    const Descriptor peer = daemon.peer();
    CHECK(read_from(daemon.testament, MSG_DONTWAIT) == '-');
    daemon.kill();
    CHECK(read_from(daemon.testament) == 'w');
    write_to(daemon.testament, 'g');
    CHECK(read_from(peer) == 0);
}

TEST_CASE("guardian: it is not killed with the daemon's process group") {
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        ::setpgid(0, 0);
        guardian.hold(connect().get());
    });
    const Descriptor peer = daemon.peer();
    daemon.kill_group();
    CHECK(read_from(daemon.testament) == 'w');
    write_to(daemon.testament, 'g');
    CHECK(read_from(peer) == 0);
}

// A service manager sends to all processes of a service: SIGTERM to stop it, SIGABRT when its
// watchdog has not been fed.
TEST_CASE("guardian: signals that are meant for the whole service do not end it") {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // the guardian, nobody's child, becomes ours
    Killable daemon([](Guardian& guardian, const Killable::Connect& connect) {
        guardian.hold(connect().get());
    });
    const Descriptor peer = daemon.peer();
    // It becomes our child, and takes its name, a little after it holds the connection.
    std::vector<pid_t> guardians;
    const bool is_found = tests::waits_for([&] {
        guardians = children();
        std::erase_if(guardians, [](pid_t child) { return name_of(child) != "qdevice-guard"; });
        return !guardians.empty();
    });
    REQUIRE(is_found);
    REQUIRE(guardians.size() == 1);
    for (const int number : {SIGTERM, SIGABRT}) REQUIRE(::kill(guardians.front(), number) == 0);
    daemon.kill();
    CHECK(read_from(daemon.testament) == 'w');
    write_to(daemon.testament, 'g');
    CHECK(read_from(peer) == 0);
}

}  // namespace
}  // namespace castvote::qdevice
