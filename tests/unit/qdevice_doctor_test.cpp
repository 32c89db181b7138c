// qdevice_doctor_test.cpp -- what the node's doctor says of each mistake, beginning from a node
// where nothing is wrong.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <functional>

#include "qdevice-client/tool/doctor.hpp"
#include "qdevice-client/tool/doctor_facts.hpp"

using namespace castvote;
using namespace castvote::qdevice;
using doctor::Verdict;

namespace {

NodeFacts healthy() {
    NodeFacts facts;
    facts.map = {{"quorum.device.model", "net"},
                 {"quorum.device.votes", std::uint32_t{1}},
                 {"quorum.device.net.host", "192.0.2.9"},
                 {"quorum.device.net.tls", "required"},
                 {"runtime.votequorum.this_node_id", std::uint32_t{1}},
                 {"runtime.config.totem.token", std::uint32_t{3000}},
                 {"totem.cluster_name", "alpha"},
                 {"nodelist.node.0.nodeid", std::uint32_t{1}},
                 {"nodelist.node.0.ring0_addr", "192.0.2.1"},
                 {"nodelist.node.1.nodeid", std::uint32_t{2}},
                 {"nodelist.node.1.ring0_addr", "192.0.2.2"}};
    for (const wire::NodeId id : {wire::NodeId{1}, wire::NodeId{2}}) {
        facts.nodes.push_back(
            {.id = id, .is_member = true, .expected_votes = 3, .has_device = true});
        facts.node_addresses[id] = {id == 1 ? "192.0.2.1" : "192.0.2.2"};
    }
    facts.daemon_status = R"({"arbiter": {"state": "connected"}})";
    facts.certificates.name = "alpha";
    facts.own_addresses = {"192.0.2.1"};
    facts.arbiter_addresses = {"192.0.2.9"};
    facts.probe = doctor::Probed{.tls = wire::TlsSupported::supported,
                                 .wants_certificate = true,
                                 .tls_facts = net::TlsFacts{.version = "TLSv1.3"}};
    facts.is_clock_synchronised = true;
    return facts;
}

// The findings that are not fine.
doctor::Findings complaints(const NodeFacts& facts) {
    doctor::Findings found = examine(facts);
    std::erase_if(found, [](const doctor::Finding& f) { return f.verdict == Verdict::fine; });
    for (const doctor::Finding& finding : found) CHECK_FALSE(finding.remedy.empty());
    return found;
}

// One mistake: exactly one complaint, of that kind, about that, which says these words.
void one_mistake(const std::function<void(NodeFacts&)>& make, Verdict verdict,
                 const std::string& check, const std::string& words) {
    NodeFacts facts = healthy();
    make(facts);
    const auto found = complaints(facts);
    INFO(check << ": " << words << "\n" << doctor::to_text(found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].verdict == verdict);
    CHECK(found[0].check == check);
    CHECK(found[0].what.find(words) != std::string::npos);
}

void three_nodes(NodeFacts& facts) {
    facts.map["nodelist.node.2.nodeid"] = std::uint32_t{3};
    facts.map["nodelist.node.2.ring0_addr"] = "192.0.2.3";
    for (SeenNode& node : facts.nodes) node.expected_votes = 4;
}

}  // namespace

TEST_CASE("of a healthy node the doctor has nothing to say") {
    const auto findings = examine(healthy());
    CHECK(complaints(healthy()).empty());
    CHECK(findings.size() >= 9);
    CHECK(doctor::exit_status(findings) == 0);
}

TEST_CASE("without corosync the doctor says so, and nothing that it cannot know") {
    NodeFacts facts;
    facts.corosync_trouble = "corosync does not answer";
    facts.is_clock_synchronised = true;
    const auto found = complaints(facts);
    REQUIRE(found.size() == 1);
    CHECK(found[0].check == "corosync");
    CHECK(doctor::exit_status(found) == 6);
}

