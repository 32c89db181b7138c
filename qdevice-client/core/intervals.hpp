// intervals.hpp -- every time that follows from quorum.device.timeout T (protocol.md 9).
//
// What the arbiter sees is the stock client's: it is told HB = 0.8 T and asked at any rate. The
// rest is ours and follows arbiter.md 10: we stop voting before a stock arbiter, which waits 1.5 HB
// from our last message, may give the vote to somebody else.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice {

struct Intervals {
    Duration heartbeat;  // HB, declared in INIT
    Duration echo;       // from one echo request to the next: HB/8
    Duration answer;     // an echo unanswered for so long ends the connection: 0.75 HB
    Duration contact;    // no yes is cast so long after the last answered echo was sent: HB
    Duration poll;       // from one cast to the next of the same vote: 0.5 T
};

// All at least one millisecond, also where T is absurd (corosync does not check it).
Intervals intervals_of(const Settings& settings);

}  // namespace castvote::qdevice
