// arbiter_names.cpp -- a renamed cluster is one cluster, with one vote.
//
// Why no renaming gives a cluster two votes (safety.md, "A cluster with another name"):
//  - Whoever passes INIT enters the cluster that kept_as() names, and no other has its vote. While
//    the list stays as it is, all names of one cluster lead there; a cluster that has such a name
//    for its own can only come from records of before the list, and stands apart until nothing is
//    left of it: no node, no holder, no row. Only then its name leads to the renamed one, and any
//    third name of that cluster: it may have led to the one that stands apart.
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
    return clusters_.contains(name) && names_.kept_as(name) != name;
}

bool Arbiter::is_unclear(const std::string& name) const {
    if (clusters_.contains(name)) return false;
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
    return is_apart(name) ? std::vector<std::string>{name} : names_.all(name);
}

std::optional<std::string> Arbiter::stands_against(const wire::ClusterNames& names) const {
    for (const std::string& name : names_.that_change_hands(names))
        if (clusters_.contains(name) || clusters_.contains(names_.kept_as(name))) return name;
    return std::nullopt;
}

bool Arbiter::is_held(const std::string& name) const {
    return held_.contains(name) || held_.contains(names_.kept_as(name));
}

void Arbiter::on(const Renamed& renamed) {
    held_.clear();
    if (renamed.stage == Renamed::Stage::announced) {
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
    }
}

}  // namespace castvote::qnetd