TEST_CASE("the doctor finds what is wrong with votes and algorithm") {
    one_mistake([](NodeFacts& f) { f.map.erase("quorum.device.votes"); }, Verdict::wrong,
                "configuration", "quorum.device.votes is missing");
    one_mistake([](NodeFacts& f) { f.map["quorum.two_node"] = std::uint8_t{1}; }, Verdict::wrong,
                "configuration", "two_node is on");
    one_mistake(
        [](NodeFacts& f) {
            f.map["nodelist.node.1.quorum_votes"] = std::uint32_t{2};
            for (SeenNode& node : f.nodes) node.expected_votes = 4;
        },
        Verdict::wrong, "algorithm", "every node has one vote");
    one_mistake(three_nodes, Verdict::warning, "algorithm", "ffsplit with 3 nodes");
    one_mistake(
        [](NodeFacts& f) {
            three_nodes(f);
            f.map["quorum.device.net.algorithm"] = "lms";
        },
        Verdict::wrong, "algorithm", "lms with 3 nodes needs 2 votes");
    one_mistake(
        [](NodeFacts& f) {
            three_nodes(f);
            f.map["quorum.device.net.algorithm"] = "2nodelms";
        },
        Verdict::wrong, "algorithm", "2nodelms is for 2 nodes, here are 3");
    one_mistake([](NodeFacts& f) { f.nodes[0].expected_votes = 2; }, Verdict::wrong,
                "expected votes", "node 1 expects 2 votes, nodes and device have 3");
}

TEST_CASE("lms without a number of votes is right: corosync takes one less than there are nodes") {
    NodeFacts facts = healthy();
    three_nodes(facts);
    facts.map["quorum.device.net.algorithm"] = "lms";
    facts.map.erase("quorum.device.votes");
    for (SeenNode& node : facts.nodes) node.expected_votes = 5;
    CHECK(complaints(facts).empty());
}

TEST_CASE("the doctor finds what is wrong with the arbiter's place and the way to it") {
    one_mistake([](NodeFacts& f) { f.own_addresses.insert("192.0.2.9"); }, Verdict::wrong, "place",
                "runs on this node");
    one_mistake([](NodeFacts& f) { f.node_addresses[2].insert("192.0.2.9"); }, Verdict::wrong,
                "place", "runs on node 2");
    one_mistake([](NodeFacts& f) { f.arbiter_addresses.clear(); }, Verdict::wrong, "place",
                "has no address");
    one_mistake(
        [](NodeFacts& f) { f.probe = doctor::Probed{.connect_failure = "connection refused"}; },
        Verdict::wrong, "connection", "connection refused");
    one_mistake([](NodeFacts& f) { f.probe = doctor::Probed{.silence = "it says nothing"}; },
                Verdict::wrong, "connection", "it says nothing");
}

TEST_CASE("the doctor finds TLS that is off, unwanted, or fails") {
    const auto tls = [](const char* word) {
        return [word](NodeFacts& f) { f.map["quorum.device.net.tls"] = word; };
    };
    one_mistake(tls("off"), Verdict::warning, "TLS", "it is off");
    const auto with_arbiter = [&](const char* own, wire::TlsSupported arbiter) {
        return [own, arbiter, tls](NodeFacts& f) {
            tls(own)(f);
            f.probe = doctor::Probed{.tls = arbiter};
        };
    };
    one_mistake(with_arbiter("on", wire::TlsSupported::unsupported), Verdict::wrong, "TLS",
                "in the clear");
    one_mistake(with_arbiter("required", wire::TlsSupported::unsupported), Verdict::wrong, "TLS",
                "the arbiter has none");
    one_mistake(
        [](NodeFacts& f) {
            f.probe->tls_facts.reset();
            f.probe->tls_failure = "the certificate is of another CA";
        },
        Verdict::wrong, "TLS", "another CA");
    one_mistake([](NodeFacts& f) { f.probe->tls_facts->warnings.emplace_back("not yet valid"); },
                Verdict::warning, "TLS", "not yet valid");
    NodeFacts facts = healthy();
    with_arbiter("off", wire::TlsSupported::required)(facts);
    const auto found = complaints(facts);
    REQUIRE(found.size() == 2);  // off, and the arbiter insists
    CHECK(found[1].verdict == Verdict::wrong);
}

