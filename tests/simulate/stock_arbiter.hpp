// stock_arbiter.hpp -- a model of the stock arbiter with ffsplit: its timers and its habits.
//
// It closes a silent connection after 1.5 heartbeats, decides at once when a connection ends,
// remembers nothing over a restart, and knows no node but those that are connected. That is what
// opens the windows of docs/arbiter.md 8: the cases show that the simulator sees them. Written from
// docs/arbiter.md 2 and 3; heuristics and TLS are not modelled.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulate/arbiter_process.hpp"

namespace castvote::simulate {

class StockArbiter final : public ArbiterProcess {
public:
    StockArbiter(Schedule& schedule, Network& network,
                 std::function<void(const std::string&)> trace)
        : schedule_(schedule), network_(network), trace_(std::move(trace)) {}

    void start() override;
    void kill() override;
    void lose_power() override;
    void freeze() override { is_frozen_ = is_running_; }
    void thaw() override;
    void lose_store() override {}  // It keeps none.
    bool is_running() const override { return is_running_; }
    std::uint64_t grants() const override { return grants_; }
    // It waits for nobody's time.
    bool has_outlived(NodeId, Micros, Micros, Micros) const override { return false; }

    bool is_listening() const override { return is_running_; }
    void opened(ConnectionId connection, NodeId node) override;
    void received(ConnectionId connection, wire::Message&& message) override;
    void closed(ConnectionId connection, Ending ending) override;

private:
    enum class Phase : std::uint8_t { idle, unstable, nacking, acking };
    enum class Owed : std::uint8_t { nothing, nack, ack };

    struct Session {
        bool is_inited = false;
        NodeId node = 0;
        Micros heartbeat = ms(120000);  // before INIT
        Micros last_message = 0;
    };
    struct Client {
        ConnectionId connection = 0;
        RingId ring;
        wire::TieBreaker tie_breaker;
        bool keep_active = false;
        Nodes configured;  // empty: no list yet
        Nodes members;
        Owed owed = Owed::nothing;
        std::uint32_t sequence = 0;  // of the last VOTE_INFO
    };

    void happens(Task what);
    void forget_all();
    void end(ConnectionId connection);
    void watch(ConnectionId connection, Micros delay);
    bool is_silent(const Session& session) const;

    void handle(ConnectionId connection, const wire::Message& message);
    void init(ConnectionId connection, Session& session, const wire::Message& message);
    void node_list(NodeId node, const wire::Message& message);
    void vote_info_reply(NodeId node, std::uint32_t sequence);

    wire::Vote decide(std::optional<NodeId> leaving);
    bool is_stable(std::optional<NodeId> leaving) const;
    const Client* select(std::optional<NodeId> leaving) const;
    bool is_better(const Client& one, const Client* best) const;
    std::size_t active(const Client* client) const;
    bool is_among_the_selected(const Client& client) const;
    bool tell(Owed what);

    Schedule& schedule_;
    Network& network_;
    std::function<void(const std::string&)> trace_;
    bool is_running_ = false;
    bool is_frozen_ = false;
    std::uint64_t life_ = 0;
    std::uint64_t grants_ = 0;
    std::vector<Task> inbox_;
    std::map<ConnectionId, Session> sessions_;
    std::map<NodeId, Client> clients_;  // of the one cluster there is
    Phase phase_ = Phase::idle;
    Nodes selected_;
};

}  // namespace castvote::simulate
