// net_channel_test.cpp -- the channel over loopback: the switch to TLS at the exact byte, many
// messages at once, queues, and why a connection ended.
// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/ssl.h>

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/support/channel_pair.hpp"
#include "tests/unit/support/key_pool.hpp"
#include "tests/unit/support/test_certificates.hpp"

using namespace castvote;
using namespace castvote::testing;
using wire::MessageType;

namespace {

net::TlsContext arbiter_context(net::ClientCertificate wanted = net::ClientCertificate::required) {
    const OwnKeys own;
    static const net::TlsIdentity identity =
        authority().issue({.common_name = "Qnetd Server", .dns_names = {}});
    return net::TlsContext::server(identity, wanted).value();
}

net::TlsContext node_context() {
    const OwnKeys own;
    static const net::TlsIdentity identity =
        authority().issue({.common_name = "alpha", .dns_names = {}});
    return net::TlsContext::client(identity).value();
}

// An arbiter's channel which starts TLS behind STARTTLS, and a node's which does so behind
// PREINIT_REPLY, after queueing STARTTLS in plain text: the real order.
struct Pair : Loopback {
    explicit Pair(net::ChannelLimits limits = {})
        : node(std::move(near), limits), arbiter(std::move(far), limits) {}

    void start(const net::TlsContext& arbiter_tls, const net::TlsContext& node_tls) {
        arbiter.tls = arbiter_tls;
        arbiter.on_message = [this] {
            if (arbiter.messages.back().type == MessageType::preinit)
                arbiter.channel->send(preinit_reply());
        };
        node.on_message = [this, node_tls] {
            if (node.messages.back().type != MessageType::preinit_reply) return;
            node.channel->send(numbered(MessageType::starttls, 2));
            node.channel->start_tls(node_tls);
            node.channel->send(echo(3));  // queued behind the switch: inside TLS
        };
        arbiter.start();
        node.start();
        wire::Message preinit = numbered(MessageType::preinit, 1);
        preinit.cluster_name = "alpha";
        node.channel->send(preinit);
    }

    static wire::Message preinit_reply() {
        wire::Message reply = numbered(MessageType::preinit_reply, 1);
        reply.tls_supported = wire::TlsSupported::supported;
        reply.tls_client_cert_required = 1;
        return reply;
    }

    Listening node;
    Listening arbiter;
};

// A client made of nothing but a socket and OpenSSL, which can put any bytes in one segment.
struct BareClient : Loopback {
    explicit BareClient(net::ChannelLimits limits = {}) : arbiter(std::move(far), limits) {
        arbiter.tls = arbiter_context();
        arbiter.start();
    }

    // STARTTLS and the hello in one write, then the rest of the handshake.
    void shake_hands() {
        ssl = SSL_new(node_context().native());
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl);
        CHECK(SSL_do_handshake(ssl) != 1);
        wire::Bytes first = wire::encode(numbered(MessageType::starttls, 2));
        const wire::Bytes hello = output();
        REQUIRE(!hello.empty());
        first.insert(first.end(), hello.begin(), hello.end());
        asio::write(near, asio::buffer(first));
        near.non_blocking(true);
        until([this] {
            take_input();
            const bool done = SSL_do_handshake(ssl) == 1;
            asio::write(near, asio::buffer(output()));
            return done && arbiter.facts.has_value();
        });
    }

    wire::Bytes output() {
        wire::Bytes bytes(BIO_ctrl_pending(SSL_get_wbio(ssl)));
        if (!bytes.empty())
            BIO_read(SSL_get_wbio(ssl), bytes.data(), static_cast<int>(bytes.size()));
        return bytes;
    }

    void take_input() {
        net::error_code error;
        wire::Bytes bytes(65536);
        const std::size_t size = near.read_some(asio::buffer(bytes), error);
        if (size > 0) BIO_write(SSL_get_rbio(ssl), bytes.data(), static_cast<int>(size));
    }

    ~BareClient() { SSL_free(ssl); }

    Listening arbiter;
    SSL* ssl = nullptr;
};

}  // namespace

TEST_CASE("plain, then TLS: what was queued before the switch is plain, what follows is not") {
    Pair pair;
    pair.start(arbiter_context(), node_context());
    pair.until([&] { return pair.arbiter.messages.size() == 3; });
    CHECK(pair.arbiter.messages[1].type == MessageType::starttls);
    CHECK(pair.arbiter.messages[2] == echo(3));
    REQUIRE(pair.arbiter.facts.has_value());
    REQUIRE(pair.arbiter.facts->peer.has_value());
    CHECK(pair.arbiter.facts->peer->common_name == "alpha");
    REQUIRE(pair.node.facts.has_value());
    CHECK(pair.node.facts->own_certificate_sent);
    CHECK(pair.node.facts->warnings.empty());
    CHECK(pair.node.channel->is_tls());
}

TEST_CASE("without a request the node's certificate is not sent, and the node knows") {
    Pair pair;
    pair.start(arbiter_context(net::ClientCertificate::not_requested), node_context());
    pair.until([&] { return pair.arbiter.messages.size() == 3; });
    CHECK_FALSE(pair.arbiter.facts->peer.has_value());
    CHECK_FALSE(pair.node.facts->own_certificate_sent);
}

