// named_clients.hpp -- clients that come by a name and say no more than they must, for tests of
// renamed clusters.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/support/arbiter_driver.hpp"

namespace castvote::tests {

using wire::ReplyErrorCode;

inline wire::Message of_type(wire::MessageType type, std::uint32_t number) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = number;
    return message;
}

inline void say_name(ArbiterDriver& driver, const std::string& client, const std::string& cluster) {
    wire::Message preinit = of_type(wire::MessageType::preinit, 1);
    preinit.cluster_name = cluster;
    driver.receive(client, preinit);
}

// INIT of a node of two; the code of the answer, none if the connection is closed instead.
inline std::optional<ReplyErrorCode> init(ArbiterDriver& driver, const std::string& client,
                                          wire::NodeId node,
                                          std::optional<std::vector<std::uint16_t>> options = {}) {
    wire::Message init = of_type(wire::MessageType::init, 3);
    init.node_id = node;
    init.decision_algorithm = wire::DecisionAlgorithm::ffsplit;
    init.heartbeat_interval = 8000;
    init.tie_breaker = wire::TieBreaker{};
    init.ring_id = wire::RingId{node, 4};
    init.supported_options = std::move(options);
    driver.take();
    driver.receive(client, init);
    for (const Happening& happening : driver.take())
        if (const auto* message = std::get_if<wire::Message>(&happening.what))
            if (message->type == wire::MessageType::init_reply) return message->reply_error_code;
    return std::nullopt;
}

inline std::optional<ReplyErrorCode> join(ArbiterDriver& driver, const std::string& client,
                                          const std::string& cluster, wire::NodeId node,
                                          std::optional<std::vector<std::uint16_t>> options = {}) {
    driver.open(client);
    say_name(driver, client, cluster);
    if (!driver.is_open(client)) return std::nullopt;
    return init(driver, client, node, std::move(options));
}

inline std::optional<ReplyErrorCode> join_with(ArbiterDriver& driver, const std::string& client,
                                               const std::string& cluster, wire::NodeId node,
                                               const std::string& certificate,
                                               const std::string& key) {
    driver.open(client);
    say_name(driver, client, cluster);
    driver.receive(client, of_type(wire::MessageType::starttls, 2));
    driver.tls_established(
        client, qnetd::PeerCertificate{
                    .common_name = certificate, .dns_names = {}, .key_fingerprint = key});
    return init(driver, client, node);
}

// It alone is in its ring, of two that are configured.
inline void send_lists(ArbiterDriver& driver, const std::string& client, wire::NodeId node,
                       std::uint64_t seq) {
    wire::Message config = of_type(wire::MessageType::node_list, 4);
    config.node_list_type = wire::NodeListType::initial_config;
    config.node_info = {{.node_id = 1}, {.node_id = 2}};
    driver.receive(client, config);
    wire::Message ring = of_type(wire::MessageType::node_list, 5);
    ring.node_list_type = wire::NodeListType::membership;
    ring.ring_id = wire::RingId{node, seq};
    ring.node_info = {{.node_id = node}};
    driver.receive(client, ring);
}

inline const qnetd::ClusterStatus& only(const std::vector<qnetd::ClusterStatus>& clusters) {
    REQUIRE(clusters.size() == 1);
    return clusters[0];
}

inline constexpr auto fin = qnetd::CloseCause::end_of_stream;

// With a store that has known everything so far: no guard.
inline ArbiterDriver with_store() {
    qnetd::Settings settings;
    settings.durable_grants = true;
    return {settings, at_ms(0), qnetd::Memory{}};
}

}  // namespace castvote::tests
