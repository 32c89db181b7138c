// daemon.hpp -- a node's daemon as the simulator sees it: ours or a model of the stock one.
//
// A daemon may be frozen (its events wait) and killed (they are lost). Its clock may run a little
// fast or slow. What it does with events is up to the two kinds.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "tests/simulate/network.hpp"

namespace castvote::simulate {

// What corosync.conf says of the device, the same on every node.
struct DeviceConf {
    std::string cluster_name = "sim";
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    bool keep_active = true;
    bool wait_for_all = false;
};

struct DaemonWorld {
    Schedule& schedule;
    Dice& dice;
    ClusterModel& cluster;
    Network& network;
    std::function<void(NodeId, const std::string&)> trace;
    DeviceConf conf = {};
};

class Daemon : public QuorumListener, public NodeEnd {
public:
    Daemon(DaemonWorld world, NodeId node) : world_(world), node_(node) {}

    bool is_running() const { return is_running_; }
    std::uint64_t life() const { return life_; }  // changes with every start and end
    bool is_frozen() const { return is_frozen_; }
    // Since when it has run without a pause; none while it is dead or frozen.
    std::optional<Micros> runs_since() const {
        return is_running_ && !is_frozen_ ? std::optional(runs_since_) : std::nullopt;
    }

    void start() {
        if (is_running_) return;
        ++life_;
        is_running_ = true;
        is_frozen_ = false;
        runs_since_ = world_.schedule.now();
        waiting_.clear();
        world_.cluster.register_device(node_);
        begin();
        const Corosync& c = world_.cluster.node(node_);
        if (c.ring.seq != 0) ring_changed(c.ring, c.members);
        if (c.phase == Phase::operational) quorum_changed(c.quorate, c.view, c.flag);
    }
    // The process dies; with_fin: its kernel lives on and closes the connection.
    void kill(bool with_fin) {
        if (!is_running_) return;
        ++life_;
        is_running_ = false;
        is_frozen_ = false;
        waiting_.clear();
        if (with_fin)
            world_.network.close_from_node(node_);
        else
            world_.network.vanish(node_);
    }
    // Somebody ends it in order; false if this kind cannot be asked.
    virtual bool stop() { return false; }
    // Does it confirm the loss of the vote only when its "no" has come round (N15)?
    virtual bool confirms_what_came_round() const { return false; }
    void freeze() { is_frozen_ = is_running_; }
    void thaw() {
        if (!is_frozen_) return;
        is_frozen_ = false;
        runs_since_ = world_.schedule.now();
        let_go();
    }

    void ring_changed(RingId ring, const Nodes& members) override {
        enqueue([this, ring, members] { on_ring(ring, members); });
    }
    void quorum_changed(bool quorate, const Nodes& members, bool flag) override {
        enqueue([this, quorate, members, flag] { on_quorum(quorate, members, flag); });
    }
    void connected() override {
        enqueue([this] { on_connected(); });
    }
    void received(wire::Message&& message) override {
        if (!is_busy())
            on_message(std::move(message));
        else if (is_running_)
            waiting_.push_back(
                [this, message = std::move(message)]() mutable { on_message(std::move(message)); });
    }
    void lost(bool while_connecting, Ending ending) override {
        enqueue([this, while_connecting, ending] { on_lost(while_connecting, ending); });
    }

protected:
    virtual void begin() = 0;
    virtual void on_ring(RingId ring, const Nodes& members) = 0;
    virtual void on_quorum(bool quorate, const Nodes& members, bool flag) = 0;
    virtual void on_connected() = 0;
    virtual void on_message(wire::Message&& message) = 0;
    virtual void on_lost(bool while_connecting, Ending ending) = 0;

    // Runs `what` after a delay, in this life of the process, not while it is frozen.
    template <class What>
    void later(Micros delay, What what) {
        world_.schedule.after(delay, guarded(std::move(what)));
    }
    template <class What>
    auto guarded(What what) {
        return [this, life = life_, what = std::move(what)]() mutable {
            if (life == life_ && is_running_) enqueue(std::move(what));
        };
    }
    template <class What>
    void enqueue(What&& what) {
        if (!is_busy())
            what();
        else if (is_running_)
            waiting_.push_back(std::forward<What>(what));
    }
    // The process has ended by itself.
    void ended() {
        ++life_;
        is_running_ = is_frozen_ = false;
        waiting_.clear();
    }
    // The stock daemon really sleeps before it reconnects; corosync's events wait meanwhile.
    void sleep(Micros delay) {
        is_asleep_ = true;
        world_.schedule.after(delay, [this, life = life_] {
            if (life != life_) return;
            is_asleep_ = false;
            if (!is_frozen_) let_go();
        });
    }
    void wake() { is_asleep_ = false; }

    DaemonWorld world_;
    NodeId node_;

private:
    bool is_busy() const { return !is_running_ || is_frozen_ || is_asleep_; }
    void let_go() {
        std::deque<Task> waiting;
        waiting.swap(waiting_);
        while (!waiting.empty()) {
            Task what = std::move(waiting.front());
            waiting.pop_front();
            enqueue(std::move(what));
        }
    }

    std::uint64_t life_ = 0;
    bool is_running_ = false;
    bool is_frozen_ = false;
    bool is_asleep_ = false;
    Micros runs_since_ = 0;
    std::deque<Task> waiting_;
};

// The kinds. Micros rate: local milliseconds per 1000 real ones, 990 .. 1010.
std::unique_ptr<Daemon> make_stock_daemon(DaemonWorld world, NodeId node, const Nodes& configured);
std::unique_ptr<Daemon> make_our_daemon(DaemonWorld world, NodeId node, const Nodes& configured,
                                        std::int64_t rate);

}  // namespace castvote::simulate
