// options.hpp -- what the command line asks for, under our own name and under the stock one.
//
// Under the stock name: getopt semantics, texts and exit statuses of corosync-qnetd. Under our own:
// long options only. Both fill the same structure; nothing is opened or checked against the world
// here.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/manual/stock_option.hpp"
#include "common/net/log.hpp"
#include "qnetd/core/settings.hpp"

namespace castvote::qnetd {

enum class AddressFamily { any, v4, v6, v6_only };

constexpr std::int64_t device_timeout_max_ms = 86'400'000;

// The exit statuses of `qnetd`; under the stock name every failure is 1, as there.
enum class ExitStatus : int {
    stopped = 0,       // by SIGTERM, SIGINT or the command `shutdown`
    failed = 1,        // something unexpected
    command_line = 2,  // an option that is wrong
    certificates = 3,  // missing, unreadable or not fitting together
    address = 4,       // cannot listen: port in use, no such address
    local_socket = 5,  // control socket or lock file cannot be made
    running = 6,       // another instance is running
    state = 7,         // the directory of grants cannot be used
};

struct Options {
    bool stock_name = false;
    bool foreground = true;
    std::string address;  // empty: all
    std::uint16_t port = 5403;
    AddressFamily family = AddressFamily::any;
    int listen_backlog = 10;
    std::size_t clients_max = 0;        // 0: unlimited
    std::size_t send_buffers_max = 32;  // queued messages of one client
    std::string certificates = "/etc/corosync/qnetd/nssdb";
    bool makes_certificates = false;                  // where there are none
    std::string certificate_nickname = "QNetd Cert";  // accepted, means nothing to PEM files
    std::string lock_file;                            // empty: none
    std::string state_directory = "/var/lib/castvote/qnetd";  // of grants; "none": in memory
    std::size_t shards = 1;
    net::LogLevel log_level = net::LogLevel::info;
    bool log_debug_as_info = false;  // -d -d

    std::string local_socket = "/var/run/corosync-qnetd/corosync-qnetd.sock";
    int local_socket_backlog = 10;
    std::optional<mode_t> local_socket_umask;
    std::optional<gid_t> local_socket_group;
    std::size_t ipc_clients_max = 10;  // 0: unlimited
    std::size_t ipc_receive_size_max = 4096;
    std::size_t ipc_send_size_max = 10485760;

    Settings arbiter;
};

// Nothing to run: print and leave.
struct Leave {
    int status = 0;
    std::string out;  // to standard output
    std::string err;  // to standard error
};

using Parsed = std::variant<Options, Leave>;

// `arguments[0]` is the name that it was started with.
Parsed parse_stock_options(const std::vector<std::string>& arguments);
Parsed parse_own_options(const std::vector<std::string>& arguments);
// What the first of them reads.
std::span<const manual::StockOption> stock_options();

// Was it started as corosync-qnetd?
bool is_stock_name(const std::string& program);

// How many shards are used when nobody says: one per processor, at most shards_max.
constexpr std::size_t shards_max = 64;
std::size_t default_shards();

}  // namespace castvote::qnetd
