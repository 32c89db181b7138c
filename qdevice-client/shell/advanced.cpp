// advanced.cpp -- see advanced.hpp: one table row per setting.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/shell/advanced.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "common/ipc/rights.hpp"
#include "qdevice-client/quorum/keys.hpp"

namespace castvote::qdevice {
namespace {

using Set = std::function<bool(const std::string&)>;  // false: not a valid value

struct Setting {
    std::string name;
    Set set;
    std::string help;
};

constexpr std::int64_t int_max = std::numeric_limits<int>::max();
constexpr std::int64_t u32_max = std::numeric_limits<std::uint32_t>::max();

template <class T>
Set number(T& to, std::int64_t least, std::int64_t most) {
    return [&to, least, most](const std::string& text) {
        const auto value = keys::parse_number(text);
        if (!value || *value < least || *value > most) return false;
        to = static_cast<T>(*value);
        return true;
    };
}

// A size in stock; what is beyond all reason counts as the most that there can be.
template <class T>
Set size(T& to, std::int64_t least) {
    return [&to, least](const std::string& text) {
        const auto value = keys::parse_number(text);
        if (!value || *value < least) return false;
        to = static_cast<T>(std::min(*value, u32_max));
        return true;
    };
}

Set ms(Duration& to, std::int64_t least) {
    return [&to, least](const std::string& text) {
        const auto value = keys::parse_number(text);
        if (!value || *value < least || *value > u32_max) return false;
        to = Duration(*value);
        return true;
    };
}

Set text(std::string& to) {
    return [&to](const std::string& value) {
        to = value;
        return true;
    };
}

Set boolean(bool& to) {
    return [&to](const std::string& value) {
        const auto on = keys::parse_bool(value);
        if (on) to = *on;
        return on.has_value();
    };
}

// Checked for its range only.
Set without_effect(std::int64_t least) {
    return [least](const std::string& value) {
        const auto n = keys::parse_number(value);
        return n && *n >= least;
    };
}

Set umask_value(std::optional<std::uint32_t>& to) {
    return [&to](const std::string& value) { return ipc::set_umask(to, value); };
}

Set group(std::optional<std::uint32_t>& to) {
    return [&to](const std::string& value) { return ipc::set_group(to, value); };
}

Set master_wins(bool& to) {
    return [&to](const std::string& value) {
        if (keys::equals_ignoring_case(value, "model")) {
            to = false;
            return true;
        }
        return boolean(to)(value);
    };
}

std::vector<Setting> net_settings(Advanced& a, std::string& ignored) {
    ConfigurationLimits& l = a.limits;
    return {
        {"net_nss_db_dir", text(a.certificates),
         "directory of the certificates (default /etc/corosync/qdevice/net/nssdb)"},
        {"net_initial_msg_receive_size", size(a.message_receive_size_initial, 16),
         "longest message from the arbiter until both have agreed, bytes (default 32768)"},
        {"net_initial_msg_send_size", size(a.message_send_size_initial, 16),
         "longest message to the arbiter until both have agreed, bytes (default 32768)"},
        {"net_min_msg_send_size", size(a.message_send_size_min, 16),
         "least that the arbiter must take, bytes (default 32768)"},
        {"net_max_msg_receive_size", size(a.message_receive_size_max, 16),
         "longest message from the arbiter, bytes (default 16777216)"},
        {"net_max_send_buffers", size(a.send_buffers_max, 2),
         "messages that may wait for the arbiter (default 10)"},
        {"net_nss_qnetd_cn", text(a.server_name),
         "name in the arbiter's certificate (default Qnetd Server)"},
        {"net_nss_client_cert_nickname", text(ignored),
         "taken, and without effect: the certificate is a file"},  // PEM files have no nicknames
        {"net_heartbeat_interval_min", number(l.heartbeat_interval_min_ms, 1, u32_max),
         "shortest heartbeat, milliseconds"},
        {"net_heartbeat_interval_max", number(l.heartbeat_interval_max_ms, 1, u32_max),
         "longest heartbeat, milliseconds"},
        {"net_min_connect_timeout", number(l.connect_timeout_min_ms, 1, u32_max),
         "shortest quorum.device.net.connect_timeout, milliseconds"},
        {"net_max_connect_timeout", number(l.connect_timeout_max_ms, 1, u32_max),
         "longest of them"},
        {"net_test_algorithm_enabled", boolean(l.test_algorithm_enabled),
         "whether the algorithm test may be configured (default off)"},
    };
}

std::vector<Setting> table(Advanced& a, std::string& ignored) {
    ConfigurationLimits& l = a.limits;
    std::vector<Setting> settings{
        {"lock_file", text(a.lock_file), "file that only one instance may hold"},
        {"local_socket_file", text(a.local_socket_file), "control socket"},
        {"local_socket_umask", umask_value(a.local_socket_umask),
         "umask with which the control socket is made, octal"},
        {"local_socket_gid", group(a.local_socket_gid),
         "group of the control socket, by name or number"},
        {"local_socket_backlog", number(a.local_socket_backlog, 1, int_max),
         "tools that may wait to be accepted (default 10)"},
        {"max_cs_try_again", number(a.max_cs_try_again, 1, int_max),
         "how often a call is repeated that corosync is too busy for (default 10)"},
        {"votequorum_device_name", text(a.votequorum_device_name),
         "name of the device in corosync (default Qdevice)"},
        {"ipc_max_clients", size(a.ipc_max_clients, 0),
         "tools at a time (default 10; 0: no limit)"},
        {"ipc_max_receive_size", size(a.ipc_max_receive_size, 1024),
         "longest request of a tool, bytes (default 4096)"},
        {"ipc_max_send_size", size(a.ipc_max_send_size, 1024),
         "longest answer to a tool, bytes (default 65536)"},
        {"heuristics_ipc_max_send_buffers", without_effect(10), "taken, and without effect"},
        {"heuristics_ipc_max_send_receive_size", without_effect(1024), "taken, and without effect"},
        {"heuristics_min_timeout", number(l.heuristics_min_timeout_ms, 250, u32_max),
         "shortest quorum.device.heuristics.timeout and sync_timeout, milliseconds"},
        {"heuristics_max_timeout", number(l.heuristics_max_timeout_ms, 250, u32_max),
         "longest of them"},
        {"heuristics_min_interval", number(l.heuristics_min_interval_ms, 250, u32_max),
         "shortest quorum.device.heuristics.interval, milliseconds"},
        {"heuristics_max_interval", number(l.heuristics_max_interval_ms, 250, u32_max),
         "longest of them"},
        {"heuristics_max_execs", size(l.heuristics_max_execs, 1), "most commands of heuristics"},
        {"heuristics_use_execvp", boolean(a.heuristics.use_path),
         "whether their commands are looked for in PATH (default off)"},
        {"heuristics_max_processes", size(a.heuristics.max_processes, 1),
         "most commands that run at a time"},
        {"heuristics_kill_list_interval", ms(a.heuristics.kill_interval, 250),
         "how often one that will not end is killed again, milliseconds"},
        {"master_wins", master_wins(a.master_wins),
         "whether the arbiter's vote alone makes a partition quorate (default model: off)"},
    };
    for (Setting& setting : net_settings(a, ignored)) settings.push_back(std::move(setting));
    return settings;
}

Expected<std::monostate, std::string> apply_one(const std::string& name, const std::string& value,
                                                Advanced& to) {
    std::string ignored;
    for (const Setting& setting : table(to, ignored)) {
        if (!keys::equals_ignoring_case(setting.name, name)) continue;
        if (setting.set(value)) return std::monostate{};
        return Unexpected<std::string>(
            fmt::format("Invalid value '{}' for option '{}'", value, name));
    }
    return Unexpected<std::string>(fmt::format("Unknown option '{}'", name));
}

}  // namespace

std::vector<manual::Setting> advanced_settings() {
    Advanced to;
    std::string ignored;
    std::vector<manual::Setting> settings;
    for (const Setting& setting : table(to, ignored))
        settings.push_back({setting.name, setting.help});
    return settings;
}

Expected<std::monostate, std::string> apply_advanced(std::string_view list, Advanced& to) {
    while (!list.empty()) {
        const std::string_view pair = list.substr(0, list.find(','));
        list.remove_prefix(std::min(pair.size() + 1, list.size()));
        const auto equals = pair.find('=');
        const std::string name(pair.substr(0, equals));
        if (name.empty()) break;  // as the stock parser does
        const std::string value(equals == std::string_view::npos ? std::string_view()
                                                                 : pair.substr(equals + 1));
        const auto applied = apply_one(name, value, to);
        if (!applied) return applied;
    }
    return std::monostate{};
}

}  // namespace castvote::qdevice
