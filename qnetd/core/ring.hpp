// ring.hpp -- sets of nodes, and a ring with its members.
//
// Ids of rings repeat when corosync lost its ring file, so a ring is compared by id *and* members.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "common/wire/types.hpp"

namespace castvote::qnetd {

using wire::NodeId;
using wire::RingId;

// A set of nodes. Small ones are copied and compared with every grant: one block of memory, where
// std::set has one for each node. (A core includes no library that has such a set.)
class Nodes {
public:
    using value_type = NodeId;
    using const_iterator = std::vector<NodeId>::const_iterator;

    Nodes() = default;
    Nodes(std::initializer_list<NodeId> nodes) { insert(nodes.begin(), nodes.end()); }
    template <class Iterator>
    Nodes(Iterator first, Iterator last) {
        insert(first, last);
    }

    // In ascending order.
    const_iterator begin() const { return ids_.begin(); }
    const_iterator end() const { return ids_.end(); }
    std::size_t size() const { return ids_.size(); }
    bool empty() const { return ids_.empty(); }
    bool contains(NodeId node) const { return std::binary_search(begin(), end(), node); }

    const_iterator insert(NodeId node) {
        const auto place = std::lower_bound(begin(), end(), node);
        return place != end() && *place == node ? place : ids_.insert(place, node);
    }
    const_iterator insert(const_iterator, NodeId node) { return insert(node); }  // std::inserter
    template <class Iterator>
    void insert(Iterator first, Iterator last) {
        for (; first != last; ++first) insert(*first);
    }

    auto operator<=>(const Nodes&) const = default;

private:
    std::vector<NodeId> ids_;
};

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
