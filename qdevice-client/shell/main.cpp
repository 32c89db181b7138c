// main.cpp -- the node daemon's program: `qdevice-client`, and `corosync-qdevice` under that name.
// SPDX-License-Identifier: BSD-3-Clause
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "common/net/log.hpp"
#include "common/net/process.hpp"
#include "qdevice-client/shell/daemon.hpp"

namespace castvote::qdevice {

namespace {

int run(int argc, char** argv) {
    auto parsed = parse_options(argc, argv);
    if (const auto* leave = std::get_if<Leave>(&parsed)) return leave->status;
    const Options& options = std::get<Options>(parsed);
    std::optional<net::Background> background;
    if (!options.foreground) {
        auto entered = net::Background::enter();
        if (!entered) {
            std::fprintf(stderr, "%s: %s\n", options.program.c_str(), entered.error().c_str());
            return 1;
        }
        background.emplace(std::move(*entered));
    }
    // Until the start has succeeded, whoever started us reads the complaints.
    start_log(options, options.debug, /*to_terminal=*/true);
    std::signal(SIGPIPE, SIG_IGN);
    Daemon daemon(options, [&] {
        if (!background) return;
        start_log(options, options.debug, /*to_terminal=*/false);
        background->report(0);
    });
    return daemon.run();
}

}  // namespace

}  // namespace castvote::qdevice

int main(int argc, char** argv) {
    try {
        return castvote::net::log_end(castvote::qdevice::run(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "qdevice-client: %s\n", error.what());
        return 1;
    }
}
