// last_will.cpp -- see last_will.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/last_will.hpp"

#include <corosync/corotypes.h>
#include <corosync/votequorum.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <optional>

namespace castvote::qdevice {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds longest{60};
constexpr int pause_ms = 5;
// A "no" that corosync has taken is counted when it has come round the ring: milliseconds, save in
// a ring that is in trouble.
constexpr std::chrono::milliseconds round_longest{500};

// What corosync told, since the last connection.
struct Known {
    std::optional<votequorum_ring_id_t> ring;
    bool is_quorate = true;
};

Known& known_of(votequorum_handle_t handle) {
    void* context = nullptr;
    votequorum_context_get(handle, &context);
    return *static_cast<Known*>(context);
}

void node_list(votequorum_handle_t handle, std::uint64_t, votequorum_ring_id_t ring, std::uint32_t,
               std::uint32_t[]) {
    known_of(handle).ring = ring;
}
void quorum(votequorum_handle_t handle, std::uint64_t, std::uint32_t quorate, std::uint32_t,
            votequorum_node_t[]) {
    known_of(handle).is_quorate = quorate != 0;
}

// There is no event loop here, and nothing else to do.
void wait() { ::poll(nullptr, 0, pause_ms); }

// Nobody is there to whom a "no" could be said. All other troubles may pass.
bool is_gone(cs_error_t result) {
    return result == CS_ERR_LIBRARY || result == CS_ERR_BAD_HANDLE || result == CS_ERR_NOT_EXIST ||
           result == CS_ERR_INVALID_PARAM;
}

cs_error_t connect(votequorum_handle_t& handle, Known& known) {
    known = {};
    votequorum_callbacks_t callbacks{};
    callbacks.votequorum_nodelist_notify_fn = node_list;
    callbacks.votequorum_quorum_notify_fn = quorum;
    const cs_error_t result = votequorum_initialize(&handle, &callbacks);
    if (result != CS_OK) return result;
    votequorum_context_set(handle, &known);
    const cs_error_t tracked = votequorum_trackstart(handle, 0, CS_TRACK_CHANGES);
    if (tracked != CS_OK) votequorum_finalize(handle);
    return tracked;
}

cs_error_t listen(votequorum_handle_t handle) {
    cs_error_t result = CS_OK;
    while (result == CS_OK) result = votequorum_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING);
    return result == CS_ERR_TRY_AGAIN ? CS_OK : result;
}

// A poll would make a device count as alive that does so no more.
bool is_counted(votequorum_handle_t handle) {
    votequorum_info info{};
    constexpr std::uint32_t alive =
        VOTEQUORUM_INFO_QDEVICE_ALIVE | VOTEQUORUM_INFO_QDEVICE_CAST_VOTE;
    return votequorum_getinfo(handle, VOTEQUORUM_QDEVICE_NODEID, &info) != CS_OK ||
           (info.flags & alive) != 0;
}

// While the ring changes, the next ring is told first.
cs_error_t say_no(votequorum_handle_t handle, const std::string& device_name, const Known& known) {
    const cs_error_t result = listen(handle);
    if (result != CS_OK) return result;
    if (!known.ring) return CS_ERR_TRY_AGAIN;
    return votequorum_qdevice_poll(handle, device_name.c_str(), 0, *known.ring);
}

}  // namespace

void take_vote_back(const std::string& device_name, const std::function<bool()>& is_succeeded) {
    ::alarm(static_cast<unsigned>(longest.count()) + 5);  // a corosync that answers no call
    const Clock::time_point end = Clock::now() + longest;
    const auto is_over = [&](cs_error_t result) {
        return is_gone(result) || Clock::now() >= end || is_succeeded();
    };
    votequorum_handle_t handle = 0;
    Known known;
    cs_error_t result = connect(handle, known);
    for (; result != CS_OK; result = connect(handle, known)) {
        if (is_over(result)) return;
        wait();
    }
    if (!is_counted(handle)) return;
    for (result = say_no(handle, device_name, known); result != CS_OK;
         result = say_no(handle, device_name, known)) {
        if (is_over(result)) return;
        wait();
    }
    const Clock::time_point counted = Clock::now() + round_longest;
    while (known.is_quorate && Clock::now() < counted && listen(handle) == CS_OK) wait();
}

}  // namespace castvote::qdevice
