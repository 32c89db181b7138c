// cluster_status.cpp -- a cluster as plain data, for those who show it.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

namespace {

NodeStatus status_of(const Member& member, NodeTimers timers) {
    NodeStatus status;
    status.lease = member.lease;
    status.longest_wait = Ledger::longest_wait(timers);
    status.sync_limit = member.sync_limit();
    status.node_id = member.node;
    status.address = member.peer_address;
    status.heartbeat_interval_ms = static_cast<std::uint32_t>(member.heartbeat.count());
    status.config_version = member.config_version;
    status.config_list = member.config_list;
    status.membership_list = member.membership_list;
    status.ring = member.ring.id;
    status.heuristics = member.heuristics;
    status.heuristics_membership = member.heuristics_membership;
    status.heuristics_regular = member.heuristics_regular;
    status.keep_active_partition = member.keep_active;
    status.tls = member.tls;
    status.certificate_verified = member.certificate_verified;
    status.last_vote = member.last_vote;
    status.last_ack_or_nack = member.last_ack_or_nack;
    status.last_message = member.last_message;
    status.connected_since = member.connected_since;
    return status;
}

}  // namespace

void Cluster::replied(NodeId node, wire::Vote vote) {
    const auto found = members_.find(node);
    if (found == members_.end()) return;
    found->second.last_vote = vote;
    if (vote == wire::Vote::ack || vote == wire::Vote::nack) found->second.last_ack_or_nack = vote;
}

ClusterStatus Cluster::status() const {
    ClusterStatus status;
    status.name = name_;
    status.kept_as = name_;
    status.number = number_;
    if (!members_.empty()) {
        status.algorithm = members_.begin()->second.algorithm;
        status.tie_breaker = members_.begin()->second.tie_breaker;
    }
    for (const auto& [node, member] : members_)
        status.nodes.push_back(status_of(member, timers_of(member)));
    bool is_held = false;
    for (const auto& [node, holder] : ledger_.holders()) {
        HolderStatus shown;
        shown.node_id = node;
        shown.ring = holder.grant.ring.id;
        const Nodes& ring = holder.grant.ring.members;
        shown.members.assign(ring.begin(), ring.end());
        shown.connected = members_.contains(node);
        shown.lifetime_end = Ledger::lifetime_end(holder);
        is_held = is_held || holder.grant.ring == granted_;
        status.holders.push_back(std::move(shown));
    }
    if (granted_ && is_held) {
        status.granted_ring = granted_->id;
        status.granted_members.assign(granted_->members.begin(), granted_->members.end());
        status.granted_since = granted_since_;
    }
    status.last_decision = last_decision_;
    status.last_decision_at = last_decision_at_;
    return status;
}

}  // namespace castvote::qnetd
