// main.cpp -- the arbiter's control program: `qnetd-tool`, and `corosync-qnetd-tool` by that name.
// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <exception>

#include "qnetd/tool/own_tool.hpp"
#include "qnetd/tool/stock_tool.hpp"

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> arguments(argv, argv + argc);
        const std::string& path = arguments[0];
        const bool stock = path.substr(path.find_last_of('/') + 1).starts_with("corosync-");
        return stock ? castvote::qnetd::run_stock_tool(arguments)
                     : castvote::qnetd::run_own_tool(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qnetd-tool: %s\n", error.what());
        return 2;
    }
}
