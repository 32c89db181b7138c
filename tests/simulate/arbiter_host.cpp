// arbiter_host.cpp -- see arbiter_host.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/arbiter_host.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "qnetd/core/cluster.hpp"

namespace castvote::simulate {

ArbiterHost::ArbiterHost(Schedule& schedule, Network& network, qnetd::Settings settings,
                         std::int64_t rate, std::function<void(const qnetd::Note&)> heard)
    : schedule_(schedule),
      settings_(settings),
      rate_(rate),
      heard_(std::move(heard)),
      alarm_(schedule,
             [this] {
                 if (core_ && !is_frozen_) step(qnetd::TimePassed{});
             }),
      store_(qnetd::longest_guard(settings)) {
    serve(network, "sim");
}

void ArbiterHost::serve(Network& network, const std::string& cluster) {
    Served& served = served_.emplace_back();
    served.network = &network;
    served.cluster = cluster;
    network.attach(this);
}

StoreModel::Now ArbiterHost::store_now() const {
    return {.at = local_now(), .boot = boot_, .wall_s = schedule_.now() / 1'000'000};
}

// -- the process ----------------------------------------------------------------------------------

void ArbiterHost::start() {
    if (core_ || !is_on_) return;
    if (settings_.durable_grants) {
        const qnetd::Memory memory = store_.open(store_now());
        if (!store_.distrust().empty()) ++distrusts_;
        if (!remembers(memory)) forgot_at_ = schedule_.now();
        if (watch_ != nullptr) watch_->started(remembers(memory), steady_now());
        core_.emplace(settings_, local_now(), memory);
    } else {
        forgot_at_ = schedule_.now();
        if (watch_ != nullptr) watch_->started(/*remembers=*/false, steady_now());
        core_.emplace(settings_, local_now());
    }
    store_is_another_ = false;
    remembered_boot_ = boot_;
    is_frozen_ = false;
    inbox_.clear();
    wake();
}

// A guard that another boot began starts anew, and holds back even who holds the vote.
bool ArbiterHost::remembers(const qnetd::Memory& memory) const {
    if (store_is_another_ || !store_.distrust().empty()) return false;
    if (store_.disk() == StoreModel::Disk::unreadable) return false;
    const bool is_guarded =
        memory.guard_from ||
        std::any_of(memory.records.begin(), memory.records.end(),
                    [](const auto& entry) { return entry.second.record.guard_from.has_value(); });
    return remembered_boot_ == boot_ || !is_guarded;
}

void ArbiterHost::end_process() {
    // The store has any number of the writes that were under way, in their order.
    for (Served& cluster : served_) {
        auto& pending = cluster.pending;
        for (; !pending.empty() && cluster.lands(); pending.pop_front())
            store_.land(std::move(pending.front()), store_now());
        pending.clear();
    }
    store_.kill();
    core_.reset();
    is_frozen_ = false;
    inbox_.clear();
    ++life_;
    if (watch_ != nullptr) watch_->died();
}

void ArbiterHost::kill() {
    if (!core_) return;
    end_process();
    for (const Served& cluster : served_) cluster.network->arbiter_died();
}

void ArbiterHost::lose_power() {
    if (!core_) return;
    end_process();
    for (const Served& cluster : served_) cluster.network->arbiter_lost_power();
}

void ArbiterHost::stop() {
    if (!core_) return;
    for (Served& cluster : served_)
        for (auto& pending = cluster.pending; !pending.empty(); pending.pop_front())
            store_.land(std::move(pending.front()), store_now());
    store_.stop(store_now());
    end_process();
    for (const Served& cluster : served_) cluster.network->arbiter_died();
}

void ArbiterHost::thaw() {
    if (!is_frozen_) return;
    is_frozen_ = false;
    // All input that is there comes before the timers.
    auto inbox = std::move(inbox_);
    inbox_.clear();
    for (auto& what : inbox) step(std::move(what));
    step(qnetd::TimePassed{});
}

void ArbiterHost::machine_off(bool in_order) {
    if (in_order)
        stop();
    else
        lose_power();
    is_on_ = false;
    // Stopped in order, it lives for long enough to say that its connections end.
    schedule_.after(in_order ? ms(10) : 0, [this, boot = boot_] {
        if (boot != boot_) return;
        for (const Served& cluster : served_) cluster.network->set_arbiter_machine(false);
    });
}

void ArbiterHost::machine_on() {
    if (is_on_) return;
    is_on_ = true;
    ++boot_;
    booted_at_ = schedule_.now();
    for (const Served& cluster : served_) cluster.network->set_arbiter_machine(true);
}

bool ArbiterHost::has_outlived(NodeId node, Micros cast_at, Micros heartbeat,
                               Micros timeout) const {
    const Micros now = schedule_.now();
    if (forgot_at_ >= cast_at && now >= forgot_at_ + 2 * heartbeat + timeout) return true;
    return std::any_of(acks_.begin(), acks_.end(), [&](const Ack& ack) {
        const auto heard = ack.words.find(node);
        if (ack.to == node || ack.at < cast_at || heard == ack.words.end()) return false;
        const Micros lifetime = timeout + (heard->second.is_end ? 0 : 2 * heartbeat);
        return ack.at >= heard->second.at + lifetime;
    });
}

// -- what happens ---------------------------------------------------------------------------------

void ArbiterHost::opened(ConnectionId connection, NodeId node) {
    if (is_of_first(connection)) {
        peers_.resize(std::max<std::size_t>(peers_.size(), connection + 1));
        peers_[connection].node = node;
    }
    happens(qnetd::Opened{connection, fmt::format("node {}", node)});
}
void ArbiterHost::received(ConnectionId connection, wire::Message&& message) {
    if (is_frozen_) {
        inbox_.emplace_back(qnetd::Received{connection, std::move(message)});
    } else if (core_) {
        auto& received = std::get<qnetd::Received>(arrival_.what);
        received.connection = connection;
        std::get<wire::Message>(received.inbound) = std::move(message);
        arrival_.now = local_now();
        step(arrival_);
    }
}
void ArbiterHost::closed(ConnectionId connection, Ending ending) {
    happens(qnetd::Closed{connection, ending == Ending::end_of_stream
                                          ? qnetd::CloseCause::end_of_stream
                                          : qnetd::CloseCause::reset_or_error});
}

void ArbiterHost::happens(What&& what) {
    if (!core_) return;
    if (is_frozen_)
        inbox_.push_back(std::move(what));
    else
        step(std::move(what));
}

void ArbiterHost::step(What&& what) { step(qnetd::Event{local_now(), std::move(what)}); }

void ArbiterHost::step(const qnetd::Event& event) {
    note(event);
    carry_out(core_->step(event));
}

void ArbiterHost::note(const qnetd::Event& event) {
    if (watch_ != nullptr && store_.disk() != StoreModel::Disk::well) watch_->store_is_stuck();
    if (const auto* received = std::get_if<qnetd::Received>(&event.what)) {
        if (!is_of_first(received->connection)) return;
        const auto& message = std::get<wire::Message>(received->inbound);
        // Before it says who it is, its word counts for nobody's lifetime.
        Peer& peer = peers_.at(received->connection);
        if (message.type == wire::MessageType::init) peer.is_introduced = true;
        if (peer.is_introduced) last_word_[peer.node] = {schedule_.now(), /*is_end=*/false};
        if (watch_ != nullptr) watch_->received(received->connection, message, steady_now());
    } else if (const auto* closed = std::get_if<qnetd::Closed>(&event.what)) {
        if (!is_of_first(closed->connection)) return;
        Peer& peer = peers_.at(closed->connection);
        const bool was_introduced = std::exchange(peer.is_introduced, false);
        if (was_introduced && closed->cause == qnetd::CloseCause::end_of_stream)
            last_word_[peer.node] = {schedule_.now(), /*is_end=*/true};
        if (watch_ != nullptr) watch_->closed(closed->connection);
    }
}

void ArbiterHost::note_sent(const qnetd::Send& send) {
    if (watch_ != nullptr) watch_->sent(send.connection, send.message, steady_now());
    if (send.message.vote != wire::Vote::ack) return;
    const NodeId node = peers_.at(send.connection).node;
    ++grants_;
    acks_.push_back({node, schedule_.now(), last_word_});
    if (acks_.size() > acks_remembered) acks_.pop_front();
    if (acked_) acked_(node, send.message.ring_id.value_or(RingId{}));
}

void ArbiterHost::carry_out(qnetd::Actions actions) {
    for (auto& action : actions) {
        if (auto* send = std::get_if<qnetd::Send>(&action)) {
            if (is_of_first(send->connection)) note_sent(*send);
            served(send->connection)
                .network->send_from_arbiter(send->connection, std::move(send->message));
        } else if (const auto* close = std::get_if<qnetd::Close>(&action)) {
            if (watch_ != nullptr && is_of_first(close->connection))
                watch_->closed(close->connection);
            served(close->connection).network->close_from_arbiter(close->connection);
        } else if (auto* persist = std::get_if<qnetd::Persist>(&action)) {
            write(std::move(*persist));
        } else if (const auto* report = std::get_if<qnetd::Report>(&action)) {
            heard_(report->note);
        }
    }
    wake();
}

void ArbiterHost::wake() {
    const auto deadline = core_->next_deadline();
    if (!deadline) return alarm_.set({});
    const std::int64_t local_ms = deadline->time_since_epoch().count();
    // In the first millisecond in which its clock says so, or one later.
    const std::int64_t due_ms =
        is_punctual_ ? (local_ms * 1000 + rate_ - 1) / rate_ : local_ms * 1000 / rate_ + 1;
    alarm_.set(booted_at_ + due_ms * 1000);
}

// -- the store ------------------------------------------------------------------------------------

// A write is there when its time is over, unless the process dies before: then, or not.
void ArbiterHost::write(qnetd::Persist persist) {
    const auto found = std::find_if(served_.begin(), served_.end(), [&](const Served& cluster) {
        return cluster.cluster == persist.cluster;
    });
    Served& cluster = *found;
    cluster.pending.push_back(std::move(persist));
    cluster.written_at = std::max(cluster.written_at, schedule_.now() + cluster.delay());
    schedule_.after(cluster.written_at - schedule_.now(), [this, &cluster, life = life_] {
        if (life == life_) land(cluster);
    });
}

void ArbiterHost::land(Served& cluster) {
    qnetd::Persist done = std::move(cluster.pending.front());
    cluster.pending.pop_front();
    tell(store_.land(std::move(done), store_now()));
}

void ArbiterHost::tell(std::vector<qnetd::Persisted> done) {
    for (auto& persisted : done) happens(std::move(persisted));
}

void ArbiterHost::set_disk(StoreModel::Disk disk) {
    store_.set_disk(disk);
    if (core_ && settings_.durable_grants) tell(store_.flush(store_now()));
}

void ArbiterHost::lose_store() {
    store_.lose();
    store_is_another_ = true;
}

void ArbiterHost::put_back(StoreModel::File older) {
    store_.put_back(std::move(older));
    store_is_another_ = true;
}

bool ArbiterHost::is_recorded(NodeId node, RingId ring) const {
    const auto& file = store_.file();
    return file && std::any_of(file->rows.begin(), file->rows.end(), [&](const auto& entry) {
               const auto& holders = entry.second.record.holders;
               const auto holder = holders.find(node);
               return holder != holders.end() && holder->second.grant.ring.id == ring;
           });
}

bool ArbiterHost::would_distrust(const StoreModel::File& older) const {
    StoreModel trial(qnetd::longest_guard(settings_));
    trial.put_back(older);
    trial.open(store_now());
    return !trial.distrust().empty();
}

}  // namespace castvote::simulate
