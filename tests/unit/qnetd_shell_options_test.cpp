// qnetd_shell_options_test.cpp -- the command lines. The table of the stock name is what the stock
// program did when it was asked; where ours differs, the row says so.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "qnetd/shell/advanced.hpp"
#include "qnetd/shell/options.hpp"

using namespace castvote;
using namespace castvote::qnetd;

namespace {

Parsed stock(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/usr/bin/corosync-qnetd");
    return parse_stock_options(arguments);
}

Parsed own(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "qnetd");
    return parse_own_options(arguments);
}

std::string complaint(const Parsed& parsed) {
    const auto* leave = std::get_if<Leave>(&parsed);
    if (leave == nullptr) return "accepted";
    return leave->status == 1 ? leave->err : "status " + std::to_string(leave->status);
}

std::string setting(const std::string& text) { return complaint(stock({"-S", text})); }

std::string invalid(const std::string& name, const std::string& value) {
    return "corosync-qnetd: Invalid value '" + value + "' for option '" + name + "'\n";
}

}  // namespace

TEST_CASE("where grants are kept") {
    CHECK(std::get<Options>(own({})).state_directory == "/var/lib/castvote/qnetd");
    CHECK(std::get<Options>(stock({})).state_directory == "/var/lib/castvote/qnetd");
    CHECK(std::get<Options>(own({"--state", "none"})).state_directory == "none");
    CHECK(std::get<Options>(stock({"-S", "state_dir=/srv/x"})).state_directory == "/srv/x");
    CHECK(setting("state_dir=") == invalid("state_dir", ""));
}

TEST_CASE("stock letters") {
    CHECK(complaint(stock({})) == "accepted");
    CHECK(complaint(stock({"-p"})) == "corosync-qnetd: option requires an argument -- 'p'\n");
    CHECK(complaint(stock({"-x"})) == "corosync-qnetd: invalid option -- 'x'\n");
    for (const char* port : {"abc", "0", "70000", "12x", "0x10", "-1"})
        CHECK(complaint(stock({"-p", port})) ==
              "corosync-qnetd: host port must be in range 1-65535\n");
    CHECK(complaint(stock({"-p", "+15"})) == "accepted");
    for (const char* tls : {"foo", "yes", "1", "no", "r"})
        CHECK(complaint(stock({"-s", tls})) == "corosync-qnetd: tls must be one of on, off, req\n");
    for (const char* tls : {"ON", "off", "req", "required"})  // the last: as the manual says
        CHECK(complaint(stock({"-s", tls})) == "accepted");
    CHECK(complaint(stock({"-c", "foo"})) ==
          "corosync-qnetd: client_cert_required should be on/yes/1, off/no/0\n");
    CHECK(complaint(stock({"-c", "YES"})) == "accepted");
    for (const char* clients : {"-1", "abc", "5x", "0x10"})
        CHECK(complaint(stock({"-m", clients})) ==
              std::string("corosync-qnetd: max clients value ") + clients + " is invalid\n");
    CHECK(complaint(stock({"-m", "99999999999"})) == "accepted");
    const Parsed help = stock({"extra", "-h"});
    CHECK(std::get<Leave>(help).status == 1);
    CHECK(
        std::get<Leave>(help).out.starts_with("usage: corosync-qnetd [-46dfhv] [-l listen_addr]"));
    CHECK(
        std::get<Leave>(stock({"-v"})).out.starts_with("Corosync Qdevice Network Daemon, version"));
}

TEST_CASE("stock letters, what they mean") {
    const auto options = std::get<Options>(
        stock({"-4", "-f", "-dd", "-l", "::1", "-p", "99", "-s", "req", "-c", "off", "-m", "7"}));
    CHECK(options.family == AddressFamily::v4);
    CHECK(options.foreground);
    CHECK(options.log_level == net::LogLevel::debug);
    CHECK(options.log_debug_as_info);
    CHECK(options.address == "::1");
    CHECK(options.port == 99);
    CHECK(options.arbiter.tls == wire::TlsSupported::required);
    CHECK_FALSE(options.arbiter.client_certificate_required);
    CHECK(options.clients_max == 7);
    const auto plain = std::get<Options>(stock({}));
    CHECK_FALSE(plain.foreground);
    CHECK(plain.lock_file == "/var/run/corosync-qnetd/corosync-qnetd.pid");
    CHECK(plain.log_level == net::LogLevel::info);
}

