// alarm.hpp -- rings once, at the time that was set last.
//
// A core's deadline moves with every event: only the earliest time waits in the schedule, and looks
// again when it comes.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <utility>

#include "tests/simulate/schedule.hpp"

namespace castvote::simulate {

class Alarm {
public:
    // Lives as long as the schedule.
    Alarm(Schedule& schedule, Task ring) : schedule_(schedule), ring_(std::move(ring)) {}

    // None: it does not ring. Among what happens in that instant it has its turn from now.
    void set(std::optional<Micros> at) {
        at_ = at;
        if (!at) return;
        turn_ = schedule_.take_turn();
        if (!looks_at_ || *at < *looks_at_) look();
    }

private:
    void look() {
        looks_at_ = at_;
        schedule_.at(*at_, turn_, [this, at = *at_, turn = turn_] {
            if (looks_at_ != at) return;
            looks_at_.reset();
            if (!at_) return;
            if (*at_ > at || turn_ != turn) return look();
            at_.reset();
            ring_();
        });
    }

    Schedule& schedule_;
    Task ring_;
    std::optional<Micros> at_;        // when it rings
    std::uint64_t turn_ = 0;          // ... in that instant
    std::optional<Micros> looks_at_;  // what the schedule knows
};

}  // namespace castvote::simulate
