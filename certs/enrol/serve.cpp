// serve.cpp -- see serve.hpp. One coroutine accepts, one serves each connection; the door itself is
// in door.cpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/serve.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <map>
#include <tuple>

#include "certs/enrol/door.hpp"
#include "certs/enrol/message.hpp"
#include "certs/enrol/tls.hpp"
#include "certs/enrol/wrong_tries.hpp"
#include "certs/register.hpp"
#include "certs/x509.hpp"
#include "common/net/address.hpp"
#include "common/net/clock.hpp"
#include "common/net/enrolment.hpp"
#include "common/net/log.hpp"
#include "common/net/places.hpp"

namespace castvote::certs::enrol {

namespace asio = net::asio;
using net::as_result;
using net::error_code;

namespace {

// Nodes come one by one and take a second.
constexpr std::chrono::seconds session_longest{15};
constexpr std::chrono::milliseconds look_again{200};
constexpr std::chrono::milliseconds accept_back_off{100};
constexpr std::size_t lines_burst = 20;
constexpr Duration lines_interval{1000};

}  // namespace

struct Inviter::State {
    State(asio::io_context& loop, Invite given, Invitation opened, asio::ssl::context tls,
          Tell telling)
        : io(loop),
          invite(std::move(given)),
          invitation(std::move(opened)),
          context(std::move(tls)),
          tell(std::move(telling)),
          door(io),
          signals(io, SIGINT, SIGTERM, SIGHUP),
          clock(io) {}

    asio::io_context& io;
    Invite invite;
    Invitation invitation;
    asio::ssl::context context;
    Tell tell;
    OpenDoor door;
    asio::signal_set signals;
    asio::steady_timer clock;
    net::Places relayed{net::joining_max, net::joining_max};
    net::Places places{net::joining_max, net::joining_each_max};
    WrongTries wrong_tries;
    std::map<std::string, std::string> serials;  // of what was issued, by the node's key
    bool is_interrupted = false;
    net::RateLimit lines{lines_burst, lines_interval};  // of what strangers begin, and get refused
};

struct InviterLoops {
    using StatePtr = std::shared_ptr<Inviter::State>;
    using What = Happening::What;

    // One connection. The socket's end ends it, wherever it is.
    struct Session {
        Session(StatePtr owner, Socket socket, std::shared_ptr<void> held)
            : state(std::move(owner)),
              place(std::move(held)),
              stream(std::move(socket), state->context),
              deadline(stream.get_executor()) {}
        StatePtr state;
        std::shared_ptr<void> place;
        Stream stream;
        asio::steady_timer deadline;
        std::string address = "?";
        std::string key;  // the node's, once it has a place
        bool is_late = false;

        void close() {
            error_code ignored;
            stream.next_layer().close(ignored);
            deadline.cancel();
        }
    };
    using SessionPtr = std::shared_ptr<Session>;

    static asio::awaitable<void> accept_loop(StatePtr state) {
        while (state->door.is_open()) {
            auto result = co_await state->door.accept();
            const error_code error = std::get<0>(result);
            if (!state->door.is_open()) co_return;
            if (error) {
                asio::steady_timer pause(state->io, accept_back_off);
                const auto waited = co_await pause.async_wait(as_result);
                static_cast<void>(waited);
                continue;
            }
            auto place = place_for(*state, std::get<1>(result));
            if (!place) continue;  // closed at once
            auto session =
                std::make_shared<Session>(state, std::move(std::get<1>(result)), std::move(place));
            asio::co_spawn(state->io, serve(session), asio::detached);
        }
    }

    // The arbiter has counted those that it passes on by their addresses.
    static std::shared_ptr<void> place_for(Inviter::State& state, const Socket& socket) {
        if (!state.door.is_own()) return state.relayed.take({});
        return state.places.take(net::network_of(net::host_of(state.door.peer_of(socket))));
    }

    static asio::awaitable<void> serve(SessionPtr session) {
        session->deadline.expires_after(session_longest);
        session->deadline.async_wait([session](const error_code& error) {
            if (error) return;
            session->is_late = true;
            session->close();
        });
        const auto failure = co_await converse(session);
        std::size_t left_out = 0;
        if (failure && session->state->lines.allows(net::now(), left_out))
            session->state->tell({.what = What::broken,
                                  .address = session->address,
                                  .serial = {},
                                  .words = {session->is_late ? "it took too long" : *failure, {}},
                                  .code = {}});
        session->close();
    }

