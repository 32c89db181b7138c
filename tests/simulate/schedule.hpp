// schedule.hpp -- virtual time: what happens when, and the dice.
//
// One queue of tasks ordered by time, then by turn; a seed gives the whole run.
// Nothing in the simulator asks for the real time or for real randomness.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

#include "tests/simulate/task.hpp"

namespace castvote::simulate {

using Micros = std::int64_t;
constexpr Micros ms(std::int64_t n) { return n * 1000; }

// splitmix64: small, good enough for faults, the same everywhere.
inline std::uint64_t mixed(std::uint64_t z) {
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
// The seed of one of the many dice of a run.
inline std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t purpose) {
    return mixed(mixed(seed) + purpose);
}

class Dice {
public:
    explicit Dice(std::uint64_t seed) : seed_(mixed(seed)), state_(seed_) {}
    // Dice that begin anew at every instant: what is thrown depends on when, not on how often they
    // were thrown before. So a run stays the same as far as it can when a fault is left out of it.
    Dice(std::uint64_t seed, const Micros& clock) : Dice(seed) { clock_ = &clock; }

    std::uint64_t next() {
        if (clock_ != nullptr && *clock_ != instant_) {
            instant_ = *clock_;
            state_ = mixed(seed_ + static_cast<std::uint64_t>(instant_));
        }
        const std::uint64_t thrown = mixed(state_);
        state_ += 0x9e3779b97f4a7c15u;
        return thrown;
    }
    // 0 .. n-1
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    // low .. high, both included
    Micros between(Micros low, Micros high) {
        return low + static_cast<Micros>(below(static_cast<std::uint64_t>(high - low + 1)));
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

private:
    std::uint64_t seed_;
    std::uint64_t state_;
    const Micros* clock_ = nullptr;
    Micros instant_ = 0;
};

class Schedule {
public:
    Micros now() const { return now_; }
    const Micros& clock() const { return now_; }

    template <class What>
    void after(Micros delay, What&& what) {
        Task* place = nullptr;
        if (free_.empty()) {
            place = &tasks_.emplace_back();
        } else {
            place = free_.back();
            free_.pop_back();
        }
        place->put(std::forward<What>(what));
        queue_.push({{std::max(now_ + delay, now_), turns_++}, place});
    }

    // Rings when it is set to, and lives as long as the schedule; a run makes few of them. (What
    // rings often, and is set anew by every event, would only make the queue long.)
    std::size_t make_bell(Task ring) {
        bells_.push_back({{}, 0, std::move(ring)});
        return bells_.size() - 1;
    }
    // At that time and at no other. Among what happens in that instant it has its turn from now.
    void set_bell(std::size_t bell, Micros at) {
        bells_[bell].due = {std::max(at, now_), bells_[bell].first_turn + turns_++};
    }
    void silence_bell(std::size_t bell) { bells_[bell].due = {}; }
    // From now on, when it is set, all else that happens in that instant comes before it.
    void make_last(std::size_t bell) { bells_[bell].first_turn = last_turns; }

    // Runs the next thing that is due by `end`; false when there is none.
    bool step(Micros end) {
        Due due = queue_.empty() ? Due{} : queue_.top().due;
        Bell* first = nullptr;
        for (Bell& bell : bells_) {
            if (!bell.due.is_before(due)) continue;
            due = bell.due;
            first = &bell;
        }
        if (due.at > end) {
            now_ = std::max(now_, end);
            return false;
        }
        now_ = due.at;
        if (first != nullptr) {
            first->due = {};
            first->ring();
            return true;
        }
        Task* const task = queue_.top().task;
        queue_.pop();
        (*task)();
        task->clear();
        free_.push_back(task);
        return true;
    }

private:
    // Of what happens in one instant, that which took its turn first comes first.
    struct Due {
        Micros at = std::numeric_limits<Micros>::max();  // never
        std::uint64_t turn = 0;
        bool is_before(const Due& other) const {
            return at != other.at ? at < other.at : turn < other.turn;
        }
    };
    struct Entry {
        Due due;
        Task* task;
        bool operator<(const Entry& other) const { return other.due.is_before(due); }
    };
    static constexpr std::uint64_t last_turns = std::uint64_t{1} << 63;
    struct Bell {
        Due due;
        std::uint64_t first_turn = 0;
        Task ring;
    };

    std::priority_queue<Entry> queue_;
    std::deque<Task> tasks_;   // the queue moves entries, tasks stay in their places
    std::vector<Task*> free_;  // ... which are taken again
    std::vector<Bell> bells_;
    Micros now_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace castvote::simulate
