// address.cpp -- see address.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/address.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace castvote::net {

std::string address_text(const tcp::endpoint& endpoint) {
    return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

std::string peer_address_text(const tcp::socket& socket) {
    error_code error;
    const tcp::endpoint endpoint = socket.remote_endpoint(error);
    return error ? "?" : address_text(endpoint);
}

std::string host_of(std::string address_text) {
    constexpr std::string_view mapped = "::ffff:";
    if (address_text.starts_with(mapped)) address_text.erase(0, mapped.size());
    return address_text.substr(0, address_text.rfind(':'));
}

std::string network_of(const std::string& host) {
    error_code is_none;
    const auto address = asio::ip::make_address_v6(host, is_none);
    if (is_none) return host;
    auto bytes = address.to_bytes();
    std::fill(bytes.begin() + bytes.size() / 2, bytes.end(), std::uint8_t{0});
    return asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace castvote::net
