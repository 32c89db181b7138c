// rows.hpp -- the differences from the stock arbiter that docs/compatibility.md names.
//
// Each row here is a row of its table "decisions". The comparison counts how often it met each of
// them; a difference that none of them explains fails the seed.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace castvote::compare {

enum class Row : std::uint8_t {
    guard_after_start,
    late_ack,
    young_flag,
    fresh_vote,
    lifetime,
    no_lifetime,
    unanswered_nack,
    views_agree,
    decided_again,
    newcomers,
    node_id_tie_breaker,
    leaving_node,
    heuristics_everywhere,
    late_reply,
    memory,
};
constexpr std::size_t row_count = 15;

// As the first column of the table says it.
std::string_view title_of(Row row);

// How often each row was met.
struct Tally {
    std::array<int, row_count> met{};
    void add(Row row) { ++met[static_cast<std::size_t>(row)]; }
    void add(const Tally& other) {
        for (std::size_t i = 0; i < row_count; ++i) met[i] += other.met[i];
    }
};

}  // namespace castvote::compare