    // Nothing, or where it broke off.
    static asio::awaitable<std::optional<std::string>> converse(SessionPtr session) {
        const bool is_introduced = co_await introduce(session);
        if (!is_introduced) co_return "it did not ask to join";
        if (session->state->wrong_tries.must_wait(net::network_of(session->address), net::now()))
            co_return "too many wrong tokens came from there: it must wait for some seconds";
        const auto shaken =
            co_await session->stream.async_handshake(asio::ssl::stream_base::server, as_result);
        if (std::get<0>(shaken)) co_return "TLS: " + std::get<0>(shaken).message();
        std::array<char, length_bytes + digest_bytes> head{};
        const auto began =
            co_await asio::async_read(session->stream, asio::buffer(head), as_result);
        if (std::get<0>(began)) co_return "it ended before it had asked";
        const std::string_view all(head.data(), head.size());
        const std::size_t length = length_in(all);
        if (length > message_bytes_max) co_return "its request is too long";
        std::string body(length, '\0');
        const auto read = co_await asio::async_read(session->stream, asio::buffer(body), as_result);
        if (std::get<0>(read)) co_return "it ended before it had asked";
        const std::string answer = with_length(judge(*session, all.substr(length_bytes), body));
        const auto answered =
            co_await asio::async_write(session->stream, asio::buffer(answer), as_result);
        if (std::get<0>(answered)) co_return "it did not take the answer";
        if (session->key.empty()) co_return std::nullopt;
        std::array<char, 1> stored{};
        const auto told =
            co_await asio::async_read(session->stream, asio::buffer(stored), as_result);
        if (std::get<0>(told) || stored[0] != stored_byte)
            co_return "it did not say that it has stored its certificate; it may run the same "
                "command again";
        confirm(*session);
        co_return std::nullopt;
    }

    // Whose connection is it, and does it want to join?
    static asio::awaitable<bool> introduce(SessionPtr session) {
        Socket& socket = session->stream.next_layer();
        if (session->state->door.is_own()) {
            session->address = net::host_of(session->state->door.peer_of(socket));
            std::array<char, net::join_message.size()> asked{};
            const auto read = co_await asio::async_read(socket, asio::buffer(asked), as_result);
            if (std::get<0>(read)) co_return false;
            if (std::string_view(asked.data(), asked.size()) != net::join_message) co_return false;
        } else {
            std::string line;
            while (line.size() <= net::address_line_max && !line.ends_with('\n')) {
                std::array<char, 1> byte{};
                const auto read = co_await asio::async_read(socket, asio::buffer(byte), as_result);
                if (std::get<0>(read)) co_return false;
                line += byte[0];
            }
            if (!line.ends_with('\n')) co_return false;
            line.pop_back();
            session->address = net::host_of(line);
        }
        const auto written = co_await asio::async_write(
            socket, asio::buffer(net::join_message.data(), net::join_message.size()), as_result);
        co_return !std::get<0>(written);
    }

    // The answer to a request.
    static std::string judge(Session& session, std::string_view proof, const std::string& body) {
        Inviter::State& state = *session.state;
        const auto admitted =
            state.invitation.admit(proof, exported(session.stream), body, net::now());
        if (!admitted && admitted.error().code == "wrong_token")
            state.wrong_tries.add(net::network_of(session.address), net::now());
        if (!admitted) return refuse(session, admitted.error());
        const std::optional<Request> request = read_request(body);
        if (!request)
            return refuse(session, {"bad_request",
                                    {"the request cannot be read",
                                     "use the same version of Castvote on both sides"}});
        if (!equal_without_case(request->cluster, state.invite.cluster))
            return refuse(session,
                          {"other_cluster",
                           {fmt::format("the invitation is for cluster \"{}\", this node is of "
                                        "\"{}\"",
                                        state.invite.cluster, request->cluster),
                            "invite the cluster by the cluster_name of its corosync.conf"}});
        return sign(session, *request);
    }

