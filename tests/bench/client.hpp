// client.hpp -- one node of a two-node cluster, as far as an arbiter sees it.
//
// Joins with TLS and reports rings when it is told to; confirms every VOTE_INFO at once. It notes
// when it was given the vote and when it was refused it, and is the same for every arbiter. It has
// no corosync, sends no echo (switch dead-peer detection off) and never reconnects: whatever goes
// wrong is the end of the measurement.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/net/channel.hpp"
#include "common/net/connect.hpp"

namespace castvote::bench {

using Clock = std::chrono::steady_clock;

struct ClientSettings {
    std::string cluster;
    wire::NodeId node_id = 0;  // 1 or 2
    Duration heartbeat{0};     // declared in INIT
    net::ConnectTarget target;
    net::TlsContext tls;
};

class Client {
public:
    Client(net::asio::io_context& io, ClientSettings settings);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Connects and reports this ring, with both nodes in it. Once.
    void join(wire::RingId ring);

    // Sends the membership list of a new ring.
    void report(wire::RingId ring, std::vector<wire::NodeId> members);

    // What the last VOTE_INFO for the ring reported last said; `undefined`: none came yet.
    wire::Vote vote() const { return vote_; }
    // When that VOTE_INFO arrived.
    Clock::time_point voted_at() const { return voted_at_; }
    // When report() was called last.
    Clock::time_point reported_at() const { return reported_at_; }
    // Plain words; empty while all is well.
    const std::string& failure() const { return failure_; }

private:
    wire::Message request(wire::MessageType type);
    void connected(net::tcp::socket socket);
    void received(const wire::Inbound& inbound);
    void handle(const wire::Message& message);
    void send_init();
    void send_lists();
    void fail(const std::string& what);

    net::asio::io_context& io_;
    ClientSettings settings_;
    std::shared_ptr<net::Connector> connector_;
    std::shared_ptr<net::Channel> channel_;
    std::uint32_t sequence_ = 0;
    wire::RingId ring_;
    wire::Vote vote_ = wire::Vote::undefined;
    Clock::time_point voted_at_;
    Clock::time_point reported_at_;
    std::string failure_;
};

}  // namespace castvote::bench
