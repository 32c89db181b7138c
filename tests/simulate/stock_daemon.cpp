// stock_daemon.cpp -- a model of the stock node daemon: its timers and its habits.
//
// Heartbeat 0.8 T, poll every T/2, NACK on disconnect (some vote on), no vote before the
// arbiter's word on the ring reported last, a real sleep before reconnecting, and a loss noticed
// only at the second heartbeat without an answer (docs/protocol.md 9 and 10).
// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <utility>

#include "tests/simulate/daemon.hpp"

namespace castvote::simulate {

namespace {

using wire::MessageType;
using wire::Vote;

class StockDaemon final : public Daemon {
public:
    StockDaemon(DaemonWorld world, NodeId node, const Nodes& configured)
        : Daemon(world, node), configured_(configured) {}

private:
    enum class Link : std::uint8_t { none, connecting, preinit, init, connected };

    Micros timeout() const { return world_.cluster.timers().device_timeout; }
    Micros heartbeat() const {
        return std::min(std::max(timeout() * 8 / 10, ms(1000)),
                        world_.cluster.timers().heartbeat_max);
    }
    Micros reconnect_wait() const {
        const auto fixed = world_.cluster.timers().reconnect_wait;
        return fixed ? *fixed : world_.dice.between(0, timeout() * 45 / 100);
    }

    void begin() override {
        link_ = Link::none;
        vote_ = Vote::undefined;
        timer_running_ = paused_ = false;
        has_ring_ = quorate_ = false;
        sequence_ = 1;
        ++attempt_;
        ++timer_;
        wake();
        connect();
    }

    // -- votes ------------------------------------------------------------------------------------

    void cast() {
        const bool vote = vote_ == Vote::ack;
        const bool was_set = world_.cluster.node(node_).flag;
        const bool is_taken = world_.cluster.poll(node_, vote, ring_);
        if (was_set != vote || !is_taken)
            world_.trace(node_,
                         std::string(is_taken ? "casts " : "is refused ") + (vote ? "yes" : "no"));
    }

    void apply(Vote vote) {
        switch (vote) {
            case Vote::ack:
            case Vote::nack:
                vote_ = vote;
                if (!timer_running_) start_timer();
                if (!paused_) cast();
                return;
            case Vote::wait_for_reply:
            case Vote::ask_later:
                vote_ = vote;
                timer_running_ = false;
                ++timer_;
                return;
            default: return;
        }
    }

    void start_timer() {
        timer_running_ = true;
        tick(++timer_);
    }
    void tick(std::uint64_t timer) {
        later(timeout() / 2, [this, timer] {
            if (timer != timer_ || !timer_running_) return;
            if (!paused_) cast();
            tick(timer);
        });
    }
    void deny_unless_connected() {
        if (link_ != Link::connected && vote_ == Vote::ack) apply(Vote::nack);
    }

    // Without the arbiter it votes on, until its ring changes (docs/safety.md, fact 3).
    bool votes_on_alone() const {
        switch (world_.conf.algorithm) {
            case wire::DecisionAlgorithm::two_node_lms: return true;
            case wire::DecisionAlgorithm::lms: return quorate_ && world_.conf.wait_for_all;
            default: return false;
        }
    }
    void lose_contact() {
        const bool was_paused = std::exchange(paused_, false);
        if (!has_ring_) return;
        if (!votes_on_alone()) return apply(Vote::nack);
        // In a ring that is new, until its heuristics, which are under way, end that.
        if (was_paused && vote_ == Vote::ack && timer_running_) {
            cast();
            world_.cluster.node(node_).is_stray = true;
        }
    }

    // -- corosync ---------------------------------------------------------------------------------

    void on_ring(RingId ring, const Nodes& members) override {
        ring_ = ring;
        members_ = members;
        has_ring_ = true;
        deny_unless_connected();
        paused_ = true;
        later(world_.dice.between(500, ms(4)), [this, ring] {
            if (ring != ring_) return;
            if (link_ == Link::connected) {
                send_membership();
                paused_ = false;
                apply(Vote::wait_for_reply);
            } else {
                paused_ = false;
                deny_unless_connected();
            }
        });
    }

    void on_quorum(bool quorate, const Nodes& members, bool) override {
        quorate_ = quorate;
        quorum_members_ = members;
        if (link_ == Link::connected)
            send_quorum();
        else
            deny_unless_connected();
    }

    // -- the arbiter ------------------------------------------------------------------------------

    void connect() {
        link_ = Link::connecting;
        const std::uint64_t attempt = ++attempt_;
        world_.network.connect(node_);
        later(heartbeat(), [this, attempt] {
            if (attempt != attempt_ || link_ == Link::connected) return;
            const bool was_tcp = link_ == Link::preinit || link_ == Link::init;
            world_.network.close_from_node(node_);
            disconnected(was_tcp);
        });
    }

    void disconnected(bool must_sleep) {
        link_ = Link::none;
        ++attempt_;
        ++echo_timer_;
        lose_contact();
        if (must_sleep) {
            const Micros delay = reconnect_wait();
            later(delay, [] {});
            sleep(delay);
            // The first thing after the sleep.
            enqueue([this] { connect(); });
        } else {
            connect();
        }
    }

