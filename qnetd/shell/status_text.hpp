// status_text.hpp -- the stock texts of `status` and `list`, byte for byte (tools.md 4 and 5).
//
// Administration tools parse them; nothing may be added in the middle.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "qnetd/core/status.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

struct Totals {
    std::size_t clients = 0;   // connections, those before INIT included, as stock counts
    std::size_t clusters = 0;  // that have any node
};

std::string status_text(const Options& options, const Totals& totals, bool verbose);

// Clusters with connected nodes only, in the given order; an empty name means all.
std::string list_text(const std::vector<ClusterStatus>& clusters, bool verbose,
                      const std::string& only_cluster);

}  // namespace castvote::qnetd
