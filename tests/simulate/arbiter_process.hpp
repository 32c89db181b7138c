// arbiter_process.hpp -- an arbiter as faults and scripts see it: ours, or a model of the stock
// one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/simulate/network.hpp"

namespace castvote::simulate {

class ArbiterProcess : public ArbiterEnd {
public:
    virtual void start() = 0;
    // The process dies; its kernel lives on and closes the connections.
    virtual void kill() = 0;
    // The machine is gone: nothing is sent.
    virtual void lose_power() = 0;
    virtual void freeze() = 0;
    virtual void thaw() = 0;
    // The store is lost while the process is down: a new disk.
    virtual void lose_store() = 0;

    virtual bool is_running() const = 0;
    // ACKs that left.
    virtual std::uint64_t grants() const = 0;
    // Has this node outlived every time that the arbiter can wait, while a vote that it cast at
    // `cast_at` waited in its queue: its lifetime (R2e), at an ACK to another, or the guard?
    virtual bool has_outlived(NodeId node, Micros cast_at, Micros heartbeat,
                              Micros timeout) const = 0;
};

}  // namespace castvote::simulate
