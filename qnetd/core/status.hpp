// status.hpp -- what is known of a cluster, as plain data for status text, JSON and metrics.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"
#include "qnetd/core/note.hpp"

namespace castvote::qnetd {

struct NodeStatus {
    wire::NodeId node_id = 0;
    std::string address;
    std::uint32_t heartbeat_interval_ms = 0;
    std::optional<std::uint64_t> config_version;
    std::vector<wire::NodeInfo> config_list;      // empty: not received yet
    std::vector<wire::NodeInfo> membership_list;  // empty: not received yet
    wire::RingId ring;
    wire::Heuristics heuristics = wire::Heuristics::undefined;
    wire::Heuristics heuristics_membership = wire::Heuristics::undefined;
    wire::Heuristics heuristics_regular = wire::Heuristics::undefined;
    bool keep_active_partition = false;
    bool tls = false;
    bool certificate_verified = false;
    wire::Vote last_vote = wire::Vote::undefined;         // last sent
    wire::Vote last_ack_or_nack = wire::Vote::undefined;  // last ACK or NACK sent
    Instant last_message;                                 // arrival of the last complete message
    Instant connected_since;
    Duration lease{0};         // 0: none, a stock node
    Duration longest_wait{0};  // that it can cost the others when it is cut off with the vote
    Duration sync_limit{0};    // how long corosync waits for the vote; the default if not told
};

// A node which may still count the vote.
struct HolderStatus {
    wire::NodeId node_id = 0;
    wire::RingId ring;
    std::vector<wire::NodeId> members;
    bool connected = false;
    std::optional<Instant> lifetime_end;  // it certainly counts no vote after it
};

struct ClusterStatus {
    std::string name;     // that it has now
    std::string kept_as;  // its name in the records, and in Report and Persist: the first it had
    std::vector<std::string> renamed_from;  // the names that it had before, if they lead to it
    std::string apart_from;    // the renamed cluster whose nodes these are meant to be; mostly none
    std::uint64_t number = 0;  // order of first connection
    wire::DecisionAlgorithm algorithm = wire::DecisionAlgorithm::ffsplit;
    wire::TieBreaker tie_breaker;
    std::vector<NodeStatus> nodes;  // connected ones, by node id
    std::vector<HolderStatus> holders;
    std::optional<wire::RingId> granted_ring;  // which may count the vote now
    std::vector<wire::NodeId> granted_members;
    std::optional<Instant> granted_since;
    Note last_decision;  // why it is as it is
    Instant last_decision_at;
};

// Is it called so, now or formerly?
inline bool goes_by(const ClusterStatus& cluster, const std::string& name) {
    return cluster.name == name ||
           std::find(cluster.renamed_from.begin(), cluster.renamed_from.end(), name) !=
               cluster.renamed_from.end();
}

}  // namespace castvote::qnetd
