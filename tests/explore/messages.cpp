// messages.cpp -- see messages.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/explore/messages.hpp"

namespace castvote::explore::message {

namespace {

wire::Message of_type(wire::MessageType type) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = 1;
    return message;
}

wire::Message list(wire::NodeListType type, const Nodes& nodes) {
    wire::Message message = of_type(wire::MessageType::node_list);
    message.node_list_type = type;
    for (const NodeId id : nodes) message.node_info.push_back({.node_id = id});
    return message;
}

}  // namespace

wire::Message preinit(const std::string& cluster) {
    wire::Message message = of_type(wire::MessageType::preinit);
    message.cluster_name = cluster;
    return message;
}

wire::Message init(NodeId node, const wire::RingId& ring, const Scope& scope) {
    wire::Message message = of_type(wire::MessageType::init);
    message.node_id = node;
    message.ring_id = ring;
    message.heartbeat_interval = static_cast<std::uint32_t>(heartbeat.count());
    message.decision_algorithm = scope.votes.algorithm;
    message.tie_breaker = scope.tie_breaker;
    if (scope.votes.leased.contains(node)) message.supported_options = wire::known_options();
    return message;
}

wire::Message options(const Node& node, Instant now) {
    wire::Message message = of_type(wire::MessageType::set_option);
    message.lease = static_cast<std::uint32_t>(lease.count());
    message.device_timeout = static_cast<std::uint32_t>(device_timeout.count());
    if (node.last_grant > 0) message.grant_number = node.last_grant;
    if (says_it_kept_the_vote(node, now)) message.ring_id = node.ring.id;
    return message;
}

wire::Message farewell() {
    wire::Message message = of_type(wire::MessageType::set_option);
    message.released = 1;
    return message;
}

wire::Message starttls() { return of_type(wire::MessageType::starttls); }

wire::Message config(std::size_t nodes) {
    Nodes all;
    for (NodeId id = 1; id <= nodes; ++id) all.insert(id);
    return list(wire::NodeListType::initial_config, all);
}

wire::Message membership(const Ring& ring) {
    wire::Message message = list(wire::NodeListType::membership, ring.members);
    message.ring_id = ring.id;
    return message;
}

wire::Message reply(std::uint32_t number) {
    wire::Message message = of_type(wire::MessageType::vote_info_reply);
    message.msg_seq_number = number;
    return message;
}

wire::Message heuristics(wire::Heuristics result) {
    wire::Message message = of_type(wire::MessageType::heuristics_change);
    message.heuristics = result;
    return message;
}

wire::Message quorum(const Ring& ring, wire::Quorate quorate) {
    wire::Message message = list(wire::NodeListType::quorum, ring.members);
    message.quorate = quorate;
    return message;
}

wire::Message echo() { return of_type(wire::MessageType::echo_request); }

}  // namespace castvote::explore::message
