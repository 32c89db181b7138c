// rows.cpp -- see rows.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/compare/rows.hpp"

namespace castvote::compare {

std::string_view title_of(Row row) {
    static constexpr std::array<std::string_view, row_count> titles = {
        "after a start, a ring that lacks a node waits",
        "the ACK of a quorate ring on a new connection waits",
        "a holder with a young vote",
        "a vote that is withdrawn within a second",
        "a holder whose connection ended",
        "an lms or 2nodelms holder whose connection ended",
        "a NACK that is not confirmed",
        "lms, 2nodelms: views that contradict each other",
        "lms, 2nodelms: occasions to decide",
        "lms, 2nodelms: newcomers",
        "lms with a node id as tie-breaker",
        "the score of a ring whose member leaves",
        "a new result of heuristics",
        "a late VOTE_INFO_REPLY",
        "keep-active when all nodes were gone"};
    return titles[static_cast<std::size_t>(row)];
}

}  // namespace castvote::compare
