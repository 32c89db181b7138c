// all.cpp -- the table of decision algorithms; negotiation, help and status walk it.
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include "qnetd/core/algorithms/view.hpp"

namespace castvote::qnetd {

std::span<const Algorithm* const> all_algorithms() {
    static constexpr std::array<const Algorithm*, 4> table = {&test_algorithm, &ffsplit,
                                                              &two_node_lms, &lms};
    return table;
}

const Algorithm* find_algorithm(wire::DecisionAlgorithm number) {
    const auto all = all_algorithms();
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const Algorithm* row) { return row->number == number; });
    return at == all.end() ? nullptr : *at;
}

}  // namespace castvote::qnetd