TEST_CASE("a hello in the same segment as STARTTLS belongs to TLS") {
    BareClient client;
    client.shake_hands();
    CHECK(client.arbiter.messages.size() == 1);
    CHECK(client.arbiter.facts->peer->common_name == "alpha");
}

TEST_CASE("500 messages in one TLS record are delivered in order, each can be answered") {
    BareClient client;
    client.shake_hands();
    std::size_t answered = 0;
    client.arbiter.on_message = [&] {
        wire::Message reply = client.arbiter.messages.back();
        reply.type = MessageType::echo_reply;
        client.arbiter.channel->send(reply);
        ++answered;
    };
    wire::Bytes many;
    for (std::uint32_t i = 0; i < 500; ++i) {
        const wire::Bytes one = wire::encode(echo(i));
        many.insert(many.end(), one.begin(), one.end());
    }
    REQUIRE(many.size() < 16384);
    REQUIRE(SSL_write(client.ssl, many.data(), static_cast<int>(many.size())) > 0);
    asio::write(client.near, asio::buffer(client.output()));
    client.until([&] { return answered == 500 || client.arbiter.end; });
    CHECK_FALSE(client.arbiter.end.has_value());
    bool in_order = client.arbiter.messages.size() == 501;
    for (std::uint32_t i = 0; i < 500 && in_order; ++i)
        in_order = client.arbiter.messages[i + 1] == echo(i);
    CHECK(in_order);
    std::size_t received = 0;
    wire::Bytes buffer(65536);
    client.until([&] {
        client.take_input();
        const int size = SSL_read(client.ssl, buffer.data(), static_cast<int>(buffer.size()));
        if (size > 0) received += static_cast<std::size_t>(size);
        return received == many.size();
    });
}

TEST_CASE("a peer that does not read ends with a full queue") {
    Loopback loopback;
    Listening arbiter(std::move(loopback.far), {.queue_messages_max = 4});
    arbiter.start();
    wire::Message large = numbered(MessageType::echo_reply, 1);
    large.echo_body.assign(30000, 0);
    for (int i = 0; i < 4; ++i) arbiter.channel->send(large);
    CHECK_FALSE(arbiter.end.has_value());
    arbiter.channel->send(large);
    CHECK_FALSE(arbiter.end.has_value());  // never from inside a call of ours
    loopback.until([&] { return arbiter.end.has_value(); });
    CHECK(*arbiter.end == ChannelEnd::queue_full);
}

TEST_CASE("an end is called by its name") {
    Loopback loopback;
    Listening arbiter(std::move(loopback.far), {.queue_messages_max = 10000});
    arbiter.start();
    SECTION("FIN") {
        loopback.near.shutdown(tcp::socket::shutdown_send);
        loopback.until([&] { return arbiter.end.has_value(); });
        CHECK(*arbiter.end == ChannelEnd::end_of_stream);
    }
    SECTION("FIN in the middle of a message") {
        asio::write(loopback.near, asio::buffer("\0\0\0", 3));
        loopback.near.close();
        loopback.until([&] { return arbiter.end.has_value(); });
        CHECK(*arbiter.end == ChannelEnd::end_of_stream);
    }
    SECTION("RST") {
        loopback.near.set_option(asio::socket_base::linger(true, 0));
        loopback.near.close();
        loopback.until([&] { return arbiter.end.has_value(); });
        CHECK(*arbiter.end == ChannelEnd::reset_or_error);
    }
    SECTION(
        "RST, and a write that finds it first: the reader sees an end that the peer never sent") {
        wire::Message large = numbered(MessageType::echo_reply, 1);
        large.echo_body.assign(30000, 0);
        // More than the system takes, so that a write is waiting when the reset comes.
        for (int i = 0; i < 600; ++i) arbiter.channel->send(large);
        loopback.settle();
        REQUIRE_FALSE(arbiter.end.has_value());
        loopback.near.set_option(asio::socket_base::linger(true, 0));
        loopback.near.close();
        loopback.until([&] { return arbiter.end.has_value(); });
        CHECK(*arbiter.end == ChannelEnd::reset_or_error);
    }
    SECTION("last words before FIN are heard although writing fails") {
        const wire::Bytes last = wire::encode(echo(9));
        asio::write(loopback.near, asio::buffer(last));
        loopback.near.close();
        for (std::uint32_t i = 0; i < 3; ++i) arbiter.channel->send(echo(i));
        loopback.until([&] { return arbiter.end.has_value(); });
        CHECK(arbiter.messages.size() == 1);
    }
    SECTION("close() by us: silence") {
        arbiter.channel->close();
        loopback.near.close();
        loopback.settle();
        CHECK_FALSE(arbiter.end.has_value());
    }
}

