// join_others.hpp -- qcert join --cluster-wide: the same on the other nodes, over ssh as root.
//
// Each makes a key of its own there. The token goes by standard input, so that no process list has
// it. Proxmox VE and crmsh have such an ssh between nodes; nothing else is taken for granted.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "certs/enrol/corosync_conf.hpp"
#include "certs/error.hpp"

namespace castvote::certs::tool {

// All but this host, by their addresses, else their names. An error if this host is none of them,
// or one of them has neither.
Expected<std::vector<std::string>> other_nodes(const std::vector<enrol::Member>& members);

struct Joined {
    std::string host;
    int status = 0;     // of qcert there; 255: ssh did not get so far
    std::string words;  // what it said, fit for a terminal
};

// One after the other; `options` go behind "qcert join ADDRESS -".
std::vector<Joined> join_on(const std::vector<std::string>& hosts, const std::string& ssh,
                            const std::string& address, const std::string& token,
                            const std::vector<std::string>& options);

}  // namespace castvote::certs::tool
