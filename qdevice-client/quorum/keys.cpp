// keys.cpp -- see keys.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/quorum/keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace castvote::qdevice::keys {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) ==
               std::tolower(static_cast<unsigned char>(y));
    });
}

std::optional<bool> parse_bool(std::string_view text) {
    for (const char* yes : {"yes", "on", "1"})
        if (equals_ignoring_case(text, yes)) return true;
    for (const char* no : {"no", "off", "0"})
        if (equals_ignoring_case(text, no)) return false;
    return std::nullopt;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
        text.remove_prefix(1);
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

Configured<std::int64_t> number(const Snapshot& map, const std::string& key, std::int64_t absent,
                                std::int64_t least, std::int64_t most) {
    const auto text = get<std::string>(map, key);
    if (!text) return absent;
    const auto value = parse_number(*text);
    if (value && *value >= least && *value <= most) return *value;
    return Unexpected<ConfigurationError>(
        {key, fmt::format("is '{}'", *text),
         fmt::format("give a whole number from {} to {}", least, most)});
}

Configured<bool> boolean(const Snapshot& map, const std::string& key, bool absent) {
    const auto text = get<std::string>(map, key);
    if (!text) return absent;
    if (const auto value = parse_bool(*text)) return *value;
    return Unexpected<ConfigurationError>({key, fmt::format("is '{}'", *text), "write on or off"});
}

}  // namespace castvote::qdevice::keys
