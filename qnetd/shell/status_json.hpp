// status_json.hpp -- everything that is known, as JSON: the answers to `json status` and `json
// list`.
//
// Times are ages in milliseconds, because the daemon's clock means nothing elsewhere. Keys are only
// ever added.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qnetd/core/status.hpp"
#include "qnetd/shell/status_text.hpp"
#include "qnetd/store/store.hpp"

namespace castvote::qnetd {

struct ProcessFacts {
    std::size_t shards = 0;
    Instant started;
    std::optional<store::Health> state;  // none: grants are kept in memory
};

std::string status_json(const Options& options, const Totals& totals, const ProcessFacts& process,
                        const std::vector<ClusterStatus>& clusters, Instant now);
// An empty name means all.
std::string list_json(const std::vector<ClusterStatus>& clusters, const std::string& only_cluster,
                      Instant now);

}  // namespace castvote::qnetd
