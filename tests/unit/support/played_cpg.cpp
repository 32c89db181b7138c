// played_cpg.cpp -- see played_cpg.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/played_cpg.hpp"

#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

namespace {

constexpr std::uint32_t this_node = 2;

struct Delivery {
    std::string message;
    std::uint32_t node = this_node;
    std::uint32_t process = 0;
};

struct Service {
    std::mutex mutex;
    std::condition_variable changed;
    castvote::tests::PlayedCpg cpg;
    cpg_callbacks_t callbacks{};
    void* context = nullptr;
    int fd = -1;
    bool has_hung_up = false;
    std::vector<Delivery> deliveries;
};

Service& service() {
    static Service the_service;
    return the_service;
}

void rouse(int fd) {
    const std::uint64_t one = 1;
    if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof one));
}

}  // namespace

namespace castvote::tests {

PlayedCpg played_cpg() {
    const std::lock_guard lock(service().mutex);
    return service().cpg;
}

void play_cpg(const PlayedCpg& wanted) {
    const std::lock_guard lock(service().mutex);
    const auto open = service().cpg.open;
    const auto waiting = service().cpg.waiting;
    service().cpg = wanted;
    service().cpg.open = open;
    service().cpg.waiting = waiting;
    service().changed.notify_all();
}

void deliver_cpg(const std::string& message, std::uint32_t node, std::uint32_t process) {
    const std::lock_guard lock(service().mutex);
    service().deliveries.push_back(
        {message, node == 0 ? this_node : node,
         process == 0 ? static_cast<std::uint32_t>(::getpid()) : process});
    rouse(service().fd);
}

void end_cpg() {
    const std::lock_guard lock(service().mutex);
    service().has_hung_up = true;
    rouse(service().fd);
}

}  // namespace castvote::tests

extern "C" {

cs_error_t cpg_initialize(cpg_handle_t* handle, cpg_callbacks_t* callbacks) {
    Service& known = service();
    const std::lock_guard lock(known.mutex);
    if (!known.cpg.is_there) return CS_ERR_LIBRARY;
    ++known.cpg.open;
    known.callbacks = *callbacks;
    known.deliveries.clear();
    known.has_hung_up = false;
    known.fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    *handle = 1;
    return CS_OK;
}
cs_error_t cpg_finalize(cpg_handle_t) {
    const std::lock_guard lock(service().mutex);
    --service().cpg.open;
    ::close(std::exchange(service().fd, -1));
    return CS_OK;
}
cs_error_t cpg_context_set(cpg_handle_t, void* context) {
    service().context = context;
    return CS_OK;
}
cs_error_t cpg_context_get(cpg_handle_t, void** context) {
    *context = service().context;
    return CS_OK;
}
cs_error_t cpg_fd_get(cpg_handle_t, int* fd) {
    *fd = service().fd;
    return CS_OK;
}
cs_error_t cpg_local_get(cpg_handle_t, unsigned int* node) {
    *node = this_node;
    return CS_OK;
}
cs_error_t cpg_join(cpg_handle_t, const cpg_name*) { return CS_OK; }
cs_error_t cpg_mcast_joined(cpg_handle_t, cpg_guarantee_t, const iovec* parts, unsigned int) {
    Service& known = service();
    std::unique_lock lock(known.mutex);
    ++known.cpg.waiting;
    known.changed.wait(lock, [&] { return !known.cpg.hangs; });
    --known.cpg.waiting;
    if (!known.cpg.sends.empty()) {
        const cs_error_t result = known.cpg.sends.front();
        known.cpg.sends.erase(known.cpg.sends.begin());
        if (result != CS_OK) return result;
    }
    const std::string message(static_cast<const char*>(parts->iov_base), parts->iov_len);
    std::uint64_t number = 0;
    std::memcpy(&number, message.data(), std::min(message.size(), sizeof number));
    known.cpg.sent.push_back(number);
    if (!known.cpg.delivers) return CS_OK;
    known.deliveries.push_back({message, this_node, static_cast<std::uint32_t>(::getpid())});
    rouse(known.fd);
    return CS_OK;
}
cs_error_t cpg_dispatch(cpg_handle_t handle, cs_dispatch_flags_t) {
    Service& known = service();
    std::vector<Delivery> deliveries;
    {
        const std::lock_guard lock(known.mutex);
        if (known.has_hung_up) return CS_ERR_LIBRARY;
        std::uint64_t woken = 0;
        static_cast<void>(!::read(known.fd, &woken, sizeof woken));
        deliveries.swap(known.deliveries);
    }
    for (Delivery& it : deliveries)
        known.callbacks.cpg_deliver_fn(handle, nullptr, it.node, it.process, it.message.data(),
                                       it.message.size());
    return CS_OK;
}

}  // extern "C"
