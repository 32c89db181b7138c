// alarm.hpp -- rings once, at the time that was set last.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <utility>

#include "tests/simulate/schedule.hpp"

namespace castvote::simulate {

class Alarm {
public:
    // Lives as long as the schedule.
    Alarm(Schedule& schedule, Task ring)
        : schedule_(schedule), bell_(schedule.make_bell(std::move(ring))) {}

    // None: it does not ring.
    void set(std::optional<Micros> at) {
        if (at)
            schedule_.set_bell(bell_, *at);
        else
            schedule_.silence_bell(bell_);
    }

    // From now on it rings when all else that happens in that instant is over.
    void be_last() { schedule_.make_last(bell_); }

private:
    Schedule& schedule_;
    std::size_t bell_;
};

}  // namespace castvote::simulate
