// arbiter_client.cpp -- see arbiter_client.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/arbiter_client.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/wire/describe.hpp"

namespace castvote::support {

using wire::MessageType;
using wire::NodeListType;
using wire::Vote;

namespace {

std::vector<wire::NodeInfo> infos_of(const NodeList& nodes) {
    std::vector<wire::NodeInfo> infos;
    for (const wire::NodeId node : nodes) infos.push_back({.node_id = node});
    return infos;
}

wire::KeepActivePartition on_wire(bool keep_active) {
    return keep_active ? wire::KeepActivePartition::enabled : wire::KeepActivePartition::disabled;
}

}  // namespace

ArbiterClient::ArbiterClient(net::asio::io_context& io, ArbiterClientSettings settings)
    : io_(io), settings_(std::move(settings)) {}

ArbiterClient::~ArbiterClient() { leave(); }

void ArbiterClient::join(const NodeList& configured, const Membership& membership,
                         std::optional<bool> keep_active) {
    joins_ = true;
    configured_ = configured;
    membership_ = membership;
    keep_active_ = keep_active;
    ring_ = membership.ring;
    connect();
}

void ArbiterClient::knock(wire::RingId ring) {
    ring_ = ring;
    connect();
}

void ArbiterClient::connect() {
    connector_ = net::Connector::start(io_, settings_.target, [this](auto result) {
        if (result)
            connected(std::move(*result));
        else
            fail(result.error());
    });
}

void ArbiterClient::report(const Membership& membership) {
    is_settled_ = is_settled_ && ring_ == membership.ring;
    membership_ = membership;
    ring_ = membership.ring;
    vote_ = Vote::undefined;
    reported_at_ = Clock::now();
    send_membership(membership);
}

void ArbiterClient::send_membership(const Membership& membership) {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = NodeListType::membership;
    list.ring_id = membership.ring;
    list.node_info = infos_of(membership.members);
    if (membership.heuristics != wire::Heuristics::undefined)
        list.heuristics = membership.heuristics;
    send(list);
}

void ArbiterClient::configure(const NodeList& configured) {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = NodeListType::changed_config;
    list.node_info = infos_of(configured);
    send(list);
}

void ArbiterClient::tell_quorum(const NodeList& nodes, bool quorate) {
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = NodeListType::quorum;
    list.quorate = quorate ? wire::Quorate::quorate : wire::Quorate::inquorate;
    list.node_info = infos_of(nodes);
    for (wire::NodeInfo& info : list.node_info) info.state = wire::NodeState::member;
    send(list);
}

void ArbiterClient::change_heuristics(wire::Heuristics heuristics) {
    wire::Message change = request(MessageType::heuristics_change);
    change.heuristics = heuristics;
    send(change);
}

void ArbiterClient::set_keep_active(bool keep_active) {
    wire::Message set = request(MessageType::set_option);
    set.keep_active_partition_tie_breaker = on_wire(keep_active);
    send(set);
}

void ArbiterClient::set_heartbeat(Duration heartbeat) {
    wire::Message set = request(MessageType::set_option);
    set.heartbeat_interval = static_cast<std::uint32_t>(heartbeat.count());
    send(set);
}

void ArbiterClient::ask_for_vote() { send(request(MessageType::ask_for_vote)); }

void ArbiterClient::hold_replies(bool hold) {
    holds_replies_ = hold;
    if (hold) return;
    for (const std::uint32_t sequence : std::exchange(held_, {})) confirm(sequence);
}

void ArbiterClient::leave() {
    if (connector_) connector_->cancel();
    if (channel_) channel_->close();
    connector_.reset();
    channel_.reset();
}

std::uint32_t ArbiterClient::echo() {
    wire::Message message;
    message.type = MessageType::echo_request;
    message.msg_seq_number = ++echoes_sent_;
    send(message);
    return echoes_sent_;
}

wire::Message ArbiterClient::request(MessageType type) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = ++sequence_;
    return message;
}

void ArbiterClient::send(const wire::Message& message) {
    if (channel_) channel_->send(message);
}

