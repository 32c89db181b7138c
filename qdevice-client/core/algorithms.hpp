// algorithms.hpp -- what the decision algorithms mean for a node: one row each (arbiter.md 1.3).
//
// The arbiter decides; the node only obeys its votes. In one thing we treat all four alike where
// the stock client does not: who is cut off has no vote. Stock lms with wait_for_all, 2nodelms and
// test go on voting yes, without an end, while the arbiter gives the vote to the other half (W8,
// W10).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <string_view>

#include "common/wire/types.hpp"

namespace castvote::qdevice {

// What the keep-active setting does to the decision; the status says so (tools.md 3.2).
enum class KeepActiveRule : std::uint8_t { as_configured, hard_coded, unsupported };

struct AlgorithmRow {
    wire::DecisionAlgorithm number;
    std::string_view setting;  // quorum.device.net.algorithm
    std::string_view title;    // in the status
    KeepActiveRule keep_active;
    // Every node and the device must have exactly one vote; the quorum provider sees to it
    // (node.md 6.6).
    bool needs_single_votes;
    // What the stock client does with its vote when it is cut off; for the words of our report.
    std::string_view stock_when_cut_off;
};

inline constexpr std::array<AlgorithmRow, 4> algorithms = {{
    {wire::DecisionAlgorithm::test, "test", "Test", KeepActiveRule::unsupported, false, "keeps it"},
    {wire::DecisionAlgorithm::ffsplit, "ffsplit", "Fifty-Fifty split",
     KeepActiveRule::as_configured, true, "gives it back"},
    {wire::DecisionAlgorithm::two_node_lms, "2nodelms", "2 Node LMS", KeepActiveRule::hard_coded,
     false, "keeps it"},
    {wire::DecisionAlgorithm::lms, "lms", "LMS", KeepActiveRule::hard_coded, false,
     "keeps it with wait_for_all"},
}};

// The row of an algorithm that the configuration may name.
const AlgorithmRow& row_of(wire::DecisionAlgorithm algorithm);

}  // namespace castvote::qdevice
