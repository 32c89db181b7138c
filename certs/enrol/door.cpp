// door.cpp -- see door.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/door.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>

#include "common/ipc/client.hpp"
#include "common/net/address.hpp"
#include "common/net/enrolment.hpp"

namespace castvote::certs::enrol {

namespace asio = net::asio;
using net::as_result;
using net::error_code;
using net::tcp;
using Local = asio::local::stream_protocol;

namespace {

constexpr int backlog = 8;

// Does an arbiter answer that passes nodes on? The stock one knows no such question.
Expected<void> check_arbiter(const std::string& control_socket) {
    const char* remedy = "start it, or invite on a port of its own with --listen PORT";
    switch (ipc::ask(control_socket, "json status").kind) {
        case ipc::Response::Kind::ok: return {};
        case ipc::Response::Kind::error:
            return fail(fmt::format("at {} runs the stock arbiter, which passes no nodes on",
                                    control_socket),
                        "invite on a port of its own with --listen PORT");
        default:
            return fail(fmt::format("no arbiter of ours answers at {}", control_socket), remedy);
    }
}

}  // namespace

Expected<void> OpenDoor::open(const Door& door) {
    return door.port == 0 ? listen_locally(door.control_socket) : listen_at(door);
}

Expected<void> OpenDoor::listen_locally(const std::string& control_socket) {
    constexpr std::size_t path_max = 107;  // of a local socket
    const std::string path = net::invitation_socket_beside(control_socket);
    if (path.size() > path_max)
        return fail(fmt::format("{} is too long for a socket", path), "choose a shorter path");
    if (const auto arbiter = check_arbiter(control_socket); !arbiter) return arbiter;
    if (const auto locked = lock(Path(path).parent_path()); !locked) return locked;
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) {
        if (!S_ISSOCK(found.st_mode)) {
            close();
            return fail(fmt::format("{} is no socket", path), "move it away");
        }
        static_cast<void>(::unlink(path.c_str()));
    }
    error_code error;
    const mode_t before = ::umask(0117);  // 0660
    local_.open(asio::generic::stream_protocol(Local()), error);
    if (!error) local_.bind(Local::endpoint(path), error);
    ::umask(before);
    if (error) {
        close();
        return fail(fmt::format("cannot make the socket {}: {}", path, error.message()),
                    "run this as root on the arbiter");
    }
    path_ = path;
    // The arbiter's group owns the folder, and may have put a link in the socket's place meanwhile:
    // it must not be followed. A user who is not root has one group for both.
    const auto folder = owner_of(Path(path).parent_path());
    const bool is_given = ::geteuid() != 0 || !folder ||
                          ::lchown(path.c_str(), static_cast<uid_t>(-1), folder->group) == 0;
    if (!is_given) {
        close();
        return fail(fmt::format("cannot give {} to the arbiter's group", path),
                    "run this as root on the arbiter");
    }
    local_.listen(backlog, error);
    if (!error) return {};
    close();
    return fail(fmt::format("cannot listen at {}: {}", path, error.message()), "try again");
}

// Who has the folder has the socket's name in it, however long the socket lives; the system gives
// it back whatever ends us.
Expected<void> OpenDoor::lock(const Path& folder) {
    lock_ = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) == 0) return {};
    const bool is_taken = lock_ >= 0 && errno == EWOULDBLOCK;
    close();
    if (is_taken)
        return fail("another invitation is open on this arbiter",
                    "wait until it ends, or end it with Ctrl-C where it runs");
    return fail(fmt::format("cannot lock {}", folder.string()), "run this as root on the arbiter");
}

Expected<void> OpenDoor::listen_at(const Door& door) {
    error_code error;
    tcp::resolver resolver(io_);
    tcp::endpoint endpoint(tcp::v6(), door.port);
    if (!door.address.empty()) {
        const auto address = asio::ip::make_address(door.address, error);
        if (error)
            return fail(fmt::format("\"{}\" is no IP address", door.address),
                        "give an address of this host, or the port alone");
        endpoint = tcp::endpoint(address, door.port);
    }
    tcp_.open(endpoint.protocol(), error);
    if (error == asio::error::address_family_not_supported && door.address.empty()) {
        endpoint = tcp::endpoint(tcp::v4(), door.port);
        tcp_.open(endpoint.protocol(), error);
    }
    if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.protocol() == tcp::v6() && door.address.empty())
        tcp_.set_option(asio::ip::v6_only(false), error);
    if (!error) tcp_.bind(endpoint, error);
    if (!error) tcp_.listen(backlog, error);
    if (!error) return {};
    close();
    return fail(fmt::format("cannot listen on port {}: {}", door.port, error.message()),
                "choose another port, or let nodes in through the running arbiter, without "
                "--listen");
}

void OpenDoor::close() {
    error_code ignored;
    tcp_.close(ignored);
    local_.close(ignored);
    if (!path_.empty()) static_cast<void>(::unlink(path_.c_str()));
    path_.clear();
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
}

std::uint16_t OpenDoor::port() const {
    error_code ignored;
    return tcp_.is_open() ? tcp_.local_endpoint(ignored).port() : std::uint16_t{0};
}

std::string OpenDoor::peer_of(const Socket& socket) const {
    error_code error;
    const auto generic = socket.remote_endpoint(error);
    if (error) return "?";
    tcp::endpoint endpoint;
    if (generic.size() > endpoint.capacity()) return "?";
    std::memcpy(endpoint.data(), generic.data(), generic.size());
    endpoint.resize(generic.size());
    return net::address_text(endpoint);
}

asio::awaitable<std::tuple<error_code, Socket>> OpenDoor::accept() {
    if (tcp_.is_open()) {
        auto result = co_await tcp_.async_accept(as_result);
        co_return std::tuple(std::get<0>(result), Socket(std::move(std::get<1>(result))));
    }
    auto result = co_await local_.async_accept(as_result);
    co_return std::tuple(std::get<0>(result), Socket(std::move(std::get<1>(result))));
}

}  // namespace castvote::certs::enrol
