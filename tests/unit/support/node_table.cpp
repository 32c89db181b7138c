// node_table.cpp -- see node_table.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/support/node_table.hpp"

#include <fmt/format.h>

#include "common/wire/describe.hpp"

namespace castvote::tests {

using qdevice::Actions;
using wire::Message;
using wire::MessageType;

namespace from {

Message of_type(MessageType type, std::optional<std::uint32_t> number) {
    Message message;
    message.type = type;
    message.msg_seq_number = number;
    return message;
}

Message preinit_reply(std::uint32_t number, wire::TlsSupported tls) {
    Message reply = of_type(MessageType::preinit_reply, number);
    reply.tls_supported = tls;
    reply.tls_client_cert_required = 1;
    return reply;
}

Message init_reply(std::uint32_t number, wire::ReplyErrorCode error) {
    Message reply = of_type(MessageType::init_reply, number);
    reply.reply_error_code = error;
    reply.supported_messages = wire::all_message_types();
    reply.supported_options = wire::all_options();
    reply.server_maximum_request_size = 32768;
    reply.server_maximum_reply_size = 32768;
    reply.supported_decision_algorithms = std::vector<std::uint16_t>{0, 1, 2, 3};
    return reply;
}

Message vote_info(std::uint32_t number, wire::Vote vote, wire::RingId ring) {
    Message info = of_type(MessageType::vote_info, number);
    info.vote = vote;
    info.ring_id = ring;
    return info;
}

Message list_reply(wire::NodeListType type, wire::Vote vote, wire::RingId ring) {
    Message reply = of_type(MessageType::node_list_reply, 99);
    reply.node_list_type = type;
    reply.vote = vote;
    reply.ring_id = ring;
    return reply;
}

Message echo_reply(std::uint32_t number) { return of_type(MessageType::echo_reply, number); }

Message server_error(wire::ReplyErrorCode error) {
    Message message = of_type(MessageType::server_error);
    message.reply_error_code = error;
    return message;
}

}  // namespace from

qdevice::Settings table_settings() {
    qdevice::Settings settings;
    settings.cluster_name = "alpha";
    settings.node_id = 1;
    settings.tls = wire::TlsSupported::unsupported;
    settings.config.nodes = {{.node_id = 1}, {.node_id = 2}};
    settings.config.config_version = 3;
    settings.jitter_seed = 7;
    return settings;
}

std::vector<Message> sent(const Actions& actions) {
    std::vector<Message> messages;
    for (const auto& send : all_of<qdevice::Send>(actions))
        if (send.message.type != MessageType::echo_request) messages.push_back(send.message);
    return messages;
}

Message sent(const Actions& actions, MessageType type) {
    for (const auto& send : all_of<qdevice::Send>(actions))
        if (send.message.type == type) return send.message;
    throw std::logic_error(fmt::format("no {} was sent", name_of(type)));
}

std::string casts(const Actions& actions) {
    std::string text;
    for (const auto& cast : all_of<qdevice::Cast>(actions))
        text += fmt::format("{}{} {}", text.empty() ? "" : " ", cast.vote ? "yes" : "no",
                            wire::to_string(cast.ring));
    return text;
}

std::string reports(const Actions& actions, qdevice::Level least) {
    std::string text;
    for (const auto& report : all_of<qdevice::Report>(actions))
        if (report.level >= least) text += (text.empty() ? "" : "; ") + report.text;
    return text;
}

bool gave_up(const Actions& actions) { return has<qdevice::Disconnect>(actions); }

Actions NodeTable::follow(Actions actions) {
    for (const Message& message : sent(actions))
        if (message.msg_seq_number && message.type != MessageType::vote_info_reply)
            number_ = *message.msg_seq_number;
    return actions;
}

Actions NodeTable::start_and_sync() {
    Actions actions = start();
    const Actions more = step(qdevice::QuorumChanged{
        true, {{.node_id = 1, .state = wire::NodeState::member}, {.node_id = 2}}});
    actions.insert(actions.end(), more.begin(), more.end());
    return actions;
}

Actions NodeTable::reach_preinit() { return follow(step(qdevice::Connected{})); }

Actions NodeTable::reach_init() {
    reach_preinit();
    return follow(receive(from::preinit_reply(number_)));
}

Actions NodeTable::join() {
    reach_init();
    receive(from::init_reply(number_));
    return follow(heuristics_done());
}

void NodeTable::start_and_join() {
    start_and_sync();
    join();
}

void NodeTable::start_and_hold_vote() {
    start_and_join();
    vote(wire::Vote::ack, ring);
}

Actions NodeTable::change_ring(wire::RingId to, std::vector<wire::NodeId> members) {
    step(qdevice::RingChanged{to, std::move(members)});
    return follow(heuristics_done());
}

Actions NodeTable::run(Duration duration) {
    const Instant until = now() + duration;
    Actions all;
    while (now() < until) {
        const auto deadline = node().next_deadline();
        const Instant next = std::max(now(), std::min(until, deadline.value_or(until)));
        const Actions actions = advance(next - now());
        all.insert(all.end(), actions.begin(), actions.end());
        for (const auto& send : all_of<qdevice::Send>(actions)) {
            if (send.message.type != MessageType::echo_request) continue;
            const Actions more = receive(from::echo_reply(*send.message.msg_seq_number));
            all.insert(all.end(), more.begin(), more.end());
        }
    }
    return all;
}

}  // namespace castvote::tests
