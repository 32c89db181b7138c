// cmap.hpp -- libcmap: one connection, snapshots of the keys we read, and change tracking.
//
// During a corosync synchronisation cmap calls block, and if the synchronisation waits for our vote
// that is a deadlock (node.md 4.2). So a snapshot asks `may_go_on` before every single call and
// gives up when it says no; whoever owns this object never calls it between a node list
// notification and the following quorum notification.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <corosync/cmap.h>

#include <array>
#include <functional>
#include <optional>

#include "common/wire/expected.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

class Cmap {
public:
    Cmap() = default;
    ~Cmap() { close(); }
    Cmap(const Cmap&) = delete;
    Cmap& operator=(const Cmap&) = delete;

    // CS_OK, CS_ERR_TRY_AGAIN, or what else libcmap says.
    cs_error_t open();
    void close();
    bool is_open() const { return open_; }
    int fd() const { return fd_; }

    // Nothing if `may_go_on` said no or corosync is gone (`lost`).
    std::optional<Snapshot> snapshot(const std::function<bool()>& may_go_on, bool& lost);

    // Follows the reload key and the prefixes nodelist., logging. and quorum.device.; on_change is
    // called from dispatch() only.
    cs_error_t track(std::function<void()> on_change);

    // Delivers waiting changes. False: corosync is gone.
    bool dispatch();

private:
    cs_error_t read_prefix(const char* prefix, const std::function<bool()>& may_go_on,
                           Snapshot& into);
    cs_error_t read_key(const char* key, cmap_value_types_t type, Snapshot& into);

    cmap_handle_t handle_ = 0;
    int fd_ = -1;
    bool open_ = false;
    std::optional<cmap_iter_handle_t> abandoned_;  // to be closed before the next snapshot
    std::function<void()> on_change_;
};

}  // namespace castvote::qdevice