void ArbiterClient::connected(net::tcp::socket socket) {
    channel_ = net::Channel::make(std::move(socket), {});
    channel_->start(
        {.on_message = [this](wire::Inbound inbound) { received(inbound); },
         .on_tls = [this](const net::TlsFacts&) { send_init(); },
         .on_end = [this](net::ChannelEnd,
                          const std::string& detail) { fail("the connection ended: " + detail); }});
    wire::Message preinit = request(MessageType::preinit);
    preinit.cluster_name = settings_.cluster;
    send(preinit);
}

void ArbiterClient::received(const wire::Inbound& inbound) {
    if (const auto* message = std::get_if<wire::Message>(&inbound))
        handle(*message);
    else
        fail("it sent what cannot be read: " + wire::describe(inbound));
}

void ArbiterClient::handle(const wire::Message& message) {
    if (message.type == MessageType::echo_reply) {
        echoes_answered_ = message.msg_seq_number.value_or(echoes_answered_);
        return;
    }
    ++messages_;
    switch (message.type) {
        case MessageType::preinit_reply:
            if (settings_.tls) {
                send(request(MessageType::starttls));
                channel_->start_tls(*settings_.tls);
            } else {
                send_init();
            }
            return;
        case MessageType::init_reply:
            if (message.reply_error_code == wire::ReplyErrorCode::no_error)
                send_lists();
            else
                errors_.push_back(*message.reply_error_code);
            is_ready_ = true;
            return;
        case MessageType::server_error: errors_.push_back(*message.reply_error_code); return;
        case MessageType::set_option_reply: return;
        case MessageType::node_list_reply:
        case MessageType::ask_for_vote_reply:
        case MessageType::heuristics_change_reply: take_vote(message); return;
        case MessageType::vote_info:
            take_vote(message);
            if (holds_replies_)
                held_.push_back(*message.msg_seq_number);
            else
                confirm(*message.msg_seq_number);
            return;
        default: fail("it sent an unexpected " + wire::describe(message));
    }
}

// A vote for another ring than the one reported last is none, and NO_CHANGE changes nothing.
void ArbiterClient::take_vote(const wire::Message& message) {
    if (message.ring_id != ring_ || message.vote == Vote::no_change) return;
    vote_ = message.vote.value_or(Vote::undefined);
    voted_at_ = Clock::now();
}

void ArbiterClient::confirm(std::uint32_t sequence) {
    wire::Message reply;
    reply.type = MessageType::vote_info_reply;
    reply.msg_seq_number = sequence;
    send(reply);
    settle();
}

// With its vote a corosync ends the synchronisation of a new ring, and its daemon says so.
void ArbiterClient::settle() {
    const bool is_told = vote_ == Vote::ack || vote_ == Vote::nack;
    if (is_settled_ || !is_told) return;
    is_settled_ = true;
    const std::size_t members = membership_.members.size();
    tell_quorum(membership_.members, vote_ == Vote::ack || 2 * members > configured_.size() + 1);
}

void ArbiterClient::send_init() {
    wire::Message init = request(MessageType::init);
    init.supported_messages = wire::all_message_types();
    init.supported_options = wire::all_options();
    init.node_id = settings_.node_id;
    init.decision_algorithm = settings_.algorithm;
    init.heartbeat_interval = static_cast<std::uint32_t>(settings_.heartbeat.count());
    init.tie_breaker = settings_.tie_breaker;
    init.ring_id = ring_;
    send(init);
}

void ArbiterClient::send_lists() {
    if (!joins_) return;
    if (keep_active_) set_keep_active(*keep_active_);
    wire::Message config = request(MessageType::node_list);
    config.node_list_type = NodeListType::initial_config;
    config.node_info = infos_of(configured_);
    send(config);
    report(membership_);
    // As every daemon does; it may be older than the ring.
    tell_quorum(membership_.members, 2 * membership_.members.size() > configured_.size() + 1);
}

void ArbiterClient::fail(const std::string& what) {
    is_gone_ = true;
    if (failure_.empty()) failure_ = fmt::format("node {}: {}", settings_.node_id, what);
}

}  // namespace castvote::support
