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
        bells_.push_back({0, bells_.size(), std::move(ring)});
        rings_.push_back({{}, bells_.size() - 1});
        return bells_.size() - 1;
    }
    // At that time and at no other. Among what happens in that instant it has its turn from now.
    void set_bell(std::size_t bell, Micros at) {
        set_ring(bell, {std::max(at, now_), bells_[bell].first_turn + turns_++});
    }
    void silence_bell(std::size_t bell) { set_ring(bell, {}); }
    // From now on, when it is set, all else that happens in that instant comes before it.
    void make_last(std::size_t bell) { bells_[bell].first_turn = last_turns; }

    // Runs the next thing that is due by `end`; false when there is none.
    bool step(Micros end) {
        const Due ring = rings_.empty() ? Due{} : rings_.front().due;
        const bool is_ring = queue_.empty() || ring.is_before(queue_.top().due);
        const Micros at = is_ring ? ring.at : queue_.top().due.at;
        if (at > end) {
            now_ = std::max(now_, end);
            return false;
        }
        now_ = at;
        if (is_ring) {
            // It stays in front meanwhile: mostly it is set anew.
            const std::size_t bell = rings_.front().bell;
            bells_[bell].ring();
            if (rings_[bells_[bell].place].due.turn == ring.turn) silence_bell(bell);
            return true;
        }
        Task* const task = queue_.top().task;
        queue_.pop();
        task->run_once();
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
    struct Bell {
        std::uint64_t first_turn = 0;
        std::size_t place = 0;  // among the rings
        Task ring;
    };
    struct Ring {
        Due due;
        std::size_t bell;
    };
    struct Entry {
        Due due;
        Task* task;
        bool operator<(const Entry& other) const { return other.due.is_before(due); }
    };
    static constexpr std::uint64_t last_turns = std::uint64_t{1} << 63;

    // Moves it to where it belongs in the heap.
    void set_ring(std::size_t bell, Due due) {
        std::size_t place = bells_[bell].place;
        while (place > 0 && due.is_before(rings_[(place - 1) / 2].due))
            place = move_ring((place - 1) / 2, place);
        for (std::size_t next = 2 * place + 1; next < rings_.size(); next = 2 * place + 1) {
            if (next + 1 < rings_.size() && rings_[next + 1].due.is_before(rings_[next].due))
                ++next;
            if (!rings_[next].due.is_before(due)) break;
            place = move_ring(next, place);
        }
        rings_[place] = {due, bell};
        bells_[bell].place = place;
    }
    std::size_t move_ring(std::size_t from, std::size_t to) {
        rings_[to] = rings_[from];
        bells_[rings_[to].bell].place = to;
        return from;
    }

    std::priority_queue<Entry> queue_;
    std::deque<Task> tasks_;   // the queue moves entries, tasks stay in their places
    std::vector<Task*> free_;  // ... which are taken again
    std::vector<Bell> bells_;
    std::vector<Ring> rings_;  // of each bell one, the first in front: a heap
    Micros now_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace castvote::simulate
