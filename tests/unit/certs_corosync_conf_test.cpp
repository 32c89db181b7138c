// certs_corosync_conf_test.cpp -- the quorum device's section in corosync.conf, put in by qcert
// join.
// SPDX-License-Identifier: BSD-3-Clause
#include "certs/enrol/corosync_conf.hpp"

#include "tests/unit/certs_support.hpp"

using namespace castvote::certs;
using namespace castvote::certs::enrol;
using namespace castvote::certs::test;

namespace {

const std::string two_nodes = R"(# made by hand
logging {
  debug: off
}

nodelist {
  node {
    name: a
    nodeid: 1
    quorum_votes: 1
    ring0_addr: 192.0.2.11
  }
  node {
    name: b
    nodeid: 2
    ring0_addr: 192.0.2.12
  }
}

quorum {
      provider: corosync_votequorum
      two_node: 1
}

totem {
  cluster_name: alpha
  config_version: 9
  interface {
    linknumber: 0
  }
  version: 2
}
)";

std::string replaced(std::string text, const std::string& old, const std::string& fresh) {
    const auto place = text.find(old);
    REQUIRE(place != text.npos);
    return text.replace(place, old.size(), fresh);
}

}  // namespace

TEST_CASE("what corosync.conf says about the cluster") {
    const auto facts = read_configuration(two_nodes);
    REQUIRE(facts);
    CHECK(facts->cluster == "alpha");
    CHECK(facts->nodes == 2);
    CHECK_FALSE(facts->has_device);
}

TEST_CASE("the device goes in, the version goes up, two_node goes, all else stays") {
    const auto change = with_device(two_nodes, {"192.0.2.1", 5403, 2});
    REQUIRE(change);
    std::string wanted = replaced(two_nodes, "      two_node: 1\n", R"(  device {
    model: net
    votes: 1
    net {
      host: 192.0.2.1
      algorithm: ffsplit
      tls: required
    }
  }
)");
    wanted = replaced(wanted, "config_version: 9", "config_version: 10");
    CHECK(change->text == wanted);
    CHECK(change->lines ==
          std::vector<std::string>{"-       two_node: 1", "+   device {", "+     model: net",
                                   "+     votes: 1", "+     net {", "+       host: 192.0.2.1",
                                   "+       algorithm: ffsplit", "+       tls: required", "+     }",
                                   "+   }", "-   config_version: 9", "+   config_version: 10"});
    const auto facts = read_configuration(change->text);
    REQUIRE(facts);
    CHECK(facts->has_device);
    CHECK(facts->device_host == "192.0.2.1");
    CHECK(facts->device_port == "5403");
    const auto elsewhere = with_device(two_nodes, {"192.0.2.1", 5404, 2});
    REQUIRE(elsewhere);
    CHECK(read_configuration(elsewhere->text)->device_port == "5404");
}

TEST_CASE("an odd number of nodes gets lms, and an odd port is said") {
    CHECK(device_section({"qnetd.example", 5404, 3}) == R"(  device {
    model: net
    net {
      host: qnetd.example
      port: 5404
      algorithm: lms
      tls: required
    }
  }
)");
}

TEST_CASE("a file without a version keeps having none, and its last line may lack an end") {
    const auto change =
        with_device("nodelist {\n node {\n }\n}\nquorum {\n}", {"192.0.2.1", 5403, 2});
    REQUIRE(change);
    CHECK(change->text.find("config_version") == std::string::npos);
    CHECK(change->text.ends_with("  }\n}\n"));
}

TEST_CASE("what corosync does not start with beside a device is refused, by its line") {
    const Device device{"192.0.2.1", 5403, 2};
    const auto with_line = [&](const std::string& section, const std::string& line) {
        return with_device(replaced(two_nodes, section, section + "\n" + line), device);
    };
    for (const char* line : {"expected_votes: 2", "auto_tie_breaker: 1", "last_man_standing: yes",
                             "allow_downscale: 1"}) {
        const auto change = with_line("quorum {", line);
        INFO(line);
        REQUIRE_FALSE(change);
        check_told(change.error(), "");
        CHECK(change.error().what.find(line) != std::string::npos);
    }
    CHECK_FALSE(with_line("  node {", "quorum_votes: 2"));
    CHECK(with_line("  node {", "quorum_votes: 1"));
    CHECK(with_line("quorum {", "auto_tie_breaker: 0"));
    CHECK(with_line("quorum {", "wait_for_all: 1"));
}

TEST_CASE("what cannot be changed safely is refused") {
    const Device device{"192.0.2.1", 5403, 2};
    const auto refusal = [&](const std::string& text) {
        const auto change = with_device(text, device);
        REQUIRE_FALSE(change);
        check_told(change.error(), "");
        return change.error().what;
    };
    const auto once = with_device(two_nodes, device);
    REQUIRE(once);
    CHECK(refusal(once->text) ==
          "corosync.conf has a quorum device already, at 192.0.2.1 port 5403");
    CHECK(refusal(replaced(two_nodes, "quorum {", "quorums {")) ==
          "corosync.conf has no quorum section");
    CHECK(refusal(replaced(two_nodes, "config_version: 9", "config_version: nine")) ==
          "config_version \"nine\" is no number");
    CHECK(refusal(two_nodes + "}\n") == "line 33 of corosync.conf: a bracket too many");
    CHECK(refusal(two_nodes + "more {\n") == "line 34 of corosync.conf: a bracket is missing");
    CHECK(refusal("gibberish\n") == "line 1 of corosync.conf: neither a section nor a setting");
    CHECK(refusal(replaced(two_nodes, "nodelist {", "nolist {")) == "corosync.conf lists no nodes");
    CHECK(refusal("") == "corosync.conf lists no nodes");
}
