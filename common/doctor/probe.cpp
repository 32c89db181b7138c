// probe.cpp -- see probe.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/doctor/probe.hpp"

#include <memory>
#include <utility>

#include "common/net/channel.hpp"
#include "common/wire/message.hpp"

namespace castvote::doctor {

namespace {

using wire::MessageType;

// In TLS 1.3 our side of the handshake ends before the arbiter has looked at our certificate: if it
// does not like it, it says so in this time.
constexpr auto second_thoughts = std::chrono::milliseconds(500);

class Probe {
public:
    Probe(net::ConnectTarget target, std::string cluster_name, std::optional<net::TlsContext> tls)
        : target_(std::move(target)),
          cluster_name_(std::move(cluster_name)),
          tls_(std::move(tls)) {}

    Probed run() {
        const auto connector = net::Connector::start(
            io_, target_, [this](net::Connector::Result result) { connected(std::move(result)); });
        io_.run();
        return std::move(found_);
    }

private:
    void connected(net::Connector::Result result) {
        if (!result) {
            found_.connect_failure = result.error();
            return;
        }
        found_.silence = "it takes the connection, but says nothing";
        channel_ = net::Channel::make(std::move(*result), {});
        net::ChannelCallbacks callbacks;
        callbacks.on_message = [this](const wire::Inbound& inbound) { received(inbound); };
        callbacks.on_tls = [this](const net::TlsFacts& facts) {
            found_.tls_facts = facts;
            wait_at_most(second_thoughts);
        };
        callbacks.on_end = [this](net::ChannelEnd, const std::string& detail) { ended(detail); };
        channel_->start(std::move(callbacks));
        wire::Message preinit;
        preinit.type = MessageType::preinit;
        preinit.msg_seq_number = 1;
        preinit.cluster_name = cluster_name_;
        channel_->send(preinit);
        wait_at_most(target_.timeout);
    }

    void received(const wire::Inbound& inbound) {
        const auto* message = std::get_if<wire::Message>(&inbound);
        if (message == nullptr || message->type != MessageType::preinit_reply ||
            !message->tls_supported) {
            found_.silence = "what answers is no arbiter";
            return finish();
        }
        found_.silence.clear();
        found_.tls = *message->tls_supported;
        found_.wants_certificate = message->tls_client_cert_required.value_or(0) != 0;
        if (!tls_ || found_.tls == wire::TlsSupported::unsupported) return finish();
        wire::Message starttls;
        starttls.type = MessageType::starttls;
        starttls.msg_seq_number = 2;
        channel_->send(starttls);
        channel_->start_tls(*tls_);
        found_.tls_failure = "the TLS handshake does not end";
    }

    void ended(const std::string& detail) {
        channel_.reset();
        timer_.cancel();
        if (!found_.silence.empty()) {
            found_.silence = detail;
        } else if (found_.tls_facts) {
            found_.tls_facts.reset();
            found_.tls_failure = "it ends the connection after the handshake: " + detail;
        } else {
            found_.tls_failure = detail;
        }
    }

    void wait_at_most(Duration patience) {
        timer_.expires_after(patience);
        timer_.async_wait([this](const boost::system::error_code& error) {
            if (!error) finish();
        });
    }

    void finish() {
        if (found_.tls_facts) found_.tls_failure.clear();
        timer_.cancel();
        if (const auto channel = std::exchange(channel_, nullptr)) channel->close();
    }

    net::ConnectTarget target_;
    std::string cluster_name_;
    std::optional<net::TlsContext> tls_;
    net::asio::io_context io_{1};
    net::asio::steady_timer timer_{io_};
    std::shared_ptr<net::Channel> channel_;
    Probed found_;
};

}  // namespace

Probed probe(const net::ConnectTarget& target, const std::string& cluster_name,
             const std::optional<net::TlsContext>& tls) {
    return Probe(target, cluster_name, tls).run();
}

}  // namespace castvote::doctor
