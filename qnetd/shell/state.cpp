// state.cpp -- see state.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/state.hpp"

#include <fmt/format.h>

#include <fstream>

#include "common/net/clock.hpp"
#include "common/net/log.hpp"
#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

namespace {

// Names the running kernel: instants of CLOCK_BOOTTIME mean nothing to another one. Containers
// share the kernel, and its clock.
std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace

Expected<std::unique_ptr<store::Store>, std::string> open_state(const Options& options) {
    const std::string& directory = options.state_directory;
    if (directory == "none") return std::unique_ptr<store::Store>();
    const char* option = options.stock_name ? "-S state_dir=" : "--state ";
    store::Settings settings;
    settings.directory = directory;
    settings.boot.id = boot_id();
    settings.now = [] { return net::now(); };
    settings.longest_guard = longest_guard(options.arbiter);
    settings.say = [](bool is_error, const std::string& line) {
        net::log(is_error ? net::LogLevel::error : net::LogLevel::notice, line);
    };
    if (settings.boot.id.empty())
        return Unexpected<std::string>(
            fmt::format("state: /proc/sys/kernel/random/boot_id cannot be read, so that recorded "
                        "times mean nothing; mount /proc, or keep grants in memory with {}none",
                        option));
    auto opened = store::Store::open(std::move(settings));
    if (!opened)
        return Unexpected<std::string>(
            fmt::format("state: {}; make the directory writable for this user, choose another with "
                        "{}DIRECTORY, or keep grants in memory with {}none",
                        opened.error(), option, option));
    return std::move(*opened);
}

}  // namespace castvote::qnetd
