// advanced.cpp -- see advanced.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/shell/advanced.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "common/ipc/rights.hpp"
#include "common/ipc/words.hpp"

namespace castvote::qnetd {

namespace {

using ipc::is_word;

constexpr long long int_max = std::numeric_limits<int>::max();
constexpr long long u32_max = std::numeric_limits<std::uint32_t>::max();
constexpr long long size_max = std::numeric_limits<long long>::max();
// The two bounds that the stock daemon has beyond "at least one".
constexpr long long message_size_min = 16;
constexpr long long ipc_size_min = 1024;
constexpr long long send_buffers_min = 2;
// The stock daemon allocates whatever it is asked for; here more than 16 MiB counts as 16 MiB.
constexpr long long message_size_max = 16777216;

template <class Number>
bool set(Number& to, std::string_view text, long long low, long long high) {
    const auto number = whole_number(text, low, high);
    if (number) to = static_cast<Number>(*number);
    return number.has_value();
}

// A size in stock: any number from `low` on; what is beyond all reason counts as `most`.
template <class Number>
bool set_size(Number& to, std::string_view text, long long low, long long most) {
    const auto number = whole_number(text, low, size_max);
    if (number) to = static_cast<Number>(std::min(*number, most));
    return number.has_value();
}

bool set_switch(bool& to, std::string_view text) {
    const auto value = on_or_off(text);
    if (value) to = *value;
    return value.has_value();
}

bool set_text(std::string& to, std::string_view text) {
    to = text;
    return true;
}

bool set_dead_peer(Options& options, std::string_view text) {
    bool enabled = true;
    if (!set_switch(enabled, text)) return false;
    double& coefficient = options.arbiter.dead_peer_coefficient;
    coefficient = enabled ? std::fabs(coefficient) : -std::fabs(coefficient);
    return true;
}

bool set_coefficient(Options& options, std::string_view text) {
    // strtod, as in stock: it takes blanks and a sign in front, hexadecimal and exponents.
    const std::string spelled(text);
    char* end = nullptr;
    const double value = std::strtod(spelled.c_str(), &end);
    if (spelled.empty() || *end != '\0' || !(value >= 1 && value <= 1000)) return false;
    // A switched off detection stays off, whatever the order of the options.
    double& coefficient = options.arbiter.dead_peer_coefficient;
    coefficient = std::copysign(value, coefficient);
    return true;
}

bool set_failover(Options& options, std::string_view text) {
    for (const auto& [name, failover] : failover_names) {
        if (!is_word(text, name)) continue;
        options.arbiter.failover = failover;
        return true;
    }
    return false;
}

bool set_device_timeout(Options& options, std::string_view text) {
    std::int64_t milliseconds = 0;
    if (!set(milliseconds, text, 1, device_timeout_max_ms)) return false;
    options.arbiter.device_timeout = Duration(milliseconds);
    return true;
}

struct Row {
    const char* name;
    const char* help;
    bool (*apply)(Options&, std::string_view);
};

constexpr std::array rows{
    Row{"listen_backlog", "connections that may wait to be accepted (default 10)",
        [](Options& o, std::string_view v) { return set(o.listen_backlog, v, 1, int_max); }},
    Row{"max_client_send_buffers", "messages that may wait for one node (default 32)",
        [](Options& o, std::string_view v) {
            return set_size(o.send_buffers_max, v, send_buffers_min, u32_max);
        }},
    Row{"max_client_send_size", "longest message to a node, bytes (default 32768)",
        [](Options& o, std::string_view v) {
            return set_size(o.arbiter.message_send_size_max, v, message_size_min, message_size_max);
        }},
    Row{"max_client_receive_size", "longest message from a node, bytes (default 32768)",
        [](Options& o, std::string_view v) {
            return set_size(o.arbiter.message_receive_size_max, v, message_size_min,
                            message_size_max);
        }},
    Row{"nss_db_dir", "directory of the certificates (default /etc/corosync/qnetd/nssdb)",
        [](Options& o, std::string_view v) { return set_text(o.certificates, v); }},
    // Ours: where grants are kept, or "none".
    Row{"state_dir",
        "where grants are kept over a restart (default /var/lib/castvote/qnetd); none: in memory",
        [](Options& o, std::string_view v) {
            return !v.empty() && set_text(o.state_directory, v);
        }},
    Row{"cert_nickname", "taken, and without effect: the certificate is a file",
        [](Options& o, std::string_view v) { return set_text(o.certificate_nickname, v); }},
    Row{"heartbeat_interval_min",
        "shortest heartbeat that a node may ask for, milliseconds (default 1000)",
        [](Options& o, std::string_view v) {
            return set(o.arbiter.heartbeat_interval_min_ms, v, 1, u32_max);
        }},
    Row{"heartbeat_interval_max",
        "longest heartbeat that a node may ask for, milliseconds (default 120000)",
        [](Options& o, std::string_view v) {
            return set(o.arbiter.heartbeat_interval_max_ms, v, 1, u32_max);
        }},
    Row{"dpd_enabled", "whether a silent node counts as dead (default on)", set_dead_peer},
    Row{"dpd_interval_coefficient", "after so many of its heartbeats it does (default 1.5)",
        set_coefficient},
    Row{"lock_file", "file that only one instance may hold",
        [](Options& o, std::string_view v) { return set_text(o.lock_file, v); }},
    Row{"local_socket_file", "control socket",
        [](Options& o, std::string_view v) { return set_text(o.local_socket, v); }},
    Row{"local_socket_backlog", "tools that may wait to be accepted (default 10)",
        [](Options& o, std::string_view v) { return set(o.local_socket_backlog, v, 1, int_max); }},
    Row{"local_socket_umask", "umask with which the control socket is made, octal",
        [](Options& o, std::string_view v) {
            return ipc::set_umask(o.local_socket_umask, std::string(v));
        }},
    Row{"local_socket_gid", "group of the control socket, by name or number",
        [](Options& o, std::string_view v) {
            return ipc::set_group(o.local_socket_group, std::string(v));
        }},
    Row{"ipc_max_clients", "tools at a time (default 10; 0: no limit)",
        [](Options& o, std::string_view v) { return set_size(o.ipc_clients_max, v, 0, int_max); }},
    Row{"ipc_max_receive_size", "longest request of a tool, bytes (default 4096)",
        [](Options& o, std::string_view v) {
            return set_size(o.ipc_receive_size_max, v, ipc_size_min, int_max);
        }},
    Row{"ipc_max_send_size", "longest answer to a tool, bytes (default 10485760)",
        [](Options& o, std::string_view v) {
            return set_size(o.ipc_send_size_max, v, ipc_size_min, int_max);
        }},
    Row{"keep_active_partition_tie_breaker", "what nodes use that do not say it (default off)",
        [](Options& o, std::string_view v) {
            return set_switch(o.arbiter.keep_active_partition_default, v);
        }},
    // These two are ours alone.
    Row{"failover", "stock, fast or strict, as --failover of qnetd (8)", set_failover},
    Row{"device_timeout", "as --device-timeout of qnetd (8), milliseconds (default 10000)",
        set_device_timeout},
};

Expected<void, std::string> apply_one(std::string_view setting, Options& options) {
    const std::size_t equals = setting.find('=');
    const std::string_view name = setting.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : setting.substr(equals + 1);
    for (const Row& row : rows) {
        if (!is_word(name, row.name)) continue;
        if (row.apply(options, value)) return {};
        return Unexpected<std::string>(
            fmt::format("Invalid value '{}' for option '{}'", value, name));
    }
    return Unexpected<std::string>(fmt::format("Unknown option '{}'", name));
}

}  // namespace

std::optional<long long> whole_number(std::string_view text, long long low, long long high) {
    const std::size_t start = text.find_first_not_of(" \t\n\v\f\r");
    if (start == std::string_view::npos) return std::nullopt;
    text.remove_prefix(start);
    if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
    long long number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (number < low || number > high) return std::nullopt;
    return number;
}

std::optional<bool> on_or_off(std::string_view text) {
    for (const char* word : {"on", "yes", "1"})
        if (is_word(text, word)) return true;
    for (const char* word : {"off", "no", "0"})
        if (is_word(text, word)) return false;
    return std::nullopt;
}

std::vector<manual::Setting> advanced_settings() {
    std::vector<manual::Setting> settings;
    for (const Row& row : rows) settings.push_back({row.name, row.help});
    return settings;
}

Expected<void, std::string> apply_advanced(std::string_view list, Options& options) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        const std::string_view setting = list.substr(0, comma);
        if (setting.empty() || setting.front() == '=') break;  // as the stock parser does
        if (auto applied = apply_one(setting, options); !applied) return applied;
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return {};
}

}  // namespace castvote::qnetd
