// stock_arbiter.cpp -- see stock_arbiter.hpp; the sections are those of docs/arbiter.md.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/stock_arbiter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace castvote::simulate {

using wire::MessageType;
using wire::Vote;

void StockArbiter::forget_all() {
    is_running_ = is_frozen_ = false;
    ++life_;
    inbox_.clear();
    sessions_.clear();
    clients_.clear();
    selected_ = {};
    phase_ = Phase::idle;
}

void StockArbiter::start() {
    if (is_running_) return;
    forget_all();
    is_running_ = true;
}

void StockArbiter::kill() {
    if (!is_running_) return;
    forget_all();
    network_.arbiter_died();
}

void StockArbiter::lose_power() {
    if (!is_running_) return;
    forget_all();
    network_.arbiter_lost_power();
}

// Its timers come before the input that waits: living nodes are dropped, their echoes unread.
void StockArbiter::thaw() {
    if (!is_frozen_) return;
    is_frozen_ = false;
    std::vector<ConnectionId> silent;
    for (const auto& [connection, session] : sessions_)
        if (is_silent(session)) silent.push_back(connection);
    for (const ConnectionId connection : silent) {
        end(connection);
        network_.close_from_arbiter(connection);
    }
    auto inbox = std::move(inbox_);
    inbox_.clear();
    for (auto& what : inbox) what();
}

void StockArbiter::happens(Task what) {
    if (!is_running_) return;
    if (is_frozen_)
        inbox_.push_back(std::move(what));
    else
        what();
}

// -- connections ----------------------------------------------------------------------------------

void StockArbiter::opened(ConnectionId connection, NodeId) {
    happens([this, connection] {
        sessions_[connection].last_message = schedule_.now();
        watch(connection, sessions_[connection].heartbeat);
    });
}

void StockArbiter::closed(ConnectionId connection, Ending) {
    happens([this, connection] { end(connection); });
}

// Whatever the cause, the decision goes on without it at once.
void StockArbiter::end(ConnectionId connection) {
    const auto found = sessions_.find(connection);
    if (found == sessions_.end()) return;
    const Session session = found->second;
    if (session.is_inited) {
        decide(session.node);
        clients_.erase(session.node);
        // A cluster is forgotten with its last client.
        if (clients_.empty()) {
            selected_ = {};
            phase_ = Phase::idle;
        }
    }
    sessions_.erase(connection);
}

bool StockArbiter::is_silent(const Session& session) const {
    return schedule_.now() - session.last_message >= session.heartbeat * 3 / 2;
}

void StockArbiter::watch(ConnectionId connection, Micros delay) {
    schedule_.after(delay, [this, connection, life = life_] {
        const auto found = sessions_.find(connection);
        if (life != life_ || found == sessions_.end()) return;
        const Session& session = found->second;
        if (!is_frozen_ && is_silent(session)) {
            trace_(fmt::format("node {} counts as dead", session.node));
            end(connection);
            network_.close_from_arbiter(connection);
            return;
        }
        const Micros due = session.last_message + session.heartbeat * 3 / 2;
        // Frozen, it has all its timers still before it.
        watch(connection, std::max(due - schedule_.now(), is_frozen_ ? ms(100) : ms(1)));
    });
}

// -- messages -------------------------------------------------------------------------------------

void StockArbiter::received(ConnectionId connection, wire::Message&& message) {
    happens([this, connection, letter = std::make_unique<wire::Message>(std::move(message))] {
        handle(connection, *letter);
    });
}

