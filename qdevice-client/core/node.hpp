// node.hpp -- the node daemon's state machine: step(event) -> actions.
//
// Copyable and comparable: equal state and equal event give equal actions. Decides when to connect,
// what to say, and above all when to cast which vote; see docs/safety.md for the rules on the node.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qdevice-client/core/events.hpp"
#include "qdevice-client/core/status.hpp"

namespace castvote::qdevice {

class Node {
   public:
    // started: now. The first RingChanged must follow before anything is connected.
    Node(Settings settings, Instant started);

    Actions step(const Event& event);

    // When TimePassed is wanted at the latest.
    std::optional<Instant> next_deadline() const;

    Status status() const;

    bool operator==(const Node&) const = default;
};

}  // namespace castvote::qdevice
