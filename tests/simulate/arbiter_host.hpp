// arbiter_host.hpp -- the arbiter's machine: the real core on a clock of its own, and the process
// that can be killed, frozen and thawed.
//
// Carries out the core's actions as the shell does. It knows nothing of nodes or invariants.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "qnetd/core/arbiter.hpp"
#include "tests/simulate/alarm.hpp"
#include "tests/simulate/arbiter_process.hpp"

namespace castvote::simulate {

class ArbiterHost final : public ArbiterProcess {
public:
    ArbiterHost(Schedule& schedule, Network& network, qnetd::Settings settings, std::int64_t rate,
                std::function<void(const qnetd::Note&)> heard)
        : schedule_(schedule),
          network_(network),
          settings_(settings),
          rate_(rate),
          heard_(std::move(heard)),
          alarm_(schedule, [this] { wake_up(); }) {}

    void start() override {
        if (core_) return;
        if (watch_ != nullptr)
            watch_->started(settings_.durable_grants && !is_store_new_, local_now());
        if (settings_.durable_grants)
            core_.emplace(settings_, local_now(), memory());
        else
            core_.emplace(settings_, local_now());
        is_frozen_ = false;
        inbox_.clear();
        wake();
    }
    void kill() override {
        if (!core_) return;
        die();
        network_.arbiter_died();
    }
    void lose_power() override {
        if (!core_) return;
        die();
        network_.arbiter_lost_power();
    }
    // Writes take up to so long, from now on; 0: they are done at once.
    // lands: is a write under way done when the process is killed?
    void slow_store(std::function<Micros()> delay, std::function<bool()> lands) {
        store_delay_ = std::move(delay);
        lands_ = std::move(lands);
    }
    // Told of each ACK that leaves: to whom, and for which ring.
    void watch_acks(std::function<void(NodeId, RingId)> watch) { acked_ = std::move(watch); }
    void watch(ArbiterWatch& watch) { watch_ = &watch; }
    void lose_store() override {
        store_.clear();
        is_store_new_ = true;
    }
    // R3: is it a holder in this very ring in the store as that is now?
    bool is_recorded(NodeId node, RingId ring) const {
        return std::any_of(store_.begin(), store_.end(), [&](const auto& entry) {
            const auto holder = entry.second.holders.find(node);
            return holder != entry.second.holders.end() && holder->second.grant.ring.id == ring;
        });
    }
    void freeze() override { is_frozen_ = core_.has_value(); }
    void thaw() override {
        if (!is_frozen_) return;
        is_frozen_ = false;
        // All input that is there comes before the timers.
        auto inbox = std::move(inbox_);
        inbox_.clear();
        for (auto& what : inbox) step(std::move(what));
        step(qnetd::TimePassed{});
    }
    bool is_running() const override { return core_.has_value(); }
    bool has_outlived(NodeId node, NodeId other, Micros heartbeat, Micros timeout) const override {
        const auto heard = last_word_.find(node);
        const auto acked = last_ack_.find(other);
        if (heard == last_word_.end() || acked == last_ack_.end()) return false;
        const Micros lifetime = timeout + (heard->second.is_end ? 0 : 2 * heartbeat);
        return acked->second >= heard->second.at + lifetime;
    }
    std::uint64_t grants() const override { return grants_; }

    bool is_listening() const override { return core_.has_value(); }
    void opened(ConnectionId connection, NodeId node) override {
        nodes_[connection] = node;
        happens(qnetd::Opened{connection, fmt::format("node {}", node)});
    }
    void received(ConnectionId connection, wire::Message&& message) override {
        happens(qnetd::Received{connection, std::move(message)});
    }
    void closed(ConnectionId connection, Ending ending) override {
        happens(qnetd::Closed{connection, ending == Ending::end_of_stream
                                              ? qnetd::CloseCause::end_of_stream
                                              : qnetd::CloseCause::reset_or_error});
    }

private:
    using What = decltype(qnetd::Event::what);

    void die() {
        core_.reset();
        is_frozen_ = false;
        inbox_.clear();
        // The store has any number of the writes that were under way, in their order.
        while (!pending_.empty() && lands_ && lands_()) land();
        pending_.clear();
        ++life_;
        if (watch_ != nullptr) watch_->died();
    }

    Instant local_now() const { return at_ms(schedule_.now() / 1000 * rate_ / 1000); }

    template <class Something>
    void happens(Something&& what) {
        if (!core_) return;
        if (is_frozen_)
            inbox_.push_back(std::forward<Something>(what));
        else
            step(std::forward<Something>(what));
    }

