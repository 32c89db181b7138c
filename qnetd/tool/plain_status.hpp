// plain_status.hpp -- the arbiter's status for a person: per cluster who has the vote, since when,
// why, and what is missing. Made from the JSON that programs get, so that both say the same.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <string_view>

#include "common/wire/expected.hpp"

namespace castvote::qnetd {

// `json`: the answer to `json status`. The error says what is wrong with it.
Expected<std::string, std::string> plain_status(const std::string& json, bool verbose);

// "3 s", "12 min 5 s", "2 h 3 min", "4 d 1 h"
std::string duration_text(long long milliseconds);

}  // namespace castvote::qnetd
