// clock.hpp -- the shells' one clock.
//
// CLOCK_BOOTTIME in milliseconds: never goes back, and counts on while the machine sleeps, so that
// a suspended daemon wakes up knowing how much it missed. Wall-clock time is for people's eyes
// only.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/wire/instant.hpp"

namespace castvote::net {

Instant now();

}  // namespace castvote::net
