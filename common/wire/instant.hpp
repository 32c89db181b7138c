// instant.hpp -- time as data.
//
// Cores never ask for the time: `now` comes with every event, as an Instant of the clock that the
// shell (or the simulator) keeps. The only promise about that clock is that it never goes back.
// Shells feed CLOCK_BOOTTIME, which also counts while the machine sleeps.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <optional>

namespace castvote {

struct CoreClock {
    using duration = std::chrono::milliseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<CoreClock, duration>;
    static constexpr bool is_steady = true;
};

using Duration = CoreClock::duration;
using Instant = CoreClock::time_point;

constexpr Instant at_ms(std::int64_t ms) { return Instant(Duration(ms)); }

// Lowers `earliest` to `at`, or sets it.
inline void keep_earlier(std::optional<Instant>& earliest, Instant at) {
    if (!earliest || at < *earliest) earliest = at;
}

}  // namespace castvote
