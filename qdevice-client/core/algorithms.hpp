// algorithms.hpp -- what the decision algorithms mean for a node: one row each (arbiter.md 1.3).
//
// The arbiter decides; a node only obeys its votes, under every algorithm in the same way. Stock
// has differences where we have none: cut off from the arbiter, its lms with wait_for_all (in a
// quorate ring), 2nodelms and test go on voting yes without an end while the arbiter gives the vote
// to the other half (arbiter.md 8, W8 and W10). Ours gives it back under all four. The price: with
// wait_for_all a partition that needed the vote is not quorate again until all nodes are back, also
// if the arbiter was away for a moment (safety.md, fact 6). The rows say where the owner of a
// cluster may be surprised, and of that we tell him.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>

#include "common/wire/types.hpp"

namespace castvote::qdevice {

enum class StockWhenCutOff : std::uint8_t { gives_back, keeps, keeps_with_wait_for_all };

struct AlgorithmRow {
    wire::DecisionAlgorithm algorithm;
    StockWhenCutOff stock_when_cut_off;
};

inline constexpr std::array<AlgorithmRow, 4> algorithms = {{
    {wire::DecisionAlgorithm::test, StockWhenCutOff::keeps},
    {wire::DecisionAlgorithm::ffsplit, StockWhenCutOff::gives_back},
    {wire::DecisionAlgorithm::two_node_lms, StockWhenCutOff::keeps},
    {wire::DecisionAlgorithm::lms, StockWhenCutOff::keeps_with_wait_for_all},
}};

// Whether a stock daemon would go on voting yes after losing the arbiter.
constexpr bool stock_keeps_vote(wire::DecisionAlgorithm algorithm, bool wait_for_all,
                                bool is_quorate) {
    for (const AlgorithmRow& row : algorithms)
        if (row.algorithm == algorithm)
            return row.stock_when_cut_off == StockWhenCutOff::keeps ||
                   (row.stock_when_cut_off == StockWhenCutOff::keeps_with_wait_for_all &&
                    wait_for_all && is_quorate);
    return false;
}

}  // namespace castvote::qdevice
