// program.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/program.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "qnetd/tool/own_tool.hpp"
#include "qnetd/tool/stock_tool.hpp"

namespace castvote::qnetd {

int tool_program(int argc, char** argv) {
    try {
        const std::vector<std::string> arguments(argv, argv + argc);
        const std::string& path = arguments[0];
        const bool stock = path.substr(path.find_last_of('/') + 1).starts_with("corosync-");
        return stock ? run_stock_tool(arguments) : run_own_tool(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qnetd-tool: %s\n", error.what());
        return 2;
    }
}

}  // namespace castvote::qnetd
