// arbiter.cpp -- what happens to connections, and the book-keeping of a step; see arbiter.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/arbiter.hpp"

#include <algorithm>

#include "common/wire/check.hpp"

namespace castvote::qnetd {

Arbiter::Arbiter(Settings settings, Instant started, wire::ClusterNames names)
    : settings_(settings), names_(std::move(names)), guard_from_(started), now_(started) {}

Arbiter::Arbiter(Settings settings, Instant started, const Memory& memory, wire::ClusterNames names)
    : settings_(settings),
      names_(std::move(names)),
      guard_from_(memory.guard_from),
      now_(started),
      last_grant_(memory.last_grant_number) {
    for (const auto& [name, restored] : memory.records)
        last_grant_ = std::max(last_grant_, restored.record.grant_number);
    known_grant_ = last_grant_;
    renamed_grant_ = last_grant_;
    for (const auto& [name, restored] : memory.records) {
        Cluster cluster(name, settings_, guard_from_, next_cluster_number_++, known_grant_);
        cluster.restore(restored, started);
        clusters_.emplace(name, std::move(cluster));
        if (names_.spelled(name) != name) misspelled_.insert(name);
        waits_.look_at(name, started);
    }
}

Actions Arbiter::step(const Event& event) {
    CHECK(event.now >= now_, "the shell's clock never goes back");
    now_ = event.now;
    sent_after_ = now_;
    std::visit([&](const auto& what) { on(what); }, event.what);
    evict();
    tidy();
    return std::exchange(actions_, {});
}

std::optional<Instant> Arbiter::next_deadline() const {
    const auto silence = silence_.next();
    const auto wait = waits_.next();
    if (!silence || !wait) return silence ? silence : wait;
    return std::min(*silence, *wait);
}

bool Arbiter::is_movable(ConnectionId connection) const {
    const auto found = sessions_.find(connection);
    return found != sessions_.end() && !found->second.is_inited && !found->second.tls_requested;
}

// -- what happens ---------------------------------------------------------------------------------

void Arbiter::on(const Opened& opened) {
    CHECK(!sessions_.contains(opened.connection), "a connection's number is never used twice");
    Session session;
    session.connection = opened.connection;
    session.peer_address = opened.peer_address;
    session.opened = now_;
    session.last_message = now_;
    silence_.look_at(opened.connection, *silence_deadline(session, settings_));
    sessions_.emplace(opened.connection, std::move(session));
}

void Arbiter::on(const Received& received) {
    const auto found = sessions_.find(received.connection);
    if (found == sessions_.end()) return;
    Session& session = found->second;
    if (const auto* skipped = std::get_if<wire::Skipped>(&received.inbound)) {
        send_error(session, skipped->code, std::nullopt);
        return;
    }
    sent_after_ = note_message(session, now_);
    session.grace_until.reset();
    if (session.is_inited) cluster_of(session).heard(session.node, now_, sent_after_);
    if (const auto* error = std::get_if<wire::DecodeError>(&received.inbound)) {
        send_error(session, wire::ReplyErrorCode::error_decoding_message, error->msg_seq_number);
        return;
    }
    handle(session, std::get<wire::Message>(received.inbound));
}

void Arbiter::on(const TlsEstablished& established) {
    const auto found = sessions_.find(established.connection);
    if (found == sessions_.end()) return;
    found->second.tls_established = true;
    found->second.certificate = established.certificate;
}

void Arbiter::on(const Closed& closed) {
    if (sessions_.contains(closed.connection))
        forget(closed.connection, closed.cause == CloseCause::end_of_stream);
}

void Arbiter::on(const TimePassed&) {
    for (const ConnectionId connection : silence_.take_due(now_)) {
        const auto found = sessions_.find(connection);
        if (found == sessions_.end()) continue;
        Session& session = found->second;
        const std::optional<Instant> deadline = silence_deadline(session, settings_);
        if (!deadline) continue;
        if (*deadline > now_) {
            silence_.look_at(connection, *deadline);
        } else if (now_ - *deadline > stall_grace && !session.grace_until) {
            // We are late ourselves: what the node said meanwhile may still be on its way to us.
            session.grace_until = now_ + stall_grace;
            silence_.look_at(connection, *session.grace_until);
        } else {
            if (session.is_inited)
                actions_.push_back(Report{Note{.level = Level::info,
                                               .reason = Reason::dead_peer,
                                               .cluster = *session.cluster_name,
                                               .node = session.node,
                                               .detail = "its connection is closed"}});
            close(connection);
        }
    }
    for (const std::string& name : waits_.take_due(now_)) {
        if (clusters_.contains(name)) touch(name).time_passed(cluster_step());
    }
}

void Arbiter::on(const OperatorRelease& release) {
    if (clusters_.contains(release.cluster))
        touch(release.cluster).operator_release(release.node, cluster_step());
}

void Arbiter::on(const Persisted& persisted) {
    if (clusters_.contains(persisted.cluster))
        touch(persisted.cluster).persisted(persisted.number, cluster_step());
}

// -- helpers --------------------------------------------------------------------------------------

wire::Message& Arbiter::send(const Session& session) {
    auto& sent = std::get<Send>(actions_.emplace_back(std::in_place_type<Send>));
    sent.connection = session.connection;
    return sent.message;
}

void Arbiter::send(const Session& session, wire::Message message) {
    send(session) = std::move(message);
}

void Arbiter::send_error(const Session& session, wire::ReplyErrorCode code,
                         std::optional<std::uint32_t> msg_seq_number) {
    wire::Message error;
    error.type = wire::MessageType::server_error;
    error.msg_seq_number = msg_seq_number;
    error.reply_error_code = code;
    send(session, std::move(error));
}

Cluster& Arbiter::cluster_of(const Session& session) {
    CHECK(session.is_inited, "only an inited session has a cluster");
    return touch(*session.cluster_name);
}

Cluster& Arbiter::touch(const std::string& name) {
    if (!touched_.empty() && touched_.back()->first == name) return touched_.back()->second;
    const auto found = clusters_.find(name);
    CHECK(found != clusters_.end(), "a cluster with nodes or waits is not forgotten");
    touched_.push_back(found);
    return found->second;
}

Cluster::Step Arbiter::cluster_step() {
    return {.now = now_,
            .sent_after = sent_after_,
            .actions = &actions_,
            .evicted = &evictions_,
            .last_write = &last_write_,
            .last_grant = &last_grant_};
}

void Arbiter::tidy() {
    std::sort(touched_.begin(), touched_.end(),
              [](const auto& one, const auto& other) { return one->first < other->first; });
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
    for (const auto touched : touched_) {
        auto& [name, cluster] = *touched;
        cluster.persist(cluster_step());
        const bool is_over = cluster.is_forgettable();
        waits_.move(name, is_over ? std::nullopt : cluster.next_deadline());
        if (is_over) forget_cluster(touched);
    }
    touched_.clear();
}

// Its nodes may come back, and remember the last grant.
void Arbiter::forget_cluster(Clusters::iterator forgotten) {
    const auto& [name, cluster] = *forgotten;
    known_grant_ = std::max(known_grant_, cluster.grant_number());
    if (is_apart(name)) renamed_grant_ = std::max(renamed_grant_, cluster.grant_number());
    misspelled_.erase(name);
    clusters_.erase(forgotten);
}

// Closing one connection may make the cluster give up another.
void Arbiter::evict() {
    while (!evictions_.empty()) {
        const ConnectionId connection = evictions_.back();
        evictions_.pop_back();
        if (sessions_.contains(connection)) close(connection);
    }
}

void Arbiter::close(ConnectionId connection) {
    actions_.push_back(Close{connection});
    forget(connection, /*end_of_stream=*/false);
}

void Arbiter::forget(ConnectionId connection, bool end_of_stream) {
    const auto found = sessions_.find(connection);
    CHECK(found != sessions_.end(), "a session is forgotten once");
    const Session session = std::move(found->second);
    sessions_.erase(found);
    silence_.forget(connection);
    if (!session.is_inited) return;
    cluster_of(session).leave(session.node, end_of_stream, cluster_step());
}

std::vector<ClusterStatus> Arbiter::clusters() const {
    std::vector<ClusterStatus> list;
    for (const auto& [name, cluster] : clusters_) {
        ClusterStatus& status = list.emplace_back(cluster.status());
        status.name = shown_as(name);
        if (is_apart(name)) status.apart_from = shown_as(names_.nearest(name));
        if (status.last_decision != Note{}) status.last_decision.cluster = status.name;
        if (is_apart(name) || status.name != names_.present(name)) continue;
        status.renamed_from = names_.all(name);
        status.renamed_from.pop_back();
        std::erase_if(status.renamed_from, [this](const auto& other) { return is_apart(other); });
    }
    std::sort(list.begin(), list.end(),
              [](const auto& one, const auto& other) { return one.number < other.number; });
    return list;
}

std::size_t Arbiter::client_count() const {
    return static_cast<std::size_t>(
        std::count_if(sessions_.begin(), sessions_.end(),
                      [](const auto& entry) { return entry.second.is_inited; }));
}

}  // namespace castvote::qnetd
