// connect.cpp -- see connect.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/connect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/net/address.hpp"
#include "common/net/names.hpp"

namespace castvote::net {

namespace {

// Even the last of many addresses gets time for one SYN to be repeated.
constexpr std::chrono::milliseconds share_min{1500};

bool fits(const asio::ip::address& address, IpVersion version) {
    return version == IpVersion::any || address.is_v4() == (version == IpVersion::v4);
}

}  // namespace

struct Connector::State {
    State(asio::io_context& io, ConnectTarget wanted, std::function<void(Result)> done)
        : target(std::move(wanted)),
          on_done(std::move(done)),
          socket(io),
          resolver(io),
          overall(io),
          share(io) {}

    ConnectTarget target;
    std::function<void(Result)> on_done;  // none: cancelled, or told already
    tcp::socket socket;
    tcp::resolver resolver;
    asio::steady_timer overall;
    asio::steady_timer share;  // of the address that is being tried
    std::string last_error = "no address to connect to";
};

struct ConnectorLoops {
    using Self = std::shared_ptr<Connector>;
    using State = Connector::State;
    using Endpoints = std::vector<tcp::endpoint>;

    static void tell(const Self& self, Connector::Result result) {
        State& s = *self->state_;
        auto on_done = std::exchange(s.on_done, nullptr);
        s.overall.cancel();
        s.share.cancel();
        if (on_done) on_done(std::move(result));
    }

    static void fail(const Self& self, const std::string& why) {
        const ConnectTarget& target = self->state_->target;
        tell(self, Unexpected<std::string>(
                       fmt::format("connecting to {}:{}: {}", target.host, target.port, why)));
    }

    static asio::awaitable<void> run(Self self) {
        State& s = *self->state_;
        Endpoints endpoints = co_await resolve(self);
        for (std::size_t i = 0; i < endpoints.size() && s.on_done; ++i) {
            const bool connected = co_await attempt(self, endpoints[i], endpoints.size() - i);
            if (!connected) continue;
            tell(self, std::move(s.socket));
            co_return;
        }
        if (s.on_done) fail(self, s.last_error);
    }

    static asio::awaitable<Endpoints> resolve(Self self) {
        State& s = *self->state_;
        error_code error;
        const auto numeric = asio::ip::make_address(s.target.host, error);
        Endpoints endpoints;
        if (!error) {
            if (fits(numeric, s.target.version))
                endpoints.emplace_back(numeric, s.target.port);
            else
                s.last_error = "the address is not of the IP version asked for";
            co_return endpoints;
        }
        if (!looks_names_up) {
            s.last_error = "this program wants the address as a number";
            co_return endpoints;
        }
        const auto result =
            co_await s.resolver.async_resolve(s.target.host, std::to_string(s.target.port),
                                              tcp::resolver::numeric_service, as_result);
        if (std::get<0>(result)) {
            s.last_error = "the name cannot be resolved: " + std::get<0>(result).message();
            co_return endpoints;
        }
        for (const auto& entry : std::get<1>(result))
            if (fits(entry.endpoint().address(), s.target.version))
                endpoints.push_back(entry.endpoint());
        if (endpoints.empty()) s.last_error = "the name has no address of the IP version asked for";
        co_return endpoints;
    }

    static asio::awaitable<bool> attempt(Self self, tcp::endpoint endpoint, std::size_t addresses) {
        State& s = *self->state_;
        error_code ignored;
        s.socket = tcp::socket(s.socket.get_executor());
        s.socket.open(endpoint.protocol(), ignored);
        const auto left = s.overall.expiry() - asio::steady_timer::clock_type::now();
        const auto fair = left / static_cast<long>(addresses);
        s.share.expires_after(std::max<asio::steady_timer::duration>(fair, share_min));
        s.share.async_wait([self](const error_code& error) {
            error_code unused;
            if (!error) self->state_->socket.close(unused);
        });
        const auto result = co_await s.socket.async_connect(endpoint, as_result);
        const error_code error = std::get<0>(result);
        s.share.cancel();
        if (!error && s.socket.is_open()) co_return true;
        s.last_error = error == asio::error::operation_aborted ? "no answer" : error.message();
        if (addresses > 1) s.last_error += " (" + address_text(endpoint) + ")";
        s.socket.close(ignored);
        co_return false;
    }
};

Connector::Connector(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connector::~Connector() = default;

std::shared_ptr<Connector> Connector::start(asio::io_context& io, ConnectTarget target,
                                            std::function<void(Result)> on_done) {
    std::shared_ptr<Connector> self(
        new Connector(std::make_unique<State>(io, std::move(target), std::move(on_done))));
    self->state_->overall.expires_after(self->state_->target.timeout);
    self->state_->overall.async_wait([self](const error_code& error) {
        if (error || !self->state_->on_done) return;
        ConnectorLoops::fail(self, "no answer within the connect time-out");
        self->cancel();
    });
    asio::co_spawn(io, ConnectorLoops::run(self), asio::detached);
    return self;
}

void Connector::cancel() {
    error_code ignored;
    state_->on_done = nullptr;
    state_->overall.cancel();
    state_->share.cancel();
    state_->resolver.cancel();
    state_->socket.close(ignored);
}

}  // namespace castvote::net
