// quorum_configuration_test.cpp -- what the daemon makes of a cmap (node.md 5), key by key.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "qdevice-client/quorum/keys.hpp"
#include "qdevice-client/quorum/sections.hpp"

using namespace castvote;
using namespace castvote::qdevice;

namespace {

Snapshot good_map() {
    return {{"quorum.device.model", "net"},
            {"quorum.device.votes", std::uint32_t{1}},
            {"quorum.device.net.host", "arbiter.example"},
            {"runtime.votequorum.this_node_id", std::uint32_t{2}},
            {"totem.cluster_name", "alpha"},
            {"totem.config_version", std::uint64_t{7}},
            {"nodelist.node.0.nodeid", std::uint32_t{1}},
            {"nodelist.node.0.name", "a"},
            {"nodelist.node.0.ring0_addr", "192.0.2.1"},
            {"nodelist.node.1.nodeid", std::uint32_t{2}},
            {"nodelist.node.1.name", "b"}};
}

Configured<Configuration> with(const std::string& key, MapValue value) {
    Snapshot map = good_map();
    map[key] = std::move(value);
    return read_configuration(map, {});
}

Configured<Configuration> without(const std::string& key) {
    Snapshot map = good_map();
    map.erase(key);
    return read_configuration(map, {});
}

}  // namespace

TEST_CASE("a small configuration gets the stock defaults") {
    const auto c = read_configuration(good_map(), {});
    REQUIRE(c);
    CHECK(c->host == "arbiter.example");
    CHECK(c->port == 5403);
    CHECK(c->force_ip_version == 0);
    const Settings& s = c->settings;
    CHECK(s.cluster_name == "alpha");
    CHECK(s.node_id == 2);
    CHECK(s.algorithm == wire::DecisionAlgorithm::ffsplit);
    CHECK(s.tie_breaker == wire::TieBreaker{wire::TieBreakerMode::lowest, 0});
    CHECK(s.keep_active_partition);
    CHECK(s.tls == wire::TlsSupported::supported);
    CHECK(s.device_timeout == Duration(10000));
    CHECK(s.device_sync_timeout == Duration(30000));
    CHECK(s.connect_timeout == Duration(8000));
    CHECK_FALSE(s.wait_for_all);
    CHECK(s.config.config_version == 7);
    CHECK(s.config.heuristics_mode == HeuristicsMode::off);
    CHECK(s.config.heuristics_timeout == Duration(5000));
    CHECK(s.config.heuristics_sync_timeout == Duration(15000));
    CHECK(s.config.heuristics_interval == Duration(30000));
    REQUIRE(s.config.nodes.size() == 2);
    CHECK(s.config.nodes[1].node_id == 2);
}

TEST_CASE("every missing or wrong key is named, with a remedy") {
    for (const char* key : {"quorum.device.model", "quorum.device.votes", "quorum.device.net.host",
                            "runtime.votequorum.this_node_id", "totem.cluster_name"}) {
        INFO(key);
        const auto c = without(key);
        REQUIRE_FALSE(c);
        CHECK(c.error().key == key);
        CHECK(c.error().remedy != "");
    }
    const std::vector<std::pair<std::string, std::vector<std::string>>> wrong = {
        {"quorum.device.model", {"disk", "NET", ""}},
        {"quorum.device.net.host", {""}},
        {"quorum.device.net.port", {"0", "65536", "5403x", "", "-1", "99999999999999999999"}},
        {"quorum.device.net.tls", {"maybe", ""}},
        {"quorum.device.net.algorithm", {"FFSPLIT", "test", ""}},
        {"quorum.device.net.tie_breaker", {"LOWEST", "0", "-1", "4294967296", "1x"}},
        {"quorum.device.net.connect_timeout", {"999", "120001", "x"}},
        {"quorum.device.net.force_ip_version", {"5", "1", "six"}},
        {"quorum.device.net.keep_active_partition_tie_breaker", {"2", "ja"}},
        {"quorum.device.heuristics.mode", {"sometimes"}},
        {"quorum.device.heuristics.timeout", {"999", "120001", "1.5"}},
        {"quorum.device.heuristics.sync_timeout", {"999", "120001"}},
        {"quorum.device.heuristics.interval", {"999", "3600001"}}};
    for (const auto& [key, values] : wrong)
        for (const std::string& value : values) {
            INFO(key << "=" << value);
            const auto c = with(key, value);
            REQUIRE_FALSE(c);
            CHECK(c.error().key == key);
            CHECK(c.error().text().find(key) == 0);
            CHECK(c.error().remedy.size() > 5);
        }
}

