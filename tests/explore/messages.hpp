// messages.hpp -- the few messages that explored nodes send.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/explore/world.hpp"

namespace castvote::explore::message {

wire::Message preinit(const std::string& cluster);
wire::Message init(NodeId node, const wire::RingId& ring, const Scope& scope);
// Of a node with a lease: what it says of itself, and that it gave the vote back.
wire::Message options(const Node& node, Instant now);
wire::Message farewell();
wire::Message starttls();
wire::Message config(std::size_t nodes);
wire::Message membership(const Ring& ring);
wire::Message reply(std::uint32_t number);
wire::Message heuristics(wire::Heuristics result);
wire::Message quorum(const Ring& ring, wire::Quorate quorate);
wire::Message echo();

}  // namespace castvote::explore::message
