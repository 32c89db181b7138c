// taken_back.hpp -- by when a daemon must have taken an old "yes" back (docs/safety.md, what no
// arbiter can close).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <optional>

#include "tests/simulate/corosync_model.hpp"

namespace castvote::simulate {

// Our daemon is told within 2 ms what came out of its corosync's queue, and its "no" comes round
// within 4 ms; the rest is its own and the first half's.
constexpr Micros corrected_within = ms(20);

// The longest that it may take.
struct TakenBackWithin {
    Micros counted = corrected_within;  // since it is counted
    Micros running = corrected_within;  // since its daemon runs, if that is later
};

// A stock daemon does so with its next poll. One that was started does not poll before it is
// connected, or has given up its first attempt after a heartbeat.
constexpr TakenBackWithin stock_takes_back_within(Micros device_timeout) {
    return {.counted = device_timeout / 2 + ms(1000),
            .running = std::max(device_timeout * 8 / 10, ms(1000)) + ms(1000)};
}

// Is the vote counted for longer? Each node has its own time, whoever else counts one. runs_since:
// of its daemon; none: it does not run, and nobody takes the vote back.
constexpr bool is_taken_back_late(const OldYes& yes, std::optional<Micros> runs_since,
                                  const TakenBackWithin& within, Micros now) {
    return runs_since &&
           now > std::max(yes.counted_since + within.counted, *runs_since + within.running);
}

}  // namespace castvote::simulate
