// channel_pair.hpp -- two channels, or one and a bare socket, over loopback, and what they heard.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/net/channel.hpp"

namespace castvote::testing {

using net::Channel;
using net::ChannelEnd;
using net::tcp;
namespace asio = net::asio;

inline wire::Message numbered(wire::MessageType type, std::uint32_t number) {
    wire::Message message;
    message.type = type;
    message.msg_seq_number = number;
    return message;
}

// ECHO_REQUEST of a number, as it comes out of a decoder.
inline wire::Message echo(std::uint32_t number) {
    wire::Message message = numbered(wire::MessageType::echo_request, number);
    const wire::Bytes bytes = wire::encode(message);
    return *wire::decode(message.type, wire::View(bytes).subspan(wire::header_size));
}

class Loopback {
public:
    Loopback() {
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        near.connect(acceptor.local_endpoint());
        acceptor.accept(far);
    }
    asio::io_context io{1};
    tcp::socket near{io};
    tcp::socket far{io};

    // Runs the loop until the condition holds; fails the test after ten seconds.
    template <class Condition>
    void until(Condition condition) {
        const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!condition()) {
            REQUIRE(std::chrono::steady_clock::now() < latest);
            io.restart();
            io.run_one_for(std::chrono::milliseconds(20));
        }
    }
    // What is ready now, and what follows from it.
    void settle() {
        io.restart();
        for (int turn = 0; turn < 50; ++turn) {
            io.restart();
            io.run_one_for(std::chrono::milliseconds(2));
        }
    }
};

// A channel that remembers all it was told.
class Listening {
public:
    Listening(tcp::socket socket, net::ChannelLimits limits)
        : channel(Channel::make(std::move(socket), limits)) {}
    ~Listening() { channel->close(); }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

    void start() {
        channel->start({.on_message =
                            [this](wire::Inbound inbound) {
                                const auto* message = std::get_if<wire::Message>(&inbound);
                                if (message != nullptr) messages.push_back(*message);
                                if (tls && message != nullptr && message->type == switch_at)
                                    channel->start_tls(*tls);
                                if (on_message) on_message();
                            },
                        .on_tls = [this](const net::TlsFacts& told) { facts = told; },
                        .on_end =
                            [this](ChannelEnd why, const std::string& words) {
                                end = why;
                                detail = words;
                            }});
    }

    std::shared_ptr<Channel> channel;
    std::optional<net::TlsContext> tls;  // started behind a message of the type below
    wire::MessageType switch_at = wire::MessageType::starttls;
    std::function<void()> on_message;
    std::vector<wire::Message> messages;
    std::optional<net::TlsFacts> facts;
    std::optional<ChannelEnd> end;
    std::string detail;
};

}  // namespace castvote::testing
