// guardian.cpp -- see guardian.hpp. A message is one byte, with a descriptor for `hold`; the end of
// the control socket is the death of the daemon.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/guardian.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "common/net/log.hpp"
#include "common/wire/system_words.hpp"

namespace castvote::qdevice {

namespace {

constexpr char word_hold = 'h';
constexpr char word_let_go = 'l';
constexpr char word_dismiss = 'd';

// One message, with room for one descriptor.
struct Parcel {
    Parcel() {
        message.msg_iov = &content;
        message.msg_iovlen = 1;
    }
    Parcel(const Parcel&) = delete;
    Parcel& operator=(const Parcel&) = delete;

    void make_room() {
        message.msg_control = room.data();
        message.msg_controllen = room.size();
    }
    void enclose(int socket) {
        make_room();
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof socket);
        std::memcpy(CMSG_DATA(header), &socket, sizeof socket);
    }
    int enclosed() {
        int socket = -1;
        const cmsghdr* const header = CMSG_FIRSTHDR(&message);
        if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
            std::memcpy(&socket, CMSG_DATA(header), sizeof socket);
        return socket;
    }

    char word = 0;
    iovec content{&word, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
};

void close_quietly(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
}

// Who was started with a closed standard stream would lose it to the next that opens one.
void move_above_standard(int& descriptor) {
    if (descriptor > 2) return;
    const int above = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (above >= 0) ::close(std::exchange(descriptor, above));
}

// Nothing of the daemon's: neither its terminal nor the signals meant for it, the one of a service
// manager's watchdog (SIGABRT) among them. abort() works nevertheless.
void detach() {
    ::setsid();
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGABRT})
        std::signal(number, SIG_IGN);
    static_cast<void>(::chdir("/") == 0);
    ::prctl(PR_SET_NAME, "qdevice-guard");
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int standard = 0; null >= 0 && standard < 3; ++standard) ::dup2(null, standard);
}

[[noreturn]] void guard(int control, const std::function<void()>& last_will) {
    detach();
    int held = -1;
    bool is_armed = false;  // who never reached the arbiter leaves no vote of his own
    while (true) {
        Parcel parcel;
        parcel.make_room();
        const ssize_t got = ::recvmsg(control, &parcel.message, MSG_CMSG_CLOEXEC);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) ::_exit(1);  // that is not the daemon's death
        if (got == 0) break;
        if (parcel.word == word_dismiss) ::_exit(0);
        close_quietly(held);
        if (parcel.word != word_hold) continue;
        held = parcel.enclosed();
        is_armed = true;
    }
    if (is_armed) last_will();
    ::_exit(0);  // closes what is held: only now may the arbiter read the end
}

}  // namespace

Expected<Guardian, std::string> Guardian::start(const std::function<void()>& last_will) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return tl::make_unexpected("socketpair: " + system_words(errno));
    for (int& end : ends) move_above_standard(end);
    const pid_t child = ::fork();
    if (child == 0) {
        // Not the daemon's child: nobody has to wait for it.
        const pid_t grandchild = ::fork();
        if (grandchild != 0) ::_exit(grandchild < 0 ? errno : 0);
        ::close(ends[0]);
        guard(ends[1], last_will);
    }
    const int error = errno;
    ::close(ends[1]);
    if (child < 0) {
        ::close(ends[0]);
        return tl::make_unexpected("fork: " + system_words(error));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    Guardian guardian(ends[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return tl::make_unexpected("fork: " + system_words(WEXITSTATUS(status)));
    return guardian;
}

Guardian::Guardian(Guardian&& other) noexcept
    : control_(std::exchange(other.control_, -1)), told_trouble_(other.told_trouble_) {}

Guardian::~Guardian() { close_quietly(control_); }

void Guardian::hold(int socket) { tell(word_hold, socket); }

void Guardian::let_go() { tell(word_let_go, -1); }

void Guardian::dismiss() {
    tell(word_dismiss, -1);
    close_quietly(control_);
}

void Guardian::tell(char word, int socket) {
    if (control_ < 0) return;
    Parcel parcel;
    parcel.word = word;
    if (socket >= 0) parcel.enclose(socket);
    if (::sendmsg(control_, &parcel.message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1) return;
    if (std::exchange(told_trouble_, true)) return;
    net::log(net::LogLevel::warning,
             "the guardian process cannot be told of a connection (" + system_words(errno) +
                 "): if this daemon is killed now, its vote may be counted until "
                 "quorum.device.timeout has passed; restart the daemon when that suits");
}

}  // namespace castvote::qdevice
