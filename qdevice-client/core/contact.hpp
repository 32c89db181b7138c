// contact.hpp -- how fresh our word from the arbiter is: the echoes, and what they prove.
//
// An answered echo proves that the arbiter knew of us when that echo was *sent*. The stock client
// asks every HB and notices a silent arbiter after 2 HB, when the vote may already be elsewhere
// (arbiter.md 8, W1); we ask every HB/8 and let several echoes be under way. This is the one place
// that says until when a yes may be cast; a lease is another bound in `may_vote`. It does not know
// what the vote is.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <optional>

#include "qdevice-client/core/intervals.hpp"

namespace castvote::qdevice {

class Contact {
public:
    // The arbiter accepted an INIT that was sent at `init_sent`: echo numbers begin anew.
    void begin(Instant init_sent, Instant now, const Intervals& intervals);
    void end();

    // The number of the echo request to send now, if one is due.
    std::optional<std::uint32_t> next_echo(Instant now, const Intervals& intervals);

    // An answer came. False: it does not answer the oldest echo under way (protocol.md 9).
    bool confirm(std::uint32_t number, Instant now);

    // An echo has been without an answer for 0.75 HB: the arbiter, or the way to it, is gone.
    bool is_lost(Instant now, const Intervals& intervals) const;

    // Whether a yes may be cast at `now`. Also false after this process was frozen, however many
    // old answers and votes then wait to be read.
    bool may_vote(Instant now, const Intervals& intervals) const;

    std::optional<Instant> deadline(const Intervals& intervals) const;
    std::optional<Instant> last_reply() const { return last_reply_; }

    bool operator==(const Contact&) const = default;

private:
    struct Echo {
        std::uint32_t number = 0;
        Instant sent;
        bool operator==(const Echo&) const = default;
    };

    std::uint32_t number_ = 0;       // of the last echo sent
    std::deque<Echo> unanswered_;    // oldest first; 0.75 HB / (HB/8) bounds it
    std::optional<Instant> proven_;  // when the last answered request was sent; none: no contact
    std::optional<Instant> next_echo_;
    std::optional<Instant> last_reply_;
};

}  // namespace castvote::qdevice
