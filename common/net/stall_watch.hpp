// stall_watch.hpp -- was this loop awake? What is read after a stall may be as old as that.
//
// A process that was stopped, swapped out or suspended reads in one moment what came in many. Only
// a loop that turns regularly can tell that from a quiet hour, so this one does, once a second.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "common/wire/instant.hpp"

namespace castvote::net {

class StallWatch {
public:
    // Turns on the loop's thread, once that runs.
    explicit StallWatch(boost::asio::io_context& io);

    // What is read now had arrived by this instant at the earliest: now, unless the loop stood
    // still until less than a second ago. now: of the shells' clock (clock.hpp).
    Instant arrived_after(Instant now);

private:
    void look(Instant now);
    void turn();

    boost::asio::steady_timer timer_;
    Instant last_turn_;
    Instant stalled_from_;
    Instant doubtful_until_;
};

}  // namespace castvote::net
