// node_driver.hpp -- a node core, a clock that only tests turn, and a judge that looks on.
//
// Every step is also made on a copy, which must come to the same actions and the same state: the
// core is a pure function. After every step the judge (node_judge.hpp) checks what must hold
// always. A broken promise throws std::logic_error and so fails the running test.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/wire/codec.hpp"
#include "qdevice-client/core/node.hpp"
#include "tests/unit/support/node_judge.hpp"

namespace castvote::tests {

// Something that the core wanted done, and when.
struct NodeAct {
    Instant at;
    qdevice::Action what;
};

class NodeDriver {
public:
    explicit NodeDriver(qdevice::Settings settings) : node_(settings, at_ms(0)), judge_(settings) {}

    // Steps and returns what was wanted; it is also kept for take().
    qdevice::Actions step(NodeEvent what) {
        const qdevice::Event event{now_, std::move(what)};
        qdevice::Node twin = node_;
        const qdevice::Actions actions = node_.step(event);
        if (twin.step(event) != actions) throw std::logic_error("equal state, other actions");
        if (!(twin == node_)) throw std::logic_error("equal state and event, other state");
        judge_.look(event, actions, node_.next_deadline());
        for (const qdevice::Action& action : actions) {
            acts_.push_back({now_, action});
            if (const auto* run = std::get_if<qdevice::RunHeuristics>(&action))
                heuristics_ = run->number;
        }
        return actions;
    }

    qdevice::Actions receive(const wire::Message& message) {
        return step(qdevice::Received{message});
    }

    // The vote has come round, if one is under way.
    qdevice::Actions count_vote() {
        return judge_.has_uncounted_vote() ? step(qdevice::VoteCounted{}) : qdevice::Actions{};
    }

    // Bytes from the arbiter, a whole number of frames.
    qdevice::Actions receive(wire::View bytes) {
        wire::Framer framer(32768);
        qdevice::Actions all;
        while (!bytes.empty()) {
            bytes = bytes.subspan(framer.feed(bytes));
            if (auto frame = framer.next()) {
                const qdevice::Actions actions = step(qdevice::Received{std::move(*frame)});
                all.insert(all.end(), actions.begin(), actions.end());
            }
        }
        return all;
    }

    // Time passes, and the daemon wakes whenever it wants to.
    qdevice::Actions advance(Duration duration) {
        const Instant until = now_ + duration;
        qdevice::Actions all;
        for (;;) {
            const auto deadline = node_.next_deadline();
            if (!deadline || *deadline > until) break;
            now_ = std::max(now_, *deadline);
            const qdevice::Actions actions = step(qdevice::TimePassed{});
            all.insert(all.end(), actions.begin(), actions.end());
        }
        now_ = until;
        return all;
    }

    // Time passes and the daemon does not run: frozen, swapped out.
    void freeze(Duration duration) { now_ += duration; }

    // The result of the heuristics run that was asked for last.
    qdevice::Actions heuristics_done(wire::Heuristics result = wire::Heuristics::undefined) {
        return step(qdevice::HeuristicsDone{heuristics_, result});
    }

    std::vector<NodeAct> take() { return std::exchange(acts_, {}); }

    const qdevice::Node& node() const { return node_; }
    qdevice::Status status() const { return node_.status(); }
    const NodeJudge& judge() const { return judge_; }
    Instant now() const { return now_; }
    std::uint32_t last_heuristics() const { return heuristics_; }

private:
    qdevice::Node node_;
    NodeJudge judge_;
    Instant now_ = at_ms(0);
    std::uint32_t heuristics_ = 0;
    std::vector<NodeAct> acts_;
};

}  // namespace castvote::tests
