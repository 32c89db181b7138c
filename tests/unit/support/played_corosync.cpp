// played_corosync.cpp -- see played_corosync.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/played_corosync.hpp"

#include <corosync/cmap.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <utility>

namespace {

using castvote::qdevice::MapValue;
using castvote::tests::PlayedCorosync;

struct Play {
    std::mutex mutex;
    PlayedCorosync corosync;
    votequorum_callbacks_t callbacks{};
    void* context = nullptr;
    int cmap_fd = -1;
    int votequorum_fd = -1;
    bool ring_waits = false;
    bool quorum_waits = false;
    cmap_notify_fn_t on_change = nullptr;
    void* on_change_context = nullptr;
    std::vector<std::string> left;  // keys of the iteration that is under way
};

Play& play_of() {
    static Play the_play;
    return the_play;
}

cs_error_t next_of(std::vector<cs_error_t>& results) {
    if (results.empty()) return CS_OK;
    const cs_error_t result = results.front();
    results.erase(results.begin());
    return result;
}

template <class Value>
cs_error_t look_up(const char* key, Value& value) {
    const std::lock_guard lock(play_of().mutex);
    ++play_of().corosync.cmap_calls;
    const auto& map = play_of().corosync.map;
    const auto found = map.find(key);
    if (found == map.end()) return CS_ERR_NOT_EXIST;
    const Value* known = std::get_if<Value>(&found->second);
    if (known == nullptr) return CS_ERR_INVALID_PARAM;
    value = *known;
    return CS_OK;
}

void wake(int fd) {
    const std::uint64_t one = 1;
    if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof one));
}

void tell(bool ring, bool quorum) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    play.ring_waits |= ring;
    play.quorum_waits |= quorum;
    wake(play.votequorum_fd);
}

void count_cmap_call() {
    const std::lock_guard lock(play_of().mutex);
    ++play_of().corosync.cmap_calls;
}

void end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
}

}  // namespace

namespace castvote::tests {

void play_anew() {
    PlayedCorosync corosync;
    corosync.map = {{"nodelist.node.0.nodeid", std::uint32_t{1}},
                    {"nodelist.node.0.ring0_addr", "192.0.2.1"},
                    {"nodelist.node.1.nodeid", std::uint32_t{2}},
                    {"nodelist.node.1.ring0_addr", "192.0.2.2"},
                    {"quorum.device.model", "net"},
                    {"quorum.device.net.algorithm", "lms"},
                    {"quorum.device.net.host", "127.0.0.1"},
                    {"quorum.device.net.port", "1"},
                    {"quorum.device.net.tls", "off"},
                    {"quorum.device.votes", std::uint32_t{1}},
                    {"runtime.votequorum.this_node_id", std::uint32_t{2}},
                    {"totem.cluster_name", "alpha"}};
    play(corosync);
}

PlayedCorosync played() {
    const std::lock_guard lock(play_of().mutex);
    return play_of().corosync;
}

void play(const PlayedCorosync& wanted) {
    const std::lock_guard lock(play_of().mutex);
    play_of().corosync = wanted;
}

void tell_ring() { tell(/*ring=*/true, /*quorum=*/false); }
void tell_quorum() { tell(/*ring=*/false, /*quorum=*/true); }
void tell_membership() { tell(/*ring=*/true, /*quorum=*/true); }

void tell_change() {
    const std::lock_guard lock(play_of().mutex);
    wake(play_of().cmap_fd);
}

}  // namespace castvote::tests

extern "C" {

cs_error_t cmap_initialize(cmap_handle_t* handle) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    play.corosync.cmap_started.push_back(std::chrono::steady_clock::now());
    const cs_error_t result = next_of(play.corosync.cmap_starts);
    if (result != CS_OK) return result;
    play.cmap_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    *handle = 1;
    return CS_OK;
}
cs_error_t cmap_finalize(cmap_handle_t) {
    end(play_of().cmap_fd);
    return CS_OK;
}
cs_error_t cmap_fd_get(cmap_handle_t, int* fd) {
    *fd = play_of().cmap_fd;
    return CS_OK;
}
cs_error_t cmap_iter_init(cmap_handle_t, const char* prefix, cmap_iter_handle_t* iterator) {
    count_cmap_call();
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    *iterator = 1;
    play.left.clear();
    for (const auto& [key, value] : play.corosync.map)
        if (key.rfind(prefix, 0) == 0) play.left.push_back(key);
    return CS_OK;
}
cs_error_t cmap_iter_next(cmap_handle_t, cmap_iter_handle_t, char* key, std::size_t* length,
                          cmap_value_types_t* type) {
    count_cmap_call();
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    if (play.left.empty()) return CS_ERR_NO_SECTIONS;
    key[play.left.back().copy(key, CMAP_KEYNAME_MAXLEN)] = '\0';
    const MapValue& value = play.corosync.map.at(play.left.back());
    *type = std::holds_alternative<std::string>(value)    ? CMAP_VALUETYPE_STRING
            : std::holds_alternative<std::uint8_t>(value) ? CMAP_VALUETYPE_UINT8
                                                          : CMAP_VALUETYPE_UINT32;
    *length = 4;
    play.left.pop_back();
    return CS_OK;
}
cs_error_t cmap_iter_finalize(cmap_handle_t, cmap_iter_handle_t) {
    count_cmap_call();
    return CS_OK;
}
cs_error_t cmap_get_string(cmap_handle_t, const char* key, char** text) {
    std::string value;
    const cs_error_t result = look_up(key, value);
    if (result == CS_OK) *text = ::strdup(value.c_str());
    return result;
}
cs_error_t cmap_get_uint8(cmap_handle_t, const char* key, std::uint8_t* value) {
    return look_up(key, *value);
}
cs_error_t cmap_get_uint32(cmap_handle_t, const char* key, std::uint32_t* value) {
    return look_up(key, *value);
}
cs_error_t cmap_track_add(cmap_handle_t, const char*, std::int32_t, cmap_notify_fn_t on_change,
                          void* context, cmap_track_handle_t* track) {
    count_cmap_call();
    play_of().on_change = on_change;
    play_of().on_change_context = context;
    *track = 1;
    return CS_OK;
}
cs_error_t cmap_dispatch(cmap_handle_t, cs_dispatch_flags_t) {
    count_cmap_call();
    Play& play = play_of();
    std::uint64_t woken = 0;
    if (::read(play.cmap_fd, &woken, sizeof woken) < 0) return CS_ERR_TRY_AGAIN;
    const cmap_notify_value none{};
    play.on_change(1, 1, CMAP_TRACK_MODIFY, "logging.debug", none, none, play.on_change_context);
    return CS_OK;
}

