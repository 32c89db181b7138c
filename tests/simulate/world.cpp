// world.cpp -- see world.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/world.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/wire/describe.hpp"
#include "tests/simulate/arbiter_host.hpp"

namespace castvote::simulate {

namespace {

class World {
public:
    World(const Options& options, bool with_trace)
        : options_(options),
          with_trace_(with_trace),
          dice_(options.seed),
          network_(schedule_, dice_),
          cluster_(schedule_, dice_, options.timers, options.nodes, 1),
          arbiter_(schedule_, network_, settings(), 1000,
                   [this](const std::string& text) { trace("arbiter: " + text); }) {
        network_.attach(&arbiter_);
        // Mostly quick, now and then a disk that takes its time.
        arbiter_.slow_store(
            [this] {
                return dice_.one_in(8) ? dice_.between(ms(1), ms(3000)) : dice_.between(0, ms(20));
            },
            [this] { return dice_.one_in(2); });
        Nodes configured;
        for (NodeId id = 1; id <= options_.nodes; ++id) configured.insert(id);
        for (const NodeId id : configured) {
            const DaemonWorld world{schedule_, dice_, cluster_, network_,
                                    [this](NodeId node, const std::string& text) {
                                        trace(fmt::format("node {}: {}", node, text));
                                    }};
            const bool ours = options_.our_nodes || (options_.mixed_nodes && dice_.one_in(2));
            daemons_[id] = ours ? make_our_daemon(world, id, configured, dice_.between(990, 1010))
                                : make_stock_daemon(world, id, configured);
            is_ours_[id] = ours;
            network_.attach(id, daemons_[id].get());
            cluster_.node(id).listener = daemons_[id].get();
        }
    }

    Result run() {
        arbiter_.start();
        for (auto& [id, daemon] : daemons_) {
            cluster_.start(id, false);
            daemon->start();
        }
        next_fault(ms(20000));
        play(options_.duration);
        if (!result_.violation) heal_and_check();
        result_.simulated = schedule_.now();
        result_.grants = arbiter_.grants();
        return std::move(result_);
    }

private:
    qnetd::Settings settings() const {
        qnetd::Settings settings;
        settings.device_timeout = Duration(options_.timers.device_timeout / 1000);
        settings.rules = options_.rules;
        settings.failover = options_.failover;
        settings.durable_grants = options_.keeps_state;
        return settings;
    }

    void trace(const std::string& text) {
        if (with_trace_)
            result_.trace.push_back(
                fmt::format("{:10.3f} {}", static_cast<double>(schedule_.now()) / 1e6, text));
    }

    void play(Micros end) {
        while (!result_.violation && schedule_.step(end)) {
            const auto [one, other, is_last_moment] = cluster_.double_quorum();
            if (one == 0) {
                overlap_since_.reset();
                continue;
            }
            // A stock daemon confirms before its corosync has counted anew (docs/safety.md, what no
            // arbiter can close); ours waits for that.
            if (is_last_moment && !(is_ours_[one] && is_ours_[other])) {
                if (!overlap_since_) ++result_.overlaps;
                overlap_since_ = overlap_since_.value_or(schedule_.now());
                result_.longest_overlap =
                    std::max(result_.longest_overlap, schedule_.now() - *overlap_since_);
                continue;
            }
            result_.violation = Violation{
                schedule_.now(), fmt::format("I1: nodes {} and {} are both quorate", one, other)};
            trace(result_.violation->what);
        }
    }

    // -- faults -----------------------------------------------------------------------------------

    void next_fault(Micros delay) {
        schedule_.after(delay, [this] {
            if (schedule_.now() >= options_.duration) return;
            fault();
            // Now and then several at once, and now and then a long calm.
            const Micros wait = dice_.one_in(3)   ? dice_.between(0, ms(3000))
                                : dice_.one_in(4) ? dice_.between(ms(1), 4 * options_.fault_every)
                                                  : dice_.between(ms(1), options_.fault_every);
            next_fault(wait);
        });
    }

