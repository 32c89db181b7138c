// stall_watch.cpp -- see stall_watch.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/stall_watch.hpp"

#include "common/net/clock.hpp"

namespace castvote::net {

namespace {

constexpr Duration interval{1000};
constexpr Duration stall_shortest{500};  // longer than a turn is late on a busy machine
constexpr Duration catching_up{1000};    // until what waited is read

}  // namespace

StallWatch::StallWatch(boost::asio::io_context& io)
    : timer_(io), last_turn_(net::now()), stalled_from_(last_turn_), doubtful_until_(last_turn_) {
    turn();
}

Instant StallWatch::arrived_after(Instant now) {
    look(now);
    return now < doubtful_until_ ? stalled_from_ : now;
}

void StallWatch::look(Instant now) {
    if (now - last_turn_ < interval + stall_shortest) return;
    if (last_turn_ >= doubtful_until_) stalled_from_ = last_turn_;  // else it stood still again
    doubtful_until_ = now + catching_up;
    last_turn_ = now;
}

void StallWatch::turn() {
    look(net::now());
    last_turn_ = net::now();
    timer_.expires_after(interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) turn();
    });
}

}  // namespace castvote::net