void StockArbiter::handle(ConnectionId connection, const wire::Message& message) {
    const auto found = sessions_.find(connection);
    if (found == sessions_.end()) return;
    Session& session = found->second;
    session.last_message = schedule_.now();
    wire::Message reply;
    reply.msg_seq_number = message.msg_seq_number;
    switch (message.type) {
        case MessageType::preinit:
            reply.type = MessageType::preinit_reply;
            reply.tls_supported = wire::TlsSupported::unsupported;
            reply.tls_client_cert_required = 0;
            network_.send_from_arbiter(connection, std::move(reply));
            return;
        case MessageType::init: return init(connection, session, message);
        case MessageType::set_option:
            if (message.keep_active_partition_tie_breaker)
                clients_[session.node].keep_active = *message.keep_active_partition_tie_breaker ==
                                                     wire::KeepActivePartition::enabled;
            reply.type = MessageType::set_option_reply;
            reply.keep_active_partition_tie_breaker = message.keep_active_partition_tie_breaker;
            network_.send_from_arbiter(connection, std::move(reply));
            return;
        case MessageType::echo_request:
            reply = message;
            reply.type = MessageType::echo_reply;
            network_.send_from_arbiter(connection, std::move(reply));
            return;
        case MessageType::node_list: return node_list(session.node, message);
        case MessageType::vote_info_reply:
            return vote_info_reply(session.node, message.msg_seq_number.value_or(0));
        default: return;
    }
}

void StockArbiter::init(ConnectionId connection, Session& session, const wire::Message& message) {
    const NodeId node = message.node_id.value_or(0);
    const bool is_there = clients_.contains(node);
    wire::Message reply;
    reply.type = MessageType::init_reply;
    reply.msg_seq_number = message.msg_seq_number;
    reply.reply_error_code =
        is_there ? wire::ReplyErrorCode::duplicate_node_id : wire::ReplyErrorCode::no_error;
    reply.supported_messages = wire::all_message_types();
    reply.supported_options = wire::all_options();
    reply.server_maximum_request_size = 32768;
    reply.server_maximum_reply_size = 32768;
    reply.supported_decision_algorithms = {
        static_cast<std::uint16_t>(wire::DecisionAlgorithm::ffsplit)};
    if (!is_there) {
        session.is_inited = true;
        session.node = node;
        session.heartbeat = Micros(message.heartbeat_interval.value_or(8000)) * 1000;
        Client& client = clients_[node];
        client.connection = connection;
        client.ring = message.ring_id.value_or(RingId{});
        client.tie_breaker = message.tie_breaker.value_or(wire::TieBreaker{});
        watch(connection, session.heartbeat * 3 / 2);
    }
    network_.send_from_arbiter(connection, std::move(reply));
}

// 3.1
void StockArbiter::node_list(NodeId node, const wire::Message& message) {
    Client& client = clients_[node];
    Nodes nodes;
    for (const auto& info : message.node_info) nodes.insert(info.node_id);
    Vote vote = Vote::no_change;
    switch (message.node_list_type.value_or(wire::NodeListType::quorum)) {
        case wire::NodeListType::initial_config:
            client.configured = nodes;
            vote = Vote::ask_later;
            break;
        case wire::NodeListType::changed_config:
            client.configured = nodes;
            vote = client.members.empty() ? Vote::ask_later : decide(std::nullopt);
            break;
        case wire::NodeListType::membership:
            client.members = nodes;
            client.ring = message.ring_id.value_or(client.ring);
            vote = client.configured.empty() ? Vote::ask_later : decide(std::nullopt);
            break;
        case wire::NodeListType::quorum: break;
    }
    wire::Message reply;
    reply.type = MessageType::node_list_reply;
    reply.msg_seq_number = message.msg_seq_number;
    reply.node_list_type = message.node_list_type;
    reply.ring_id = client.ring;
    reply.vote = vote;
    network_.send_from_arbiter(client.connection, std::move(reply));
}

// 3.5, with its defect: a late answer to the round before may match.
void StockArbiter::vote_info_reply(NodeId node, std::uint32_t sequence) {
    const auto found = clients_.find(node);
    if (found == clients_.end() || sequence != found->second.sequence) return;
    found->second.owed = Owed::nothing;
    const auto owes = [this](Owed what) {
        return std::any_of(clients_.begin(), clients_.end(),
                           [&](const auto& entry) { return entry.second.owed == what; });
    };
    if (phase_ == Phase::nacking && !owes(Owed::nack)) {
        phase_ = Phase::acking;
        if (!tell(Owed::ack)) phase_ = Phase::idle;
    } else if (phase_ == Phase::acking && !owes(Owed::ack)) {
        phase_ = Phase::idle;
    }
}

