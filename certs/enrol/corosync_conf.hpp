// corosync_conf.hpp -- the quorum device's section of corosync.conf: what it must be, and where.
//
// Reads as much of the file as it needs and changes nothing else in it, not even blanks. The number
// of nodes decides as `pvecm qdevice setup` does: ffsplit with one vote for an even one, lms
// otherwise. Pure: text in, text out.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"

namespace castvote::certs::enrol {

struct Member {
    std::string name;     // empty where there is none
    std::string address;  // ring0_addr; empty where there is none
};

struct ConfigurationFacts {
    std::string cluster;
    std::size_t nodes = 0;
    std::vector<Member> members;  // one for each node
    bool has_device = false;
    // Of quorum.device.net.
    std::string device_host;
    std::string device_port = "5403";
};

Expected<ConfigurationFacts> read_configuration(std::string_view text);

struct Device {
    std::string host;
    std::uint16_t port = 5403;
    std::size_t nodes = 2;
};

// The section as it goes into quorum { }, indented.
std::string device_section(const Device& device);

struct Change {
    std::string text;                // the whole file
    std::vector<std::string> lines;  // what differs: "+ ..." and "- ..."
};

// Adds the device, takes `two_node` out, and raises config_version by one if there is any. Refuses
// where a device is configured already, and where corosync would not start with one
// (expected_votes, votes of nodes other than 1, auto_tie_breaker, last_man_standing,
// allow_downscale).
Expected<Change> with_device(std::string_view text, const Device& device);

}  // namespace castvote::certs::enrol
