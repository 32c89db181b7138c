// stock_options.hpp -- the command line under the name corosync-qdevice (node.md 2).
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "qdevice-client/shell/options.hpp"

namespace castvote::qdevice {

std::variant<Options, Leave> parse_stock_options(int argc, char** argv, const std::string& program);
// What it reads.
std::span<const manual::StockOption> stock_options();

}  // namespace castvote::qdevice
