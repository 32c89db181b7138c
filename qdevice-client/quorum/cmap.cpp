// cmap.cpp -- see cmap.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/cmap.hpp"

#include <cstdlib>
#include <string>
#include <utility>

namespace castvote::qdevice {
namespace {

// "We were asked to stop": not a libcmap result, only a way out of the loops below.
constexpr auto interrupted = CS_ERR_INTERRUPT;

void tracked(cmap_handle_t, cmap_track_handle_t, int32_t, const char*, cmap_notify_value,
             cmap_notify_value, void* on_change) {
    (*static_cast<std::function<void()>*>(on_change))();
}

}  // namespace

cs_error_t Cmap::open() {
    close();
    const cs_error_t result = cmap_initialize(&handle_);
    if (result != CS_OK) return result;
    open_ = true;
    return cmap_fd_get(handle_, &fd_);
}

void Cmap::close() {
    if (!open_) return;
    cmap_finalize(handle_);  // also ends the tracking
    open_ = false;
    abandoned_.reset();
    fd_ = -1;
}

cs_error_t Cmap::read_key(const char* key, cmap_value_types_t type, Snapshot& into) {
    cs_error_t result = CS_OK;
    if (type == CMAP_VALUETYPE_STRING) {
        char* text = nullptr;
        result = cmap_get_string(handle_, key, &text);
        if (result == CS_OK) {
            into[key] = std::string(text);
            std::free(text);  // after an error the library has freed it already
        }
    } else if (type == CMAP_VALUETYPE_UINT8) {
        std::uint8_t value = 0;
        result = cmap_get_uint8(handle_, key, &value);
        if (result == CS_OK) into[key] = value;
    } else if (type == CMAP_VALUETYPE_UINT32) {
        std::uint32_t value = 0;
        result = cmap_get_uint32(handle_, key, &value);
        if (result == CS_OK) into[key] = value;
    } else if (type == CMAP_VALUETYPE_UINT64) {
        std::uint64_t value = 0;
        result = cmap_get_uint64(handle_, key, &value);
        if (result == CS_OK) into[key] = value;
    }
    // A key that vanished meanwhile is simply absent; its change event makes us look again.
    return result == CS_ERR_NOT_EXIST || result == CS_ERR_INVALID_PARAM ? CS_OK : result;
}

cs_error_t Cmap::read_prefix(const char* prefix, const std::function<bool()>& may_go_on,
                             Snapshot& into) {
    cmap_iter_handle_t iterator = 0;
    if (!may_go_on()) return interrupted;
    cs_error_t result = cmap_iter_init(handle_, prefix, &iterator);
    if (result != CS_OK) return result;
    std::array<char, CMAP_KEYNAME_MAXLEN + 1> key{};
    while (true) {
        std::size_t length = 0;
        cmap_value_types_t type = CMAP_VALUETYPE_STRING;
        if (!may_go_on()) result = interrupted;
        if (result == CS_OK) result = cmap_iter_next(handle_, iterator, key.data(), &length, &type);
        if (result != CS_OK) break;
        if (!may_go_on()) result = interrupted;
        if (result == CS_OK) result = read_key(key.data(), type, into);
    }
    if (result == interrupted)
        abandoned_ = iterator;  // closing it now would be a cmap call, too
    else
        cmap_iter_finalize(handle_, iterator);
    return result == CS_ERR_NO_SECTIONS ? CS_OK : result;
}

std::optional<Snapshot> Cmap::snapshot(const std::function<bool()>& may_go_on, bool& lost) {
    lost = false;
    if (!may_go_on()) return std::nullopt;
    if (abandoned_) cmap_iter_finalize(handle_, *std::exchange(abandoned_, std::nullopt));
    Snapshot map;
    for (const char* prefix :
         {"quorum.", "nodelist.", "logging.debug", "logging.logger_subsys.QDEVICE.debug",
          "totem.cluster_name", "totem.config_version", "totem.clear_node_high_bit",
          "runtime.votequorum.this_node_id", "runtime.config.totem.token",
          "config.totemconfig_reload_in_progress"}) {
        const cs_error_t result = read_prefix(prefix, may_go_on, map);
        if (result == CS_OK) continue;
        lost = result != interrupted && result != CS_ERR_TRY_AGAIN;
        return std::nullopt;
    }
    return map;
}

cs_error_t Cmap::track(std::function<void()> on_change) {
    on_change_ = std::move(on_change);
    struct Tracked {
        const char* key;
        std::int32_t flags;
    };
    constexpr std::int32_t changes = CMAP_TRACK_ADD | CMAP_TRACK_MODIFY;
    constexpr std::int32_t below = changes | CMAP_TRACK_DELETE | CMAP_TRACK_PREFIX;
    for (const Tracked& t :
         {Tracked{"config.totemconfig_reload_in_progress", changes}, Tracked{"nodelist.", below},
          Tracked{"logging.", below}, Tracked{"quorum.device.", below}}) {
        cmap_track_handle_t track = 0;
        const cs_error_t result =
            cmap_track_add(handle_, t.key, t.flags, tracked, &on_change_, &track);
        if (result != CS_OK) return result;
    }
    return CS_OK;
}

bool Cmap::dispatch() {
    const cs_error_t result = cmap_dispatch(handle_, CS_DISPATCH_ALL);
    return result == CS_OK || result == CS_ERR_TRY_AGAIN;
}

}  // namespace castvote::qdevice
