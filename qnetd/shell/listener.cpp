// listener.cpp -- see listener.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/listener.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>
#include <tuple>
#include <vector>

#include "common/net/address.hpp"
#include "common/net/clock.hpp"
#include "common/net/names.hpp"

namespace castvote::qnetd {

namespace asio = net::asio;
using net::as_result;
using net::error_code;
using net::tcp;

namespace {

// Descriptors come back when clients go; looking more often only burns the processor.
constexpr std::chrono::milliseconds accept_back_off{100};
constexpr Duration accept_complaints{60000};  // one line a minute

struct Place {
    tcp::endpoint endpoint;
    bool v6_only = false;
};

std::vector<tcp::endpoint> endpoints_of(asio::io_context& io, const Options& options,
                                        error_code& error) {
    const auto numeric = asio::ip::make_address(options.address, error);
    if (!error) return {tcp::endpoint(numeric, options.port)};
    error.clear();
    if (!net::looks_names_up) return {};
    std::vector<tcp::endpoint> endpoints;
    tcp::resolver resolver(io);
    for (const auto& entry :
         resolver.resolve(options.address, std::to_string(options.port),
                          tcp::resolver::passive | tcp::resolver::numeric_service, error))
        endpoints.push_back(entry.endpoint());
    return endpoints;
}

Expected<Place, std::string> place_of(asio::io_context& io, const Options& options) {
    const bool v4 = options.family == AddressFamily::v4;
    if (options.address.empty())
        return Place{tcp::endpoint(v4 ? tcp::v4() : tcp::v6(), options.port),
                     options.family == AddressFamily::v6_only};
    error_code error;
    const std::vector<tcp::endpoint> found = endpoints_of(io, options, error);
    if (error) return Unexpected<std::string>(error.message());
    if (found.empty())
        return Unexpected<std::string>("'" + options.address +
                                       "' is no address: this program wants it as a number");
    for (const tcp::endpoint& endpoint : found) {
        const bool is_v4 = endpoint.address().is_v4();
        if (options.family == AddressFamily::any || is_v4 == v4)
            return Place{endpoint, options.family == AddressFamily::v6_only};
    }
    return Unexpected<std::string>("no such address in the IP version asked for");
}

error_code listen_at(tcp::acceptor& acceptor, const Place& place, int backlog) {
    error_code error;
    acceptor.open(place.endpoint.protocol(), error);
    if (error) return error;
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (place.endpoint.address().is_v6())
        acceptor.set_option(asio::ip::v6_only(place.v6_only), error);
    if (!error) acceptor.bind(place.endpoint, error);
    if (!error) acceptor.listen(backlog, error);
    if (error) {
        error_code ignored;
        acceptor.close(ignored);
    }
    return error;
}

}  // namespace

struct Listener::State {
    State(asio::io_context& io, Common& all) : common(all), acceptor(io), pause(io) {}

    Common& common;
    tcp::acceptor acceptor;
    asio::steady_timer pause;
    std::size_t clients_max = 0;
    std::size_t next_shard = 0;
    net::RateLimit complaints{1, accept_complaints};
};

struct ListenerLoops {
    static asio::awaitable<void> accept_loop(std::shared_ptr<Listener::State> state) {
        while (state->acceptor.is_open()) {
            auto result = co_await state->acceptor.async_accept(as_result);
            const error_code error = std::get<0>(result);
            if (!state->acceptor.is_open()) co_return;
            if (error) {
                complain(*state, error);
                state->pause.expires_after(accept_back_off);
                const auto waited = co_await state->pause.async_wait(as_result);
                static_cast<void>(waited);
                continue;
            }
            deal_out(*state, std::move(std::get<1>(result)));
        }
    }

    static void complain(Listener::State& state, const error_code& error) {
        std::size_t suppressed = 0;
        // A client that gave up while it waited is nobody's trouble.
        if (error == asio::error::connection_aborted) return;
        if (state.complaints.allows(net::now(), suppressed))
            net::log(net::LogLevel::warning,
                     fmt::format("connections are waiting, but none can be accepted: {}; raise "
                                 "LimitNOFILE= or lower --max-clients",
                                 error.message()));
    }

    static void deal_out(Listener::State& state, tcp::socket socket) {
        Common& common = state.common;
        if (state.clients_max != 0 && common.connections >= state.clients_max) return;
        std::string address = net::peer_address_text(socket);
        ArbiterShard& shard = *common.shards[state.next_shard++ % common.shards.size()];
        shard.adopt(std::move(socket), std::move(address), take_slot(common), std::nullopt);
    }
};

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}

Expected<std::unique_ptr<Listener>, std::string> Listener::open(asio::io_context& io,
                                                                const Options& options,
                                                                Common& common) {
    const auto fail = [&options](const std::string& why) {
        return Unexpected<std::string>(fmt::format(
            "cannot listen on {} port {}: {}",
            options.address.empty() ? "any address," : options.address, options.port, why));
    };
    auto place = place_of(io, options);
    if (!place) return fail(place.error());
    auto state = std::make_shared<State>(io, common);
    state->clients_max = options.clients_max;
    error_code error = listen_at(state->acceptor, *place, options.listen_backlog);
    // Without IPv6 in this kernel there is still IPv4.
    const bool may_fall_back = options.address.empty() && options.family == AddressFamily::any;
    if (error == asio::error::address_family_not_supported && may_fall_back)
        error = listen_at(state->acceptor, Place{tcp::endpoint(tcp::v4(), options.port)},
                          options.listen_backlog);
    if (error) return fail(error.message());
    asio::co_spawn(io, ListenerLoops::accept_loop(state), asio::detached);
    return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

Listener::~Listener() {
    error_code ignored;
    state_->acceptor.close(ignored);
    state_->pause.cancel();
}

std::uint16_t Listener::port() const {
    error_code ignored;
    return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace castvote::qnetd
