// group.hpp -- the number of a group.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <grp.h>
#include <sys/types.h>

#include <optional>

#include "common/net/names.hpp"

namespace castvote::ipc {

inline std::optional<gid_t> group_named(const char* name) {
    if (!net::looks_names_up) return std::nullopt;
    const ::group* const found = ::getgrnam(name);
    return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

}  // namespace castvote::ipc