TEST_CASE("the doctor finds certificates that are missing or another cluster's") {
    one_mistake(
        [](NodeFacts& f) { f.certificates = {.trouble = "no ca.pem", .remedy = "get one"}; },
        Verdict::wrong, "certificates", "no ca.pem");
    one_mistake([](NodeFacts& f) { f.certificates.name.reset(); }, Verdict::wrong, "certificates",
                "no certificate of its cluster");
    one_mistake([](NodeFacts& f) { f.certificates.warnings.emplace_back("expired yesterday"); },
                Verdict::warning, "certificates", "expired yesterday");
    NodeFacts facts = healthy();
    facts.certificates.name = "ALPHA";
    CHECK(complaints(facts).empty());
    // Of another name: the cluster may have been renamed, and the arbiter says whether it knows.
    facts.certificates.name = "beta";
    CHECK(complaints(facts).empty());
    facts.daemon_status = R"({"arbiter": {"state": "connecting"}})";
    const auto found = complaints(facts);
    REQUIRE(found.size() == 2);
    CHECK(found[0].verdict == Verdict::warning);
    CHECK(found[0].what.find("of cluster \"beta\"") != std::string::npos);
    CHECK(found[0].remedy.find("qcert rename") != std::string::npos);
}

TEST_CASE("the doctor finds daemons that do not run or are not connected") {
    one_mistake(
        [](NodeFacts& f) {
            f.daemon_status.reset();
            f.daemon_trouble = "no node daemon answers";
        },
        Verdict::wrong, "node daemon", "no node daemon answers");
    one_mistake(
        [](NodeFacts& f) {
            f.daemon_status =
                R"({"arbiter": {"state": "connecting", "last_disconnect_reason": "time"}})";
        },
        Verdict::wrong, "node daemon", "not connected: time");
    one_mistake([](NodeFacts& f) { f.daemon_status = "nonsense"; }, Verdict::unknown, "node daemon",
                "no sense");
    one_mistake([](NodeFacts& f) { f.nodes[1].has_device = false; }, Verdict::wrong, "other nodes",
                "on node 2");
    NodeFacts facts = healthy();  // a node that is off is none of the doctor's business
    facts.nodes[1] = {.id = 2};
    CHECK(complaints(facts).empty());
}

TEST_CASE("the doctor finds times that do not go together") {
    one_mistake([](NodeFacts& f) { f.map["runtime.config.totem.token"] = std::uint32_t{10001}; },
                Verdict::warning, "times", "10001 ms to notice a loss");
    one_mistake([](NodeFacts& f) { f.sbd = {.is_enabled = true}; }, Verdict::warning, "times",
                "after 5 s, but a ring may wait 30 s");
    for (const SbdFacts& fits :
         {SbdFacts{.is_enabled = true, .watchdog_timeout_s = 35},
          SbdFacts{.is_enabled = true, .has_disk = true}, SbdFacts{.is_enabled = false}}) {
        NodeFacts facts = healthy();
        facts.sbd = fits;
        CHECK(complaints(facts).empty());
    }
    one_mistake([](NodeFacts& f) { f.is_clock_synchronised = false; }, Verdict::warning, "clock",
                "nothing keeps it right");
    one_mistake([](NodeFacts& f) { f.is_clock_synchronised.reset(); }, Verdict::unknown, "clock",
                "does not say");
}

TEST_CASE("SBD's defaults are read as the shell would") {
    const SbdFacts facts = read_sbd(
        "# comment\n#SBD_WATCHDOG_TIMEOUT=7\nSBD_DEVICE=\"\"\nSBD_WATCHDOG_TIMEOUT=\"12\"\n");
    CHECK_FALSE(facts.has_disk);
    CHECK(facts.watchdog_timeout_s == 12);
    CHECK(read_sbd("SBD_DEVICE='/dev/sdb1'\n").has_disk);
    CHECK(read_sbd("SBD_WATCHDOG_TIMEOUT=12m\nnonsense\n").watchdog_timeout_s == 5);
}

TEST_CASE("the findings as text and as JSON say the same, and no control character leaves") {
    const doctor::Findings findings{doctor::fine("one", "good"),
                                    {Verdict::wrong, "two", "bad\x1b[2J", "mend it"},
                                    {Verdict::unknown, "three", "dark", "light"}};
    const std::string text = doctor::to_text(findings);
    CHECK(text.find("WRONG    two            bad?[2J\n") != std::string::npos);
    CHECK(text.find("-> mend it\n") != std::string::npos);
    CHECK(text.ends_with("\n3 checks: 1 wrong, 0 warnings, 1 could not be made\n"));
    const std::string as_json = doctor::to_json(findings);
    CHECK(as_json.find("\"verdict\": \"wrong\"") != std::string::npos);
    CHECK(as_json.find("\"unknown\": 1") != std::string::npos);
}
