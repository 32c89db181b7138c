// requests.cpp -- see requests.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/core/requests.hpp"

namespace castvote::qdevice::requests {

namespace {

wire::Message numbered(wire::MessageType type, std::uint32_t number) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = number;
    return message;
}

wire::Message node_list(std::uint32_t number, wire::NodeListType type) {
    wire::Message message = numbered(wire::MessageType::node_list, number);
    message.node_list_type = type;
    return message;
}

}  // namespace

wire::Message preinit(std::uint32_t number, const Settings& settings) {
    wire::Message message = numbered(wire::MessageType::preinit, number);
    message.cluster_name = settings.cluster_name;
    return message;
}

wire::Message starttls(std::uint32_t number) {
    return numbered(wire::MessageType::starttls, number);
}

wire::Message init(std::uint32_t number, const Settings& settings, Duration heartbeat,
                   const wire::RingId& ring) {
    wire::Message message = numbered(wire::MessageType::init, number);
    message.supported_messages = wire::all_message_types();
    message.supported_options = wire::all_options();
    message.node_id = settings.node_id;
    message.decision_algorithm = settings.algorithm;
    message.heartbeat_interval = static_cast<std::uint32_t>(heartbeat.count());
    message.tie_breaker = settings.tie_breaker;
    message.ring_id = ring;
    return message;
}

wire::Message set_option(std::uint32_t number, bool keep_active_partition) {
    wire::Message message = numbered(wire::MessageType::set_option, number);
    message.keep_active_partition_tie_breaker = keep_active_partition
                                                    ? wire::KeepActivePartition::enabled
                                                    : wire::KeepActivePartition::disabled;
    return message;
}

wire::Message config_list(std::uint32_t number, wire::NodeListType type, const NodeConfig& config) {
    wire::Message message = node_list(number, type);
    message.config_version = config.config_version;
    for (const wire::NodeInfo& node : config.nodes)
        message.node_info.push_back({.node_id = node.node_id});
    return message;
}

wire::Message membership_list(std::uint32_t number, const wire::RingId& ring,
                              const std::vector<wire::NodeId>& members,
                              wire::Heuristics heuristics) {
    wire::Message message = node_list(number, wire::NodeListType::membership);
    message.ring_id = ring;
    for (const wire::NodeId member : members) message.node_info.push_back({.node_id = member});
    if (heuristics != wire::Heuristics::undefined) message.heuristics = heuristics;
    return message;
}

wire::Message quorum_list(std::uint32_t number, bool quorate,
                          const std::vector<wire::NodeInfo>& nodes) {
    wire::Message message = node_list(number, wire::NodeListType::quorum);
    message.quorate = quorate ? wire::Quorate::quorate : wire::Quorate::inquorate;
    message.node_info = nodes;
    return message;
}

wire::Message heuristics_change(std::uint32_t number, wire::Heuristics result) {
    wire::Message message = numbered(wire::MessageType::heuristics_change, number);
    message.heuristics = result;
    return message;
}

wire::Message vote_info_reply(std::uint32_t number) {
    return numbered(wire::MessageType::vote_info_reply, number);
}

wire::Message echo_request(std::uint32_t number) {
    return numbered(wire::MessageType::echo_request, number);
}

}  // namespace castvote::qdevice::requests
