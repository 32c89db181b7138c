// stock_options.cpp -- the command line under the name corosync-qdevice (node.md 2).
// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <array>
#include <cstdio>

#include "qdevice-client/shell/stock_options.hpp"

namespace castvote::qdevice {
namespace {

constexpr std::array letters_and_help{
    manual::StockOption{'d', nullptr,
                        "log every message; given twice, with the priority of others"},
    manual::StockOption{'f', nullptr, "stay in the foreground"},
    manual::StockOption{'h', nullptr, "print the usage and leave with status 1"},
    manual::StockOption{'S', "NAME=VALUE[,NAME=VALUE...]", "advanced settings, see below"},
};

void print_usage(const std::string& program) {
    std::printf("usage: %s [-dfh] [-S option=value[,option2=value2,...]]\n", program.c_str());
}

}  // namespace

std::span<const manual::StockOption> stock_options() { return letters_and_help; }

std::variant<Options, Leave> parse_stock_options(int argc, char** argv,
                                                 const std::string& program) {
    Options o;
    o.stock_name = true;
    o.program = program;
    o.foreground = false;
    const std::string letters = manual::getopt_letters(letters_and_help);
    for (int letter = 0; (letter = ::getopt(argc, argv, letters.c_str())) != -1;) {
        if (letter == 'd') {
            o.debug_as_info = o.debug;
            o.debug = true;
        } else if (letter == 'f') {
            o.foreground = true;
        } else if (letter == 'S') {
            const auto applied = apply_advanced(optarg, o.advanced);
            if (applied) continue;
            std::fprintf(stderr, "%s: %s\n", program.c_str(), applied.error().c_str());
            return Leave{1};
        } else {
            print_usage(program);
            return Leave{1};
        }
    }
    return o;
}

}  // namespace castvote::qdevice
