// address.hpp -- a peer's address as status and logs show it (tools.md 5).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/net/asio.hpp"

namespace castvote::net {

// "::ffff:10.0.0.1:4711": address, colon, port; IPv6 is not bracketed.
std::string address_text(const tcp::endpoint& endpoint);
// Of the other end; "?" when it is gone already.
std::string peer_address_text(const tcp::socket& socket);

// "10.0.0.1" of such a text.
std::string host_of(std::string address_text);
// Whom one stranger can be taken for: the IPv4 address, or the 64 bits of an IPv6 one that a
// provider gives to one customer.
std::string network_of(const std::string& host);

}  // namespace castvote::net
