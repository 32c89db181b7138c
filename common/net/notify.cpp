// notify.cpp -- see notify.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace castvote::net {

void notify_service_manager(std::string_view state, bool waits) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path == nullptr || path[0] == '\0') return;
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // the abstract name space
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return;
    // Nobody to tell is no reason to stop.
    const int flags = MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT);
    static_cast<void>(::sendto(socket, state.data(), state.size(), flags,
                               reinterpret_cast<const sockaddr*>(&address),
                               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length)));
    ::close(socket);
}

}  // namespace castvote::net
