// last_will.hpp -- takes back the vote of a daemon that died, in corosync.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>

namespace castvote::qdevice {

// Casts "no" for the quorum device in whatever ring there is, and returns when this partition is no
// longer quorate, or half a second after corosync has taken the "no"; at once if corosync is gone,
// knows no such device or counts no vote of it, or if `is_succeeded` says that another daemon
// speaks for the device now (asked before every attempt but the first); after a minute at the
// latest. The device stays registered. Blocks; one thread, no event loop.
void take_vote_back(const std::string& device_name, const std::function<bool()>& is_succeeded);

}  // namespace castvote::qdevice