    static std::string sign(Session& session, const Request& wanted) {
        Inviter::State& state = *session.state;
        const Expected<RequestPtr> request = parse_request(wanted.request_pem, "the request");
        if (!request) return refuse(session, {"bad_request", request.error()});
        const std::string key = key_of(request->get());
        const auto place = state.invitation.place_for(key);
        if (!place) return refuse(session, place.error());
        if (*place) {
            session.key = key;
            return **place;
        }
        const Expected<Authorities> authorities = read_authorities(state.invite.directory);
        if (!authorities) return refuse(session, {"bad_request", authorities.error()});
        if (const auto known = state.invitation.check_authorities(authorities->for_nodes()); !known)
            return refuse(session, known.error());
        const Expected<CertificatePtr> certificate =
            issue_certificate(state.invite.directory, request->get(), "the request",
                              {.cluster = state.invite.cluster,
                               .by = "invite",
                               .owner = state.invite.owner,
                               .address = session.address,
                               .which = Which::newest,
                               .is_confirmed = true});
        if (!certificate) return refuse(session, {"bad_request", certificate.error()});
        const std::string answer =
            answer_body(Issued{to_pem(certificate->get()), to_pem(authorities->for_nodes())});
        session.key = key;
        state.invitation.issued(key, answer);
        state.serials[key] = serial_number(certificate->get());
        state.tell({.what = What::issued,
                    .address = session.address,
                    .serial = serial_number(certificate->get()),
                    .words = {},
                    .code = {}});
        return answer;
    }

    // Empty for one that is not understood: signing refuses it.
    static std::string key_of(X509_REQ* request) {
        unsigned char* bytes = nullptr;
        const int size = i2d_PUBKEY(X509_REQ_get0_pubkey(request), &bytes);
        if (size <= 0) {
            openssl_words();
            return {};
        }
        std::string key(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        OPENSSL_free(bytes);
        return key;
    }

    static std::string refuse(Session& session, const Refusal& refusal) {
        std::size_t left_out = 0;
        if (session.state->lines.allows(net::now(), left_out))
            session.state->tell({.what = What::refused,
                                 .address = session.address,
                                 .serial = {},
                                 .words = refusal.words,
                                 .code = refusal.code});
        return answer_body(refusal);
    }

    static void confirm(Session& session) {
        Inviter::State& state = *session.state;
        state.invitation.confirmed(session.key);
        const Expected<void> marked =
            mark_stored(state.invite.directory, state.serials[session.key]);
        if (!marked)
            state.tell({.what = What::broken,
                        .address = session.address,
                        .serial = {},
                        .words = marked.error(),
                        .code = {}});
        state.tell({.what = What::joined,
                    .address = session.address,
                    .serial = {},
                    .words = {},
                    .code = {}});
        look(session.state);
    }

    // Is it over? If not, look again in a moment: the clock of timers stands still in suspend.
    static void look(const StatePtr& state) {
        if (state->is_interrupted || state->invitation.ending(net::now())) {
            state->io.stop();
            return;
        }
        state->clock.expires_after(look_again);
        state->clock.async_wait([state](const error_code& error) {
            if (!error) look(state);
        });
    }
};

Inviter::Inviter() = default;

Expected<std::unique_ptr<Inviter>> Inviter::open(Invite invite, const ArbiterIdentity& identity,
                                                 Invitation invitation, Tell tell) {
    Expected<asio::ssl::context> context = server_context(identity);
    if (!context) return tl::unexpected<Error>(context.error());
    std::unique_ptr<Inviter> inviter(new Inviter);
    inviter->state_ =
        std::make_shared<State>(inviter->io_, std::move(invite), std::move(invitation),
                                std::move(*context), std::move(tell));
    State* state = inviter->state_.get();
    if (const Expected<void> opened = state->door.open(state->invite.door); !opened)
        return tl::unexpected<Error>(opened.error());
    state->signals.async_wait([state](const error_code& error, int) {
        if (error) return;
        state->is_interrupted = true;
        state->io.stop();
    });
    return inviter;
}

Inviter::~Inviter() { state_->door.close(); }

Ending Inviter::run() {
    asio::co_spawn(state_->io, InviterLoops::accept_loop(state_), asio::detached);
    InviterLoops::look(state_);
    state_->io.run();
    state_->door.close();
    if (const auto ending = state_->invitation.ending(net::now())) return *ending;
    return Ending::interrupted;
}

std::uint16_t Inviter::port() const { return state_->door.port(); }

const Invitation& Inviter::invitation() const { return state_->invitation; }

}  // namespace castvote::certs::enrol
