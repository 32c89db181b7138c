// program.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/tool/program.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>

#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {

void print_error(const Error& error) { fmt::print(stderr, "{}\n{}\n", error.what, error.remedy); }

int report_error(const Error& error) {
    std::fflush(stdout);
    print_error(error);
    return failed;
}

void print_options(std::span<const manual::StockOption> options) {
    for (const manual::StockOption& option : options)
        fmt::print(" -{} {:<9} {}\n", option.letter,
                   option.argument == nullptr ? "" : option.argument, option.help);
}

int program(int argc, char** argv) {
    try {
        const std::string name = std::filesystem::path(argc > 0 ? argv[0] : "qcert").filename();
        if (name == "corosync-qnetd-certutil") return stock_arbiter(argc, argv);
        if (name == "corosync-qdevice-net-certutil") return stock_node(argc, argv);
        return own_verbs(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "qcert: {}\n", error.what());
        return failed;
    }
}

}  // namespace castvote::certs::tool
