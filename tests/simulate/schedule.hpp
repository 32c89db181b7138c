// schedule.hpp -- virtual time: what happens when, and the dice.
//
// One queue of closures ordered by time, then by order of entry; a seed gives the whole run.
// Nothing in the simulator asks for the real time or for real randomness.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

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

    void after(Micros delay, std::function<void()> what) {
        queue_.push({now_ + (delay < 0 ? 0 : delay), order_++, std::move(what)});
    }

    // Runs the next thing that is due by `end`; false when there is none.
    bool step(Micros end) {
        if (queue_.empty() || queue_.top().at > end) {
            if (now_ < end) now_ = end;
            return false;
        }
        auto entry = std::move(const_cast<Entry&>(queue_.top()));
        queue_.pop();
        now_ = entry.at;
        entry.what();
        return true;
    }

private:
    struct Entry {
        Micros at;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Entry& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    std::priority_queue<Entry> queue_;
    Micros now_ = 0;
    std::uint64_t order_ = 0;
};

}  // namespace castvote::simulate