    template <class Something>
    void step(Something&& what) {
        const qnetd::Event event{local_now(), std::forward<Something>(what)};
        note(event);
        carry_out(core_->step(event));
    }

    void note(const qnetd::Event& event) {
        if (const auto* received = std::get_if<qnetd::Received>(&event.what)) {
            last_word_[nodes_.at(received->connection)] = {schedule_.now(), /*is_end=*/false};
            if (watch_ != nullptr)
                watch_->received(received->connection, std::get<wire::Message>(received->inbound),
                                 event.now);
        } else if (const auto* closed = std::get_if<qnetd::Closed>(&event.what)) {
            if (closed->cause == qnetd::CloseCause::end_of_stream)
                last_word_[nodes_.at(closed->connection)] = {schedule_.now(), /*is_end=*/true};
            if (watch_ != nullptr) watch_->closed(closed->connection);
        }
    }

    void note_ack(const qnetd::Send& send) {
        const NodeId node = nodes_.at(send.connection);
        ++grants_;
        last_ack_[node] = schedule_.now();
        if (acked_) acked_(node, send.message.ring_id.value_or(RingId{}));
    }

    void carry_out(qnetd::Actions actions) {
        for (auto& action : actions) {
            if (auto* send = std::get_if<qnetd::Send>(&action)) {
                if (send->message.vote == wire::Vote::ack) note_ack(*send);
                if (watch_ != nullptr) watch_->sent(send->connection, send->message, local_now());
                network_.send_from_arbiter(send->connection, std::move(send->message));
            } else if (const auto* close = std::get_if<qnetd::Close>(&action)) {
                if (watch_ != nullptr) watch_->closed(close->connection);
                network_.close_from_arbiter(close->connection);
            } else if (const auto* persist = std::get_if<qnetd::Persist>(&action)) {
                write(*persist);
            } else if (const auto* report = std::get_if<qnetd::Report>(&action)) {
                heard_(report->note);
            }
        }
        wake();
    }

    qnetd::Memory memory() {
        qnetd::Memory memory;
        if (is_store_new_) store_guard_ = local_now();
        is_store_new_ = false;
        memory.guard_from = store_guard_;
        for (const auto& [name, record] : store_) memory.records[name] = {record, true};
        return memory;
    }

    // A write is there when its time is over, unless the process dies before: then, or not.
    void write(const qnetd::Persist& persist) {
        pending_.push_back(persist);
        written_at_ = std::max(written_at_, schedule_.now() + (store_delay_ ? store_delay_() : 0));
        schedule_.after(written_at_ - schedule_.now(), [this, life = life_] {
            if (life == life_) happens(land());
        });
    }

    qnetd::Persisted land() {
        const qnetd::Persist done = std::move(pending_.front());
        pending_.pop_front();
        if (done.record.is_empty())
            store_.erase(done.cluster);
        else
            store_.insert_or_assign(done.cluster, done.record);
        return {done.cluster, done.number};
    }

    void wake() {
        const auto deadline = core_->next_deadline();
        if (!deadline) return alarm_.set({});
        alarm_.set((deadline->time_since_epoch().count() * 1000 / rate_ + 1) * 1000);
    }
    void wake_up() {
        if (core_ && !is_frozen_) step(qnetd::TimePassed{});
    }

    Schedule& schedule_;
    Network& network_;
    qnetd::Settings settings_;
    std::int64_t rate_;
    ArbiterWatch* watch_ = nullptr;
    std::function<void(const qnetd::Note&)> heard_;  // what it says
    std::optional<qnetd::Arbiter> core_;
    bool is_frozen_ = false;
    std::vector<What> inbox_;
    Alarm alarm_;
    std::uint64_t grants_ = 0;
    struct Word {
        Micros at = 0;
        bool is_end = false;  // it ended its stream itself
    };
    std::map<ConnectionId, NodeId> nodes_;
    std::map<NodeId, Word> last_word_;
    std::map<NodeId, Micros> last_ack_;
    std::function<void(NodeId, RingId)> acked_;
    std::map<std::string, qnetd::Record> store_;
    bool is_store_new_ = true;
    std::optional<Instant> store_guard_;
    std::function<Micros()> store_delay_;
    std::function<bool()> lands_;
    std::deque<qnetd::Persist> pending_;  // writes under way
    Micros written_at_ = 0;
    std::uint64_t life_ = 0;  // of the process
};

}  // namespace castvote::simulate
