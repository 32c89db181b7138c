// faults.cpp -- see faults.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/faults.hpp"

#include <fmt/format.h>

namespace castvote::simulate {

// A new kind, or another weight, changes what every seed means.
const std::array<Faults::Kind, Faults::all_kinds> Faults::kinds{{
    {"the cluster is cut apart", 3, &Faults::regroup},
    {"a link to the arbiter is cut", 2, &Faults::cut_arbiter_link},
    {"the arbiter is killed", 1, &Faults::restart_arbiter},
    {"a daemon is killed", 1, &Faults::kill_daemon},
    {"a daemon of ours is stopped in order", 1, &Faults::stop_daemon},
    {"a daemon is frozen", 1, &Faults::freeze_daemon},
    {"a node crashes", 1, &Faults::crash_node},
    {"the arbiter is frozen", 1, &Faults::freeze_arbiter},
    {"the arbiter alone sees a reset", 1, &Faults::reset},
    {"something heals", 1, &Faults::heal_something},
    {"both see a reset", 1, &Faults::reset_both},
    {"the arbiter is stopped in order", 1, &Faults::stop_arbiter},
    {"the arbiter's machine is started anew", 1, &Faults::reboot_arbiter},
    {"the arbiter's disk takes no writes", 1, &Faults::fill_disk},
    {"the arbiter's store is lost or cannot be read", 1, &Faults::break_store},
    {"an older copy of the store is put back", 1, &Faults::put_older_store_back},
}};

void Faults::begin() { schedule_next(ms(20000)); }

void Faults::schedule_next(Micros delay) {
    scene_.schedule.after(delay, [this] {
        if (scene_.schedule.now() >= scene_.options.duration) return;
        ++number_;
        dice_ = Dice(derived_seed(scene_.options.seed, number_));
        // Now and then several at once, and now and then a long calm.
        const Micros every = scene_.options.fault_every;
        const Micros wait = dice_.one_in(3)   ? dice_.between(0, ms(3000))
                            : dice_.one_in(4) ? dice_.between(ms(1), 4 * every)
                                              : dice_.between(ms(1), every);
        const auto& only = scene_.options.only_faults;
        if (!only || only->contains(number_)) strike();
        schedule_next(wait);
    });
}

void Faults::strike() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kinds_here(); ++i) sum += kinds[i].weight;
    std::uint64_t throw_ = dice_.below(sum);
    std::size_t which = 0;
    while (throw_ >= kinds[which].weight) throw_ -= kinds[which++].weight;
    if (!(this->*kinds[which].strike)()) return;
    ++counts_[which];
    happened_.push_back(number_);
}

std::map<std::string_view, std::uint64_t> Faults::counts() const {
    std::map<std::string_view, std::uint64_t> counts;
    for (std::size_t i = 0; i < kinds_here(); ++i) counts[kinds[i].name] = counts_[i];
    return counts;
}

void Faults::say(const std::string& text) {
    scene_.trace(fmt::format("fault {}: {}", number_, text));
}

bool Faults::regroup() {
    if (!scene_.options.cluster_faults) return false;
    std::string groups;
    for (auto& [id, member] : scene_.members) {
        scene_.cluster.set_group(id, dice_.one_in(2) ? 0 : static_cast<int>(dice_.below(3)));
        groups += fmt::format(" {}", scene_.cluster.group(id));
    }
    say("groups" + groups);
    return true;
}

bool Faults::cut_arbiter_link() {
    if (!scene_.options.arbiter_link_faults) return false;
    const NodeId id = some_node();
    const bool to = dice_.one_in(4), from = !to && dice_.one_in(4);
    say(fmt::format("node {} to arbiter {}, from arbiter {}", id, to ? "up" : "cut",
                    from ? "up" : "cut"));
    scene_.network.set_link(id, to, from);
    if (!dice_.one_in(2)) return true;
    const Micros delay = dice_.between(ms(10), scene_.options.timers.device_timeout * 4);
    scene_.schedule.after(delay, [this, id] {
        scene_.trace(fmt::format("node {} reaches the arbiter again", id));
        scene_.network.set_link(id, true, true);
    });
    return true;
}

bool Faults::restart_arbiter() {
    if (scene_.options.spares_arbiter || !scene_.options.arbiter_restarts) return false;
    if (!scene_.arbiter.is_running()) return false;
    const Micros delay =
        dice_.one_in(2) ? dice_.between(ms(5), ms(300)) : dice_.between(ms(5), ms(60000));
    say(fmt::format("arbiter killed, back in {} ms", delay / 1000));
    scene_.arbiter.kill();
    keep_copy();
    if (may_lose_store() && dice_.one_in(6)) {
        say("the arbiter's store is lost");
        scene_.arbiter.lose_store();
    }
    start_arbiter_later(delay);
    return true;
}

