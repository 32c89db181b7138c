// rights.cpp -- see rights.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "common/ipc/rights.hpp"

#include <charconv>
#include <limits>

#include "common/ipc/group.hpp"

namespace castvote::ipc {

namespace {

// All of it; none: it is no such number.
template <class Number>
std::optional<Number> whole(const std::string& text, int base) {
    Number number = 0;
    const char* past = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), past, number, base);
    return error == std::errc() && end == past ? std::optional(number) : std::nullopt;
}

}  // namespace

bool set_umask(std::optional<mode_t>& to, const std::string& text) {
    const auto mask = whole<mode_t>(text, 8);
    if (!text.empty() && (!mask || *mask > 0777)) return false;
    to = mask;
    return true;
}

bool set_group(std::optional<gid_t>& to, const std::string& text) {
    to.reset();
    if (text.empty() || text == "-1") return true;
    if (const auto number = whole<long long>(text, 10)) {
        if (*number < 0 || *number > std::numeric_limits<gid_t>::max()) return false;
        to = static_cast<gid_t>(*number);
        return true;
    }
    to = group_named(text.c_str());
    return to.has_value();
}

}  // namespace castvote::ipc
