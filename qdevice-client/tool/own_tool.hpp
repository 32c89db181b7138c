// own_tool.hpp -- qdevice-tool: `status [--verbose] [--json]` and `shutdown`.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

namespace castvote::qdevice {

// arguments[0] is the program; the exit status (docs/operations.md 5).
int run_own_tool(const std::vector<std::string>& arguments);

}  // namespace castvote::qdevice
