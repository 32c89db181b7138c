// own_tool.hpp -- qnetd-tool under its own name: status, list, shutdown.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

namespace castvote::qnetd {

// The exit status: 0 done, 1 usage, 2 internal, 3 no daemon or no sense in its answer, 4 it
// refused.
int run_own_tool(const std::vector<std::string>& arguments);

}  // namespace castvote::qnetd
