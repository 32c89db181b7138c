// plain_status.hpp -- the node's status for a person: is this node protected, who has the vote as
// far as this node knows, and what happens if the other node or the arbiter fails now.
//
// Made from the JSON that programs get. The forecast is arithmetic on votes; it promises the
// arbiter's vote only where the arbiter is connected, and cannot know what the arbiter will decide.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "common/wire/expected.hpp"

namespace castvote::qdevice {

// `json`: the answer to `json status`. The error says what is wrong with it.
Expected<std::string, std::string> plain_status(const std::string& json, bool verbose);

}  // namespace castvote::qdevice
