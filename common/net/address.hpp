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

}  // namespace castvote::net