TEST_CASE("every key is taken over") {
    CHECK(with("quorum.device.net.port", "65535")->port == 65535);
    CHECK(with("quorum.device.net.tls", "REQUIRED")->settings.tls == wire::TlsSupported::required);
    CHECK(with("quorum.device.net.tls", "Off")->settings.tls == wire::TlsSupported::unsupported);
    CHECK(with("quorum.device.net.tie_breaker", "highest")->settings.tie_breaker.mode ==
          wire::TieBreakerMode::highest);
    CHECK(with("quorum.device.net.tie_breaker", "4294967295")->settings.tie_breaker.node_id ==
          4294967295U);
    CHECK(with("quorum.device.net.connect_timeout", " +2000")->settings.connect_timeout ==
          Duration(2000));
    CHECK(with("quorum.device.net.force_ip_version", "6")->force_ip_version == 6);
    CHECK_FALSE(with("quorum.device.net.keep_active_partition_tie_breaker", "NO")
                    ->settings.keep_active_partition);
    CHECK(with("quorum.wait_for_all", std::uint8_t{1})->settings.wait_for_all);
    CHECK(with("quorum.device.timeout", std::uint32_t{2000})->settings.device_timeout ==
          Duration(2000));
    CHECK(with("quorum.device.timeout", std::uint32_t{2000})->settings.connect_timeout ==
          Duration(1600));
    CHECK(with("quorum.device.sync_timeout", std::uint32_t{4000})
              ->settings.config.heuristics_sync_timeout == Duration(2000));
}

TEST_CASE("a key of the wrong type counts as absent") {
    CHECK_FALSE(with("quorum.device.votes", "1"));
    CHECK_FALSE(with("totem.cluster_name", std::uint32_t{5}));
    CHECK(with("quorum.device.net.port", std::uint32_t{99})->port == 5403);
    CHECK(with("quorum.device.timeout", "2000")->settings.device_timeout == Duration(10000));
    CHECK_FALSE(with("totem.config_version", std::uint32_t{7})->settings.config.config_version);
}

TEST_CASE("lms needs no votes key, test needs permission") {
    Snapshot map = good_map();
    map.erase("quorum.device.votes");
    map["quorum.device.net.algorithm"] = "lms";
    CHECK(read_configuration(map, {}));
    map["quorum.device.net.algorithm"] = "test";
    CHECK_FALSE(read_configuration(map, {}));
    ConfigurationLimits limits;
    limits.test_algorithm_enabled = true;
    CHECK(read_configuration(map, limits)->settings.algorithm == wire::DecisionAlgorithm::test);
}

TEST_CASE("the node list is read in cmap's order, each node once") {
    Snapshot map = {{"nodelist.local_node_pos", std::uint32_t{0}},
                    {"nodelist.node.10.name", "k"},
                    {"nodelist.node.10.nodeid", std::uint32_t{10}},
                    {"nodelist.node.2.nodeid", std::uint32_t{3}},
                    {"nodelist.node.2.ring0_addr", "192.0.2.3"},
                    {"nodelist.node.2.datacenterid", std::uint32_t{9}},
                    {"nodelist.node.3.nodeid", std::uint32_t{4}},  // neither name nor address
                    {"nodelist.node.4.ring0_addr", "192.0.2.4"}};
    const auto nodes = read_node_list(map);
    REQUIRE(nodes);
    REQUIRE(nodes->size() == 3);
    CHECK((*nodes)[0].node_id == 10);
    CHECK((*nodes)[1] == wire::NodeInfo{3, 9, wire::NodeState::not_set});
    CHECK((*nodes)[2].node_id == 0xc0000204U);
    map["totem.clear_node_high_bit"] = "yes";
    CHECK((*read_node_list(map))[2].node_id == 0x40000204U);
    map["nodelist.node.5.name"] = "no number, no address";
    CHECK_FALSE(read_node_list(map));
    map["nodelist.node.5.ring0_addr"] = "2001:db8::5";  // it would have the number 0
    CHECK_FALSE(read_node_list(map));
    CHECK_FALSE(read_node_list({}));
}

TEST_CASE("heuristics: commands, limits and what switches them off") {
    const std::string prefix = "quorum.device.heuristics.";
    Snapshot map = good_map();
    map[prefix + "mode"] = "on";
    CHECK(read_configuration(map, {})->settings.config.heuristics_mode == HeuristicsMode::off);
    map[prefix + "exec_b"] = "/bin/true";
    map[prefix + "exec_a"] = "/bin/false x";
    map[prefix + "exec_with.dot"] = "/bin/true";
    map[prefix + "exec_number"] = std::uint32_t{3};
    auto c = read_configuration(map, {});
    REQUIRE(c);
    CHECK(c->settings.config.heuristics_mode == HeuristicsMode::on);
    CHECK(c->commands == std::vector<HeuristicsCommand>{{"a", "/bin/false x"}, {"b", "/bin/true"}});
    CHECK(c->warnings.size() == 2);
    map[prefix + "exec_b"] = "/bin/test\n-e\r/etc";  // corosync-cmapctl may write such a thing
    CHECK(read_configuration(map, {})->commands[1].line == "/bin/test -e /etc");
    ConfigurationLimits limits;
    limits.heuristics_max_execs = 1;
    c = read_configuration(map, limits);
    REQUIRE(c);
    CHECK(c->settings.config.heuristics_mode == HeuristicsMode::off);
    CHECK(c->commands.empty());
    REQUIRE(c->warnings.size() == 3);
    CHECK(c->warnings[2] == "2 heuristics commands are more than 1: heuristics are off");
}

