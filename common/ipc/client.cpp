// client.cpp -- see client.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/ipc/client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/ipc/words.hpp"
#include "common/wire/system_words.hpp"

namespace castvote::ipc {

namespace {

Response failed(Response::Kind kind, int error) { return Response{kind, system_words(error)}; }

class Socket {
public:
    Socket() : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int get() const { return descriptor_; }

private:
    int descriptor_;
};

int connect_to(int socket, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket < 0) return errno;
    // For no path at all this is what the stock tools say, too.
    if (path.empty() || path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    path.copy(address.sun_path, path.size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(socket, generic, sizeof address) == 0 ? 0 : errno;
}

int send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return 0;
}

int receive_all(int socket, std::string& bytes) {
    std::array<char, 65536> buffer{};
    for (;;) {
        const ssize_t size = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return errno;
        if (size == 0) return 0;
        bytes.append(buffer.data(), static_cast<std::size_t>(size));
    }
}

Response read_reply(const std::string& bytes) {
    if (bytes.empty()) return Response{Response::Kind::nothing, {}};
    const std::size_t end = bytes.find('\n');
    std::string status = bytes.substr(0, end);
    status.erase(std::remove(status.begin(), status.end(), '\r'), status.end());
    std::string payload = end == std::string::npos ? std::string() : bytes.substr(end + 1);
    if (is_word(status, "OK")) return Response{Response::Kind::ok, std::move(payload)};
    if (is_word(status, "Error")) return Response{Response::Kind::error, std::move(payload)};
    return Response{Response::Kind::unknown_status, std::move(status)};
}

}  // namespace

bool is_listening(const std::string& socket_path) {
    const Socket socket;
    return connect_to(socket.get(), socket_path) == 0;
}

Response ask(const std::string& socket_path, std::string_view request) {
    const Socket socket;
    if (const int error = connect_to(socket.get(), socket_path); error != 0)
        return failed(Response::Kind::cannot_connect, error);
    std::string bytes;
    // A server that is full closes without reading: what it said, if anything, still counts.
    const int unsent = send_all(socket.get(), std::string(request) + "\n");
    const int unread = receive_all(socket.get(), bytes);
    if (!bytes.empty() || unread == 0) return read_reply(bytes);
    return failed(Response::Kind::cannot_talk, unsent != 0 ? unsent : unread);
}

}  // namespace castvote::ipc
