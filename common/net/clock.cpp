// clock.cpp -- see clock.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/clock.hpp"

#include <time.h>

namespace castvote::net {

Instant now() {
    timespec time{};
    ::clock_gettime(CLOCK_BOOTTIME, &time);
    return at_ms(static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000);
}

}  // namespace castvote::net
