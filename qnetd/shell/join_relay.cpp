// join_relay.cpp -- see join_relay.hpp. Two coroutines per connection, one for each direction; the
// deadline, or an error of either, ends both.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/join_relay.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <tuple>
#include <utility>

#include "common/net/address.hpp"
#include "common/net/clock.hpp"
#include "common/net/enrolment.hpp"

namespace castvote::qnetd {

namespace asio = net::asio;
using net::as_result;
using net::error_code;
using net::tcp;
using Local = asio::local::stream_protocol;

namespace {

// A handshake, a request and a certificate take 10 KiB; an invitation gives up after 15 s.
constexpr std::size_t bytes_max = 64 * 1024;
constexpr std::chrono::seconds longest{20};
constexpr std::size_t lines_burst = 20;
constexpr Duration lines_interval{2000};

}  // namespace

// One connection, and the two coroutines that serve it.
struct JoinRelayLoops {
    struct Relayed {
        Relayed(asio::io_context& io, tcp::socket from, std::shared_ptr<JoinRelay::Place> held)
            : client(std::move(from)), invitation(io), deadline(io), place(std::move(held)) {}

        tcp::socket client;
        Local::socket invitation;
        asio::steady_timer deadline;
        std::shared_ptr<JoinRelay::Place> place;

        void close() {
            error_code ignored;
            client.close(ignored);
            invitation.close(ignored);
            deadline.cancel();
        }
    };

    template <class From, class To>
    static asio::awaitable<void> pump(std::shared_ptr<Relayed> relayed, From& from, To& to) {
        std::array<char, 4096> buffer{};
        std::size_t passed = 0;
        while (passed < bytes_max) {
            const auto read = co_await from.async_read_some(asio::buffer(buffer), as_result);
            if (std::get<0>(read)) {
                error_code ignored;
                to.shutdown(To::shutdown_send, ignored);
                if (std::get<0>(read) != asio::error::eof) relayed->close();
                co_return;
            }
            const std::size_t size = std::get<1>(read);
            const auto written =
                co_await asio::async_write(to, asio::buffer(buffer.data(), size), as_result);
            if (std::get<0>(written)) break;
            passed += size;
        }
        relayed->close();
    }

    static asio::awaitable<void> relay_both(std::shared_ptr<Relayed> relayed,
                                            std::string address_line) {
        // The deadline does not hold what it closes: it ends with it.
        relayed->deadline.expires_after(longest);
        relayed->deadline.async_wait([weak = std::weak_ptr(relayed)](const error_code& error) {
            const auto still = weak.lock();
            if (!error && still) still->close();
        });
        const auto written =
            co_await asio::async_write(relayed->invitation, asio::buffer(address_line), as_result);
        if (std::get<0>(written)) co_return relayed->close();
        const auto executor = relayed->client.get_executor();
        asio::co_spawn(executor, pump(relayed, relayed->client, relayed->invitation),
                       asio::detached);
        asio::co_spawn(executor, pump(relayed, relayed->invitation, relayed->client),
                       asio::detached);
    }
};

JoinRelay::JoinRelay(asio::io_context& io, const std::string& control_socket)
    : io_(io),
      path_(net::invitation_socket_beside(control_socket)),
      places_(net::joining_max, net::joining_each_max),
      lines_(lines_burst, lines_interval) {}

JoinRelay::Place::~Place() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

int JoinRelay::Place::take_descriptor() { return std::exchange(descriptor_, -1); }

std::shared_ptr<JoinRelay::Place> JoinRelay::open(const std::string& address_text) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return nullptr;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    auto held = places_.take(net::network_of(net::host_of(address_text)));
    if (!held) return nullptr;
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    auto place = std::make_shared<Place>(descriptor, std::move(held));
    if (descriptor < 0 ||
        ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return nullptr;
    return place;
}

void JoinRelay::relay(std::shared_ptr<Place> place, tcp::socket client, std::string address) {
    error_code error;
    const auto protocol = client.local_endpoint(error).protocol();
    if (error) return;
    const auto handle = client.release(error);
    if (error) return;
    // A descriptor that a stopped loop never takes up is closed with the process.
    asio::post(io_, [this, place = std::move(place), protocol, handle,
                     address = std::move(address)]() mutable {
        error_code refused;
        tcp::socket here(io_);
        here.assign(protocol, handle, refused);
        if (refused) return;
        auto relayed = std::make_shared<JoinRelayLoops::Relayed>(io_, std::move(here), place);
        const int descriptor = place->take_descriptor();
        relayed->invitation.assign(Local(), descriptor, refused);
        if (refused) {
            ::close(descriptor);
            return;
        }
        std::size_t left_out = 0;
        if (lines_.allows(net::now(), left_out))
            net::log(net::LogLevel::info, fmt::format("{} asks to join by invitation", address));
        asio::co_spawn(io_, JoinRelayLoops::relay_both(std::move(relayed), address + "\n"),
                       asio::detached);
    });
}

}  // namespace castvote::qnetd
