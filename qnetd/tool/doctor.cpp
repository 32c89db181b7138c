// doctor.cpp -- see doctor.hpp: the findings.
// SPDX-License-Identifier: BSD-3-Clause
#include "qnetd/tool/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/doctor/machine.hpp"
#include "qnetd/tool/plain_status.hpp"

namespace castvote::qnetd {

namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::Verdict;
using doctor::warning;
using doctor::wrong;
using nlohmann::json;

std::string joined(const std::set<std::uint32_t>& numbers) {
    std::string text;
    for (const std::uint32_t number : numbers)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", number);
    return text;
}

// -- the arbiter ----------------------------------------------------------------------------------

void look_at_certificates(const ArbiterFacts& facts, Findings& into) {
    if (!facts.certificate_trouble.empty())
        into.push_back(wrong("certificates", facts.certificate_trouble, facts.certificate_remedy));
    else if (facts.certificate_warnings.empty())
        into.push_back(doctor::fine("certificates", "key, certificate and CA fit together"));
    for (const std::string& text : facts.certificate_warnings)
        into.push_back(warning("certificates", text,
                               "look at the clock first (timedatectl), then make new ones"));
    if (facts.is_ca_key_readable_by_others)
        into.push_back(warning("certificates",
                               "ca.key can be read by others than root: whoever has it can make "
                               "certificates for any cluster",
                               "chmod 600 ca.key; only signing needs it"));
}

void look_at_port(const ArbiterFacts& facts, const json& status, Findings& into) {
    if (!facts.probe) return;
    const int port = status.at("port");
    if (!facts.probe->is_answered())
        return into.push_back(wrong("port",
                                    facts.probe->connect_failure.empty()
                                        ? facts.probe->silence
                                        : facts.probe->connect_failure,
                                    "see the arbiter's log, then restart it"));
    into.push_back(doctor::fine("port", fmt::format("{} answers on this machine", port)));
    if (status.at("connected_nodes") == 0 && status.at("running_ms") > 60000)
        into.push_back(warning(
            "port",
            fmt::format("no node is connected, and the arbiter runs for {}",
                        duration_text(status.at("running_ms"))),
            fmt::format("see that the firewall lets TCP port {} in, and run 'qdevice-tool doctor' "
                        "on a node",
                        port)));
}

void look_at_tls(const json& status, Findings& into) {
    const std::string tls = status.at("tls");
    if (tls == "off")
        return into.push_back(warning("TLS",
                                      "it is off: whoever reaches the port can take votes away",
                                      "start the arbiter with --tls required"));
    if (!status.at("client_certificate_required").get<bool>())
        into.push_back(warning("TLS",
                               "nodes need no certificate: whoever reaches the port can join any "
                               "cluster",
                               "start the arbiter without --client-certificate off"));
    if (tls == "on")
        into.push_back(
            doctor::fine("TLS", "on; --tls required would refuse nodes that do without"));
    else
        into.push_back(doctor::fine("TLS", "required"));
}

void look_at_state(const json& status, Findings& into) {
    const json& state = status.at("state");
    const std::string health = state.at("health");
    if (health == "in_memory")
        return into.push_back(warning("grants",
                                      "kept in memory only: after a restart the vote is held back "
                                      "until every node is there, or for some minutes",
                                      "start the arbiter with --state DIRECTORY"));
    const std::string directory = state.at("directory");
    if (health != "good")
        into.push_back(wrong("grants",
                             fmt::format("{} cannot be written: {}", directory,
                                         state.value("trouble", std::string())),
                             "see that the disk is neither full nor read-only: until then no new "
                             "partition is given the vote"));
    else
        into.push_back(doctor::fine("grants", "kept in " + directory));
    if (state.contains("put_aside"))
        into.push_back(warning("grants",
                               fmt::format("a damaged file was put aside as {}",
                                           state.at("put_aside").get<std::string>()),
                               "check the disk or SD card, then delete that file"));
    if (state.contains("distrust"))
        into.push_back(warning("grants", state.at("distrust").get<std::string>(),
                               "nothing, if it was meant; it is over by itself"));
}

// -- each cluster ---------------------------------------------------------------------------------

// "::ffff:192.0.2.1:4711" -> "192.0.2.1"
std::string bare_address(std::string text) {
    text.resize(std::min(text.rfind(':'), text.size()));
    if (text.starts_with("::ffff:")) text.erase(0, 7);
    return text;
}

std::optional<Finding> misfit(const json& cluster, const std::string& name, std::size_t nodes) {
    const std::string algorithm = cluster.at("algorithm");
    if (algorithm == "test")
        return wrong(name, "its algorithm test gives every partition the vote",
                     "use ffsplit or lms on its nodes");
    if (algorithm == "ffsplit" && nodes % 2 != 0)
        return warning(name,
                       fmt::format("ffsplit with {} nodes: halves are never equal, and one more "
                                   "vote is needed than without a device",
                                   nodes),
                       "use lms on its nodes, or no device");
    return std::nullopt;
}

// R5: a survivor whose corosync gives up waiting loses quorum for nothing.
std::optional<Finding> too_long_a_wait(const json& cluster, const std::string& name) {
    for (const json& node : cluster.at("nodes")) {
        const double wait_s = static_cast<double>(node.value("longest_wait_ms", 0LL)) / 1000;
        const double limit_s = static_cast<double>(node.value("sync_timeout_ms", 0LL)) / 1000;
        if (wait_s <= limit_s) continue;
        return warning(name,
                       fmt::format("a node that is cut off with the vote may be waited for up to "
                                   "{:.1f} s, but the others wait only {:.1f} s "
                                   "(quorum.device.sync_timeout)",
                                   wait_s, limit_s),
                       "lower quorum.device.timeout, or raise sync_timeout, on every node");
    }
    return std::nullopt;
}

void look_at_cluster(const ArbiterFacts& facts, const json& cluster, Findings& into) {
    const std::string name = fmt::format("\"{}\"", cluster.at("name").get<std::string>());
    const std::size_t before = into.size();
    std::set<std::uint32_t> missing;
    std::set<std::uint32_t> plain;
    std::set<std::size_t> sizes;
    for (const json& node : cluster.at("nodes")) {
        for (const json& known : node.at("configured_nodes"))
            missing.insert(known.at("node_id").get<std::uint32_t>());
        if (!node.at("configured_nodes").empty()) sizes.insert(node.at("configured_nodes").size());
        if (!node.at("tls").get<bool>()) plain.insert(node.at("node_id").get<std::uint32_t>());
    }
    for (const json& node : cluster.at("nodes"))
        missing.erase(node.at("node_id").get<std::uint32_t>());

    if (!missing.empty())
        into.push_back(wrong(name, fmt::format("node {} is not connected", joined(missing)),
                             "run 'qdevice-tool doctor' there; is it switched off?"));
    if (sizes.size() > 1)
        into.push_back(wrong(name, "its nodes do not agree on how many nodes there are",
                             "make corosync.conf the same on all of them (corosync-cfgtool -R)"));
    if (!sizes.empty())
        if (auto found = misfit(cluster, name, *sizes.rbegin())) into.push_back(std::move(*found));
    if (!plain.empty())
        into.push_back(warning(name, fmt::format("node {} speaks without TLS", joined(plain)),
                               "write 'tls: required' in its corosync.conf"));
    for (const json& node : cluster.at("nodes")) {
        const std::string address = bare_address(node.at("address"));
        if (facts.own_addresses.contains(address) || address.starts_with("127.") ||
            address == "::1")
            into.push_back(wrong(
                name,
                fmt::format("its node {} runs on this machine",
                            node.at("node_id").get<std::uint32_t>()),
                "move the arbiter to a machine outside the cluster: here it fails together with "
                "that node, and the others stop as if there were no arbiter"));
    }
    if (auto found = too_long_a_wait(cluster, name)) into.push_back(std::move(*found));
    if (into.size() == before)
        into.push_back(doctor::fine(
            name, fmt::format("all {} nodes are connected", cluster.at("nodes").size())));
}

}  // namespace

Findings examine(const ArbiterFacts& facts) {
    Findings findings;
    if (!facts.status) {
        findings.push_back(wrong("arbiter", facts.trouble,
                                 "start it: systemctl enable --now corosync-qnetd; if it does not "
                                 "stay, its log says why"));
    } else {
        const json status = json::parse(*facts.status, nullptr, false);
        try {
            findings.push_back(doctor::fine(
                "arbiter", fmt::format("runs for {}", duration_text(status.at("running_ms")))));
            look_at_port(facts, status, findings);
            look_at_tls(status, findings);
            look_at_state(status, findings);
            for (const json& cluster : status.at("clusters"))
                look_at_cluster(facts, cluster, findings);
        } catch (const json::exception&) {
            findings.push_back({Verdict::unknown, "arbiter", "no sense in its answer",
                                "see that tool and arbiter are of one version"});
        }
    }
    look_at_certificates(facts, findings);
    findings.push_back(doctor::judge_clock(facts.is_clock_synchronised));
    return findings;
}

}  // namespace castvote::qnetd
