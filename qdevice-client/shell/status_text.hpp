// status_text.hpp -- the node's status as the stock tool prints it, byte for byte (tools.md 3), and
// as JSON for programs. Proxmox VE, crmsh and pcs read the former.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <chrono>
#include <string>

#include "qdevice-client/core/status.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

// What the core does not know.
struct StatusContext {
    std::string host;  // of the arbiter
    std::uint16_t port = 5403;
    int force_ip_version = 0;
    std::uint32_t device_votes = 1;
    std::uint32_t expected_votes = 0;
    bool provider_lost = false;  // corosync is gone; it is waited for
    std::string provider = "corosync";
    Instant now;
    std::chrono::system_clock::time_point wall_now;  // the same moment
};

std::string status_text(const Status& status, const StatusContext& context, bool verbose);
std::string status_json(const Status& status, const StatusContext& context);

}  // namespace castvote::qdevice
