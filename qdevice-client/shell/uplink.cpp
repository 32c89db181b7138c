// uplink.cpp -- see uplink.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/uplink.hpp"

#include <utility>

#include "common/net/log.hpp"
#include "common/wire/describe.hpp"

namespace castvote::qdevice {

namespace {

// A living arbiter closes its end in milliseconds; a dead one must not hold up our own end.
constexpr Duration farewell{500};

LostCause cause_of(net::ChannelEnd end) {
    switch (end) {
        case net::ChannelEnd::end_of_stream: return LostCause::end_of_stream;
        case net::ChannelEnd::reset_or_error: return LostCause::reset_or_error;
        case net::ChannelEnd::queue_full: return LostCause::queue_full;
        case net::ChannelEnd::tls_failed: return LostCause::tls_failed;
    }
    return LostCause::reset_or_error;
}

}  // namespace

Uplink::Uplink(net::asio::io_context& io, UplinkSettings settings,
               std::function<void(EventWhat)> deliver)
    : io_(io), settings_(std::move(settings)), deliver_(std::move(deliver)) {}

void Uplink::connect() {
    disconnect();
    connector_ = net::Connector::start(io_, settings_.target, [this](auto result) {
        connector_.reset();
        if (result)
            connected(std::move(*result));
        else
            deliver_(ConnectionLost{LostCause::connect_failed, result.error()});
    });
}

void Uplink::connected(net::tcp::socket socket) {
    if (settings_.guardian) settings_.guardian->hold(socket.native_handle());
    channel_ = net::Channel::make(std::move(socket), settings_.limits);
    net::ChannelCallbacks callbacks;
    callbacks.on_message = [this](wire::Inbound inbound) { received(std::move(inbound)); };
    callbacks.on_tls = [this](const net::TlsFacts& facts) { tls_established(facts); };
    callbacks.on_end = [this](net::ChannelEnd end, const std::string& detail) {
        channel_.reset();
        if (settings_.guardian) settings_.guardian->let_go();
        deliver_(ConnectionLost{cause_of(end), detail});
    };
    channel_->start(std::move(callbacks));
    deliver_(Connected{});
}

void Uplink::received(wire::Inbound inbound) {
    if (net::log_wants(net::LogLevel::debug))
        net::log(net::LogLevel::debug, "from the arbiter: " + wire::describe(inbound));
    deliver_(Received{std::move(inbound)});
}

void Uplink::tls_established(const net::TlsFacts& facts) {
    for (const std::string& warning : facts.warnings)
        net::log(net::LogLevel::warning, "the arbiter's certificate: " + warning);
    net::log(net::LogLevel::debug, "TLS with the arbiter: " + facts.version);
    deliver_(TlsEstablished{facts.own_certificate_sent});
}

void Uplink::send(const wire::Message& message) {
    if (!channel_) return;
    if (net::log_wants(net::LogLevel::debug))
        net::log(net::LogLevel::debug, "to the arbiter: " + wire::describe(message));
    channel_->send(message);
}

void Uplink::set_receive_limit(std::size_t bytes) {
    if (channel_) channel_->set_message_receive_size_max(bytes);
}

void Uplink::start_tls() {
    if (channel_ && settings_.certificates) channel_->start_tls(settings_.certificates->current());
}

void Uplink::disconnect() {
    if (const auto connector = std::exchange(connector_, nullptr)) connector->cancel();
    const auto channel = std::exchange(channel_, nullptr);
    if (!channel) return;
    if (settings_.guardian) settings_.guardian->let_go();
    ++leaving_->channels;
    channel->part(farewell, [leaving = leaving_] {
        if (--leaving->channels > 0) return;
        if (const auto on_none = std::exchange(leaving->on_none, nullptr)) on_none();
    });
}

void Uplink::when_left(std::function<void()> then) {
    if (leaving_->channels == 0) return then();
    leaving_->on_none = std::move(then);
}

}  // namespace castvote::qdevice
