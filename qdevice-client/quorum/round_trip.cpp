// round_trip.cpp -- see round_trip.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/round_trip.hpp"

#include <corosync/cpg.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <utility>

namespace castvote::qdevice {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds again_pause{5};     // corosync takes no message at the moment
constexpr milliseconds absent_pause{500};  // ... or is not there
constexpr milliseconds end_patience{500};  // for the last call to come back

}  // namespace

// What both threads know. The io_context may be used only while `is_closed` is false, under `lock`.
class RoundTrip::Shared {
public:
    Shared(boost::asio::io_context& io, std::function<void(std::uint64_t)> on_back)
        : io_(io), on_back_(std::move(on_back)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~Shared() {
        if (wake_ >= 0) ::close(wake_);
    }
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;

    void send(std::uint64_t number) {
        const std::lock_guard guard(lock_);
        wanted_ = number;
        ring_bell();
    }
    void close() {
        const std::lock_guard guard(lock_);
        is_closed_ = true;
        ring_bell();
    }
    bool is_closed() const {
        const std::lock_guard guard(lock_);
        return is_closed_;
    }
    std::uint64_t wanted() const {
        const std::lock_guard guard(lock_);
        return wanted_;
    }
    void came_back(std::uint64_t number) {
        const std::lock_guard guard(lock_);
        if (is_closed_) return;
        boost::asio::post(io_, [on_back = on_back_, number] { on_back(number); });
    }
    // Until there is something to read from `fd` (-1: none), something new to do, or time is over.
    void wait(int fd, milliseconds time) const {
        std::array<pollfd, 2> files{{{wake_, POLLIN, 0}, {fd, POLLIN, 0}}};
        ::poll(files.data(), files.size(), static_cast<int>(time.count()));
        std::uint64_t bells = 0;
        static_cast<void>(!::read(wake_, &bells, sizeof bells));
    }

    // The thread's end is known without joining it.
    void has_ended() {
        const std::lock_guard guard(lock_);
        has_ended_ = true;
        ended_.notify_all();
    }
    bool ends_within(milliseconds patience) {
        std::unique_lock guard(lock_);
        return ended_.wait_for(guard, patience, [this] { return has_ended_; });
    }

private:
    void ring_bell() const {
        const std::uint64_t one = 1;
        static_cast<void>(!::write(wake_, &one, sizeof one));
    }

    mutable std::mutex lock_;
    std::condition_variable ended_;
    boost::asio::io_context& io_;
    std::function<void(std::uint64_t)> on_back_;
    int wake_;
    std::uint64_t wanted_ = 0;
    bool is_closed_ = false;
    bool has_ended_ = false;
};

namespace {

// One connection to the service, in a group of which only this process is a member.
class Group {
public:
    Group() = default;
    ~Group() {
        if (is_open_) cpg_finalize(handle_);
    }
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    bool open() {
        cpg_callbacks_t callbacks{};
        callbacks.cpg_deliver_fn = delivered;
        callbacks.cpg_confchg_fn = members_changed;
        if (cpg_initialize(&handle_, &callbacks) != CS_OK) return false;
        is_open_ = true;
        cpg_name name{};
        if (cpg_context_set(handle_, this) != CS_OK || cpg_fd_get(handle_, &fd_) != CS_OK ||
            cpg_local_get(handle_, &node_) != CS_OK)
            return false;
        const std::string text = fmt::format("castvote-{}-{}", node_, ::getpid());
        name.length = static_cast<std::uint32_t>(std::min(text.size(), sizeof name.value));
        std::memcpy(name.value, text.data(), name.length);
        return cpg_join(handle_, &name) == CS_OK;
    }

    cs_error_t send(std::uint64_t number) {
        iovec part{&number, sizeof number};
        return cpg_mcast_joined(handle_, CPG_TYPE_AGREED, &part, 1);
    }
    // False: corosync hung up.
    bool read() {
        const cs_error_t result = cpg_dispatch(handle_, CS_DISPATCH_ALL);
        return result == CS_OK || result == CS_ERR_TRY_AGAIN;
    }
    int fd() const { return fd_; }
    std::uint64_t back() const { return back_; }

private:
    static void delivered(cpg_handle_t handle, const cpg_name*, std::uint32_t node,
                          std::uint32_t process, void* message, std::size_t size) {
        void* context = nullptr;
        cpg_context_get(handle, &context);
        auto& self = *static_cast<Group*>(context);
        std::uint64_t number = 0;
        if (node != self.node_ || process != static_cast<std::uint32_t>(::getpid()) ||
            size != sizeof number)
            return;
        std::memcpy(&number, message, sizeof number);
        self.back_ = number;
    }
    static void members_changed(cpg_handle_t, const cpg_name*, const cpg_address*, std::size_t,
                                const cpg_address*, std::size_t, const cpg_address*, std::size_t) {}

    cpg_handle_t handle_ = 0;
    bool is_open_ = false;
    int fd_ = -1;
    unsigned int node_ = 0;
    std::uint64_t back_ = 0;
};

// Until we are closed or corosync is gone.
template <class State>
void serve(Group& group, State& state) {
    std::uint64_t sent = 0;
    std::uint64_t told = 0;
    while (!state.is_closed()) {
        milliseconds time(-1);
        if (const std::uint64_t wanted = state.wanted(); wanted > sent) {
            const cs_error_t result = group.send(wanted);
            if (result == CS_OK)
                sent = wanted;
            else if (result == CS_ERR_TRY_AGAIN)
                time = again_pause;
            else
                return;
        }
        state.wait(group.fd(), time);
        if (!group.read()) return;
        if (group.back() > std::exchange(told, group.back())) state.came_back(group.back());
    }
}

template <class State>
void run(State& state) {
    while (!state.is_closed()) {
        Group group;
        if (group.open()) serve(group, state);
        if (!state.is_closed()) state.wait(-1, absent_pause);
    }
    state.has_ended();
}

}  // namespace

RoundTrip::RoundTrip(boost::asio::io_context& io, std::function<void(std::uint64_t)> on_back)
    : shared_(std::make_shared<Shared>(io, std::move(on_back))) {
    // Signals are the main thread's.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::jthread([shared = shared_] { run(*shared); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

RoundTrip::~RoundTrip() {
    shared_->close();
    if (shared_->ends_within(end_patience))
        thread_.join();
    else
        thread_.detach();
}

void RoundTrip::send(std::uint64_t number) { shared_->send(number); }

}  // namespace castvote::qdevice
