// main.cpp -- the node's tool: `qdevice-tool`, and `corosync-qdevice-tool` under that name.
// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <exception>

#include "qdevice-client/tool/own_tool.hpp"
#include "qdevice-client/tool/stock_tool.hpp"

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> arguments(argv, argv + argc);
        if (arguments.empty()) return 2;
        const bool stock = arguments[0].ends_with("corosync-qdevice-tool");
        return stock ? castvote::qdevice::run_stock_tool(arguments)
                     : castvote::qdevice::run_own_tool(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qdevice-tool: %s\n", error.what());
        return 2;
    }
}
