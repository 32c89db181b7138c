// our_daemon.cpp -- the real node core inside the simulator; see daemon.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/node.hpp"
#include "tests/simulate/alarm.hpp"
#include "tests/simulate/daemon.hpp"

namespace castvote::simulate {

namespace {

class OurDaemon final : public Daemon {
public:
    OurDaemon(DaemonWorld world, NodeId node, const Nodes& configured, std::int64_t rate)
        : Daemon(world, node),
          configured_(configured),
          rate_(rate),
          alarm_(world.schedule, [this] { wake_up(); }) {}

    bool stop() override {
        enqueue([this] { step(qdevice::StopRequested{}); });
        return true;
    }
    bool confirms_what_came_round() const override { return !is_deaf_; }

private:
    Instant local_now() const { return at_ms(world_.schedule.now() / 1000 * rate_ / 1000); }

    void begin() override {
        const Timers& timers = world_.cluster.timers();
        qdevice::Settings settings;
        settings.cluster_name = world_.conf.cluster_name;
        settings.node_id = node_;
        settings.algorithm = world_.conf.algorithm;
        settings.tie_breaker = world_.conf.tie_breaker;
        settings.wait_for_all = world_.conf.wait_for_all;
        settings.keep_active_partition = world_.conf.keep_active;
        settings.device_timeout = Duration(timers.device_timeout / 1000);
        settings.device_sync_timeout = Duration(timers.device_sync_timeout / 1000);
        settings.token_timeout = Duration(timers.token / 1000);
        settings.heartbeat_interval_max_ms =
            static_cast<std::uint32_t>(timers.heartbeat_max / 1000);
        settings.connect_timeout =
            Duration(std::max(timers.device_timeout * 8 / 10000, Micros(1000)));
        settings.tls = wire::TlsSupported::unsupported;
        settings.jitter_seed = world_.dice.next();
        for (const NodeId id : configured_) settings.config.nodes.push_back({.node_id = id});
        is_deaf_ = world_.dice.one_in(32);
        core_ = std::make_unique<qdevice::Node>(settings, local_now());
        wake_at_deadline();
    }

    void on_ring(RingId ring, const Nodes& members) override {
        uncounted_.reset();
        step(qdevice::RingChanged{ring, {members.begin(), members.end()}});
        see_flag();
    }
    void on_quorum(bool quorate, const Nodes& members, bool) override {
        qdevice::QuorumChanged changed{quorate, {}};
        for (const NodeId id : members)
            changed.nodes.push_back({.node_id = id, .state = wire::NodeState::member});
        step(std::move(changed));
        see_flag();
    }
    void see_flag() { step(qdevice::FlagSeen{world_.cluster.node(node_).flag}); }
    void on_connected() override { step(qdevice::Connected{}); }
    void on_message(wire::Message&& message) override {
        auto& received = std::get<qdevice::Received>(arrival_.what);
        std::get<wire::Message>(received.inbound) = std::move(message);
        arrival_.now = local_now();
        take(arrival_);
    }
    void on_lost(bool while_connecting, Ending ending) override {
        step(qdevice::ConnectionLost{while_connecting ? qdevice::LostCause::connect_failed
                                     : ending == Ending::end_of_stream
                                         ? qdevice::LostCause::end_of_stream
                                         : qdevice::LostCause::reset_or_error,
                                     "simulated"});
    }

    template <class Something>
    void step(Something&& what) {
        take({local_now(), std::forward<Something>(what)});
    }
    void take(const qdevice::Event& event) {
        auto actions = core_->step(event);
        for (auto& action : actions) std::visit([this](auto& a) { carry_out(a); }, action);
        wake_at_deadline();
    }

    void carry_out(const qdevice::Connect&) { world_.network.connect(node_); }
    void carry_out(qdevice::Send& send) {
        world_.network.send_from_node(node_, std::move(send.message));
    }
    void carry_out(const qdevice::StartTls&) {}
    void carry_out(const qdevice::SetReceiveLimit&) {}
    void carry_out(const qdevice::Disconnect&) { world_.network.close_from_node(node_); }
    void carry_out(const qdevice::Cast& cast) {
        const bool was_set = world_.cluster.node(node_).flag;
        const bool is_taken = world_.cluster.poll(node_, cast.vote, cast.ring);
        uncounted_.reset();
        if (is_taken && !is_deaf_) {
            uncounted_ = ++casts_;
            world_.cluster.send_around(node_, guarded([this, number = casts_, vote = cast.vote] {
                                           if (uncounted_ != number) return;
                                           const bool flag = world_.cluster.node(node_).flag;
                                           if (flag == vote)
                                               step(qdevice::VoteCounted{});
                                           else
                                               step(qdevice::FlagSeen{flag});
                                       }));
        }
        if (was_set != cast.vote || !is_taken)
            world_.trace(node_, std::string(is_taken ? "casts " : "is refused ") +
                                    (cast.vote ? "yes" : "no"));
    }
    void carry_out(const qdevice::RunHeuristics& run) {
        later(world_.dice.between(300, ms(2)), [this, number = run.number] {
            step(qdevice::HeuristicsDone{number, wire::Heuristics::undefined});
        });
    }
    void carry_out(const qdevice::Report& report) { world_.trace(node_, report.text); }
    void carry_out(qdevice::Exit& exit) {
        world_.cluster.unregister_device(node_);
        world_.trace(node_, exit.farewell ? "stops, and says farewell" : "stops");
        if (exit.farewell) world_.network.send_from_node(node_, std::move(*exit.farewell));
        world_.network.close_from_node(node_);
        ended();
    }

    void wake_at_deadline() {
        ++timer_;
        const auto deadline = core_->next_deadline();
        if (!deadline) return alarm_.set({});
        alarm_.set((deadline->time_since_epoch().count() * 1000 / rate_ + 1) * 1000);
    }
    void wake_up() {
        enqueue([this, timer = timer_] {
            if (timer == timer_) step(qdevice::TimePassed{});
        });
    }

    Nodes configured_;
    std::int64_t rate_;
    std::unique_ptr<qdevice::Node> core_;
    // Of a message, which most events are: made once, as it is large.
    qdevice::Event arrival_{{}, qdevice::Received{wire::Message{}}};
    Alarm alarm_;
    std::uint64_t timer_ = 0;  // the deadline moved so often
    bool is_deaf_ = false;  // libcpg tells it nothing in this life, so that it confirms like stock
    std::uint64_t casts_ = 0;
    std::optional<std::uint64_t> uncounted_;  // the last one, if cast in the current ring
};

}  // namespace

std::unique_ptr<Daemon> make_our_daemon(DaemonWorld world, NodeId node, const Nodes& configured,
                                        std::int64_t rate) {
    return std::make_unique<OurDaemon>(world, node, configured, rate);
}

}  // namespace castvote::simulate
