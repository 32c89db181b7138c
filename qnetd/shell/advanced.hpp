// advanced.hpp -- the stock daemon's `-S name=value,...` (man corosync-qnetd, tools.md 1).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

#include "common/wire/expected.hpp"
#include "qnetd/shell/options.hpp"

namespace castvote::qnetd {

// Applies one comma-separated list. Errors are the stock words: "Unknown option 'x'",
// "Invalid value '0' for option 'listen_backlog'".
Expected<void, std::string> apply_advanced(std::string_view list, Options& options);
// What there is to set.
std::vector<manual::Setting> advanced_settings();

// Whole decimal numbers as the stock daemon reads them: leading blanks and `+` allowed, nothing
// behind.
std::optional<long long> whole_number(std::string_view text, long long low, long long high);
// on/yes/1 and off/no/0, without case.
std::optional<bool> on_or_off(std::string_view text);

}  // namespace castvote::qnetd
