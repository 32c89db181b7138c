// qdevice_options_test.cpp -- the node daemon's settings of -S, row by row as node.md 11 has them.
// The complaints are those of the stock program, which was asked with the same words; where ours
// differs, the case says so.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "qdevice-client/shell/advanced.hpp"

using namespace castvote;
using namespace castvote::qdevice;

namespace {

constexpr std::int64_t int_max = 2147483647;
constexpr std::int64_t u32_max = 4294967295;

std::string complaint(const std::string& list) {
    Advanced to;
    const auto applied = apply_advanced(list, to);
    return applied ? "accepted" : applied.error();
}

std::string invalid(const std::string& name, const std::string& value) {
    return "Invalid value '" + value + "' for option '" + name + "'";
}

Advanced with(const std::string& list) {
    Advanced to;
    INFO(list);
    REQUIRE(apply_advanced(list, to));
    return to;
}

struct NumberRow {
    const char* name;
    std::int64_t absent;  // the default
    std::int64_t least;
    std::int64_t most;  // 0: no more than a size, and what is beyond u32 counts as that
    std::function<std::int64_t(const Advanced&)> get;
};

template <class T>
std::int64_t number(const T& value) {
    return static_cast<std::int64_t>(value);
}

#define ROW(name, absent, least, most, expression)                                       \
    {                                                                                    \
#name, absent, least, most, [](const Advanced& a) { return number(expression); } \
    }

const NumberRow number_rows[] = {
    ROW(local_socket_backlog, 10, 1, int_max, a.local_socket_backlog),
    ROW(max_cs_try_again, 10, 1, int_max, a.max_cs_try_again),
    ROW(ipc_max_clients, 10, 0, 0, a.ipc_max_clients),
    ROW(ipc_max_receive_size, 4096, 1024, 0, a.ipc_max_receive_size),
    ROW(ipc_max_send_size, 65536, 1024, 0, a.ipc_max_send_size),
    ROW(heuristics_min_timeout, 1000, 250, u32_max, a.limits.heuristics_min_timeout_ms),
    ROW(heuristics_max_timeout, 120000, 250, u32_max, a.limits.heuristics_max_timeout_ms),
    ROW(heuristics_min_interval, 1000, 250, u32_max, a.limits.heuristics_min_interval_ms),
    ROW(heuristics_max_interval, 3600000, 250, u32_max, a.limits.heuristics_max_interval_ms),
    ROW(heuristics_max_execs, 32, 1, 0, a.limits.heuristics_max_execs),
    ROW(heuristics_max_processes, 160, 1, 0, a.heuristics.max_processes),
    ROW(heuristics_kill_list_interval, 5000, 250, u32_max, a.heuristics.kill_interval.count()),
    ROW(net_initial_msg_receive_size, 32768, 16, 0, a.message_receive_size_initial),
    ROW(net_initial_msg_send_size, 32768, 16, 0, a.message_send_size_initial),
    ROW(net_min_msg_send_size, 32768, 16, 0, a.message_send_size_min),
    ROW(net_max_msg_receive_size, 16777216, 16, 0, a.message_receive_size_max),
    ROW(net_max_send_buffers, 10, 2, 0, a.send_buffers_max),
    ROW(net_heartbeat_interval_min, 1000, 1, u32_max, a.limits.heartbeat_interval_min_ms),
    ROW(net_heartbeat_interval_max, 120000, 1, u32_max, a.limits.heartbeat_interval_max_ms),
    ROW(net_min_connect_timeout, 1000, 1, u32_max, a.limits.connect_timeout_min_ms),
    ROW(net_max_connect_timeout, 120000, 1, u32_max, a.limits.connect_timeout_max_ms),
};
#undef ROW

}  // namespace

TEST_CASE("settings that are numbers: default, least, most, and what is none") {
    for (const NumberRow& row : number_rows) {
        const std::string name = row.name;
        const auto given = [&](const std::string& value) { return complaint(name + "=" + value); };
        const auto text = [](std::int64_t value) { return std::to_string(value); };
        INFO(name);
        CHECK(row.get(Advanced{}) == row.absent);
        CHECK(row.get(with(name + "=" + text(row.least))) == row.least);
        CHECK(given(text(row.least - 1)) == invalid(name, text(row.least - 1)));
        if (row.most != 0) {
            CHECK(row.get(with(name + "=" + text(row.most))) == row.most);
            CHECK(given(text(row.most + 1)) == invalid(name, text(row.most + 1)));
        } else {
            CHECK(row.get(with(name + "=9223372036854775807")) >= u32_max);
            CHECK(given("9223372036854775808") == invalid(name, "9223372036854775808"));
        }
        CHECK(row.get(with(name + "= +2000")) == 2000);
        for (const char* none : {"", "x", "2000x", "0x800", "2000.5", "2e3"})
            CHECK(given(none) == invalid(name, none));
        CHECK(complaint(name) == invalid(name, ""));
    }
}