    NodeId some_node() { return static_cast<NodeId>(1 + dice_.below(options_.nodes)); }

    void fault() {
        ++result_.faults;
        switch (dice_.below(12)) {
            case 0:
            case 1:
            case 2: return regroup();
            case 3:
            case 4: return cut_arbiter_link();
            case 5: return restart_arbiter();
            case 6: return kill_daemon();
            case 7: return freeze_daemon();
            case 8: return crash_node();
            case 9: return freeze_arbiter();
            case 10: return reset();
            default: return heal_something();
        }
    }

    void regroup() {
        if (!options_.cluster_faults) return;
        for (auto& [id, daemon] : daemons_)
            cluster_.set_group(id, dice_.one_in(2) ? 0 : static_cast<int>(dice_.below(3)));
        std::string groups;
        for (auto& [id, daemon] : daemons_) groups += fmt::format(" {}", cluster_.group(id));
        trace("fault: groups" + groups);
    }

    void cut_arbiter_link() {
        if (!options_.arbiter_link_faults) return;
        const NodeId id = some_node();
        const bool to = dice_.one_in(4), from = !to && dice_.one_in(4);
        trace(fmt::format("fault: node {} to arbiter {}, from arbiter {}", id, to ? "up" : "cut",
                          from ? "up" : "cut"));
        network_.set_link(id, to, from);
        if (dice_.one_in(2)) {
            schedule_.after(dice_.between(ms(10), options_.timers.device_timeout * 4), [this, id] {
                trace(fmt::format("fault: node {} reaches the arbiter again", id));
                network_.set_link(id, true, true);
            });
        }
    }

    void restart_arbiter() {
        if (!options_.arbiter_restarts || !arbiter_.is_running()) return;
        const Micros delay =
            dice_.one_in(2) ? dice_.between(ms(5), ms(300)) : dice_.between(ms(5), ms(60000));
        trace(fmt::format("fault: arbiter killed, back in {} ms", delay / 1000));
        arbiter_.kill();
        if (options_.keeps_state && dice_.one_in(6)) {
            trace("fault: the arbiter's store is lost");
            arbiter_.lose_store();
        }
        schedule_.after(delay, [this] {
            trace("arbiter started");
            arbiter_.start();
        });
    }

    // A stock daemon that dies while its corosync still has an old "yes" in the queue leaves a vote
    // that no arbiter can see (docs/safety.md, what no arbiter can close).
    bool has_queued_yes(NodeId id) {
        const Corosync& c = cluster_.node(id);
        return c.phase == Phase::gather || c.phase == Phase::sync || !c.queued.empty();
    }

    void kill_daemon() {
        const NodeId id = some_node();
        if (!options_.process_faults || has_queued_yes(id)) return;
        const Micros delay =
            dice_.one_in(2) ? dice_.between(ms(50), ms(500)) : dice_.between(ms(50), ms(40000));
        trace(fmt::format("fault: daemon {} killed, back in {} ms", id, delay / 1000));
        daemons_[id]->kill(true);
        schedule_.after(delay, [this, id] {
            if (cluster_.node(id).phase == Phase::down || daemons_[id]->is_running()) return;
            trace(fmt::format("daemon {} started", id));
            daemons_[id]->start();
        });
    }

    void freeze_daemon() {
        const NodeId id = some_node();
        if (!options_.process_faults || has_queued_yes(id)) return;
        // A stock daemon that is frozen until its vote lapses and then thawed is named among what
        // no arbiter can close; it casts every T/2, so that this is the shortest such time.
        const Micros limit = is_ours_[id] ? options_.timers.device_timeout * 2
                                          : options_.timers.device_timeout / 2 - ms(10);
        const Micros length = dice_.between(ms(10), limit);
        trace(fmt::format("fault: daemon {} frozen for {} ms", id, length / 1000));
        daemons_[id]->freeze();
        schedule_.after(length, [this, id] { daemons_[id]->thaw(); });
    }

