// key.hpp -- a world's fingerprint, and sets of them.
//
// 128 bits: two worlds that differ have, for all purposes, different keys.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <unordered_set>

namespace castvote::explore {

struct Key {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    bool operator==(const Key&) const = default;
};

struct KeyHash {
    std::size_t operator()(const Key& key) const { return key.low; }
};
using KeySet = std::unordered_set<Key, KeyHash>;

}  // namespace castvote::explore
