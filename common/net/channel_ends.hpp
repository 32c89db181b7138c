// channel_ends.hpp -- what an error of a connection says about its end: the kind, and plain words.
// Only an end of stream that was really read may be called one: the arbiter's clocks rest on it.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/net/channel.hpp"

namespace castvote::net {

std::string words_of(const error_code& error);
ChannelEnd end_of(const error_code& error);

// An alert or broken TLS; the end of a TLS stream is none.
bool is_of_tls(const error_code& error);

// Whether nothing is left of the connection: it was reset, or we have given it up.
bool is_gone(tcp::socket& socket);

}  // namespace castvote::net
