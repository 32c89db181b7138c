// ask.cpp -- see ask.hpp. One coroutine, and a deadline that closes the socket under it.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/ask.hpp"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <tuple>

#include "certs/enrol/tls.hpp"
#include "certs/x509.hpp"
#include "common/net/connect.hpp"
#include "common/net/enrolment.hpp"

namespace castvote::certs::enrol {

namespace asio = net::asio;
using net::as_result;
using net::error_code;

namespace {

constexpr std::chrono::seconds longest{30};
constexpr Duration connect_longest{10000};
constexpr std::size_t authorities_max = 2;  // the present one, and the next one

using Outcome = Expected<void, AskError>;

tl::unexpected<AskError> broke(AskFailure kind, std::string what, std::string remedy) {
    return tl::unexpected<AskError>(AskError{kind, Error{std::move(what), std::move(remedy)}, {}});
}

struct Conversation {
    Where where;
    const Token& token;
    const Request& request;
    const Store& store;
    asio::ssl::context context = client_context();
    std::unique_ptr<Stream> stream;
    Outcome outcome = broke(AskFailure::unreachable, "the time for an answer is over", "try again");

    std::string place() const { return fmt::format("{} port {}", where.host, where.port); }
    tl::unexpected<AskError> no_invitation() const {
        return broke(AskFailure::unreachable, fmt::format("no invitation is open at {}", place()),
                     "run \"qcert invite\" on the arbiter, and use what it prints while it runs");
    }
    tl::unexpected<AskError> lost(const std::string& when) const {
        return broke(AskFailure::unreachable,
                     fmt::format("the connection to {} ended {}", place(), when),
                     "run the same command again while the invitation is open");
    }
};
using Talk = std::shared_ptr<Conversation>;

asio::awaitable<Outcome> greet(Talk talk) {
    net::asio::generic::stream_protocol::socket& socket = talk->stream->next_layer();
    const auto written = co_await asio::async_write(
        socket, asio::buffer(net::join_message.data(), net::join_message.size()), as_result);
    if (std::get<0>(written)) co_return talk->no_invitation();
    std::array<char, net::join_message.size()> greeting{};
    const auto read = co_await asio::async_read(socket, asio::buffer(greeting), as_result);
    // An arbiter without an invitation answers as to any message that it does not know.
    if (std::get<0>(read)) co_return talk->no_invitation();
    if (std::string_view(greeting.data(), greeting.size()) != net::join_message)
        co_return talk->no_invitation();
    const auto shaken =
        co_await talk->stream->async_handshake(asio::ssl::stream_base::client, as_result);
    if (std::get<0>(shaken)) co_return talk->lost("in the TLS handshake");
    co_return Outcome();
}

// The whole answer; empty if the connection ended.
asio::awaitable<std::string> exchange(Talk talk) {
    const std::string body = request_body(talk->request);
    std::string message = with_length(body);
    message.insert(length_bytes, join_proof(talk->token, exported(*talk->stream), body));
    const auto written =
        co_await asio::async_write(*talk->stream, asio::buffer(message), as_result);
    if (std::get<0>(written)) co_return std::string();
    std::array<char, length_bytes> head{};
    const auto began = co_await asio::async_read(*talk->stream, asio::buffer(head), as_result);
    if (std::get<0>(began)) co_return std::string();
    const std::size_t length = length_in(std::string_view(head.data(), head.size()));
    if (length > message_bytes_max) co_return std::string();
    std::string answer(length, '\0');
    const auto read = co_await asio::async_read(*talk->stream, asio::buffer(answer), as_result);
    if (std::get<0>(read)) co_return std::string();
    co_return answer;
}

Outcome take(Conversation& talk, const std::string& text, X509* shown) {
    const auto answer = read_answer(text);
    if (!answer) return talk.lost("without an answer that makes sense");
    if (!*answer)
        return tl::unexpected<AskError>(
            AskError{AskFailure::refused, answer->error().words, answer->error().code});
    const Expected<CertificatePtr> certificate =
        parse_certificate((*answer)->certificate_pem, "the answer");
    if (!certificate) return talk.lost("with an answer that is no certificate");
    const Expected<Certificates> cas = authorities_told(**answer, shown, talk.token);
    if (!cas)
        return tl::unexpected<AskError>(AskError{AskFailure::not_the_arbiter, cas.error(), {}});
    if (const auto issued = issuer_among(*cas, certificate->get(), Usage::client); !issued)
        return broke(AskFailure::not_the_arbiter,
                     fmt::format("the certificate that came {}", issued.error()),
                     "try again; if it stays so, make new certificates on the arbiter");
    if (const Expected<void> stored = talk.store(certificate->get(), *cas); !stored)
        return tl::unexpected<AskError>(AskError{AskFailure::not_stored, stored.error(), {}});
    return {};
}

asio::awaitable<void> converse(Talk talk) {
    Outcome greeted = co_await greet(talk);
    if (!greeted) {
        talk->outcome = greeted;
        co_return;
    }
    const Expected<CertificatePtr> ca = ca_shown(*talk->stream, talk->token);
    if (!ca) {
        talk->outcome =
            tl::unexpected<AskError>(AskError{AskFailure::not_the_arbiter, ca.error(), {}});
        co_return;
    }
    const std::string answer = co_await exchange(talk);
    talk->outcome =
        answer.empty() ? Outcome(talk->lost("without an answer")) : take(*talk, answer, ca->get());
    if (!talk->outcome) co_return;
    const auto told =
        co_await asio::async_write(*talk->stream, asio::buffer(&stored_byte, 1), as_result);
    static_cast<void>(told);  // The certificate is here, whoever knows.
}

}  // namespace

Expected<Certificates> authorities_told(const Issued& issued, X509* shown, const Token& token) {
    if (issued.authorities_pem.empty()) {
        Certificates only;
        only.push_back(share(shown));
        return only;
    }
    const auto refuse = [](const std::string& why) {
        return fail("the arbiter tells to trust " + why,
                    "invite again; if it stays so, look at \"qcert show\" on the arbiter");
    };
    Expected<Certificates> told = parse_certificates(issued.authorities_pem, "the answer");
    if (!told) return refuse("what is no certificate");
    if (told->size() > authorities_max) return refuse("more authorities than an exchange has");
    for (const CertificatePtr& one : *told)
        if (X509_check_ca(one.get()) == 0) return refuse("what is no authority");
    if (!is_any_of_token(*told, token)) return refuse("other authorities than the token names");
    return told;
}

Expected<void, AskError> ask(const Where& where, const Token& token, const Request& request,
                             const Store& store) {
    asio::io_context io{1};
    auto talk = std::make_shared<Conversation>(Conversation{where, token, request, store});
    asio::steady_timer deadline(io, longest);
    const auto connector = net::Connector::start(
        io, {.host = where.host, .port = where.port, .timeout = connect_longest},
        [&](net::Connector::Result result) {
            if (!result) {
                talk->outcome =
                    broke(AskFailure::unreachable, result.error(),
                          "check the address, and that the port is open in every firewall");
                deadline.cancel();
                return;
            }
            talk->stream = std::make_unique<Stream>(Socket(std::move(*result)), talk->context);
            asio::co_spawn(io, converse(talk),
                           [&](const std::exception_ptr&) { deadline.cancel(); });
        });
    deadline.async_wait([&](const error_code&) { io.stop(); });
    io.run();
    return talk->outcome;
}

}  // namespace castvote::certs::enrol
