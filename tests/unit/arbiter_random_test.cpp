// arbiter_random_test.cpp -- clients that do anything, in any order, to two clusters at once.
//
// Nobody outside may break one of our own promises (CHECK), whatever he sends; the driver checks
// after every step that equal state and event give equal actions and that NACK, reply, ACK is kept.
// Here, too: what happens in one cluster leaves the other as it is (safety.md I6), an ACK names the
// ring which its node reported last (R1), and when all is over, nothing is left behind.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <map>

#include "tests/unit/support/arbiter_driver.hpp"
#include "tests/unit/support/generator.hpp"

namespace castvote::tests {

namespace {

using wire::Message;
using wire::MessageType;
using wire::NodeListType;

class Crowd {
public:
    explicit Crowd(std::uint64_t seed)
        : chance_(seed), driver_(settings_from(chance_), at_ms(-3'600'000)) {}

    void act() {
        const std::string name = names[chance_.below(names.size())];
        if (!driver_.is_open(name)) {
            driver_.open(name);
            reported_.erase(name);
            send(name, preinit());
            if (!chance_.one_in(10)) send(name, init(name));
            return;
        }
        switch (chance_.below(12)) {
            case 0: send(name, list(name, NodeListType::initial_config)); break;
            case 1:
            case 2:
            case 3: send(name, list(name, NodeListType::membership)); break;
            case 4: send(name, list(name, NodeListType::quorum)); break;
            case 5:
            case 6:
            case 7: reply(name); break;
            case 8: send(name, any_message(chance_)); break;
            case 9: driver_.advance(Duration(static_cast<long>(chance_.below(4000)))); break;
            case 10:
                if (chance_.one_in(4)) driver_.close(name, cause());
                break;
            default: send(name, heuristics()); break;
        }
        look();
    }

    void end() {
        for (const std::string& name : names)
            if (driver_.is_open(name)) driver_.close(name, cause());
        // The longest lifetime that was declared, twice over; lms nodes have none.
        driver_.advance(Duration(1'200'000));
        REQUIRE(driver_.arbiter().client_count() == 0);
        for (const qnetd::ClusterStatus& cluster : driver_.arbiter().clusters())
            for (const qnetd::HolderStatus& holder : cluster.holders)
                REQUIRE_FALSE(holder.lifetime_end.has_value());
    }

    int acks = 0;
    int nacks = 0;

private:
    static qnetd::Settings settings_from(Generator& chance) {
        qnetd::Settings settings;
        settings.test_algorithm_enabled = chance.one_in(2);
        settings.keep_active_partition_default = chance.one_in(2);
        return settings;
    }

    // Cluster "x" has clients A to D, cluster "y" the others.
    static std::string cluster_of(const std::string& name) { return name < "E" ? "x" : "y"; }
    static wire::NodeId node_of(const std::string& name) {
        return static_cast<wire::NodeId>((name[0] - 'A') % 4 + 1);
    }

    Message of_type(MessageType type) {
        Message message;
        message.type = type;
        message.msg_seq_number = chance_.number<std::uint32_t>();
        return message;
    }

    Message preinit() {
        Message message = of_type(MessageType::preinit);
        message.cluster_name = "?";
        return message;
    }

    Message init(const std::string& name) {
        Message message = of_type(MessageType::init);
        message.node_id = node_of(name);
        message.ring_id = ring();
        message.heartbeat_interval = chance_.one_in(3) ? 8000 : 1000;
        message.decision_algorithm = cluster_of(name) == "x" || chance_.one_in(5)
                                         ? wire::DecisionAlgorithm::ffsplit
                                         : wire::DecisionAlgorithm::lms;
        message.tie_breaker = wire::TieBreaker{};
        return message;
    }

    wire::RingId ring() {
        return {.node_id = 1 + static_cast<wire::NodeId>(chance_.below(2)),
                .seq = 4 + chance_.below(4)};
    }

