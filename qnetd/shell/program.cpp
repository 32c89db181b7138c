// program.cpp -- see program.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/program.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "qnetd/shell/daemon.hpp"

namespace castvote::qnetd {

namespace {

int run(int argc, char** argv) {
    const std::vector<std::string> arguments(argv, argv + argc);
    Parsed parsed =
        is_stock_name(arguments[0]) ? parse_stock_options(arguments) : parse_own_options(arguments);
    if (const auto* leave = std::get_if<Leave>(&parsed)) {
        std::fputs(leave->err.c_str(), stderr);
        std::fputs(leave->out.c_str(), stdout);
        return leave->status;
    }
    const bool stock_name = std::get<Options>(parsed).stock_name;
    const ExitStatus status = run_daemon(std::move(std::get<Options>(parsed)));
    if (status != ExitStatus::stopped && stock_name) return 1;
    return static_cast<int>(status);
}

}  // namespace

int daemon_program(int argc, char** argv) {
    try {
        return net::log_end(run(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qnetd: %s\n", error.what());
        return static_cast<int>(ExitStatus::failed);
    }
}

}  // namespace castvote::qnetd
