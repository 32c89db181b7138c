// heuristics.cpp -- see heuristics.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/heuristics.hpp"

namespace castvote::qdevice {

namespace {

// The runner ends every run at its timeout; this is for the way there and back.
constexpr Duration answer_slack{1000};

// While the quorum provider synchronises there is more time (node.md 12.1).
Duration timeout_of(const Purposes& purposes, const NodeConfig& config, bool in_sync) {
    const bool is_long = purposes.membership || (purposes.connect && in_sync);
    return is_long ? config.heuristics_sync_timeout : config.heuristics_timeout;
}

}  // namespace

RunHeuristics HeuristicsRuns::start(Purposes purposes, Duration timeout, Instant now) {
    next_regular_.reset();
    run_ = Run{++number_, purposes, now + timeout + answer_slack};
    return {number_, timeout};
}

// The regular run comes one interval after the last result, whatever that was for.
void HeuristicsRuns::arm(const NodeConfig& config, Instant now) {
    next_regular_.reset();
    if (config.heuristics_mode == HeuristicsMode::on && !run_)
        next_regular_ = now + config.heuristics_interval;
}

RunHeuristics HeuristicsRuns::for_membership(const NodeConfig& config, Instant now) {
    const Purposes purposes{.membership = true, .connect = run_ && run_->purposes.connect};
    return start(purposes, timeout_of(purposes, config, /*in_sync=*/true), now);
}

std::optional<RunHeuristics> HeuristicsRuns::for_connect(const NodeConfig& config, bool in_sync,
                                                         Instant now) {
    // Stock starts over; the result that is on its way is no older than the ring it is about.
    if (run_ && run_->purposes.membership) {
        run_->purposes.connect = true;
        return {};
    }
    const Purposes purposes{.connect = true};
    return start(purposes, timeout_of(purposes, config, in_sync), now);
}

std::optional<RunHeuristics> HeuristicsRuns::for_interval(const NodeConfig& config, Instant now) {
    if (!next_regular_ || now < *next_regular_) return {};
    const Purposes purposes{.regular = true};
    return start(purposes, timeout_of(purposes, config, /*in_sync=*/false), now);
}

std::optional<RunHeuristics> HeuristicsRuns::again(const NodeConfig& config, bool in_sync,
                                                   Instant now) {
    if (run_) return start(run_->purposes, timeout_of(run_->purposes, config, in_sync), now);
    arm(config, now);
    return {};
}

void HeuristicsRuns::forget_connect(const NodeConfig& config, Instant now) {
    if (!run_ || !run_->purposes.connect) return;
    run_->purposes.connect = false;
    if (run_->purposes == Purposes{}) {
        run_.reset();
        arm(config, now);
    }
}

std::optional<HeuristicsRuns::Finished> HeuristicsRuns::finish(std::uint32_t number,
                                                               wire::Heuristics result,
                                                               const NodeConfig& config,
                                                               Instant now) {
    if (!run_ || run_->number != number) return {};
    Finished finished{run_->purposes, result,
                      result != results_.latest && result != wire::Heuristics::undefined};
    const Purposes& purposes = run_->purposes;
    if (purposes.membership) results_.membership = result;
    if (purposes.connect) results_.connect = result;
    // "Disabled" says nothing about the node: what was seen before stays (node.md 12.1).
    if (purposes.regular && result != wire::Heuristics::undefined) results_.regular = result;
    if (!purposes.regular || result != wire::Heuristics::undefined) results_.latest = result;
    run_.reset();
    arm(config, now);
    return finished;
}

std::optional<HeuristicsRuns::Finished> HeuristicsRuns::expire(const NodeConfig& config,
                                                               Instant now) {
    if (!run_ || now < run_->ends_at) return {};
    const bool is_off = config.heuristics_mode == HeuristicsMode::off;
    return finish(run_->number, is_off ? wire::Heuristics::undefined : wire::Heuristics::fail,
                  config, now);
}

std::optional<Instant> HeuristicsRuns::deadline() const {
    return run_ ? std::optional(run_->ends_at) : next_regular_;
}

}  // namespace castvote::qdevice
