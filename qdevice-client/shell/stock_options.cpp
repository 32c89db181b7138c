// stock_options.cpp -- the command line under the name corosync-qdevice (node.md 2).
// SPDX-License-Identifier: BSD-3-Clause
#include <unistd.h>

#include <cstdio>

#include "qdevice-client/shell/stock_options.hpp"

namespace castvote::qdevice {
namespace {

void print_usage(const std::string& program) {
    std::printf("usage: %s [-dfh] [-S option=value[,option2=value2,...]]\n", program.c_str());
}

}  // namespace

std::variant<Options, Leave> parse_stock_options(int argc, char** argv,
                                                 const std::string& program) {
    Options o;
    o.stock_name = true;
    o.program = program;
    o.foreground = false;
    for (int letter = 0; (letter = ::getopt(argc, argv, "dfhS:")) != -1;) {
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
