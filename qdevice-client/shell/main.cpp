// main.cpp -- the node daemon's program: `qdevice-client`, and `corosync-qdevice` under that name.
// SPDX-License-Identifier: BSD-3-Clause
#include <syslog.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "common/net/log.hpp"
#include "common/net/process.hpp"
#include "qdevice-client/quorum/last_will.hpp"
#include "qdevice-client/shell/daemon.hpp"

namespace castvote::qdevice {

namespace {

// Before anything else: it shall have no thread and no file of the daemon's. None with stdio.
Expected<std::optional<Guardian>, std::string> start_guardian(const Options& options) {
    if (options.provider == ProviderKind::stdio) return std::nullopt;
    const Advanced& a = options.advanced;
    return Guardian::start([&a] {
               take_vote_back(a.votequorum_device_name,
                              [&a] { return net::PidFile::is_taken(a.lock_file); });
               ::syslog(LOG_DAEMON | LOG_WARNING,
                        "qdevice-client: the node daemon has died; its vote was taken back");
           })
        .map([](Guardian&& guardian) { return std::optional<Guardian>(std::move(guardian)); });
}

int run(int argc, char** argv) {
    auto parsed = parse_options(argc, argv);
    if (const auto* leave = std::get_if<Leave>(&parsed)) return leave->status;
    const Options& options = std::get<Options>(parsed);
    auto guardian = start_guardian(options);
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
    if (!guardian)
        net::log(net::LogLevel::warning,
                 "there is no guardian process (" + guardian.error() +
                     "): if this daemon is killed, its vote is counted until "
                     "quorum.device.timeout has passed");
    Daemon daemon(options, guardian ? std::move(*guardian) : std::nullopt, [&] {
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
