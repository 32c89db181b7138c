// qnetd_doctor_test.cpp -- what the arbiter's doctor says of each mistake, beginning from an
// arbiter where nothing is wrong.
// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <functional>
#include <nlohmann/json.hpp>

#include "qnetd/tool/doctor.hpp"

using namespace castvote;
using namespace castvote::qnetd;
using doctor::Verdict;
using nlohmann::json;

namespace {

json node(int id) {
    return {{"node_id", id},
            {"address", "::ffff:192.0.2." + std::to_string(id) + ":40000"},
            {"configured_nodes", {{{"node_id", 1}}, {{"node_id", 2}}}},
            {"tls", true},
            {"longest_wait_ms", 27300},
            {"sync_timeout_ms", 30000}};
}

json healthy_status() {
    return {{"port", 5403},
            {"tls", "required"},
            {"client_certificate_required", true},
            {"connected_nodes", 2},
            {"running_ms", 3600000},
            {"state", {{"directory", "/var/lib/castvote/qnetd"}, {"health", "good"}}},
            {"clusters",
             {{{"name", "alpha"}, {"algorithm", "ffsplit"}, {"nodes", {node(1), node(2)}}}}}};
}

struct Case {
    json status = healthy_status();
    ArbiterFacts facts;
    json& cluster() { return status["clusters"][0]; }
    json& node(std::size_t index) { return cluster()["nodes"][index]; }
};

doctor::Findings arbiter_complaints(Case the_case) {
    the_case.facts.probe = the_case.facts.probe.value_or(doctor::Probed{});
    if (the_case.facts.trouble.empty()) the_case.facts.status = the_case.status.dump();
    the_case.facts.own_addresses.insert("192.0.2.9");
    if (!the_case.facts.is_clock_synchronised) the_case.facts.is_clock_synchronised = true;
    doctor::Findings found = examine(the_case.facts);
    std::erase_if(found, [](const doctor::Finding& f) { return f.verdict == Verdict::fine; });
    for (const doctor::Finding& finding : found) CHECK_FALSE(finding.remedy.empty());
    return found;
}

void one_arbiter_mistake(const std::function<void(Case&)>& make, Verdict verdict,
                         const std::string& check, const std::string& words) {
    Case the_case;
    make(the_case);
    const auto found = arbiter_complaints(the_case);
    INFO(check << ": " << words << "\n" << doctor::to_text(found));
    REQUIRE(found.size() == 1);
    CHECK(found[0].verdict == verdict);
    CHECK(found[0].check == check);
    CHECK(found[0].what.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("of a healthy arbiter the doctor has nothing to say") {
    CHECK(arbiter_complaints(Case{}).empty());
}

TEST_CASE("the doctor finds an arbiter that does not run, or not where nodes can reach it") {
    one_arbiter_mistake([](Case& c) { c.facts.trouble = "no arbiter answers"; }, Verdict::wrong,
                        "arbiter", "no arbiter answers");
    one_arbiter_mistake(
        [](Case& c) { c.facts.probe = doctor::Probed{.connect_failure = "refused"}; },
        Verdict::wrong, "port", "refused");
    one_arbiter_mistake([](Case& c) { c.facts.probe = doctor::Probed{.silence = "says nothing"}; },
                        Verdict::wrong, "port", "says nothing");
    one_arbiter_mistake(
        [](Case& c) {
            c.status["connected_nodes"] = 0;
            c.status["clusters"] = json::array();
        },
        Verdict::warning, "port", "no node is connected");
    one_arbiter_mistake([](Case& c) { c.status = json::array(); }, Verdict::unknown, "arbiter",
                        "no sense");
}

TEST_CASE("the arbiter's doctor finds what is wrong with TLS and certificates") {
    one_arbiter_mistake([](Case& c) { c.status["tls"] = "off"; }, Verdict::warning, "TLS",
                        "it is off");
    one_arbiter_mistake([](Case& c) { c.status["client_certificate_required"] = false; },
                        Verdict::warning, "TLS", "need no certificate");
    one_arbiter_mistake(
        [](Case& c) {
            c.facts.certificate_trouble = "server.key is missing";
            c.facts.certificate_remedy = "restore it";
        },
        Verdict::wrong, "certificates", "server.key");
    one_arbiter_mistake([](Case& c) { c.facts.certificate_warnings = {"expired"}; },
                        Verdict::warning, "certificates", "expired");
    one_arbiter_mistake([](Case& c) { c.facts.is_ca_key_readable_by_others = true; },
                        Verdict::warning, "certificates", "ca.key");
}

TEST_CASE("the arbiter's doctor finds a store that does not keep grants") {
    one_arbiter_mistake(
        [](Case& c) {
            c.status["state"] = {{"directory", nullptr}, {"health", "in_memory"}};
        },
        Verdict::warning, "grants", "in memory only");
    one_arbiter_mistake(
        [](Case& c) {
            c.status["state"]["health"] = "failing";
            c.status["state"]["trouble"] = "disk full";
        },
        Verdict::wrong, "grants", "disk full");
    one_arbiter_mistake([](Case& c) { c.status["state"]["put_aside"] = "grants.damaged"; },
                        Verdict::warning, "grants", "grants.damaged");
    one_arbiter_mistake([](Case& c) { c.status["state"]["distrust"] = "older than a minute"; },
                        Verdict::warning, "grants", "older than a minute");
}

TEST_CASE("the arbiter's doctor finds what is wrong with a cluster") {
    one_arbiter_mistake([](Case& c) { c.cluster()["nodes"].erase(1); }, Verdict::wrong, "\"alpha\"",
                        "node 2 is not connected");
    one_arbiter_mistake([](Case& c) { c.node(0)["tls"] = false; }, Verdict::warning, "\"alpha\"",
                        "node 1 speaks without TLS");
    one_arbiter_mistake([](Case& c) { c.node(1)["address"] = "::ffff:192.0.2.9:1"; },
                        Verdict::wrong, "\"alpha\"", "node 2 runs on this machine");
    one_arbiter_mistake([](Case& c) { c.node(1)["address"] = "::1:40000"; }, Verdict::wrong,
                        "\"alpha\"", "node 2 runs on this machine");
    one_arbiter_mistake([](Case& c) { c.node(0)["sync_timeout_ms"] = 20000; }, Verdict::warning,
                        "\"alpha\"", "up to 27.3 s, but the others wait only 20.0 s");
    one_arbiter_mistake([](Case& c) { c.cluster()["algorithm"] = "test"; }, Verdict::wrong,
                        "\"alpha\"", "gives every partition the vote");
    Case differing;
    differing.node(0)["configured_nodes"].push_back({{"node_id", 3}});
    const auto found = arbiter_complaints(differing);
    REQUIRE(found.size() == 3);  // node 3 is missing, they disagree, and three is odd
    CHECK(found[1].what.find("do not agree") != std::string::npos);
}

TEST_CASE("the arbiter's doctor looks at the clock") {
    one_arbiter_mistake([](Case& c) { c.facts.is_clock_synchronised = false; }, Verdict::warning,
                        "clock", "nothing keeps it right");
}
