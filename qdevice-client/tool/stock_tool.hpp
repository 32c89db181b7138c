// stock_tool.hpp -- corosync-qdevice-tool: the stock options, texts and exit statuses (tools.md 6).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

#include "common/manual/stock_option.hpp"

namespace castvote::qdevice {

// arguments[0] is the program; the exit status.
int run_stock_tool(std::vector<std::string> arguments);
// What it reads.
std::span<const manual::StockOption> stock_tool_options();

}  // namespace castvote::qdevice
