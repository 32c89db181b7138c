// schedule.hpp -- virtual time: what happens when, and the dice.
//
// One queue of tasks ordered by time, then by turn; a seed gives the whole run.
// Nothing in the simulator asks for the real time or for real randomness.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
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

    void after(Micros delay, Task what) { at(now_ + delay, take_turn(), std::move(what)); }

    // Of what happens in one instant, that which took its turn first comes first.
    std::uint64_t take_turn() { return turns_++; }
    void at(Micros time, std::uint64_t turn, Task what) {
        std::size_t place = tasks_.size();
        if (free_.empty()) {
            tasks_.push_back(std::move(what));
        } else {
            place = free_.back();
            free_.pop_back();
            tasks_[place] = std::move(what);
        }
        queue_.push({std::max(time, now_), turn, place});
    }

    // Runs the next thing that is due by `end`; false when there is none.
    bool step(Micros end) {
        if (queue_.empty() || queue_.top().at > end) {
            if (now_ < end) now_ = end;
            return false;
        }
        const Entry entry = queue_.top();
        queue_.pop();
        now_ = entry.at;
        Task task = std::move(tasks_[entry.task]);
        free_.push_back(entry.task);
        task();
        return true;
    }

private:
    struct Entry {
        Micros at;
        std::uint64_t turn;
        std::size_t task;
        bool operator<(const Entry& other) const {
            return at != other.at ? at > other.at : turn > other.turn;
        }
    };

    std::priority_queue<Entry> queue_;
    std::vector<Task> tasks_;        // the queue moves entries, tasks stay in their places
    std::vector<std::size_t> free_;  // ... which are taken again
    Micros now_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace castvote::simulate
