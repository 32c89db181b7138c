// notify.hpp -- telling the service manager how we are (the sd_notify datagram, without
// libsystemd).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string_view>

namespace castvote::net {

// "READY=1", "STOPPING=1", ...; nothing happens where $NOTIFY_SOCKET is not set. Waits, unless told
// not to, for a service manager that has more to read than it can.
void notify_service_manager(std::string_view state, bool waits = true);

}  // namespace castvote::net