// A stock daemon that dies while its corosync still has an old "yes" in the queue leaves a vote
// that no arbiter can see (docs/safety.md, what no arbiter can close).
bool Faults::has_queued_yes(NodeId id) const {
    const Corosync& c = scene_.cluster.node(id);
    return c.phase == Phase::gather || c.phase == Phase::sync || !c.queued.empty();
}

bool Faults::kill_daemon() {
    const NodeId id = some_node();
    if (!scene_.options.process_faults || has_queued_yes(id)) return false;
    Daemon& daemon = *scene_.members[id].daemon;
    if (!daemon.is_running()) return false;
    const Micros delay =
        dice_.one_in(2) ? dice_.between(ms(50), ms(500)) : dice_.between(ms(50), ms(40000));
    say(fmt::format("daemon {} killed, back in {} ms", id, delay / 1000));
    daemon.kill(true);
    start_daemon_later(id, delay);
    return true;
}

bool Faults::stop_daemon() {
    const NodeId id = some_node();
    Daemon& daemon = *scene_.members[id].daemon;
    if (!scene_.options.process_faults || !daemon.is_running() || !daemon.stop()) return false;
    const Micros delay =
        dice_.one_in(2) ? dice_.between(ms(50), ms(500)) : dice_.between(ms(50), ms(40000));
    say(fmt::format("daemon {} stopped, back in {} ms", id, delay / 1000));
    start_daemon_later(id, delay);
    return true;
}

// One that is still leaving is waited for; nothing is done if somebody else was quicker.
void Faults::start_daemon_later(NodeId id, Micros delay) {
    Daemon& daemon = *scene_.members[id].daemon;
    scene_.schedule.after(delay, [this, id, delay, &daemon, life = daemon.life()] {
        if (scene_.cluster.node(id).phase == Phase::down) return;
        if (daemon.is_running() && daemon.life() == life) return start_daemon_later(id, delay);
        if (daemon.is_running()) return;
        scene_.trace(fmt::format("daemon {} started", id));
        daemon.start();
    });
}

bool Faults::freeze_daemon() {
    const NodeId id = some_node();
    if (!scene_.options.process_faults || has_queued_yes(id)) return false;
    const Member& member = scene_.members[id];
    if (!member.daemon->is_running()) return false;
    // A stock daemon that is frozen until its vote lapses and then thawed is named among what
    // no arbiter can close; it casts every T/2, so that this is the shortest such time.
    const Micros limit = member.is_ours ? scene_.options.timers.device_timeout * 2
                                        : scene_.options.timers.device_timeout / 2 - ms(10);
    const Micros length = dice_.between(ms(10), limit);
    say(fmt::format("daemon {} frozen for {} ms", id, length / 1000));
    member.daemon->freeze();
    scene_.schedule.after(length, [&daemon = *member.daemon] { daemon.thaw(); });
    return true;
}

bool Faults::crash_node() {
    const NodeId id = some_node();
    if (!scene_.options.process_faults) return false;
    if (scene_.cluster.node(id).phase == Phase::down) return false;
    const bool power_off = dice_.one_in(2);
    const Micros delay = dice_.between(ms(500), ms(60000));
    say(fmt::format("node {} {}, back in {} ms", id, power_off ? "loses power" : "crashes",
                    delay / 1000));
    Daemon& daemon = *scene_.members[id].daemon;
    daemon.kill(!power_off);
    scene_.cluster.stop(id);
    scene_.schedule.after(delay, [this, id, &daemon, loses_ring_file = dice_.one_in(4)] {
        scene_.trace(fmt::format("node {} boots", id));
        scene_.cluster.start(id, loses_ring_file);
        daemon.start();
    });
    return true;
}

bool Faults::freeze_arbiter() {
    if (scene_.options.spares_arbiter || !scene_.options.process_faults) return false;
    if (!scene_.arbiter.is_running()) return false;
    const Micros length = dice_.between(ms(10), scene_.options.timers.device_timeout * 3);
    say(fmt::format("arbiter frozen for {} ms", length / 1000));
    scene_.arbiter.freeze();
    scene_.schedule.after(length, [this] { scene_.arbiter.thaw(); });
    return true;
}

bool Faults::reset() {
    if (!scene_.options.arbiter_link_faults) return false;
    const NodeId id = some_node();
    say(fmt::format("the arbiter alone sees the connection of node {} reset", id));
    scene_.network.reset_at_arbiter(id);
    return true;
}

bool Faults::reset_both() {
    if (!scene_.options.arbiter_link_faults) return false;
    const NodeId id = some_node();
    if (!scene_.network.reset_at_both(id)) return false;
    say(fmt::format("both see the connection of node {} reset", id));
    return true;
}

bool Faults::heal_something() {
    const NodeId id = some_node();
    const bool heals_all = dice_.one_in(2);
    say(fmt::format("node {} reaches the arbiter{}", id, heals_all ? ", and all each other" : ""));
    scene_.network.set_link(id, true, true);
    if (heals_all)
        for (auto& [node, member] : scene_.members) scene_.cluster.set_group(node, 0);
    return true;
}

}  // namespace castvote::simulate
