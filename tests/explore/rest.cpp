// rest.cpp -- I4: when faults stop, does the vote come to exactly one ring?
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>

#include "tests/explore/innards.hpp"
#include "tests/explore/world.hpp"

namespace castvote::explore {

namespace {

// A guard or a lifetime, a dead-peer time-out before it, and a heartbeat to spare.
constexpr int ticks_to_rest = 16;

}  // namespace

// Everything that can be said is said and heard; true if anything was.
bool World::converse(bool everybody_returns) {
    bool has_moved = store_.under_way() > 0;
    while (store_.under_way() > 0) apply({Step::Kind::write});
    const auto when = [&](bool condition, Step::Kind kind, NodeId id) {
        if (!condition) return;
        apply({kind, id});
        has_moved = true;
    };
    for (Node& one : nodes_) {
        if (everybody_returns) {
            when(one.is_cut, Step::Kind::mend, one.id);
            when(!one.is_alive, Step::Kind::start, one.id);
        }
        if (one.is_cut || !one.is_alive) continue;
        while (!one.down.empty()) when(true, Step::Kind::take, one.id);
        while (one.link == Node::Link::open && !one.up.empty())
            when(true, Step::Kind::deliver, one.id);
        when(one.link == Node::Link::broken, Step::Kind::notice, one.id);
        when(may_connect(one), Step::Kind::connect, one.id);
    }
    return has_moved;
}

// Whoever lost the token forms a ring with those who lost the same.
void World::form_all() {
    for (const Node& one : nodes_) {
        if (!one.is_gathering) continue;
        Nodes set;
        for (const Node& other : nodes_)
            if (other.is_gathering && other.ring == one.ring) set.insert(other.id);
        apply({Step::Kind::form, 0, set});
    }
}

// Empty when the vote is where it should be.
std::string World::what_is_missing() const {
    std::optional<Ring> holder;
    bool is_any_enough = false;
    for (const Node& one : nodes_) {
        if (one.is_gathering) return "a node has no ring";
        if (!one.is_alive || one.is_cut) continue;
        const bool is_enough = scope_->votes.is_enough(one.ring.members.size());
        is_any_enough = is_any_enough || is_enough;
        if (!one.counts(now_)) continue;
        if (holder && *holder != one.ring) return "two rings have the vote";
        if (!is_enough) return "a ring with too few nodes has the vote";
        holder = one.ring;
    }
    if (!holder) return is_any_enough ? "no ring has the vote" : "";
    for (const Node& one : nodes_)
        if (one.ring == *holder && one.is_alive && !one.is_cut && !one.counts(now_))
            return fmt::format("node {} of the ring with the vote has it not", one.id);
    return {};
}

std::string World::comes_to_rest(bool everybody_returns, KeySet& known,
                                 std::vector<std::string>* story) const {
    World world = *this;
    world.story_ = story;
    // Many a world calms down to the same one, so that is where it is looked up.
    std::vector<Key> path;
    std::string missing;
    for (int round = 0; round < ticks_to_rest; ++round) {
        world.form_all();
        while (world.converse(everybody_returns)) {
        }
        if (!world.first_violation_.empty()) return world.first_violation_;
        path.push_back(key_of(world));
        missing = known.contains(path.back()) ? std::string() : world.what_is_missing();
        if (missing.empty()) break;
        world.apply({Step::Kind::pass});
    }
    if (missing.empty()) known.insert(path.begin(), path.end());
    return missing.empty() ? missing : "I4: when the faults have stopped, " + missing;
}

}  // namespace castvote::explore