cs_error_t votequorum_initialize(votequorum_handle_t* handle, votequorum_callbacks_t* callbacks) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    const cs_error_t result = next_of(play.corosync.votequorum_starts);
    if (result != CS_OK) return result;
    play.votequorum_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    play.callbacks = *callbacks;
    *handle = 1;
    return CS_OK;
}
cs_error_t votequorum_finalize(votequorum_handle_t) {
    const std::lock_guard lock(play_of().mutex);
    end(play_of().votequorum_fd);
    return CS_OK;
}
cs_error_t votequorum_fd_get(votequorum_handle_t, int* fd) {
    *fd = play_of().votequorum_fd;
    return CS_OK;
}
cs_error_t votequorum_context_set(votequorum_handle_t, void* context) {
    play_of().context = context;
    return CS_OK;
}
cs_error_t votequorum_context_get(votequorum_handle_t, void** context) {
    *context = play_of().context;
    return CS_OK;
}
cs_error_t votequorum_qdevice_register(votequorum_handle_t, const char*) {
    const std::lock_guard lock(play_of().mutex);
    play_of().corosync.is_registered = true;
    return CS_OK;
}
cs_error_t votequorum_qdevice_unregister(votequorum_handle_t, const char*) {
    const std::lock_guard lock(play_of().mutex);
    play_of().corosync.is_registered = false;
    return CS_OK;
}
cs_error_t votequorum_qdevice_master_wins(votequorum_handle_t, const char*, unsigned int) {
    return CS_OK;
}
cs_error_t votequorum_trackstart(votequorum_handle_t, std::uint64_t, unsigned int) {
    if (castvote::tests::played().tells_membership) castvote::tests::tell_membership();
    return CS_OK;
}
cs_error_t votequorum_trackstop(votequorum_handle_t) { return CS_OK; }
cs_error_t votequorum_getinfo(votequorum_handle_t, unsigned int, votequorum_info* info) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    *info = votequorum_info{};
    info->node_expected_votes = 3;
    const PlayedCorosync& corosync = play.corosync;
    if (!corosync.polled.empty() && corosync.polled.back() != 0 && !corosync.loses_votes)
        info->flags |= VOTEQUORUM_INFO_QDEVICE_CAST_VOTE;
    return CS_OK;
}
cs_error_t votequorum_qdevice_poll(votequorum_handle_t, const char*, unsigned int vote,
                                   votequorum_ring_id_t) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    play.corosync.polled.push_back(vote);
    return next_of(play.corosync.polls);
}
cs_error_t votequorum_qdevice_update(votequorum_handle_t, const char* from, const char* to) {
    Play& play = play_of();
    const std::lock_guard lock(play.mutex);
    play.corosync.renamed.push_back({from, to, play.corosync.polled.size()});
    return next_of(play.corosync.renames);
}
cs_error_t votequorum_dispatch(votequorum_handle_t handle, cs_dispatch_flags_t) {
    Play& play = play_of();
    bool ring = false;
    bool quorum = false;
    {
        const std::lock_guard lock(play.mutex);
        std::uint64_t woken = 0;
        static_cast<void>(!::read(play.votequorum_fd, &woken, sizeof woken));
        ring = std::exchange(play.ring_waits, false);
        quorum = std::exchange(play.quorum_waits, false);
    }
    if (!ring && !quorum) return CS_ERR_TRY_AGAIN;
    std::uint32_t member = 2;
    if (ring) play.callbacks.votequorum_nodelist_notify_fn(handle, 0, {2, 8}, 1, &member);
    votequorum_node_t node{2, VOTEQUORUM_NODESTATE_MEMBER};
    if (quorum) play.callbacks.votequorum_quorum_notify_fn(handle, 0, 0, 1, &node);
    return CS_OK;
}

}  // extern "C"
