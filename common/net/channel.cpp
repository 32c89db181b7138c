// channel.cpp -- see channel.hpp. One reading coroutine, one write at a time and the owner's calls
// share the state below, all on one thread. A write starts inside send(), not a turn of the loop
// later: the vote is in it. Only what is sent from inside on_message waits for its end, to leave in
// one piece.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/channel.hpp"

#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "common/net/channel_ends.hpp"
#include "common/net/tls_verify.hpp"
#include "common/wire/check.hpp"

namespace castvote::net {

namespace {

constexpr std::size_t read_buffer_size = 16384;  // one TLS record
// So many messages of one record in a row, then the other connections of the shard have a turn.
constexpr std::size_t messages_per_turn = 64;
// Turns that a half full queue is given to drain before the next message is answered into it. The
// system's send buffer takes a batch in two or three; when it is full, waiting longer is no use.
constexpr int turns_for_writer = 16;
// After a failed write the reader may still find the peer's last words and its end of stream.
constexpr std::chrono::seconds reading_after_failed_write{1};

using TlsStream = asio::ssl::stream<tcp::socket&>;

}  // namespace

struct Channel::State {
    enum class Phase { plain, switching, tls };

    State(tcp::socket connected, ChannelLimits given)
        : socket(std::move(connected)),
          limits(given),
          framer(given.message_receive_size_max),
          reader_wake(socket.get_executor()),
          deadline(socket.get_executor()) {}

    tcp::socket socket;
    ChannelLimits limits;
    wire::Framer framer;
    asio::steady_timer reader_wake;  // cancelled when something has been written
    // Of the switch to TLS, of a release, of a parting, of the life after a failed write.
    asio::steady_timer deadline;
    std::shared_ptr<ChannelCallbacks> callbacks;  // none: nobody is to be told anything any more
    std::deque<wire::Bytes> queue;
    wire::Bytes batch;           // is being written
    std::size_t in_flight = 0;   // messages of the batch
    std::size_t plain_left = 0;  // of the queue: those that must leave before the switch
    Phase phase = Phase::plain;
    bool started = false;
    bool open = true;
    bool in_message = false;    // inside on_message
    bool write_failed = false;  // the reader may go on for a moment
    std::size_t unread = 0;     // bytes read from the socket and not yet fed to the framer
    std::optional<TlsContext> wanted_tls;
    std::function<void(tcp::socket)> on_released;
    std::function<void()> on_parted;  // set: we are leaving, nobody wants what still comes
    bool said_goodbye = false;
    std::unique_ptr<TlsCheck> check;
    std::optional<TlsStream> tls;  // refers to socket and check: declared last, ends first

    std::size_t queued() const { return queue.size() + in_flight; }
    std::size_t writable() const { return phase == Phase::switching ? plain_left : queue.size(); }
    bool is_drained() const { return in_flight == 0 && writable() == 0; }

    void take(std::size_t messages) {
        batch = std::move(queue.front());
        for (std::size_t i = 1; i < messages; ++i)
            batch.insert(batch.end(), queue[i].begin(), queue[i].end());
        queue.erase(queue.begin(), queue.begin() + static_cast<long>(messages));
        in_flight = messages;
        if (phase == Phase::switching) plain_left -= messages;
    }

    void shut() {
        open = false;
        queue.clear();
        plain_left = 0;
        error_code ignored;
        socket.shutdown(tcp::socket::shutdown_both, ignored);
        socket.close(ignored);
        reader_wake.cancel();
        deadline.cancel();
    }
};

// The coroutines, and what they share with the public functions.
struct ChannelLoops {
    using Self = std::shared_ptr<Channel>;
    using State = Channel::State;

    // The channel ends by itself: the socket at once, the callback in a turn of its own.
    static void finish(const Self& self, ChannelEnd end, std::string detail) {
        State& s = *self->state_;
        if (!s.open) return;
        s.shut();
        asio::post(s.socket.get_executor(), [self, end, detail = std::move(detail)] {
            auto callbacks = std::exchange(self->state_->callbacks, nullptr);
            auto on_released = std::exchange(self->state_->on_released, nullptr);
            if (const auto on_parted = std::exchange(self->state_->on_parted, nullptr)) on_parted();
            if (!callbacks) return;
            if (on_released)
                on_released(tcp::socket(self->state_->socket.get_executor()));
            else
                callbacks->on_end(end, detail);
        });
    }

    // An end of the stream without the peer's close_notify.
    static bool is_unproven_end(const State& s, const error_code& error) {
        return error == asio::ssl::error::stream_truncated || (!s.tls && error == asio::error::eof);
    }

    static void deliver(const Self& self, wire::Inbound inbound) {
        State& s = *self->state_;
        const auto callbacks = s.callbacks;
        if (!callbacks) return;
        s.in_message = true;
        callbacks->on_message(std::move(inbound));
        s.in_message = false;
        write_on(self);
    }

