// address.cpp -- see address.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/address.hpp"

#include <fmt/format.h>

namespace castvote::net {

std::string address_text(const tcp::endpoint& endpoint) {
    return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

std::string peer_address_text(const tcp::socket& socket) {
    error_code error;
    const tcp::endpoint endpoint = socket.remote_endpoint(error);
    return error ? "?" : address_text(endpoint);
}

}  // namespace castvote::net
