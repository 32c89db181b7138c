// small_map.hpp -- maps of a few entries, which every step of a run looks at.
//
// SmallMap is a sorted vector: what changes it moves its entries. ByNode has one entry for each
// node of a cluster, made once; they stay in their places.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "common/wire/check.hpp"
#include "common/wire/types.hpp"

namespace castvote::simulate {

template <class Key, class Value>
class SmallMap {
public:
    using Entries = std::vector<std::pair<Key, Value>>;
    using iterator = typename Entries::iterator;
    using const_iterator = typename Entries::const_iterator;

    // In the order of the keys.
    iterator begin() { return entries_.begin(); }
    iterator end() { return entries_.end(); }
    const_iterator begin() const { return entries_.begin(); }
    const_iterator end() const { return entries_.end(); }
    bool empty() const { return entries_.empty(); }

    iterator find(const Key& key) { return found(entries_, key); }
    const_iterator find(const Key& key) const { return found(entries_, key); }
    bool contains(const Key& key) const { return find(key) != end(); }
    const Value& at(const Key& key) const {
        const auto place = find(key);
        CHECK(place != end(), "it is known to be there");
        return place->second;
    }
    Value& operator[](const Key& key) {
        const auto place = first_from(key);
        if (place != end() && place->first == key) return place->second;
        return entries_.emplace(place, key, Value{})->second;
    }
    void insert_or_assign(const Key& key, Value value) { (*this)[key] = std::move(value); }

    iterator erase(const_iterator place) { return entries_.erase(place); }
    std::size_t erase(const Key& key) {
        const auto place = find(key);
        if (place == end()) return 0;
        entries_.erase(place);
        return 1;
    }
    template <class Predicate>
    void erase_if(Predicate predicate) {
        std::erase_if(entries_, predicate);
    }
    void clear() { entries_.clear(); }

private:
    template <class Some>
    static auto found(Some& entries, const Key& key) {
        return std::find_if(entries.begin(), entries.end(),
                            [&](const auto& entry) { return entry.first == key; });
    }
    iterator first_from(const Key& key) {
        return std::find_if(begin(), end(),
                            [&](const auto& entry) { return !(entry.first < key); });
    }

    Entries entries_;
};

template <class Value>
class ByNode {
public:
    using Entries = std::deque<std::pair<const wire::NodeId, Value>>;

    ByNode() = default;
    ByNode(ByNode&&) = default;
    ByNode& operator=(ByNode&&) = default;
    ByNode(const ByNode&) = delete;
    ByNode& operator=(const ByNode&) = delete;

    // Made in the order of the nodes.
    Value& operator[](wire::NodeId node) {
        CHECK(node < places_.size(), "simulated clusters are small");
        if (places_[node] == nullptr) {
            CHECK(entries_.empty() || entries_.back().first < node, "made in order");
            entries_.emplace_back(std::piecewise_construct, std::forward_as_tuple(node),
                                  std::forward_as_tuple());
            places_[node] = &entries_.back().second;
        }
        return *places_[node];
    }
    Value& at(wire::NodeId node) { return *place(node); }
    const Value& at(wire::NodeId node) const { return *place(node); }

    typename Entries::iterator begin() { return entries_.begin(); }
    typename Entries::iterator end() { return entries_.end(); }
    typename Entries::const_iterator begin() const { return entries_.begin(); }
    typename Entries::const_iterator end() const { return entries_.end(); }
    std::size_t size() const { return entries_.size(); }

private:
    Value* place(wire::NodeId node) const {
        CHECK(node < places_.size() && places_[node] != nullptr, "the cluster has this node");
        return places_[node];
    }

    Entries entries_;
    std::array<Value*, 16> places_{};
};

}  // namespace castvote::simulate
