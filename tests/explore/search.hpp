// search.hpp -- breadth first through all worlds that a bounded number of steps and faults reaches.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/explore/world.hpp"

namespace castvote::explore {

struct Bounds {
    int depth = 10;                     // steps
    int faults = 3;                     // among them
    std::uint64_t states = 50'000'000;  // more are not kept
    bool rest = true;                   // look at I4, too
};

struct Outcome {
    std::uint64_t states = 0;
    std::uint64_t transitions = 0;
    std::uint64_t rests = 0;        // of them looked at for I4
    int depth = 0;                  // reached completely
    std::string violation;          // the first; empty if there was none
    std::vector<std::string> path;  // to it, one line a step
};

// tell: is called with what is known so far, for each depth that was reached.
using Tell = std::function<void(const Outcome&)>;
Outcome search(const World& start, const Scope& scope, const Bounds& bounds, const Tell& tell);

}  // namespace castvote::explore
