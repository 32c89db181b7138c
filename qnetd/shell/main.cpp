// main.cpp -- the arbiter's program: `qnetd`, and `corosync-qnetd` under that name.
// SPDX-License-Identifier: BSD-3-Clause
#include <cstdio>
#include <exception>

#include "qnetd/shell/daemon.hpp"

namespace {

using namespace castvote::qnetd;

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

int main(int argc, char** argv) {
    try {
        return castvote::net::log_end(run(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qnetd: %s\n", error.what());
        return static_cast<int>(castvote::qnetd::ExitStatus::failed);
    }
}
