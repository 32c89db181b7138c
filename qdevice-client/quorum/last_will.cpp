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
// A "no" that corosync has taken is counted when it has come round the ring: milliseconds.
constexpr int round_ms = 50;

void node_list(votequorum_handle_t handle, std::uint64_t, votequorum_ring_id_t ring, std::uint32_t,
               std::uint32_t[]) {
    void* context = nullptr;
    votequorum_context_get(handle, &context);
    *static_cast<std::optional<votequorum_ring_id_t>*>(context) = ring;
}

// There is no event loop here, and nothing else to do.
void wait(int milliseconds) { ::poll(nullptr, 0, milliseconds); }

bool is_worth_another_try(cs_error_t result) {
    return result == CS_ERR_TRY_AGAIN || result == CS_ERR_MESSAGE_ERROR;
}

cs_error_t connect(votequorum_handle_t& handle, std::optional<votequorum_ring_id_t>& ring) {
    votequorum_callbacks_t callbacks{};
    callbacks.votequorum_nodelist_notify_fn = node_list;
    const cs_error_t result = votequorum_initialize(&handle, &callbacks);
    if (result != CS_OK) return result;
    votequorum_context_set(handle, &ring);
    const cs_error_t tracked = votequorum_trackstart(handle, 0, CS_TRACK_CHANGES);
    if (tracked != CS_OK) votequorum_finalize(handle);
    return tracked;
}

// Is our vote off? While the ring changes, the next ring is told first.
cs_error_t say_no(votequorum_handle_t handle, const std::string& device_name,
                  const std::optional<votequorum_ring_id_t>& ring) {
    cs_error_t result = CS_OK;
    while (result == CS_OK) result = votequorum_dispatch(handle, CS_DISPATCH_ONE_NONBLOCKING);
    if (result != CS_ERR_TRY_AGAIN || !ring) return result;
    return votequorum_qdevice_poll(handle, device_name.c_str(), 0, *ring);
}

}  // namespace

void take_vote_back(const std::string& device_name) {
    ::alarm(static_cast<unsigned>(longest.count()) + 5);  // a corosync that answers no call
    const Clock::time_point end = Clock::now() + longest;
    votequorum_handle_t handle = 0;
    std::optional<votequorum_ring_id_t> ring;
    cs_error_t result = CS_ERR_TRY_AGAIN;
    while (is_worth_another_try(result = connect(handle, ring)) && Clock::now() < end)
        wait(pause_ms);
    if (result != CS_OK) return;
    while (is_worth_another_try(result = say_no(handle, device_name, ring)) && Clock::now() < end)
        wait(pause_ms);
    if (result == CS_OK) wait(round_ms);
}

}  // namespace castvote::qdevice
