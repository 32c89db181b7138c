// ring.hpp -- sets of nodes, and a ring with its members.
//
// Ids of rings repeat when corosync lost its ring file, so a ring is compared by id *and* members.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/wire/types.hpp"

namespace castvote::qnetd {

using wire::NodeId;
using wire::RingId;
using Nodes = std::set<NodeId>;

struct Ring {
    RingId id;
    Nodes members;
    auto operator<=>(const Ring&) const = default;
};

// The node ids of a list, each once.
Nodes nodes_of(const std::vector<wire::NodeInfo>& list);

// "1,2"
std::string to_string(const Nodes& nodes);

// True when every node of `part` is in `whole`.
bool contains_all(const Nodes& whole, const Nodes& part);

}  // namespace castvote::qnetd
