// machine.hpp -- what a doctor asks the machine itself: its addresses and its clock.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <set>
#include <string>

#include "common/doctor/finding.hpp"

namespace castvote::doctor {

// The numeric addresses of a host name or of an address; empty if it has none.
std::set<std::string> addresses_of(const std::string& host);

// The addresses of this machine's interfaces, loopback left out.
std::set<std::string> own_addresses();

// Does something keep this clock right (NTP or PTP)? Nothing if the kernel does not say.
std::optional<bool> is_clock_synchronised();
// ... and what that means.
Finding judge_clock(std::optional<bool> is_synchronised);

}  // namespace castvote::doctor
