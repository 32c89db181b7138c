// state.cpp -- see state.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/state.hpp"

#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "common/net/clock.hpp"
#include "common/net/log.hpp"
#include "qnetd/core/cluster.hpp"

namespace castvote::qnetd {

namespace {

// Names the running kernel and its clock: an instant of CLOCK_BOOTTIME means nothing to another
// one. A time namespace has a clock of its own under the same kernel.
std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    std::ifstream offsets("/proc/self/timens_offsets");
    for (std::string name, seconds, nanoseconds; offsets >> name >> seconds >> nanoseconds;)
        if (name == "boottime" && !id.empty())
            id += fmt::format(" {} {}.{}", name, seconds, nanoseconds);
    return id;
}

std::int64_t wall_s() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
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
    settings.wall_s = wall_s;
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
        return Unexpected<std::string>(fmt::format(
            "state: {}; make the directory writable for this user, choose another (a new "
            "one, or delete its grants.db) with {}DIRECTORY, or keep grants in memory "
            "with {}none",
            opened.error(), option, option));
    return std::move(*opened);
}

}  // namespace castvote::qnetd
