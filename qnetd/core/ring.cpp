// ring.cpp -- see ring.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/ring.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace castvote::qnetd {

Nodes nodes_of(const std::vector<wire::NodeInfo>& list) {
    Nodes nodes;
    for (const wire::NodeInfo& info : list) nodes.insert(info.node_id);
    return nodes;
}

std::string to_string(const Nodes& nodes) { return fmt::format("{}", fmt::join(nodes, ",")); }

bool contains_all(const Nodes& whole, const Nodes& part) {
    return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

}  // namespace castvote::qnetd
