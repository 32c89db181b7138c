// side.hpp -- one arbiter's half of a duel: the nodes of one cluster, driven step by step.
//
// Time is replaced by questions: an echo on every connection comes back only when the arbiter has
// read what was sent before it, so a cluster is settled when two rounds of echoes brought nothing
// else. What an arbiter does by its own timers must be waited for by whoever knows of them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "tests/compare/script.hpp"

namespace castvote::compare {

using net::asio::awaitable;
using support::ArbiterClient;
using support::Clock;

// A running arbiter.
struct Place {
    std::string name;  // "stock"
    std::uint16_t port = 0;
    net::TlsContext tls;  // a node's
};

// What a node ends up with. `waits`: no poll until it is told more.
enum class Standing : std::uint8_t { waits, ack, nack, gone };
std::string_view name_of(Standing standing);
using Standings = std::map<NodeId, Standing>;

// "1=ACK 2=NACK".
std::string to_string(const Standings& standings);

// Until the condition holds; false after `longest`.
awaitable<bool> until(std::function<bool()> condition, Duration longest);

class Side {
public:
    // cluster: its name, as the place's certificate allows it.
    Side(net::asio::io_context& io, Place place, const Setup& setup, std::string cluster,
         Duration heartbeat);

    // Does it, and waits until the arbiter has read it. False: the arbiter does not answer.
    awaitable<bool> perform(Step step);
    // Until nothing more comes without time passing. False: the arbiter does not answer.
    awaitable<bool> settle();
    // Every connected node sends an echo, so that none is thought dead.
    void keep_alive();

    Standings standings() const;
    // "node 2: duplicate node id", in order.
    const std::vector<std::string>& errors() const { return errors_; }
    bool is_connected(NodeId node) const { return clients_.contains(node); }
    // When the node was told its present vote.
    Clock::time_point voted_at(NodeId node) const { return clients_.at(node)->voted_at(); }
    // The votes that the node has not answered.
    std::size_t held(NodeId node) const { return clients_.at(node)->held(); }
    const std::string& name() const { return place_.name; }
    // Plain words, when perform() or settle() returned false.
    std::string complaint() const;

private:
    ArbiterClient& client(NodeId node) { return *clients_.at(node); }
    std::unique_ptr<ArbiterClient> make_client(NodeId node, wire::DecisionAlgorithm algorithm,
                                               wire::TieBreaker tie_breaker,
                                               Duration heartbeat) const;
    void act(const Step& step);
    awaitable<bool> knock(Step step);
    awaitable<bool> echo_round();
    std::uint64_t messages() const;
    void collect_errors(NodeId node, const ArbiterClient& client, std::size_t& seen);

    net::asio::io_context& io_;
    Place place_;
    Setup setup_;
    std::string cluster_;
    Duration heartbeat_;
    std::map<NodeId, std::unique_ptr<ArbiterClient>> clients_;
    std::map<NodeId, std::size_t> errors_seen_;
    std::vector<std::string> errors_;
    std::string complaint_;
};

}  // namespace castvote::compare