    static void start_deadline(const Self& self, ChannelEnd end, const char* detail) {
        State& s = *self->state_;
        s.deadline.expires_after(s.limits.handshake_timeout);
        s.deadline.async_wait([self, end, detail](const error_code& error) {
            if (!error) finish(self, end, detail);
        });
    }

    // Writes what may be written now, unless a write is under way: that one comes back here.
    static void write_on(const Self& self) {
        State& s = *self->state_;
        if (!s.started || !s.open || s.write_failed || s.in_message || s.in_flight > 0) return;
        const std::size_t messages = s.writable();
        if (messages == 0) return say_goodbye(self);
        s.take(messages);
        const auto written = [self](const error_code& error, std::size_t) {
            self->state_->in_flight = 0;
            self->state_->reader_wake.cancel();
            if (error)
                linger(self, error);
            else
                write_on(self);
        };
        if (s.tls)
            asio::async_write(*s.tls, asio::buffer(s.batch), written);
        else
            asio::async_write(s.socket, asio::buffer(s.batch), written);
    }

    // The end of our stream, once all has been written that was to be. TLS waits for the peer's
    // close_notify then; the reader, which knows better, does not wait for that.
    static void say_goodbye(const Self& self) {
        State& s = *self->state_;
        if (!s.on_parted || std::exchange(s.said_goodbye, true)) return;
        if (s.tls) return s.tls->async_shutdown([self](const error_code&) {});
        error_code ignored;
        s.socket.shutdown(tcp::socket::shutdown_send, ignored);
    }

    static void linger(const Self& self, const error_code& error) {
        State& s = *self->state_;
        if (!s.open) return;
        s.write_failed = true;
        s.queue.clear();
        s.plain_left = 0;
        s.deadline.expires_after(reading_after_failed_write);
        s.deadline.async_wait([self, words = words_of(error)](const error_code& cancelled) {
            if (!cancelled) finish(self, ChannelEnd::reset_or_error, words);
        });
    }

    // Until all that may be written has been written, the channel has ended or writing has failed.
    static asio::awaitable<void> drained(Self self) {
        State& s = *self->state_;
        while (s.open && !s.write_failed && !s.is_drained()) {
            s.reader_wake.expires_at(asio::steady_timer::time_point::max());
            const auto woken = co_await s.reader_wake.async_wait(as_result);
            static_cast<void>(woken);
        }
        if (s.write_failed)
            finish(self, ChannelEnd::reset_or_error, "the connection broke while writing");
    }

    static asio::awaitable<void> let_writer_run(Self self) {
        State& s = *self->state_;
        for (int turn = 0; turn < turns_for_writer; ++turn) {
            if (!s.open || s.queued() * 2 < s.limits.queue_messages_max) co_return;
            co_await asio::post(s.socket.get_executor(), asio::use_awaitable);
        }
    }

    static asio::awaitable<void> read_loop(Self self) {
        State& s = *self->state_;
        wire::Bytes buffer(read_buffer_size);
        while (s.open) {
            error_code error;
            std::size_t size = 0;
            if (s.on_parted) {
                const auto result =
                    co_await s.socket.async_read_some(asio::buffer(buffer), as_result);
                std::tie(error, size) = result;
            } else if (s.tls) {
                const auto result =
                    co_await s.tls->async_read_some(asio::buffer(buffer), as_result);
                std::tie(error, size) = result;
            } else {
                const std::size_t wanted = std::min(s.framer.wanted(), buffer.size());
                const auto result = co_await s.socket.async_read_some(
                    asio::buffer(buffer.data(), wanted), as_result);
                std::tie(error, size) = result;
            }
            if (!s.open) co_return;
            // While we are leaving TLS may stumble over what comes after its end: no matter.
            if (s.on_parted && (!error || is_of_tls(error))) continue;
            if (error) {
                const bool is_reset = is_unproven_end(s, error) && is_gone(s.socket);
                finish(self, is_reset ? ChannelEnd::reset_or_error : end_of(error),
                       is_reset ? "the connection was reset" : words_of(error));
                co_return;
            }
            co_await feed(self, wire::View(buffer.data(), size));
            if (s.open && s.on_released) co_await hand_over(self);
            if (s.open && s.phase == State::Phase::switching) co_await shake_hands(self);
        }
    }

    static asio::awaitable<void> feed(Self self, wire::View bytes) {
        State& s = *self->state_;
        std::size_t delivered = 0;
        s.unread = bytes.size();
        while (s.open && s.unread > 0 && !s.on_parted) {
            s.unread -= s.framer.feed(bytes.last(s.unread));
            auto inbound = s.framer.next();
            if (!inbound) continue;
            deliver(self, std::move(*inbound));
            co_await let_writer_run(self);
            if (++delivered % messages_per_turn == 0)
                co_await asio::post(s.socket.get_executor(), asio::use_awaitable);
        }
        s.unread = 0;
    }

