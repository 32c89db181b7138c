// options.hpp -- what the command line says, under the stock name and under our own.
//
// Under the stock name: getopt letters, the stock's texts, exit status 1 for every complaint
// (node.md 2). Under our own: long options, exit status 2 for a wrong command line.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <variant>

#include "qdevice-client/shell/advanced.hpp"

namespace castvote::qdevice {

enum class ProviderKind : std::uint8_t { corosync, stdio };

struct Options {
    bool stock_name = false;
    std::string program;  // for messages on standard error
    bool foreground = true;
    bool debug = false;          // whatever the configuration says
    bool debug_as_info = false;  // -dd: debug records go to syslog as info
    ProviderKind provider = ProviderKind::corosync;
    bool wait_for_corosync = false;
    Advanced advanced;
    Configuration configuration;  // of the stdio provider only
};

// Leave at once with this status; what there was to say has been said.
struct Leave {
    int status = 0;
};

// argv[0]'s last part chooses the dialect.
std::variant<Options, Leave> parse_options(int argc, char** argv);

}  // namespace castvote::qdevice