// -- the decision ---------------------------------------------------------------------------------

// 3.2
Vote StockArbiter::decide(std::optional<NodeId> leaving) {
    phase_ = Phase::unstable;
    if (!is_stable(leaving)) return Vote::wait_for_reply;
    const Client* best = select(leaving);
    selected_ = best != nullptr ? best->members : Nodes{};
    for (auto& [node, client] : clients_) {
        if (node == leaving)
            client.owed = Owed::nothing;
        else
            client.owed = selected_.contains(node) ? Owed::ack : Owed::nack;
    }
    phase_ = Phase::nacking;
    if (tell(Owed::nack)) return Vote::no_change;
    phase_ = Phase::acking;
    if (!tell(Owed::ack)) phase_ = Phase::idle;
    return Vote::no_change;
}

bool StockArbiter::tell(Owed what) {
    bool is_told = false;
    for (auto& [node, client] : clients_) {
        if (client.owed != what) continue;
        is_told = true;
        wire::Message message;
        message.type = MessageType::vote_info;
        message.msg_seq_number = ++client.sequence;
        message.vote = what == Owed::ack ? Vote::ack : Vote::nack;
        message.ring_id = client.ring;
        if (what == Owed::ack) ++grants_;
        trace_(fmt::format("node {}: {}", node, what == Owed::ack ? "ACK" : "NACK"));
        network_.send_from_arbiter(client.connection, std::move(message));
    }
    return is_told;
}

// 3.3
bool StockArbiter::is_stable(std::optional<NodeId> leaving) const {
    for (const auto& [a, one] : clients_) {
        if (a == leaving) continue;
        for (const auto& [b, other] : clients_) {
            if (b == leaving) continue;
            if (one.configured.empty() || one.configured != other.configured) return false;
            if (!one.members.contains(b)) continue;
            if (one.ring != other.ring) return false;
            if (!other.members.includes(one.members)) return false;
        }
    }
    return true;
}

// 3.4
const StockArbiter::Client* StockArbiter::select(std::optional<NodeId> leaving) const {
    const Client* best = nullptr;
    for (const auto& [node, client] : clients_)
        if (node != leaving && is_better(client, best)) best = &client;
    return best;
}

bool StockArbiter::is_better(const Client& one, const Client* best) const {
    const std::size_t members = one.members.size(), configured = one.configured.size();
    if (members > configured / 2) return true;
    if (configured % 2 != 0 || members < configured / 2) return false;
    // Without heuristics the score is the number of members that are connected.
    if (active(&one) != active(best)) return active(&one) > active(best);
    const bool keeps_active = std::all_of(clients_.begin(), clients_.end(), [](const auto& entry) {
        return entry.second.keep_active;
    });
    if (best != nullptr && keeps_active) {
        const bool is_one = is_among_the_selected(one), is_other = is_among_the_selected(*best);
        if (is_one != is_other) return is_one;
    }
    switch (one.tie_breaker.mode) {
        case wire::TieBreakerMode::lowest: return one.members.contains(*one.configured.begin());
        case wire::TieBreakerMode::highest:
            return one.members.contains(
                *std::max_element(one.configured.begin(), one.configured.end()));
        case wire::TieBreakerMode::node_id: return one.members.contains(one.tie_breaker.node_id);
    }
    return false;
}

// The leaving client counts as well, as in the stock arbiter.
std::size_t StockArbiter::active(const Client* client) const {
    if (client == nullptr) return 0;
    return static_cast<std::size_t>(
        std::count_if(client->members.begin(), client->members.end(),
                      [this](NodeId node) { return clients_.contains(node); }));
}

bool StockArbiter::is_among_the_selected(const Client& client) const {
    return std::any_of(clients_.begin(), clients_.end(), [&](const auto& entry) {
        return &entry.second == &client && selected_.contains(entry.first);
    });
}

}  // namespace castvote::simulate
