// advanced.hpp -- the stock daemon's advanced settings, -S name=value[,name=value] (node.md 11).
//
// The whole table is accepted, with the stock ranges; settings that steer machinery which we do not
// have (buffer counts of the stock worker) are checked and then have no effect.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "certs/layout.hpp"
#include "common/manual/stock_option.hpp"
#include "common/wire/expected.hpp"
#include "qdevice-client/heuristics/runner.hpp"
#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::qdevice {

struct Advanced {
    std::string lock_file = "/var/run/corosync-qdevice/corosync-qdevice.pid";  // empty: none
    std::string local_socket_file = "/var/run/corosync-qdevice/corosync-qdevice.sock";
    std::optional<std::uint32_t> local_socket_umask;
    std::optional<std::uint32_t> local_socket_gid;
    std::uint64_t local_socket_backlog = 10;
    std::uint64_t max_cs_try_again = 10;
    std::string votequorum_device_name = "Qdevice";
    std::size_t ipc_max_clients = 10;  // 0: unlimited
    std::size_t ipc_max_receive_size = 4096;
    std::size_t ipc_max_send_size = 65536;
    HeuristicsLimits heuristics;
    ConfigurationLimits limits;
    std::string certificates = certs::layout::node_directory;
    std::size_t message_receive_size_initial = 32768;
    std::size_t message_send_size_initial = 32768;
    std::size_t message_send_size_min = 32768;
    std::size_t message_receive_size_max = 16777216;
    std::size_t send_buffers_max = 10;
    std::string server_name = certs::layout::server_name;
    bool master_wins = false;
};

// Applies a list of settings; the error is the stock line without the program's name.
Expected<std::monostate, std::string> apply_advanced(std::string_view list, Advanced& to);
// What there is to set.
std::vector<manual::Setting> advanced_settings();

}  // namespace castvote::qdevice
