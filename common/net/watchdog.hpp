// watchdog.hpp -- tells the service manager that our event loops go round, for as long as they do.
//
// A loop that hangs serves nobody and cannot know it. What may rightly take long (a disk, a stuck
// log) happens in other threads and is none of the watchdog's business: a restart would not mend
// it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "common/net/shard.hpp"

namespace castvote::net {

class Watchdog {
public:
    // After so long without a word the service manager ends us; none if it does not ask for any
    // ($WATCHDOG_USEC, and $WATCHDOG_PID is not somebody else).
    static std::optional<std::chrono::microseconds> wanted();

    // Goes round in `io`, and through `others`, whose loops must have ended before this is
    // destroyed.
    Watchdog(asio::io_context& io, std::vector<Shard*> others);
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    void begin_round();
    void end_round();

    asio::io_context& io_;
    std::vector<Shard*> others_;
    asio::steady_timer timer_;
    std::chrono::microseconds pause_{0};
    std::size_t awaited_ = 0;
};

}  // namespace castvote::net
