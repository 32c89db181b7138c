// backoff.hpp -- how long to wait before the next attempt to reach the arbiter.
//
// Quick after what heals by itself, slow after an answer that somebody must mend first. Every wait
// is drawn from its upper half with the node's own seed: the stock daemons of a cluster all sleep
// the same sequence and knock at the same moments (protocol.md 10).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

#include "common/wire/instant.hpp"

namespace castvote::qdevice {

// soon: 250 ms, 500 ms, 1 s ... up to a quarter of the connect timeout (2 s).
// later: 1 s, 2 s, 4 s ... up to 30 s; where the stock daemon ends its process.
enum class Retry : std::uint8_t { soon, later };

class Backoff {
public:
    explicit Backoff(std::uint64_t seed) : random_(seed) {}

    // The wait after one more failed attempt.
    Duration next(Retry retry, Duration connect_timeout);

    // A connection held for a while: the next failure is a first one again.
    void reset() { failures_ = 0; }

    bool operator==(const Backoff&) const = default;

private:
    std::uint64_t draw(std::uint64_t below);

    std::uint64_t random_;
    std::uint32_t failures_ = 0;  // in a row
};

}  // namespace castvote::qdevice
