// server.cpp -- see server.hpp. One coroutine accepts, one per client reads, asks and writes.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/ipc/server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <list>
#include <system_error>
#include <tuple>

#include "common/wire/system_words.hpp"

namespace castvote::ipc {

namespace asio = net::asio;
using net::as_result;
using net::error_code;
using Local = asio::local::stream_protocol;

namespace {

// With no descriptor left, accepting again at once would only burn the processor.
constexpr std::chrono::milliseconds accept_back_off{100};
// What a client sent behind its request is thrown away, so that closing does not reset the reply.
constexpr int surplus_reads_max = 16;

class UmaskFor {
public:
    explicit UmaskFor(std::optional<mode_t> mask) : mask_(mask) {
        if (mask_) before_ = ::umask(*mask_);
    }
    ~UmaskFor() {
        if (mask_) ::umask(before_);
    }
    UmaskFor(const UmaskFor&) = delete;
    UmaskFor& operator=(const UmaskFor&) = delete;

private:
    std::optional<mode_t> mask_;
    mode_t before_ = 0;
};

Unexpected<std::string> failed(const std::string& path, const std::string& why) {
    return Unexpected<std::string>(fmt::format("control socket {}: {}", path, why));
}

// Removes what a crashed daemon left; refuses to take the place of a living one or of a file.
Expected<void, std::string> make_room(asio::io_context& io, const std::string& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return {};
    if (!S_ISSOCK(found.st_mode)) return failed(path, "there is a file which is no socket");
    Local::socket probe(io);
    error_code error;
    probe.connect(Local::endpoint(path), error);
    if (!error) return failed(path, "another daemon is listening there already");
    if (::unlink(path.c_str()) != 0) return failed(path, system_words(errno));
    return {};
}

}  // namespace

struct Server::State {
    State(asio::io_context& io, Settings given, Handler answering)
        : settings(std::move(given)), handler(std::move(answering)), acceptor(io), pause(io) {}

    struct Client {
        explicit Client(Local::socket connected)
            : socket(std::move(connected)),
              deadline(socket.get_executor()),
              answered(socket.get_executor()) {}
        Local::socket socket;
        asio::steady_timer deadline;
        asio::steady_timer answered;  // cancelled when the reply is there
        std::string request;
        std::optional<Reply> reply;
    };

    Settings settings;
    Handler handler;
    Local::acceptor acceptor;
    asio::steady_timer pause;
    std::list<std::shared_ptr<Client>> clients;
    bool open = true;

    Expected<void, std::string> listen() {
        error_code error;
        const UmaskFor mask(settings.umask);
        acceptor.open(Local(), error);
        if (!error) acceptor.bind(Local::endpoint(settings.path), error);
        if (!error) acceptor.listen(settings.backlog, error);
        if (error) return failed(settings.path, error.message());
        if (settings.group &&
            ::chown(settings.path.c_str(), static_cast<uid_t>(-1), *settings.group) != 0)
            return failed(settings.path, system_words(errno));
        return {};
    }
};

struct ServerLoops {
    using State = Server::State;
    using StatePtr = std::shared_ptr<State>;
    using ClientPtr = std::shared_ptr<State::Client>;

    static asio::awaitable<void> accept_loop(StatePtr state) {
        while (state->open) {
            auto result = co_await state->acceptor.async_accept(as_result);
            const error_code error = std::get<0>(result);
            if (!state->open) co_return;
            if (error) {
                state->pause.expires_after(accept_back_off);
                const auto waited = co_await state->pause.async_wait(as_result);
                static_cast<void>(waited);
                continue;
            }
            const std::size_t limit = state->settings.clients_max;
            if (limit != 0 && state->clients.size() >= limit) continue;  // closes it
            auto client = std::make_shared<State::Client>(std::move(std::get<1>(result)));
            state->clients.push_back(client);
            asio::co_spawn(state->acceptor.get_executor(), serve(state, client), asio::detached);
        }
    }