    void crash_node() {
        if (!options_.process_faults) return;
        const NodeId id = some_node();
        if (cluster_.node(id).phase == Phase::down) return;
        const bool power_off = dice_.one_in(2);
        const Micros delay = dice_.between(ms(500), ms(60000));
        trace(fmt::format("fault: node {} {}, back in {} ms", id,
                          power_off ? "loses power" : "crashes", delay / 1000));
        daemons_[id]->kill(!power_off);
        cluster_.stop(id);
        schedule_.after(delay, [this, id] {
            trace(fmt::format("node {} boots", id));
            cluster_.start(id, dice_.one_in(4));
            daemons_[id]->start();
        });
    }

    void freeze_arbiter() {
        if (!options_.process_faults || !arbiter_.is_running()) return;
        const Micros length = dice_.between(ms(10), options_.timers.device_timeout * 3);
        trace(fmt::format("fault: arbiter frozen for {} ms", length / 1000));
        arbiter_.freeze();
        schedule_.after(length, [this] { arbiter_.thaw(); });
    }

    void reset() {
        if (!options_.arbiter_link_faults) return;
        const NodeId id = some_node();
        trace(fmt::format("fault: the arbiter alone sees the connection of node {} reset", id));
        network_.reset_at_arbiter(id);
    }

    void heal_something() {
        trace("heals");
        const NodeId id = some_node();
        network_.set_link(id, true, true);
        if (dice_.one_in(2))
            for (auto& [node, daemon] : daemons_) cluster_.set_group(node, 0);
    }

    // -- the end ----------------------------------------------------------------------------------

    // I4: when faults stop, all nodes come to one quorate ring that the arbiter granted; and when
    // the cluster is then cut in halves, exactly one of them goes on.
    void heal_and_check() {
        trace("everything heals");
        arbiter_.thaw();
        if (!arbiter_.is_running()) arbiter_.start();
        for (auto& [id, daemon] : daemons_) {
            network_.set_link(id, true, true);
            cluster_.set_group(id, 0);
            cluster_.start(id, false);
            daemon->thaw();
            daemon->start();
        }
        const Micros bound = 8 * options_.timers.device_timeout + ms(60000);
        play(schedule_.now() + bound);
        if (result_.violation) return;
        for (auto& [id, daemon] : daemons_) {
            const Corosync& c = cluster_.node(id);
            if (c.phase != Phase::operational || c.members.size() != options_.nodes || !c.flag)
                return complain(fmt::format(
                    "I4: node {} has no vote in the whole cluster (phase {}, {} members)", id,
                    static_cast<int>(c.phase), c.members.size()));
        }
        trace("split in halves");
        for (auto& [id, daemon] : daemons_)
            cluster_.set_group(id, id <= (options_.nodes + 1) / 2 ? 1 : 2);
        play(schedule_.now() + bound);
        if (result_.violation) return;
        const bool one = cluster_.node(1).quorate;
        const bool other = cluster_.node(static_cast<NodeId>(options_.nodes)).quorate;
        if (one == other) complain("I4: after a split not exactly one half is quorate");
    }

    void complain(std::string what) {
        result_.violation = Violation{schedule_.now(), std::move(what)};
        trace(result_.violation->what);
    }

    Options options_;
    bool with_trace_;
    Result result_;
    std::optional<Micros> overlap_since_;
    Dice dice_;
    Schedule schedule_;
    Network network_;
    ClusterModel cluster_;
    ArbiterHost arbiter_;
    std::map<NodeId, std::unique_ptr<Daemon>> daemons_;
    std::map<NodeId, bool> is_ours_;
};

}  // namespace

Options options_of(std::uint64_t seed) {
    Dice dice(seed ^ 0x5eed5eedu);
    Options options;
    options.seed = seed;
    options.nodes = dice.one_in(3) ? 2 + 2 * dice.below(3) : 2;
    if (dice.one_in(2)) options.timers = {ms(1000), ms(2000), ms(4000)};
    options.fault_every = dice.one_in(2) ? ms(5000) : ms(20000);
    return options;
}

Result run(const Options& options, bool with_trace) { return World(options, with_trace).run(); }

}  // namespace castvote::simulate
