// machine.cpp -- see machine.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/doctor/machine.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/timex.h>

#include <array>

#include "common/net/names.hpp"

namespace castvote::doctor {

namespace {

std::string numeric(const sockaddr* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* bytes = nullptr;
    if (address->sa_family == AF_INET)
        bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
    if (address->sa_family == AF_INET6)
        bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (bytes == nullptr ||
        inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr)
        return {};
    return text.data();
}

}  // namespace

std::set<std::string> addresses_of(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    if (!net::looks_names_up) hints.ai_flags = AI_NUMERICHOST;
    addrinfo* first = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &first) != 0) return {};
    std::set<std::string> found;
    for (const addrinfo* at = first; at != nullptr; at = at->ai_next)
        if (std::string text = numeric(at->ai_addr); !text.empty()) found.insert(std::move(text));
    freeaddrinfo(first);
    return found;
}

std::set<std::string> own_addresses() {
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) return {};
    std::set<std::string> found;
    for (const ifaddrs* at = first; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_LOOPBACK) != 0) continue;
        if (std::string text = numeric(at->ifa_addr); !text.empty()) found.insert(std::move(text));
    }
    freeifaddrs(first);
    return found;
}

std::optional<bool> is_clock_synchronised() {
    timex state{};
    const int answer = adjtimex(&state);
    if (answer < 0) return std::nullopt;
    return answer != TIME_ERROR;
}

Finding judge_clock(std::optional<bool> is_synchronised) {
    if (!is_synchronised)
        return unknown("clock", "the kernel does not say whether it is kept right",
                       "see timedatectl");
    if (*is_synchronised) return fine("clock", "synchronised");
    return warning("clock", "nothing keeps it right",
                   "switch NTP on (timedatectl set-ntp true): certificates are refused where a "
                   "clock is far off, and logs cannot be compared");
}

}  // namespace castvote::doctor
