// uplink.hpp -- the one connection to the arbiter: what the core's actions Connect, Send, StartTls
// and Disconnect do, and the events that come back.
//
// Knows no order of messages and no votes. Events are delivered from the loop, never from within a
// call, and none comes after disconnect().
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/net/channel.hpp"
#include "common/net/connect.hpp"
#include "qdevice-client/core/events.hpp"
#include "qdevice-client/quorum/configuration.hpp"
#include "qdevice-client/shell/certificates.hpp"
#include "qdevice-client/shell/guardian.hpp"

namespace castvote::qdevice {

using EventWhat = decltype(Event::what);

struct UplinkSettings {
    net::ConnectTarget target;
    net::ChannelLimits limits;
    std::optional<Certificates> certificates;  // none: tls is off
    Guardian* guardian = nullptr;  // outlives the uplink; none: nobody takes our vote back
};

class Uplink {
public:
    Uplink(net::asio::io_context& io, UplinkSettings settings,
           std::function<void(EventWhat)> deliver);
    ~Uplink() { disconnect(); }
    Uplink(const Uplink&) = delete;
    Uplink& operator=(const Uplink&) = delete;

    void connect();
    void send(const wire::Message& message);
    void start_tls();
    void set_receive_limit(std::size_t bytes);
    // In order, and behind our back: the arbiter shall read an end of stream, not a reset.
    void disconnect();
    // Calls back, perhaps at once, when the arbiter has taken note of every disconnect() so far, or
    // has had the time to. Once.
    void when_left(std::function<void()> then);
    // Something arrived that was not delivered yet.
    bool has_input() const { return channel_ && channel_->has_input(); }

private:
    struct Leaving {
        int channels = 0;
        std::function<void()> on_none;
    };

    void connected(net::tcp::socket socket);
    void received(wire::Inbound inbound);
    void tls_established(const net::TlsFacts& facts);

    net::asio::io_context& io_;
    UplinkSettings settings_;
    std::function<void(EventWhat)> deliver_;
    std::shared_ptr<net::Connector> connector_;
    std::shared_ptr<net::Channel> channel_;
    std::shared_ptr<Leaving> leaving_ = std::make_shared<Leaving>();
};

}  // namespace castvote::qdevice