TEST_CASE("settings that steer what we do not have are checked like the others") {
    CHECK(complaint("heuristics_ipc_max_send_buffers=10") == "accepted");
    CHECK(complaint("heuristics_ipc_max_send_buffers=9") ==
          invalid("heuristics_ipc_max_send_buffers", "9"));
    CHECK(complaint("heuristics_ipc_max_send_receive_size=1024") == "accepted");
    CHECK(complaint("heuristics_ipc_max_send_receive_size=1023") ==
          invalid("heuristics_ipc_max_send_receive_size", "1023"));
    CHECK(complaint("net_nss_client_cert_nickname=Anything") == "accepted");
}

TEST_CASE("settings that are texts") {
    const Advanced absent;
    CHECK(absent.lock_file == "/var/run/corosync-qdevice/corosync-qdevice.pid");
    CHECK(absent.local_socket_file == "/var/run/corosync-qdevice/corosync-qdevice.sock");
    CHECK(absent.certificates == "/etc/corosync/qdevice/net/nssdb");
    CHECK(absent.votequorum_device_name == "Qdevice");
    CHECK(absent.server_name == "Qnetd Server");
    CHECK(with("lock_file=/x").lock_file == "/x");
    CHECK(with("local_socket_file=/x").local_socket_file == "/x");
    CHECK(with("net_nss_db_dir=/x").certificates == "/x");
    CHECK(with("votequorum_device_name=Other").votequorum_device_name == "Other");
    CHECK(with("net_nss_qnetd_cn=Other Server").server_name == "Other Server");
}

TEST_CASE("settings that are booleans, and master_wins") {
    CHECK_FALSE(Advanced{}.heuristics.use_path);
    CHECK_FALSE(Advanced{}.limits.test_algorithm_enabled);
    CHECK_FALSE(Advanced{}.master_wins);
    for (const char* yes : {"yes", "On", "1"}) {
        const std::string value = std::string("=") + yes;
        CHECK(with("heuristics_use_execvp" + value).heuristics.use_path);
        CHECK(with("net_test_algorithm_enabled" + value).limits.test_algorithm_enabled);
        CHECK(with("master_wins" + value).master_wins);
        for (const char* no : {"no", "OFF", "0", "model", "MODEL"})
            CHECK_FALSE(with("master_wins" + value + ",master_wins=" + no).master_wins);
    }
    for (const char* name : {"heuristics_use_execvp", "net_test_algorithm_enabled", "master_wins"})
        for (const char* none : {"", "true", "2"})
            CHECK(complaint(name + std::string("=") + none) == invalid(name, none));
    CHECK(complaint("heuristics_use_execvp=model") == invalid("heuristics_use_execvp", "model"));
}

TEST_CASE("the socket's rights (3.0.4 and later, and ours)") {
    CHECK_FALSE(Advanced{}.local_socket_umask.has_value());
    CHECK_FALSE(Advanced{}.local_socket_gid.has_value());
    CHECK(with("local_socket_umask=027").local_socket_umask == 027u);
    CHECK(with("local_socket_umask=777").local_socket_umask == 0777u);
    CHECK_FALSE(with("local_socket_umask=027,local_socket_umask=").local_socket_umask.has_value());
    for (const char* none : {"8", "1000", "-1", "rwx"})
        CHECK(complaint(std::string("local_socket_umask=") + none) ==
              invalid("local_socket_umask", none));
    CHECK(with("local_socket_gid=0").local_socket_gid == 0u);
    CHECK(with("local_socket_gid=root").local_socket_gid == 0u);
    CHECK_FALSE(with("local_socket_gid=0,local_socket_gid=-1").local_socket_gid.has_value());
    CHECK_FALSE(with("local_socket_gid=0,local_socket_gid=").local_socket_gid.has_value());
    for (const char* none : {"-2", "4294967296", "no such group"})
        CHECK(complaint(std::string("local_socket_gid=") + none) ==
              invalid("local_socket_gid", none));
}

TEST_CASE("lists of settings") {
    CHECK(complaint("") == "accepted");
    CHECK(complaint("nope=1") == "Unknown option 'nope'");
    CHECK(complaint("max_cs_try_again=2,nope=1") == "Unknown option 'nope'");
    CHECK(complaint("max_cs_try_again=2,,nope=1") == "accepted");  // an empty name ends the list
    CHECK(complaint(",nope=1") == "accepted");
    CHECK(complaint("max_cs_try_again = 2") == "Unknown option 'max_cs_try_again '");
    CHECK(with("MAX_CS_TRY_AGAIN=2").max_cs_try_again == 2);
    CHECK(with("max_cs_try_again=2,max_cs_try_again=3,").max_cs_try_again == 3);
}
