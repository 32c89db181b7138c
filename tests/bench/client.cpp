// client.cpp -- see client.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/bench/client.hpp"

#include <fmt/format.h>

#include <utility>

#include "common/wire/describe.hpp"

namespace castvote::bench {

using wire::MessageType;
using wire::Vote;

namespace {

const std::vector<wire::NodeId> both_nodes{1, 2};

std::vector<wire::NodeInfo> infos_of(const std::vector<wire::NodeId>& nodes) {
    std::vector<wire::NodeInfo> infos;
    for (const wire::NodeId node : nodes) infos.push_back({.node_id = node});
    return infos;
}

}  // namespace

Client::Client(net::asio::io_context& io, ClientSettings settings)
    : io_(io), settings_(std::move(settings)) {}

Client::~Client() {
    if (connector_) connector_->cancel();
    if (channel_) channel_->close();
}

void Client::join(wire::RingId ring) {
    ring_ = ring;
    connector_ = net::Connector::start(io_, settings_.target, [this](auto result) {
        if (result)
            connected(std::move(*result));
        else
            fail(result.error());
    });
}

void Client::report(wire::RingId ring, std::vector<wire::NodeId> members) {
    ring_ = ring;
    vote_ = Vote::undefined;
    wire::Message list = request(MessageType::node_list);
    list.node_list_type = wire::NodeListType::membership;
    list.ring_id = ring;
    list.node_info = infos_of(members);
    reported_at_ = Clock::now();
    if (channel_) channel_->send(list);
}

wire::Message Client::request(MessageType type) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = ++sequence_;
    return message;
}

void Client::connected(net::tcp::socket socket) {
    channel_ = net::Channel::make(std::move(socket), {});
    channel_->start(
        {.on_message = [this](wire::Inbound inbound) { received(inbound); },
         .on_tls = [this](const net::TlsFacts&) { send_init(); },
         .on_end = [this](net::ChannelEnd,
                          const std::string& detail) { fail("the connection ended: " + detail); }});
    wire::Message preinit = request(MessageType::preinit);
    preinit.cluster_name = settings_.cluster;
    channel_->send(preinit);
}

void Client::received(const wire::Inbound& inbound) {
    if (const auto* message = std::get_if<wire::Message>(&inbound))
        handle(*message);
    else
        fail("it sent what cannot be read: " + wire::describe(inbound));
}

void Client::handle(const wire::Message& message) {
    switch (message.type) {
        case MessageType::preinit_reply:
            channel_->send(request(MessageType::starttls));
            channel_->start_tls(settings_.tls);
            return;
        case MessageType::init_reply:
            if (message.reply_error_code == wire::ReplyErrorCode::no_error)
                send_lists();
            else
                fail("it refuses: " + wire::describe(message));
            return;
        case MessageType::node_list_reply: return;
        case MessageType::vote_info: {
            wire::Message reply;
            reply.type = MessageType::vote_info_reply;
            reply.msg_seq_number = message.msg_seq_number;
            channel_->send(reply);
            if (message.ring_id != ring_) return;
            vote_ = message.vote.value_or(Vote::undefined);
            voted_at_ = Clock::now();
            return;
        }
        default: fail("it sent an unexpected " + wire::describe(message));
    }
}

void Client::send_init() {
    wire::Message init = request(MessageType::init);
    init.supported_messages = wire::all_message_types();
    init.supported_options = wire::all_options();
    init.node_id = settings_.node_id;
    init.decision_algorithm = wire::DecisionAlgorithm::ffsplit;
    init.heartbeat_interval = static_cast<std::uint32_t>(settings_.heartbeat.count());
    init.tie_breaker = wire::TieBreaker{};
    init.ring_id = ring_;
    channel_->send(init);
}

void Client::send_lists() {
    wire::Message config = request(MessageType::node_list);
    config.node_list_type = wire::NodeListType::initial_config;
    config.node_info = infos_of(both_nodes);
    channel_->send(config);
    report(ring_, both_nodes);
}

void Client::fail(const std::string& what) {
    if (failure_.empty()) failure_ = fmt::format("node {}: {}", settings_.node_id, what);
}

}  // namespace castvote::bench
