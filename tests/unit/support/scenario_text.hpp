// scenario_text.hpp -- the words of golden scenarios: numbers, times, rings and lists of nodes.
//
// Everything throws std::invalid_argument with the word that it does not understand.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/instant.hpp"
#include "common/wire/types.hpp"

namespace castvote::tests::scenario {

[[noreturn]] inline void refuse(const std::string& what) { throw std::invalid_argument(what); }

template <class Number>
Number number(std::string_view text, int base = 10) {
    Number value{};
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size())
        refuse("not a number: " + std::string(text));
    return value;
}

// "1600ms", "12s"
inline Duration duration(const std::string& text) {
    if (text.ends_with("ms"))
        return Duration(number<std::int64_t>(text.substr(0, text.size() - 2)));
    if (text.ends_with("s"))
        return Duration(1000 * number<std::int64_t>(text.substr(0, text.size() - 1)));
    refuse("not a time: " + text);
}

inline std::string seconds(Instant at) {
    const auto ms = at.time_since_epoch().count();
    return fmt::format("{}{}.{:03}s", ms < 0 ? "-" : "", std::abs(ms) / 1000, std::abs(ms) % 1000);
}

// "1.2a", in hexadecimal as everywhere.
inline wire::RingId ring_id(const std::string& text) {
    const auto dot = text.find('.');
    if (dot == std::string::npos) refuse("not a ring id: " + text);
    return {number<wire::NodeId>(std::string_view(text).substr(0, dot), 16),
            number<std::uint64_t>(std::string_view(text).substr(dot + 1), 16)};
}

inline std::vector<wire::NodeInfo> nodes(const std::string& text) {
    std::vector<wire::NodeInfo> list;
    std::istringstream stream(text);
    for (std::string id; std::getline(stream, id, ',');)
        list.push_back({.node_id = number<wire::NodeId>(id)});
    return list;
}

inline std::string text_of(const std::vector<wire::NodeId>& ids) {
    return fmt::format("{}", fmt::join(ids, ","));
}

template <class Value>
Value one_of(const std::string& text, const std::map<std::string, Value>& choices) {
    const auto found = choices.find(text);
    if (found == choices.end()) refuse("not known here: " + text);
    return found->second;
}

inline wire::Heuristics heuristics_of(const std::string& text) {
    return one_of<wire::Heuristics>(
        text, {{"pass", wire::Heuristics::pass}, {"fail", wire::Heuristics::fail}});
}

}  // namespace castvote::tests::scenario