    Message list(const std::string& name, NodeListType type) {
        Message message = of_type(MessageType::node_list);
        message.node_list_type = type;
        if (type == NodeListType::initial_config && chance_.one_in(2))
            message.node_list_type = NodeListType::changed_config;
        const bool is_config = type == NodeListType::initial_config;
        for (wire::NodeId id = 1; id <= 4; ++id)
            if ((is_config && !chance_.one_in(30)) || id == node_of(name) || chance_.one_in(2))
                message.node_info.push_back({.node_id = id});
        message.quorate = wire::Quorate{static_cast<std::uint8_t>(chance_.below(2))};
        if (type == NodeListType::membership) message.ring_id = ring();
        return message;
    }

    Message heuristics() {
        Message message = of_type(MessageType::heuristics_change);
        message.heuristics = static_cast<wire::Heuristics>(1 + chance_.below(2));
        return message;
    }

    void reply(const std::string& name) {
        Message message = of_type(MessageType::vote_info_reply);
        message.msg_seq_number = driver_.last_vote_info(name);
        if (chance_.one_in(8)) message.msg_seq_number = *message.msg_seq_number - 1;
        send(name, message);
    }

    qnetd::CloseCause cause() { return static_cast<qnetd::CloseCause>(chance_.below(4)); }

    void send(const std::string& name, Message message) {
        if (!driver_.is_open(name)) return;
        if (message.type == MessageType::preinit) message.cluster_name = cluster_of(name);
        if (message.node_list_type == NodeListType::membership && message.ring_id)
            pending_[name] = *message.ring_id;
        const std::string other = cluster_of(name) == "x" ? "y" : "x";
        const std::string before = text_of(other);
        driver_.receive(name, message);
        REQUIRE(text_of(other) == before);
        look();
    }

    // Everything that a status can show of a cluster.
    std::string text_of(const std::string& cluster) const {
        std::string text;
        for (const qnetd::ClusterStatus& one : driver_.arbiter().clusters()) {
            if (one.name != cluster) continue;
            text += qnetd::to_line(one.last_decision);
            for (const auto& node : one.nodes)
                text += fmt::format("; {} {} {} {}", node.node_id, wire::to_string(node.ring),
                                    static_cast<int>(node.last_vote), node.membership_list.size());
            for (const auto& holder : one.holders)
                text += fmt::format("; {} {}", holder.node_id, wire::to_string(holder.ring));
        }
        return text;
    }

    void look() {
        for (const Happening& happening : driver_.take()) {
            const auto* message = std::get_if<Message>(&happening.what);
            if (message == nullptr) continue;
            // The reply to a list tells that it was accepted; the VOTE_INFO of it comes first.
            if (message->type == MessageType::vote_info) {
                const auto ring = pending_.find(happening.client);
                REQUIRE((message->ring_id == reported_[happening.client] ||
                         (ring != pending_.end() && message->ring_id == ring->second)));
                ++(message->vote == wire::Vote::ack ? acks : nacks);
            }
            if (message->type == MessageType::node_list_reply &&
                message->node_list_type == NodeListType::membership)
                reported_[happening.client] = message->ring_id.value();
        }
        pending_.clear();
    }

    const std::vector<std::string> names = {"A", "B", "C", "D", "E", "F", "G", "H"};
    Generator chance_;
    ArbiterDriver driver_;
    std::map<std::string, wire::RingId> reported_;
    std::map<std::string, wire::RingId> pending_;
};

}  // namespace

TEST_CASE("clients that do anything break nothing") {
    int acks = 0;
    int nacks = 0;
    for (std::uint64_t seed = 1; seed <= 120; ++seed) {
        INFO("seed " << seed);
        Crowd crowd(seed);
        for (int i = 0; i < 250; ++i) crowd.act();
        crowd.end();
        acks += crowd.acks;
        nacks += crowd.nacks;
    }
    // The chaos was not so wild that nothing was ever decided.
    CHECK(acks > 300);
    CHECK(nacks > 300);
}

}  // namespace castvote::tests