TEST_CASE("inside TLS: close_notify and a bare FIN are ends of the stream, an alert is not") {
    BareClient client;
    client.shake_hands();
    SECTION("close_notify") {
        SSL_shutdown(client.ssl);
        asio::write(client.near, asio::buffer(client.output()));
        client.until([&] { return client.arbiter.end.has_value(); });
        CHECK(*client.arbiter.end == ChannelEnd::end_of_stream);
    }
    SECTION("FIN alone") {
        client.near.shutdown(tcp::socket::shutdown_send);
        client.until([&] { return client.arbiter.end.has_value(); });
        CHECK(*client.arbiter.end == ChannelEnd::end_of_stream);
    }
    SECTION("bytes that are no record") {
        asio::write(client.near, asio::buffer("this is not a TLS record", 24));
        client.until([&] { return client.arbiter.end.has_value(); });
        CHECK(*client.arbiter.end == ChannelEnd::tls_failed);
    }
}

TEST_CASE("plain text behind STARTTLS fails the handshake, and is never delivered") {
    BareClient client;
    wire::Bytes both = wire::encode(numbered(MessageType::starttls, 2));
    const wire::Bytes smuggled = wire::encode(echo(1));
    both.insert(both.end(), smuggled.begin(), smuggled.end());
    asio::write(client.near, asio::buffer(both));
    client.until([&] { return client.arbiter.end.has_value(); });
    CHECK(*client.arbiter.end == ChannelEnd::tls_failed);
    CHECK(client.arbiter.messages.size() == 1);
}

TEST_CASE("a handshake that does not go on is given up") {
    BareClient client({.handshake_timeout = Duration(100)});
    asio::write(client.near, asio::buffer(wire::encode(numbered(MessageType::starttls, 2))));
    client.until([&] { return client.arbiter.end.has_value(); });
    CHECK(*client.arbiter.end == ChannelEnd::tls_failed);
    CHECK(client.arbiter.detail == "the TLS handshake took too long");
}

TEST_CASE("a released socket stands exactly behind the message, and what was queued has left") {
    Loopback loopback;
    Listening first(std::move(loopback.far), {});
    std::optional<tcp::socket> moved;
    first.on_message = [&] {
        first.channel->send(echo(77));
        first.channel->release([&](tcp::socket socket) { moved.emplace(std::move(socket)); });
    };
    first.start();
    wire::Bytes two = wire::encode(echo(1));
    const wire::Bytes second = wire::encode(echo(2));
    two.insert(two.end(), second.begin(), second.end());
    asio::write(loopback.near, asio::buffer(two));
    loopback.until([&] { return moved.has_value(); });
    Listening later(std::move(*moved), {});
    later.start();
    loopback.until([&] { return !later.messages.empty(); });
    CHECK(first.messages.size() == 1);
    CHECK_FALSE(first.end.has_value());
    CHECK(later.messages[0] == echo(2));
    CHECK(loopback.near.available() == wire::encode(echo(77)).size());
}

// The node leaves while the arbiter's words pour in.
TEST_CASE("who leaves in order ends the stream, whatever it has not read; last words arrive") {
    Pair pair({.queue_messages_max = 5000});
    const bool in_tls = GENERATE(false, true);
    bool parted = false;
    const auto pour = [&] {
        for (std::uint32_t i = 0; i < 2000; ++i) pair.arbiter.channel->send(echo(i));
    };
    if (in_tls) {
        pair.start(arbiter_context(), node_context());
        pair.until([&] { return pair.arbiter.messages.size() == 3 && pair.node.facts; });
    } else {
        pair.arbiter.start();
        pair.node.start();
    }
    const std::size_t before = pair.node.messages.size();
    pair.node.on_message = [&] {
        pair.node.channel->send(echo(77));
        pair.node.channel->part(Duration(5000), [&] { parted = true; });
        pair.node.channel->send(echo(78));  // too late
        pour();                             // still on its way when the node is gone
    };
    pour();
    pair.until([&] { return pair.arbiter.end.has_value() && parted; });
    CHECK(*pair.arbiter.end == ChannelEnd::end_of_stream);
    CHECK(pair.arbiter.messages.back() == echo(77));
    CHECK(pair.node.messages.size() == before + 1);
    CHECK_FALSE(pair.node.end.has_value());
    CHECK_FALSE(pair.node.channel->is_open());
}

TEST_CASE("nobody is waited for longer than patience lasts, nor in the middle of a handshake") {
    Loopback loopback;
    Listening node(std::move(loopback.far), {});
    bool parted = false;
    SECTION("the peer does not close its end") {
        node.start();
        node.channel->part(Duration(50), [&] { parted = true; });
        loopback.until([&] { return parted; });
    }
    SECTION("the peer says nothing to our hello") {
        node.tls = node_context();
        node.start();
        asio::write(loopback.near, asio::buffer(wire::encode(numbered(node.switch_at, 2))));
        loopback.until([&] { return loopback.near.available() > 0; });
        node.channel->part(Duration(60000), [&] { parted = true; });
        loopback.until([&] { return parted; });
    }
    SECTION("it has ended already") {
        node.start();
        loopback.near.close();
        loopback.until([&] { return node.end.has_value(); });
        node.channel->part(Duration(60000), [&] { parted = true; });
        loopback.until([&] { return parted; });
    }
    CHECK_FALSE(node.channel->is_open());
}
