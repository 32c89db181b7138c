// heuristics.hpp -- which heuristics run is wanted when, and what its result is for (node.md 12.1).
//
// One run at a time: a new one supersedes the one in flight, and answers carry a number, of which
// only the newest counts. A run that never answers ends as failed: nobody waits without a bound. It
// does not know the commands (heuristics/) nor what is told to the arbiter.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>

#include "qdevice-client/core/events.hpp"

namespace castvote::qdevice {

// What a run's result is waited for by; several at once after an overtaken one.
struct Purposes {
    bool membership = false;  // the list that reports a new ring
    bool connect = false;     // the first lists on a new connection
    bool regular = false;     // nobody: only a change is told
    bool operator==(const Purposes&) const = default;
};

class HeuristicsRuns {
public:
    struct Results {
        wire::Heuristics latest = wire::Heuristics::undefined;
        wire::Heuristics regular = wire::Heuristics::undefined;
        wire::Heuristics membership = wire::Heuristics::undefined;
        wire::Heuristics connect = wire::Heuristics::undefined;
        bool operator==(const Results&) const = default;
    };

    struct Finished {
        Purposes purposes;
        wire::Heuristics result = wire::Heuristics::undefined;
        bool is_news = false;  // differs from the latest result of any kind; never with "disabled"
    };

    // A run for a new ring; takes over whatever else the run in flight was needed for.
    RunHeuristics for_membership(const NodeConfig& config, Instant now);
    // A run for a new connection; none if the one in flight will tell as much.
    std::optional<RunHeuristics> for_connect(const NodeConfig& config, bool in_sync, Instant now);
    // The regular run, if it is due.
    std::optional<RunHeuristics> for_interval(const NodeConfig& config, Instant now);
    // Commands, mode or times changed: the run in flight is made again, the timer set anew.
    std::optional<RunHeuristics> again(const NodeConfig& config, bool in_sync, Instant now);
    // The connection is gone.
    void forget_connect(const NodeConfig& config, Instant now);

    // The result of run `number`; nothing if that is not the run in flight.
    std::optional<Finished> finish(std::uint32_t number, wire::Heuristics result,
                                   const NodeConfig& config, Instant now);
    // The run in flight answered too late.
    std::optional<Finished> expire(const NodeConfig& config, Instant now);

    std::optional<Instant> deadline() const;
    const Results& results() const { return results_; }

    bool operator==(const HeuristicsRuns&) const = default;

private:
    struct Run {
        std::uint32_t number = 0;
        Purposes purposes;
        Instant ends_at;
        bool operator==(const Run&) const = default;
    };

    RunHeuristics start(Purposes purposes, Duration timeout, Instant now);
    void arm(const NodeConfig& config, Instant now);

    std::uint32_t number_ = 0;  // of the newest run
    std::optional<Run> run_;
    std::optional<Instant> next_regular_;
    Results results_;
};

}  // namespace castvote::qdevice