    static void start_deadline(const StatePtr& state, const ClientPtr& client) {
        client->deadline.expires_after(state->settings.idle_timeout);
        client->deadline.async_wait([client](const error_code& error) {
            error_code ignored;
            if (error) return;
            client->socket.close(ignored);
            client->answered.cancel();
        });
    }

    static asio::awaitable<void> serve(StatePtr state, ClientPtr client) {
        start_deadline(state, client);
        const bool complete = co_await read_request(state, client);
        if (complete) {
            ask_handler(*state, client);
            co_await wait_for_reply(client);
        }
        if (client->reply) co_await write_reply(state, client);
        error_code ignored;
        client->socket.close(ignored);
        client->deadline.cancel();
        state->clients.remove(client);
        if (client->reply && client->reply->after_sent) client->reply->after_sent();
    }

    // True when a line is there; false when the client went, said too much or too little.
    static asio::awaitable<bool> read_request(StatePtr state, ClientPtr client) {
        std::array<char, 4096> buffer{};
        while (client->request.size() <= state->settings.request_size_max) {
            if (client->request.find('\n') != std::string::npos) co_return true;
            const auto result =
                co_await client->socket.async_read_some(asio::buffer(buffer), as_result);
            if (std::get<0>(result)) co_return false;
            client->request.append(buffer.data(), std::get<1>(result));
        }
        co_return false;
    }

    static void ask_handler(const State& state, const ClientPtr& client) {
        std::vector<std::string> words = split_words(client->request, state.settings.quoting);
        if (words.empty() || words[0].empty()) {
            client->reply = error("No command specified");
            return;
        }
        state.handler(std::move(words), [client](Reply reply) {
            client->reply = std::move(reply);
            client->answered.cancel();
        });
    }

    static asio::awaitable<void> wait_for_reply(ClientPtr client) {
        while (!client->reply && client->socket.is_open()) {
            client->answered.expires_at(asio::steady_timer::time_point::max());
            const auto woken = co_await client->answered.async_wait(as_result);
            static_cast<void>(woken);
        }
    }

    static std::string bytes_of(const Settings& settings, const Reply& reply) {
        if (reply.ok && 3 + reply.text.size() <= settings.reply_size_max)
            return "OK\n" + reply.text;
        if (reply.ok)
            return fmt::format("Error\nThe reply is longer than {} bytes (ipc_max_send_size)\n",
                               settings.reply_size_max);
        const bool ends = !reply.text.empty() && reply.text.back() == '\n';
        return "Error\n" + reply.text + (ends ? "" : "\n");
    }

    static asio::awaitable<void> write_reply(StatePtr state, ClientPtr client) {
        start_deadline(state, client);
        const std::string bytes = bytes_of(state->settings, *client->reply);
        const auto result =
            co_await asio::async_write(client->socket, asio::buffer(bytes), as_result);
        if (std::get<0>(result)) co_return;
        std::array<char, 4096> surplus{};
        error_code error;
        client->socket.non_blocking(true, error);
        for (int i = 0; i < surplus_reads_max && !error; ++i)
            client->socket.read_some(asio::buffer(surplus), error);
    }
};

Reply unknown_command(const std::string& word) { return error("Unknown command '" + word + "'"); }

Server::Server(std::shared_ptr<State> state) : state_(std::move(state)) {}

Expected<std::unique_ptr<Server>, std::string> Server::listen(asio::io_context& io,
                                                              Settings settings, Handler handler) {
    if (settings.path.size() >= sizeof(sockaddr_un::sun_path))
        return failed(settings.path, "the path is too long");
    if (auto room = make_room(io, settings.path); !room)
        return Unexpected<std::string>(room.error());
    auto state = std::make_shared<State>(io, std::move(settings), std::move(handler));
    if (auto listening = state->listen(); !listening)
        return Unexpected<std::string>(listening.error());
    asio::co_spawn(io, ServerLoops::accept_loop(state), asio::detached);
    return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::~Server() {
    error_code ignored;
    state_->open = false;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
    ::unlink(state_->settings.path.c_str());
    for (const auto& client : state_->clients) {
        client->socket.close(ignored);
        client->answered.cancel();
    }
}

}  // namespace castvote::ipc
