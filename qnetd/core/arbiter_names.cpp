// arbiter_names.cpp -- a renamed cluster is one cluster, with one vote.
//
// Why no renaming gives a cluster two votes (safety.md, "A cluster with another name"):
//  - Whoever passes INIT enters the cluster that kept_as() names, and no other has its vote. While
//    the list stays as it is, all names of one cluster lead there; a cluster that has such a name
//    for its own can only come from records of before the list, and stands apart until nothing is
//    left of it: no node, no holder, no row. Only then its name leads to the renamed one, and any
//    third name of that cluster: it may have led to the one that stands apart.
//  - A listed name in other letters is nobody's; a record of it from before stands apart, too.
//  - The list changes only while nothing is left of any cluster that a name which changes hands
//    may have stood for, so that nobody who came by that name counts a vote, or will without
//    asking anew. From the announcement on nobody enters by it, so that this stays true until all
//    shards have the new list.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/core/arbiter.hpp"

#include <algorithm>

namespace castvote::qnetd {

const std::string& Arbiter::kept_as(const std::string& name) const {
    if (is_apart(name)) return name;
    return names_.kept_as(name);
}

// The list says that it is another one's name, but there was a cluster of its own when we started.
bool Arbiter::is_apart(const std::string& name) const {
    return clusters_.contains(name) && names_.nearest(name) != name;
}

bool Arbiter::is_unclear(const std::string& name) const {
    if (clusters_.contains(name)) return false;
    // Certificates take it for the listed name, so that people do; records do not.
    if (names_.spelled(name) != name) return true;
    if (std::any_of(misspelled_.begin(), misspelled_.end(), [&](const std::string& other) {
            return names_.nearest(other) == names_.kept_as(name);
        }))
        return true;
    const std::vector<std::string> names = names_.all(name);
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& other) { return is_apart(other); });
}

const std::string& Arbiter::shown_as(const std::string& kept) const {
    if (is_apart(kept)) return kept;
    const std::string& present = names_.present(kept);
    return is_apart(present) ? kept : present;
}

std::vector<std::string> Arbiter::names_of(const Session& session) const {
    if (session.is_inited || !session.cluster_name) return {};
    const std::string& name = *session.cluster_name;
    if (is_apart(name)) return {name};
    std::vector<std::string> names = names_.all(name);
    std::erase_if(names, [&](const std::string& other) { return is_apart(other); });
    return names;
}

// A node of a renamed cluster may have been in one of its other names' own, which is forgotten.
// What any other cluster was granted is no reason to pass over an older copy of the record.
std::uint64_t Arbiter::grant_of_others(const std::string& kept) const {
    return names_.all(kept).size() > 1 ? renamed_grant_ : 0;
}

std::optional<std::string> Arbiter::stands_against(const wire::ClusterNames& names) const {
    for (const std::string& name : names_.that_change_hands(names))
        if (clusters_.contains(name) || clusters_.contains(names_.kept_as(name))) return name;
    for (const auto& [name, cluster] : clusters_)
        if (names_.nearest(name) != names.nearest(name)) return name;
    return std::nullopt;
}

bool Arbiter::is_held(const std::string& name) const {
    if (announced_ && announced_->nearest(name) != names_.nearest(name)) return true;
    return held_.contains(name) || held_.contains(names_.kept_as(name));
}

void Arbiter::on(const Renamed& renamed) {
    held_.clear();
    announced_.reset();
    if (renamed.stage == Renamed::Stage::announced) {
        announced_ = renamed.names;
        for (const std::string& name : names_.that_change_hands(renamed.names)) {
            held_.insert(name);
            held_.insert(names_.kept_as(name));
        }
        // They are not members of anything yet, and come again.
        std::vector<ConnectionId> entering;
        for (const auto& [connection, session] : sessions_)
            if (!session.is_inited && session.cluster_name && is_held(*session.cluster_name))
                entering.push_back(connection);
        for (const ConnectionId connection : entering) close(connection);
    } else if (renamed.stage == Renamed::Stage::taken_up && !stands_against(renamed.names)) {
        names_ = renamed.names;
        // Who was in a cluster of another shard may have heard of its grants.
        known_grant_ = std::max(known_grant_, renamed.known_grant);
        renamed_grant_ = known_grant_;
        last_grant_ = std::max(last_grant_, known_grant_);
    }
}

}  // namespace castvote::qnetd
