// stock_tool.hpp -- corosync-qnetd-tool, word for word (tools.md 6).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "common/manual/stock_option.hpp"

namespace castvote::qnetd {

// The exit status: 0 done, 1 usage, 2 internal, 3 no daemon or no sense in its answer, 4 it
// refused.
int run_stock_tool(std::vector<std::string> arguments);
// What it reads.
std::span<const manual::StockOption> stock_tool_options();

}  // namespace castvote::qnetd
