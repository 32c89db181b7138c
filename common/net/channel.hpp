// channel.hpp -- one connection of the protocol: frames in, messages out, plain text until
// start_tls() and TLS after it.
//
// Guards the switch of protocol.md 8: in plain text no byte beyond the current message is ever
// read, so a TLS hello in the same segment as STARTTLS is left for TLS; what was queued before the
// switch leaves in plain text before the handshake, what was queued after it leaves inside TLS.
// Knows neither the order of messages nor votes. Everything happens on the thread of its
// io_context.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/net/asio.hpp"
#include "common/net/tls.hpp"
#include "common/wire/framer.hpp"
#include "common/wire/instant.hpp"

namespace castvote::net {

struct ChannelLimits {
    std::size_t message_receive_size_max = 32768;  // bytes, header included
    std::size_t queue_messages_max = 32;           // unsent ones; one more ends the connection
    Duration handshake_timeout{10000};
};

// Why a channel ended by itself. `end_of_stream` only when the peer's FIN or close_notify was read.
enum class ChannelEnd { end_of_stream, reset_or_error, queue_full, tls_failed };

// All are called on the io_context's thread, never from inside a call of ours, and never after
// close(), part(), release() or on_end.
struct ChannelCallbacks {
    std::function<void(wire::Inbound)> on_message;  // one frame, in order of arrival
    std::function<void(const TlsFacts&)> on_tls;    // the handshake is done
    std::function<void(ChannelEnd, const std::string& detail)> on_end;  // detail: plain words
};

class Channel : public std::enable_shared_from_this<Channel> {
public:
    // The socket must be connected; TCP_NODELAY is switched on.
    static std::shared_ptr<Channel> make(tcp::socket socket, ChannelLimits limits);
    ~Channel();

    // Once. Reading begins.
    void start(ChannelCallbacks callbacks);

    // Queues a message. A full queue ends the channel (on_end follows, not from inside).
    // Nothing after the end.
    void send(const wire::Message& message);

    // Only from inside on_message, once: the byte after that message is the first of TLS. The role
    // is the context's.
    void start_tls(const TlsContext& context);

    // A larger or smaller limit for messages which begin from now on.
    void set_message_receive_size_max(std::size_t bytes);

    // Ends the connection at once; what is queued is dropped, the peer reads FIN (or RST, where
    // bytes of it were unread). No callback follows.
    void close();

    // Leaves in order: what is queued is sent, then the end of our stream (close_notify in TLS),
    // and what still comes is thrown away until the peer's end, for `patience` at most, so that no
    // unread byte turns our end into a reset. `on_parted` follows, from the loop; nothing else
    // does. A connection that is not that far (connecting TLS) is closed at once.
    void part(Duration patience, std::function<void()> on_parted);

    // Only from inside on_message and only before start_tls: hands the bare socket over once all
    // that is queued has been written, positioned exactly behind the current message; an invalid
    // socket if the connection ended or did not drain within handshake_timeout. No other callback
    // follows.
    void release(std::function<void(tcp::socket)> on_released);

    // Bytes have arrived which were not delivered yet; used to drain before judging silence.
    bool has_input() const;

    bool is_open() const;
    bool is_tls() const;

private:
    struct State;
    explicit Channel(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
    friend struct ChannelLoops;
};

}  // namespace castvote::net
