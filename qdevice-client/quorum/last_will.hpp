// last_will.hpp -- takes back the vote of a daemon that died, in corosync.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace castvote::qdevice {

// Casts "no" for the quorum device in whatever ring there is, and returns when corosync has counted
// that, or knows no such device, or is not there; after a minute at the latest, for by then the
// vote has lapsed. The device stays registered: the next daemon takes it over. Blocks; one thread,
// no event loop.
void take_vote_back(const std::string& device_name);

}  // namespace castvote::qdevice