TEST_CASE("stock advanced settings") {
    for (const char* bad : {"foo", "foo=1"})
        CHECK(setting(bad) == "corosync-qnetd: Unknown option 'foo'\n");
    CHECK(setting(" listen_backlog=3") == "corosync-qnetd: Unknown option ' listen_backlog'\n");
    CHECK(setting("listen_backlog=3,foo=1") == "corosync-qnetd: Unknown option 'foo'\n");
    for (const char* value : {"0", "-1", "4294967296", "", "x"})
        CHECK(setting(std::string("listen_backlog=") + value) == invalid("listen_backlog", value));
    CHECK(setting("listen_backlog") == invalid("listen_backlog", ""));
    CHECK(setting("max_client_send_buffers=1") == invalid("max_client_send_buffers", "1"));
    CHECK(setting("max_client_send_size=5") == invalid("max_client_send_size", "5"));
    CHECK(setting("heartbeat_interval_min=0") == invalid("heartbeat_interval_min", "0"));
    CHECK(setting("heartbeat_interval_max=0") == invalid("heartbeat_interval_max", "0"));
    for (const char* value : {"0.5", "1000.5", "100001", "abc", "", "inf", "nan", "2x", "2 ", "-2",
                              "+ 2", "0x", "1e", "1e999"})
        CHECK(setting(std::string("dpd_interval_coefficient=") + value) ==
              invalid("dpd_interval_coefficient", value));
    CHECK(setting("dpd_enabled=maybe") == invalid("dpd_enabled", "maybe"));
    for (const char* name : {"ipc_max_receive_size", "ipc_max_send_size"})
        CHECK(setting(std::string(name) + "=1023") == invalid(name, "1023"));
    for (const char* name :
         {"max_client_send_size", "max_client_receive_size", "max_client_send_buffers",
          "ipc_max_clients", "ipc_max_receive_size", "ipc_max_send_size"}) {
        CHECK(setting(std::string(name) + "=9223372036854775807") == "accepted");
        CHECK(setting(std::string(name) + "=9223372036854775808") ==
              invalid(name, "9223372036854775808"));
    }
    CHECK(setting("local_socket_backlog=0") == invalid("local_socket_backlog", "0"));
    CHECK(setting("keep_active_partition_tie_breaker=x") ==
          invalid("keep_active_partition_tie_breaker", "x"));
    for (const char* good :
         {"LISTEN_BACKLOG=3", "listen_backlog= 5", ",", "listen_backlog=3,,dpd_enabled=1",
          "lock_file=", "max_client_send_size=16", "ipc_max_clients=0",
          "dpd_interval_coefficient=1", "dpd_interval_coefficient=1000", "cert_nickname=x",
          "heartbeat_interval_max=500",
          // Later stock versions have these two.
          "local_socket_umask=077", "local_socket_gid=0"})
        CHECK(setting(good) == "accepted");
}

// Each of them asked of the stock daemon, too.
TEST_CASE("the coefficient is spelled in any way that C knows") {
    const auto read = [](const std::string& value) {
        const auto parsed = stock({"-S", "dpd_interval_coefficient=" + value});
        return std::get<Options>(parsed).arbiter.dead_peer_coefficient;
    };
    for (const char* two : {"2", " 2", "\t2", "+2", "2.", ".2e1", "0x2", "0x1p1", "2E+0", "02.0"})
        CHECK(read(two) == 2.0);
    CHECK(read("1e2") == 100.0);
}

