// shrink.hpp -- from a run that fails to a short one that fails in the same way.
//
// Most of a run's faults have nothing to do with its end. Since each can be left out (faults.hpp),
// halves, quarters and so on are left out as long as the same invariant is still broken.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "tests/simulate/world.hpp"

namespace castvote::simulate {

// "I1", from "I1: nodes 1 and 2 are both quorate".
std::string invariant_of(const Violation& violation);

struct Shrunk {
    std::vector<std::uint64_t> faults;  // the numbers of those that are left
    Result result;                      // of a run with only these, with its trace
    std::uint64_t runs = 0;             // how many it took
};

// `failed` is what `options` led to.
Shrunk shrink(const Options& options, const Result& failed);

// The faults of a trace and what surrounds them, in so many lines.
std::vector<std::string> excerpt(const std::vector<std::string>& trace, std::size_t lines);

}  // namespace castvote::simulate
