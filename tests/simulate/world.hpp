// world.hpp -- one simulated run: a cluster, its daemons, the arbiter, faults drawn from a seed.
//
// The arbiter is the real core. After every step the invariants are checked (docs/safety.md): I1,
// never two disjoint partitions quorate; I5, who holds the vote and may keep it is not denied; and
// I4, when faults stop, one partition is granted within a bound. I6: a cluster whose arbiter serves
// others as well is told what it is told without them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "qnetd/core/note.hpp"
#include "tests/simulate/options.hpp"

namespace castvote::simulate {

struct Violation {
    Micros at = 0;
    std::string what;
};

constexpr std::size_t reasons_count = static_cast<std::size_t>(qnetd::Reason::released) + 1;

struct Result {
    std::optional<Violation> violation;
    Micros simulated = 0;
    std::uint64_t grants = 0;
    std::vector<std::uint64_t> faults;                   // the numbers of those that happened
    std::map<std::string_view, std::uint64_t> kinds;     // ... and how often each kind did
    std::array<std::uint64_t, reasons_count> reasons{};  // how often the arbiter gave each
    // Moments of a stock node's withdrawn vote that its corosync still counted.
    std::uint64_t overlaps = 0;
    Micros longest_overlap = 0;
    // How often two halves counted a "yes" of the ring before, which no ACK of the new one
    // confirmed, or one half one that had outlived the time that an arbiter can wait (R2e).
    std::uint64_t old_yeses = 0;
    // With the stock arbiter: how long two halves were quorate, if they were.
    std::optional<Micros> window;
    bool is_window_explained = false;  // it is no longer than the timers allow (docs/arbiter.md 8)
    // ... or while nothing is promised, by the name that docs/safety.md gives it.
    std::map<std::string_view, std::uint64_t> excused;
    std::uint64_t distrusts = 0;    // starts of the arbiter that did not trust their store
    std::uint64_t contests = 0;     // rings that were reported beside one that was held (I5)
    std::uint64_t returns = 0;      // holders that were back after a restart, and told ACK again
    std::vector<std::string> told;  // to the first of several clusters (I6)
    std::vector<std::string> trace;
};

Result run(const Options& options, bool with_trace);

}  // namespace castvote::simulate
