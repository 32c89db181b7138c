// cases.hpp -- the directed cases: one for each window of docs/arbiter.md 8 and each rule of
// docs/safety.md, played by four mixes of arbiter and nodes.
//
// The stock pair must show each window as long as the arithmetic says: proof that the simulator
// sees what it must see. Ours must show none, and must still give the vote away in time.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/simulate/stage.hpp"

namespace castvote::simulate {

// Milliseconds in which the longest window over the seeds must lie.
struct Window {
    std::int64_t low = 0, high = 0;
};

struct Case {
    std::string_view name;
    std::string_view what;
    Setup setup;
    void (*script)(Stage&);
    Window stock;                 // stock arbiter, stock nodes
    Window stock_with_our_nodes;  // stock arbiter, our nodes
    std::string_view arithmetic;  // of the stock window
    // What our arbiter cannot close (docs/safety.md).
    Window ours_with_stock_nodes = {};
};

// The arithmetic of a case without a window.
constexpr std::string_view none = "none";

// How long our arbiter waits for a holder that is cut off, and a little: R2e with T = 10 s.
inline Micros lifetime(const Stage& s) { return s.are_nodes_ours() ? ms(14500) : ms(27800); }

std::vector<Case> window_cases();
std::vector<Case> rule_cases();

// Plays the cases (one by name, or all), prints the table; false when one is not as expected.
bool play_cases(std::string_view name, qnetd::Rules rules, std::uint64_t seeds, bool with_trace);

}  // namespace castvote::simulate
