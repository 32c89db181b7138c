// search.cpp -- see search.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/search.hpp"

#include <unordered_map>

#include "tests/explore/innards.hpp"

namespace castvote::explore {

namespace {

constexpr std::uint32_t no_parent = ~std::uint32_t{0};

struct Trail {
    std::uint32_t parent = no_parent;
    Step step;
};

struct Place {
    World world;
    std::uint32_t trail = no_parent;
    int faults = 0;
};

class Search {
public:
    Search(const World& start, const Scope& scope, const Bounds& bounds, const Tell& tell)
        : start_(start), scope_(scope), bounds_(bounds), tell_(tell) {}

    Outcome run() {
        std::vector<Place> frontier{{start_, no_parent, 0}};
        seen_.emplace(key_of(start_), 0);
        if (look_at_rest(start_, no_parent)) return outcome_;
        while (outcome_.depth < bounds_.depth && !frontier.empty()) {
            std::vector<Place> next;
            const bool is_last = outcome_.depth + 1 == bounds_.depth;
            for (const Place& place : frontier)
                if (!expand(place, is_last ? nullptr : &next)) return report();
            frontier = std::move(next);
            ++outcome_.depth;
            report();
        }
        return outcome_;
    }

private:
    const Outcome& report() {
        outcome_.states = seen_.size();
        tell_(outcome_);
        return outcome_;
    }

    // False when the search is over.
    bool expand(const Place& place, std::vector<Place>* next) {
        for (const Step& step : place.world.possible()) {
            const int faults = place.faults + (place.world.is_fault(step) ? 1 : 0);
            if (faults > bounds_.faults) continue;
            World world = place.world;
            world.apply(step);
            ++outcome_.transitions;
            if (!world.violation().empty()) return stop(world.violation(), place.trail, step);
            const auto [known, is_new] = seen_.try_emplace(key_of(world), faults);
            if (!is_new && known->second <= faults) continue;
            known->second = static_cast<std::uint8_t>(faults);
            std::uint32_t trail = no_parent;
            if (next != nullptr || bounds_.rest) {
                trail = static_cast<std::uint32_t>(trails_.size());
                trails_.push_back({place.trail, step});
            }
            if (is_new && look_at_rest(world, trail)) return false;
            if (seen_.size() >= bounds_.states) return false;
            if (next != nullptr)
                next->push_back({std::move(world), trail, faults});
            else if (bounds_.rest)
                trails_.pop_back();
        }
        return true;
    }

    // True when I4 is violated.
    bool look_at_rest(const World& world, std::uint32_t trail) {
        if (!bounds_.rest) return false;
        ++outcome_.rests;
        std::string wrong = world.comes_to_rest(/*everybody_returns=*/true, all_back_);
        // Of the others' clients nobody knows when they let go (R2e): the operator must say so.
        if (wrong.empty() && scope_.votes.all_let_go())
            wrong = world.comes_to_rest(/*everybody_returns=*/false, some_gone_);
        if (wrong.empty()) return false;
        tell(wrong, trail);
        outcome_.path.push_back("-- from here on no faults\n");
        KeySet nothing_known;
        if (world.comes_to_rest(true, nothing_known, &outcome_.path).empty())
            world.comes_to_rest(false, nothing_known, &outcome_.path);
        return true;
    }

    bool stop(const std::string& what, std::uint32_t trail, const Step& last) {
        trails_.push_back({trail, last});
        tell(what, static_cast<std::uint32_t>(trails_.size() - 1));
        return false;
    }

    // Walks the path once more, to show what the world looks like on the way.
    void tell(const std::string& what, std::uint32_t trail) {
        outcome_.violation = what;
        std::vector<Step> steps;
        for (; trail != no_parent; trail = trails_.at(trail).parent)
            steps.insert(steps.begin(), trails_.at(trail).step);
        World world = start_;
        outcome_.path.push_back("at first\n" + world.to_text());
        world.tell_to(&outcome_.path);
        for (const Step& step : steps) world.apply(step);
    }

    const World& start_;
    const Scope& scope_;
    Bounds bounds_;
    const Tell& tell_;
    Outcome outcome_;
    std::unordered_map<Key, std::uint8_t, KeyHash> seen_;  // with how many faults
    std::vector<Trail> trails_;
    KeySet all_back_, some_gone_;  // known to come to rest
};

}  // namespace

Outcome search(const World& start, const Scope& scope, const Bounds& bounds, const Tell& tell) {
    return Search(start, scope, bounds, tell).run();
}

}  // namespace castvote::explore
