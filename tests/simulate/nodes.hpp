// nodes.hpp -- a set of nodes, as the bits of a number: every step of a run compares some.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>

#include "common/wire/check.hpp"
#include "common/wire/types.hpp"

namespace castvote::simulate {

using wire::NodeId;

class Nodes {
public:
    // In ascending order.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = NodeId;
        using difference_type = std::ptrdiff_t;
        using pointer = const NodeId*;
        using reference = NodeId;

        iterator() = default;
        explicit iterator(std::uint64_t rest) : rest_(rest) {}
        NodeId operator*() const { return static_cast<NodeId>(std::countr_zero(rest_)); }
        iterator& operator++() {
            rest_ &= rest_ - 1;
            return *this;
        }
        iterator operator++(int) {
            const iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const iterator&) const = default;

    private:
        std::uint64_t rest_ = 0;
    };

    Nodes() = default;
    Nodes(std::initializer_list<NodeId> nodes) {
        for (const NodeId node : nodes) insert(node);
    }

    void insert(NodeId node) {
        CHECK(node < 64, "simulated clusters are small");
        bits_ |= std::uint64_t{1} << node;
    }
    void erase(NodeId node) {
        if (contains(node)) bits_ &= ~(std::uint64_t{1} << node);
    }
    bool contains(NodeId node) const { return node < 64 && (bits_ >> node & 1) != 0; }
    bool includes(const Nodes& others) const { return (others.bits_ & ~bits_) == 0; }
    bool meets(const Nodes& others) const { return (others.bits_ & bits_) != 0; }
    std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
    bool empty() const { return bits_ == 0; }
    iterator begin() const { return iterator(bits_); }
    iterator end() const { return iterator(); }
    bool operator==(const Nodes&) const = default;

private:
    std::uint64_t bits_ = 0;
};

}  // namespace castvote::simulate
