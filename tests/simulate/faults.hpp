// faults.hpp -- what befalls a run: a list of faults, drawn from the seed.
//
// Every fault is thrown with dice of its own, made from the seed and its number: when it happens
// and what it is does not depend on the others, so that one may be left out (shrink.hpp).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tests/simulate/arbiter_host.hpp"
#include "tests/simulate/members.hpp"
#include "tests/simulate/world.hpp"

namespace castvote::simulate {

// What faults can reach.
struct Scene {
    const Options& options;
    Schedule& schedule;
    Network& network;
    ClusterModel& cluster;
    ArbiterProcess& arbiter;
    ArbiterHost* host;  // ... the same, if it is ours
    Members& members;
    std::function<void(const std::string&)> trace;
    // Nothing is promised of I1 until then, by this name (docs/safety.md).
    std::function<void(std::string_view, Micros)> excuse;
};

class Faults {
public:
    explicit Faults(Scene scene) : scene_(std::move(scene)), dice_(0) {}

    // Schedules the first; each schedules the next.
    void begin();
    // How often each kind happened (a fault that finds nothing to break does not count).
    std::map<std::string_view, std::uint64_t> counts() const;
    // Numbers of those that happened.
    const std::vector<std::uint64_t>& happened() const { return happened_; }

private:
    struct Kind {
        std::string_view name;
        std::uint64_t weight;
        bool (Faults::*strike)();  // false: it found nothing to break
    };
    static constexpr std::size_t plain_kinds = 10, all_kinds = 16;
    // Plain worlds have the first ones, wide ones all.
    static const std::array<Kind, all_kinds> kinds;

    void schedule_next(Micros delay);
    void strike();
    void say(const std::string& text);
    NodeId some_node() { return static_cast<NodeId>(1 + dice_.below(scene_.members.size())); }
    bool has_queued_yes(NodeId node) const;
    std::size_t kinds_here() const { return scene_.options.wide ? all_kinds : plain_kinds; }
    bool may_lose_store() const;
    Micros down_time();
    void start_arbiter_later(Micros delay);
    void start_daemon_later(NodeId node, Micros delay);
    void keep_copy();

    bool regroup();
    bool cut_arbiter_link();
    bool restart_arbiter();
    bool kill_daemon();
    bool stop_daemon();
    bool freeze_daemon();
    bool crash_node();
    bool freeze_arbiter();
    bool reset();
    bool heal_something();
    bool reset_both();
    // arbiter_faults.cpp
    bool stop_arbiter();
    bool reboot_arbiter();
    bool fill_disk();
    bool break_store();
    bool put_older_store_back();

    Scene scene_;
    std::uint64_t number_ = 0;  // of the fault that is thrown
    Dice dice_;                 // ... and its dice
    std::array<std::uint64_t, all_kinds> counts_{};
    std::vector<std::uint64_t> happened_;
    std::deque<StoreModel::File> copies_;  // of the arbiter's store, as it was found
};

}  // namespace castvote::simulate