    static asio::awaitable<void> hand_over(Self self) {
        State& s = *self->state_;
        co_await drained(self);
        if (!s.open) co_return;
        s.open = false;
        s.callbacks.reset();
        s.deadline.cancel();
        const auto on_released = std::exchange(s.on_released, nullptr);
        on_released(std::move(s.socket));
    }

    static asio::awaitable<void> shake_hands(Self self) {
        State& s = *self->state_;
        const bool server = s.wanted_tls->is_server();
        co_await drained(self);
        if (!s.open) co_return;
        s.check = std::make_unique<TlsCheck>(*s.wanted_tls);
        ssl_st* ssl = s.check->make_ssl();
        CHECK(ssl != nullptr, "there is memory for a TLS connection");
        s.tls.emplace(s.socket, ssl);
        const auto role = server ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
        const auto result = co_await s.tls->async_handshake(role, as_result);
        if (!s.open) co_return;
        const error_code error = std::get<0>(result);
        if (error) {
            const std::string& refusal = s.check->refusal();
            finish(self, ChannelEnd::tls_failed,
                   refusal.empty() ? words_of(error) : "the peer's " + refusal);
            co_return;
        }
        s.deadline.cancel();
        s.phase = State::Phase::tls;
        const auto callbacks = s.callbacks;
        if (callbacks) callbacks->on_tls(s.check->facts(s.tls->native_handle()));
        write_on(self);
    }
};

Channel::Channel(std::unique_ptr<State> state) : state_(std::move(state)) {}
Channel::~Channel() = default;

std::shared_ptr<Channel> Channel::make(tcp::socket socket, ChannelLimits limits) {
    error_code ignored;  // a socket that has ended already shows that when it is read
    socket.set_option(tcp::no_delay(true), ignored);
    return std::shared_ptr<Channel>(
        new Channel(std::make_unique<State>(std::move(socket), limits)));
}

void Channel::start(ChannelCallbacks callbacks) {
    state_->callbacks = std::make_shared<ChannelCallbacks>(std::move(callbacks));
    const auto executor = state_->socket.get_executor();
    asio::co_spawn(executor, ChannelLoops::read_loop(shared_from_this()), asio::detached);
    state_->started = true;
    ChannelLoops::write_on(shared_from_this());
}

void Channel::send(const wire::Message& message) {
    State& s = *state_;
    if (!s.open || s.write_failed || s.on_parted) return;
    if (s.queued() >= s.limits.queue_messages_max) {
        ChannelLoops::finish(shared_from_this(), ChannelEnd::queue_full,
                             "the peer does not read what it is sent");
        return;
    }
    s.queue.push_back(wire::encode(message));
    ChannelLoops::write_on(shared_from_this());
}

void Channel::start_tls(const TlsContext& context) {
    State& s = *state_;
    if (!s.open) return;
    CHECK(s.in_message && s.phase == State::Phase::plain,
          "TLS starts once, and exactly behind a message");
    s.wanted_tls = context;
    s.plain_left = s.queue.size();
    s.phase = State::Phase::switching;
    ChannelLoops::start_deadline(shared_from_this(), ChannelEnd::tls_failed,
                                 "the TLS handshake took too long");
}

void Channel::set_message_receive_size_max(std::size_t bytes) {
    state_->framer.set_message_size_max(bytes);
}

void Channel::close() {
    state_->callbacks.reset();
    state_->on_released = nullptr;
    if (state_->open) state_->shut();
}

void Channel::part(Duration patience, std::function<void()> on_parted) {
    State& s = *state_;
    if (!s.open || !s.started || s.write_failed || s.phase == State::Phase::switching) {
        close();
        asio::post(s.socket.get_executor(), std::move(on_parted));
        return;
    }
    s.callbacks.reset();
    s.on_released = nullptr;
    s.on_parted = std::move(on_parted);
    s.deadline.expires_after(patience);
    s.deadline.async_wait([self = shared_from_this()](const error_code& error) {
        if (!error) ChannelLoops::finish(self, ChannelEnd::reset_or_error, "");
    });
    ChannelLoops::write_on(shared_from_this());
}

void Channel::release(std::function<void(tcp::socket)> on_released) {
    State& s = *state_;
    CHECK(s.in_message && s.phase == State::Phase::plain,
          "a socket is released behind a plain message");
    s.on_released = std::move(on_released);
    if (s.open)
        ChannelLoops::start_deadline(shared_from_this(), ChannelEnd::reset_or_error,
                                     "the peer does not read what it is sent");
}

bool Channel::has_input() const {
    if (!state_->open) return false;
    error_code ignored;
    return state_->unread > 0 || state_->socket.available(ignored) > 0;
}

bool Channel::is_open() const { return state_->open; }
bool Channel::is_tls() const { return state_->phase == State::Phase::tls; }

}  // namespace castvote::net
