// duel.hpp -- one seed: the same events to both arbiters, and what their clients end up with.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/compare/facts.hpp"

namespace castvote::compare {

struct DuelOptions {
    Timers timers;
    bool trace = false;             // tell every step and outcome
    bool swap_tie_breaker = false;  // drive our arbiter with another one: the duel must fail
    std::string cluster;            // whose certificates are used; varied in case by the seed
};

struct Outcome {
    std::uint64_t seed = 0;
    std::string story;  // of a difference that nothing explains, or of everything; mostly empty
    bool is_different = false;
    int events = 0;
    int comparisons = 0;
    Tally tally;
};

// Runs a seed to its end or to the first difference without a name.
awaitable<Outcome> duel(net::asio::io_context& io, Place stock, Place ours, Setup setup,
                        DuelOptions options);

}  // namespace castvote::compare
