// door.hpp -- where joining nodes come in: a socket that the arbiter knows, or a port of our own.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <string>

#include "certs/enrol/serve.hpp"
#include "certs/enrol/tls.hpp"

namespace castvote::certs::enrol {

class OpenDoor {
public:
    explicit OpenDoor(net::asio::io_context& io) : io_(io), tcp_(io), local_(io) {}
    ~OpenDoor() { close(); }
    OpenDoor(const OpenDoor&) = delete;
    OpenDoor& operator=(const OpenDoor&) = delete;

    // The local socket is for root and the arbiter's group alone (0660). One that a killed
    // invitation left is removed; a living invitation is an error, and so is an arbiter that does
    // not run or is not ours.
    Expected<void> open(const Door& door);
    bool is_open() const { return tcp_.is_open() || local_.is_open(); }
    void close();

    bool is_own() const { return tcp_.is_open(); }
    std::uint16_t port() const;
    // The address of who came by our own port.
    std::string peer_of(const Socket& socket) const;

    net::asio::awaitable<std::tuple<net::error_code, Socket>> accept();

private:
    using LocalAcceptor = net::asio::basic_socket_acceptor<net::asio::generic::stream_protocol>;
    Expected<void> listen_locally(const std::string& control_socket);
    Expected<void> lock(const Path& folder);
    Expected<void> listen_at(const Door& door);

    net::asio::io_context& io_;
    net::tcp::acceptor tcp_;
    LocalAcceptor local_;
    std::string path_;  // of the local socket, while it is ours
    int lock_ = -1;     // of the folder, while the door is ours
};

}  // namespace castvote::certs::enrol