TEST_CASE("the control socket's rights, as 3.0.4 has them") {
    const auto read = [](const std::string& settings) {
        return std::get<Options>(stock({"-S", settings}));
    };
    CHECK(read("local_socket_umask=027").local_socket_umask == 027u);
    CHECK_FALSE(read("local_socket_umask=027,local_socket_umask=").local_socket_umask.has_value());
    for (const char* none : {"8", "1000", "-1", "rwx"})
        CHECK(setting(std::string("local_socket_umask=") + none) ==
              invalid("local_socket_umask", none));
    CHECK(read("local_socket_gid=4294967294").local_socket_group == 4294967294u);
    CHECK(read("local_socket_gid=root").local_socket_group == 0u);
    for (const char* none : {"", "-1"}) {
        const std::string twice = std::string("local_socket_gid=0,local_socket_gid=") + none;
        CHECK_FALSE(read(twice).local_socket_group.has_value());
    }
    for (const char* none : {"-2", "4294967296", "no such group"})
        CHECK(setting(std::string("local_socket_gid=") + none) ==
              invalid("local_socket_gid", none));
}

TEST_CASE("a size beyond all reason counts as the most that there can be") {
    const auto read = [](const std::string& setting) {
        return std::get<Options>(stock({"-S", setting + "=4294967296"}));
    };
    CHECK(read("max_client_send_size").arbiter.message_send_size_max == 16777216);
    CHECK(read("max_client_receive_size").arbiter.message_receive_size_max == 16777216);
    CHECK(read("max_client_send_buffers").send_buffers_max == 4294967295);
    CHECK(read("ipc_max_clients").ipc_clients_max == 2147483647);
    CHECK(read("ipc_max_receive_size").ipc_receive_size_max == 2147483647);
    CHECK(read("ipc_max_send_size").ipc_send_size_max == 2147483647);
}

TEST_CASE("a dead-peer detection that is switched off stays off") {
    for (const char* text : {"dpd_enabled=off,dpd_interval_coefficient=2",
                             "dpd_interval_coefficient=2,dpd_enabled=off"})
        CHECK(std::get<Options>(stock({"-S", text})).arbiter.dead_peer_coefficient < 0);
    CHECK(std::get<Options>(stock({"-S", "dpd_enabled=off", "-S", "dpd_enabled=on"}))
              .arbiter.dead_peer_coefficient == 1.5);
}

TEST_CASE("own options") {
    const auto options = std::get<Options>(own({"--listen",
                                                "10.0.0.1",
                                                "--port",
                                                "77",
                                                "--tls",
                                                "required",
                                                "--client-certificate",
                                                "off",
                                                "--max-clients",
                                                "3",
                                                "--device-timeout",
                                                "20000",
                                                "--init-timeout",
                                                "1500",
                                                "--certificates",
                                                "/c",
                                                "--socket",
                                                "/s",
                                                "--log-level",
                                                "debug",
                                                "--shards",
                                                "2",
                                                "--foreground",
                                                "--address-family",
                                                "ipv4"}));
    CHECK(options.address == "10.0.0.1");
    CHECK(options.port == 77);
    CHECK(options.arbiter.tls == wire::TlsSupported::required);
    CHECK_FALSE(options.arbiter.client_certificate_required);
    CHECK(options.clients_max == 3);
    CHECK(options.arbiter.device_timeout == Duration(20000));
    CHECK(options.arbiter.init_timeout == Duration(1500));
    CHECK(options.certificates == "/c");
    CHECK(options.local_socket == "/s");
    CHECK(options.log_level == net::LogLevel::debug);
    CHECK(options.shards == 2);
    CHECK(options.foreground);
    CHECK(options.family == AddressFamily::v4);
    CHECK(options.lock_file.empty());
    for (const std::vector<std::string>& wrong :
         std::vector<std::vector<std::string>>{{"--port", "0"},
                                               {"--port", "x"},
                                               {"--tls", "maybe"},
                                               {"--shards", "65"},
                                               {"--device-timeout", "-1"},
                                               {"--init-timeout", "99"},
                                               {"--nonsense"},
                                               {"extra"}}) {
        const Parsed parsed = own(wrong);
        REQUIRE(std::holds_alternative<Leave>(parsed));
        CHECK(std::get<Leave>(parsed).status == 2);
        CHECK(std::get<Leave>(parsed).err.find("see qnetd --help") != std::string::npos);
    }
    CHECK(std::get<Leave>(own({"--help"})).status == 0);
    CHECK(is_stock_name("/x/corosync-qnetd"));
    CHECK_FALSE(is_stock_name("/corosync-x/qnetd"));
}
