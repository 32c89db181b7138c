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

// A stock daemon does so with its next poll, T/2 later; but it does not poll while the arbiter lets
// it wait, or before it is connected: then corosync does, T after the last poll.
constexpr Micros stock_takes_back_within(Micros device_timeout) {
    return device_timeout + ms(1000);
}

// Is the vote counted for longer? Each node has its own time, whoever else counts one: since its
// own is counted or, if its daemon did not run then, since that runs again (runs_since; none: it
// does not run, and nobody takes the vote back).
constexpr bool is_taken_back_late(const OldYes& yes, std::optional<Micros> runs_since,
                                  Micros within, Micros now) {
    return runs_since && now - std::max(yes.counted_since, *runs_since) > within;
}

}  // namespace castvote::simulate