    void on_connected() override {
        if (link_ != Link::connecting) return;
        link_ = Link::preinit;
        wire::Message preinit;
        preinit.type = MessageType::preinit;
        preinit.msg_seq_number = sequence_;
        preinit.cluster_name = world_.conf.cluster_name;
        send(std::move(preinit));
    }

    void on_lost(bool while_connecting, Ending) override {
        if (link_ == Link::none) return;
        if (while_connecting && link_ == Link::connecting) return;  // its connect timer goes on
        disconnected(true);
    }

    void on_message(wire::Message&& message) override {
        switch (message.type) {
            case MessageType::preinit_reply: {
                if (link_ != Link::preinit) return;
                link_ = Link::init;
                wire::Message init;
                init.type = MessageType::init;
                init.msg_seq_number = ++sequence_;
                init.node_id = node_;
                init.decision_algorithm = world_.conf.algorithm;
                init.heartbeat_interval = static_cast<std::uint32_t>(heartbeat() / 1000);
                init.tie_breaker = world_.conf.tie_breaker;
                init.ring_id = ring_;
                send(std::move(init));
                return;
            }
            case MessageType::init_reply:
                if (link_ != Link::init) return;
                if (message.reply_error_code != wire::ReplyErrorCode::no_error) {
                    world_.network.close_from_node(node_);
                    disconnected(true);
                    return;
                }
                joined();
                return;
            case MessageType::echo_reply: last_echo_received_ = *message.msg_seq_number; return;
            case MessageType::node_list_reply:
                if (message.ring_id == ring_) apply(*message.vote);
                return;
            case MessageType::vote_info: {
                if (link_ != Link::connected) return;
                if (message.ring_id == ring_) apply(*message.vote);
                wire::Message reply;
                reply.type = MessageType::vote_info_reply;
                reply.msg_seq_number = message.msg_seq_number;
                send(std::move(reply));
                return;
            }
            default: return;
        }
    }

    void joined() {
        link_ = Link::connected;
        ++attempt_;
        echo_sent_ = last_echo_received_ = 0;
        echo(++echo_timer_);
        wire::Message set;
        set.type = MessageType::set_option;
        set.msg_seq_number = ++sequence_;
        set.keep_active_partition_tie_breaker = world_.conf.keep_active
                                                    ? wire::KeepActivePartition::enabled
                                                    : wire::KeepActivePartition::disabled;
        send(std::move(set));
        wire::Message config = list(wire::NodeListType::initial_config, configured_);
        send(std::move(config));
        send_membership();
        send_quorum();
        apply(Vote::wait_for_reply);
    }

    void echo(std::uint64_t timer) {
        later(heartbeat(), [this, timer] {
            if (timer != echo_timer_ || link_ != Link::connected) return;
            if (echo_sent_ != last_echo_received_) {
                // It stays connected then, and echoes no more.
                if (votes_on_alone() && world_.conf.algorithm == wire::DecisionAlgorithm::lms)
                    return;
                apply_disconnect_vote_and_close();
                return;
            }
            wire::Message request;
            request.type = MessageType::echo_request;
            request.msg_seq_number = ++echo_sent_;
            send(std::move(request));
            echo(timer);
        });
    }

    void apply_disconnect_vote_and_close() {
        lose_contact();
        world_.network.close_from_node(node_);
        disconnected(true);
    }

    wire::Message list(wire::NodeListType type, const Nodes& nodes) {
        wire::Message message;
        message.type = MessageType::node_list;
        message.msg_seq_number = ++sequence_;
        message.node_list_type = type;
        for (const NodeId node : nodes) message.node_info.push_back({.node_id = node});
        return message;
    }
    void send_membership() {
        wire::Message message = list(wire::NodeListType::membership, members_);
        message.ring_id = ring_;
        send(std::move(message));
    }
    void send_quorum() {
        wire::Message message = list(wire::NodeListType::quorum, quorum_members_);
        message.quorate = quorate_ ? wire::Quorate::quorate : wire::Quorate::inquorate;
        send(std::move(message));
    }
    void send(wire::Message&& message) { world_.network.send_from_node(node_, std::move(message)); }

    Nodes configured_;
    Link link_ = Link::none;
    std::uint64_t attempt_ = 0;
    std::uint32_t sequence_ = 1;
    Vote vote_ = Vote::undefined;
    bool timer_running_ = false;
    bool paused_ = false;
    std::uint64_t timer_ = 0;
    std::uint64_t echo_timer_ = 0;
    std::uint32_t echo_sent_ = 0;
    std::uint32_t last_echo_received_ = 0;
    bool has_ring_ = false;
    RingId ring_;
    Nodes members_;
    bool quorate_ = false;
    Nodes quorum_members_;
};

}  // namespace

std::unique_ptr<Daemon> make_stock_daemon(DaemonWorld world, NodeId node, const Nodes& configured) {
    return std::make_unique<StockDaemon>(world, node, configured);
}

}  // namespace castvote::simulate
