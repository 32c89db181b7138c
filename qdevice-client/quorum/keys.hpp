// keys.hpp -- typed questions to a snapshot of cmap, and the number and boolean formats of
// corosync.conf (node.md 5).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice::keys {

template <class T>
std::optional<T> get(const Snapshot& map, const std::string& key) {
    const auto found = map.find(key);
    if (found == map.end()) return std::nullopt;
    const T* value = std::get_if<T>(&found->second);
    return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

// yes/on/1 and no/off/0, whatever the case.
std::optional<bool> parse_bool(std::string_view text);

// Decimal; leading blanks and a sign are tolerated, anything behind the digits is not.
std::optional<std::int64_t> parse_number(std::string_view text);

bool equals_ignoring_case(std::string_view a, std::string_view b);

// A number in a string key within [least, most]; absent: the given default.
Configured<std::int64_t> number(const Snapshot& map, const std::string& key, std::int64_t absent,
                                std::int64_t least, std::int64_t most);
Configured<bool> boolean(const Snapshot& map, const std::string& key, bool absent);

}  // namespace castvote::qdevice::keys
