// rights.hpp -- who may use a control socket: local_socket_umask and local_socket_gid, as both
// daemons of stock 3.0.4 take them (node.md 11). Empty, or a group of -1: left as it is.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace castvote::ipc {

// False: no such value. Octal, 777 at most.
bool set_umask(std::optional<mode_t>& to, const std::string& text);
// A number or a group's name.
bool set_group(std::optional<gid_t>& to, const std::string& text);

}  // namespace castvote::ipc
