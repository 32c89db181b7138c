// requests.hpp -- the client's messages, option by option what the stock client sends.
//
// Pure: number and content in, message out. The order of messages is session.cpp's.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "common/wire/message.hpp"
#include "qdevice-client/core/settings.hpp"

namespace castvote::qdevice::requests {

wire::Message preinit(std::uint32_t number, const Settings& settings);
wire::Message starttls(std::uint32_t number);
// ring: of the last membership; heartbeat: HB (protocol.md 9).
wire::Message init(std::uint32_t number, const Settings& settings, Duration heartbeat,
                   const wire::RingId& ring);
wire::Message set_option(std::uint32_t number, bool keep_active_partition);
// Node ids alone, though the configuration may know data centres (protocol.md 11).
wire::Message config_list(std::uint32_t number, wire::NodeListType type, const NodeConfig& config);
wire::Message membership_list(std::uint32_t number, const wire::RingId& ring,
                              const std::vector<wire::NodeId>& members,
                              wire::Heuristics heuristics);
wire::Message quorum_list(std::uint32_t number, bool quorate,
                          const std::vector<wire::NodeInfo>& nodes);
wire::Message heuristics_change(std::uint32_t number, wire::Heuristics result);
wire::Message vote_info_reply(std::uint32_t number);
wire::Message echo_request(std::uint32_t number);

}  // namespace castvote::qdevice::requests