TEST_CASE("at run time an invalid part keeps its old value and says so") {
    const Configuration old = *read_configuration(good_map(), {});
    Snapshot map = good_map();
    map["quorum.device.heuristics.mode"] = "sync";
    map["quorum.device.heuristics.exec_x"] = "/bin/true";
    CHECK(reread_configuration(map, {}, old).settings.config.heuristics_mode ==
          HeuristicsMode::sync);
    map["quorum.device.heuristics.timeout"] = "1";
    map["nodelist.node.2.nodeid"] = std::uint32_t{3};
    map["nodelist.node.2.name"] = "c";
    const Configuration fresh = reread_configuration(map, {}, old);
    CHECK(fresh.settings.config.heuristics_mode == HeuristicsMode::off);
    CHECK(fresh.settings.config.nodes.size() == 3);
    REQUIRE(fresh.warnings.size() == 1);
    CHECK(fresh.warnings[0].find("heuristics.timeout") != std::string::npos);
    CHECK(fresh.same_connection(old));

    map = good_map();
    map["quorum.device.net.port"] = "nonsense";
    const Configuration kept = reread_configuration(map, {}, old);
    CHECK(kept.port == 5403);
    CHECK(kept.warnings.size() == 1);
    map["quorum.device.net.port"] = "99";
    CHECK_FALSE(reread_configuration(map, {}, old).same_connection(old));

    map = good_map();
    map.erase("nodelist.node.1.nodeid");
    const Configuration unread = reread_configuration(map, {}, old);
    CHECK(unread.settings.config.nodes == old.settings.config.nodes);
    REQUIRE(unread.warnings.size() == 1);
    CHECK(unread.warnings[0].find("nodelist.node.1.nodeid") == 0);
    CHECK(unread.same_connection(old));
}

TEST_CASE("wait_for_all changes when corosync does: at its start only") {
    Snapshot map = good_map();
    map["quorum.wait_for_all"] = std::uint8_t{1};
    const Configuration old = *read_configuration(map, {});
    REQUIRE(old.settings.wait_for_all);
    map["quorum.wait_for_all"] = std::uint8_t{0};
    const Configuration fresh = reread_configuration(map, {}, old);
    CHECK(fresh.settings.wait_for_all);
    CHECK(fresh.same_connection(old));
    // Not by another setting's way either, which makes a new core.
    map["quorum.device.net.port"] = "99";
    CHECK(reread_configuration(map, {}, old).settings.wait_for_all);
    CHECK_FALSE(read_configuration(map, {})->settings.wait_for_all);
}

TEST_CASE("a heartbeat beyond its limits is the limit, with a warning") {
    const auto warnings = [](std::uint32_t timeout) {
        return with("quorum.device.timeout", timeout)->warnings;
    };
    for (const std::uint32_t timeout : {1250U, 10000U, 150000U}) CHECK(warnings(timeout).empty());
    REQUIRE(warnings(1249).size() == 1);
    CHECK(warnings(1249)[0] ==
          "quorum.device.timeout is 1249: heartbeats of 999 ms, which belong to it, are not "
          "allowed; 1000 ms are taken");
    REQUIRE(warnings(150002).size() == 1);
    CHECK(warnings(150002)[0].find("heartbeats of 120001 ms") != std::string::npos);
    CHECK(warnings(150002)[0].find("; 120000 ms are taken") != std::string::npos);
    CHECK(with("quorum.device.timeout", std::uint32_t{150002})->settings.connect_timeout ==
          Duration(120000));
}

TEST_CASE("the debug keys: the subsystem's own wins, nonsense is ignored") {
    std::vector<std::string> warnings;
    CHECK_FALSE(debug_wanted({}, warnings));
    CHECK(debug_wanted({{"logging.debug", "on"}}, warnings));
    CHECK(debug_wanted({{"logging.debug", "trace"}}, warnings));
    CHECK_FALSE(debug_wanted(
        {{"logging.debug", "on"}, {"logging.logger_subsys.QDEVICE.debug", "off"}}, warnings));
    CHECK(warnings.empty());
    CHECK(debug_wanted({{"logging.debug", "on"}, {"logging.logger_subsys.QDEVICE.debug", "hm"}},
                       warnings));
    CHECK(warnings.size() == 1);
}

TEST_CASE("numbers are whole and complete") {
    using keys::parse_number;
    CHECK(parse_number("  -3") == -3);
    CHECK(parse_number("+7") == 7);
    for (const char* bad : {"", " ", "+", "-", "+-1", "1 ", "0x10", "1e3"}) {
        INFO(bad);
        CHECK_FALSE(parse_number(bad));
    }
}
