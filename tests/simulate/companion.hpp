// companion.hpp -- another cluster at the arbiter of the one that a run is about (I6).
//
// The two share the arbiter and the time, and nothing else: all of this one's is thrown with dice
// of its own, and its faults spare the arbiter, so that the first behaves as it does alone.
// Invariants are not asked of it: in some other seed it is the first.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/simulate/arbiter_host.hpp"
#include "tests/simulate/faults.hpp"

namespace castvote::simulate {

class Companion {
public:
    // number: from 1.
    Companion(const Options& first, std::size_t number, Schedule& schedule, ArbiterHost& arbiter,
              const std::function<void(const std::string&)>& trace);
    Companion(const Companion&) = delete;
    Companion& operator=(const Companion&) = delete;

    void start();

private:
    Options options_;
    Dice dice_;
    Network network_;
    ClusterModel cluster_;
    Members members_;
    Faults faults_;
};

// What the arbiter says to the first cluster, word for word and with its time; the number of a
// grant aside, which counts those of all clusters.
class Transcript final : public ArbiterWatch {
public:
    explicit Transcript(ArbiterWatch& next) : next_(next) {}

    void started(bool remembers, Instant now) override { next_.started(remembers, now); }
    void died() override { next_.died(); }
    void received(ConnectionId connection, const wire::Message& message, Instant now) override {
        next_.received(connection, message, now);
    }
    void sent(ConnectionId connection, const wire::Message& message, Instant now) override;
    void closed(ConnectionId connection) override;
    void store_is_stuck() override { next_.store_is_stuck(); }

    const std::vector<std::string>& lines() const { return lines_; }

private:
    ArbiterWatch& next_;
    std::vector<std::string> lines_;
};

// Empty, or where two transcripts begin to differ.
std::string first_difference(const std::vector<std::string>& beside,
                             const std::vector<std::string>& alone);

}  // namespace castvote::simulate
