// campaign.hpp -- many seeds, on several cores, and what they reached.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>

#include "tests/simulate/world.hpp"

namespace castvote::simulate {

struct Campaign {
    std::uint64_t first = 1;
    std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
    std::optional<double> seconds;  // no new seed is begun later
    unsigned jobs = 1;
    bool keep_going = false;  // after a violation
    std::function<Options(std::uint64_t seed)> options;
};

struct Totals {
    std::uint64_t seeds = 0;
    double hours = 0;    // simulated
    double seconds = 0;  // that it took
    std::uint64_t grants = 0;
    std::uint64_t faults = 0;
    std::uint64_t overlaps = 0;
    Micros longest_overlap = 0;
    std::uint64_t old_yeses = 0;
    // With the stock arbiter.
    std::uint64_t windows = 0;
    std::uint64_t unexplained_windows = 0;
    Micros longest_window = 0;
    std::map<std::string_view, std::uint64_t> excused;
    std::map<std::uint64_t, Result> failed;  // by seed
    // Rare things, and how often each was reached: also those that never were.
    std::map<std::string, std::uint64_t> reached;
};

// Stops at the first violation, which is the same however many jobs there are.
Totals run(const Campaign& campaign);

}  // namespace castvote::simulate
