// stock_tool.hpp -- corosync-qdevice-tool: the stock options, texts and exit statuses (tools.md 6).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>
#include <vector>

namespace castvote::qdevice {

// arguments[0] is the program; the exit status.
int run_stock_tool(std::vector<std::string> arguments);

}  // namespace castvote::qdevice
