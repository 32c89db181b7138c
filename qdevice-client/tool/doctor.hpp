// doctor.hpp -- what a node's doctor makes of what it found: the mistakes that people make with a
// quorum device, each with what to do about it.
//
// Pure: facts in, findings out; doctor_facts.hpp collects them.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/doctor/finding.hpp"
#include "common/doctor/probe.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

// One node as votequorum sees it.
struct SeenNode {
    wire::NodeId id = 0;
    bool is_member = false;
    std::uint32_t expected_votes = 0;
    bool has_device = false;  // a daemon has registered there
    bool operator==(const SeenNode&) const = default;
};

struct CertificateFacts {
    std::string trouble;  // why they cannot be loaded; empty: they can
    std::string remedy;
    std::optional<std::string> name;  // of the cluster's certificate; none: there is no such
    std::vector<std::string> warnings;
};

struct SbdFacts {
    bool is_enabled = false;
    bool has_disk = false;
    std::uint32_t watchdog_timeout_s = 5;
};

struct NodeFacts {
    std::string corosync_trouble;  // why it cannot be asked; empty: it was
    Snapshot map;
    std::vector<SeenNode> nodes;
    std::optional<std::string> daemon_status;  // the answer to `json status`
    std::string daemon_trouble;                // ... or why there is none
    CertificateFacts certificates;
    std::set<std::string> own_addresses;
    std::set<std::string> arbiter_addresses;
    std::map<wire::NodeId, std::set<std::string>> node_addresses;
    std::optional<doctor::Probed> probe;  // none: it is not known whom to ask
    std::optional<bool> is_clock_synchronised;
    SbdFacts sbd;
};

doctor::Findings examine(const NodeFacts& facts);

}  // namespace castvote::qdevice
