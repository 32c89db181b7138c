// doctor.cpp -- see doctor.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/tool/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/doctor/machine.hpp"
#include "qdevice-client/quorum/keys.hpp"

namespace castvote::qdevice {

namespace {

using doctor::Finding;
using doctor::Findings;
using doctor::unknown;
using doctor::Verdict;
using doctor::warning;
using doctor::wrong;
using wire::DecisionAlgorithm;
using wire::TlsSupported;

bool is_on(const Snapshot& map, const std::string& key) {
    return keys::get<std::uint8_t>(map, key).value_or(std::uint8_t{0}) == 1;
}

// -- the cluster ----------------------------------------------------------------------------------

void look_at_section(const NodeFacts& facts, const Configured<Configuration>& configuration,
                     Findings& into) {
    if (!configuration) {
        const ConfigurationError& error = configuration.error();
        into.push_back(wrong("configuration", error.key + " " + error.what, error.remedy));
    } else {
        into.push_back(doctor::fine(
            "configuration",
            fmt::format("cluster \"{}\", arbiter {} port {}", configuration->settings.cluster_name,
                        configuration->host, configuration->port)));
        for (const std::string& text : configuration->warnings)
            into.push_back(warning("configuration", text, "correct corosync.conf on every node"));
    }
    for (const char* option : {"two_node", "last_man_standing", "auto_tie_breaker"})
        if (is_on(facts.map, fmt::format("quorum.{}", option)))
            into.push_back(wrong("configuration",
                                 fmt::format("quorum.{} is on, which does not go with a quorum "
                                             "device: corosync then refuses the vote",
                                             option),
                                 fmt::format("remove '{}' from the quorum section of "
                                             "corosync.conf and restart corosync, node by node",
                                             option)));
}

// The number of votes that corosync.conf gives to each node.
std::vector<std::uint32_t> configured_votes(const Snapshot& map) {
    std::map<std::string, std::uint32_t> votes;
    const std::string prefix = "nodelist.node.";
    for (auto at = map.lower_bound(prefix); at != map.end() && at->first.starts_with(prefix);
         ++at) {
        const auto dot = at->first.find('.', prefix.size());
        if (dot == std::string::npos) continue;
        const std::string node = at->first.substr(0, dot + 1);
        votes[node] = keys::get<std::uint32_t>(map, node + "quorum_votes").value_or(1);
    }
    std::vector<std::uint32_t> list;
    for (const auto& [node, number] : votes) list.push_back(number);
    return list;
}

std::optional<Finding> misfit(const Configuration& configuration,
                              const std::vector<std::uint32_t>& votes) {
    const std::size_t nodes = votes.size();
    const bool are_equal =
        std::all_of(votes.begin(), votes.end(), [](std::uint32_t n) { return n == 1; });
    switch (configuration.settings.algorithm) {
        case DecisionAlgorithm::ffsplit:
            if (!are_equal)
                return wrong("algorithm", "ffsplit is safe only where every node has one vote",
                             "write 'quorum_votes: 1' for every node, or remove it");
            if (nodes % 2 != 0)
                return warning("algorithm",
                               fmt::format("ffsplit with {} nodes: halves are never equal, and one "
                                           "more vote is needed than without a device",
                                           nodes),
                               "use 'algorithm: lms' without 'votes', or no device");
            return std::nullopt;
        case DecisionAlgorithm::lms:
            if (configuration.device_votes != 0 && configuration.device_votes + 1 != nodes)
                return wrong("algorithm",
                             fmt::format("lms with {} nodes needs {} votes of the device, not {}",
                                         nodes, nodes - 1, configuration.device_votes),
                             "remove 'votes' from the device section: corosync then takes the "
                             "right number");
            return std::nullopt;
        case DecisionAlgorithm::two_node_lms:
            if (nodes != 2)
                return wrong("algorithm",
                             fmt::format("2nodelms is for 2 nodes, here are {}", nodes),
                             "use ffsplit or lms");
            return std::nullopt;
        case DecisionAlgorithm::test:
            return wrong("algorithm", "test gives every partition the vote",
                         "use ffsplit or lms; test is for experiments only");
    }
    return std::nullopt;
}

void look_at_votes(const NodeFacts& facts, const Configuration& configuration, Findings& into) {
    const std::vector<std::uint32_t> votes = configured_votes(facts.map);
    if (auto found = misfit(configuration, votes))
        into.push_back(std::move(*found));
    else
        into.push_back(doctor::fine("algorithm", fmt::format("fits {} nodes", votes.size())));
    std::uint32_t all =
        configuration.device_votes != 0
            ? configuration.device_votes
            : static_cast<std::uint32_t>(std::max<std::size_t>(votes.size(), 1) - 1);
    for (const std::uint32_t number : votes) all += number;
    for (const SeenNode& node : facts.nodes) {
        if (!node.is_member || !node.has_device || node.expected_votes == all) continue;
        into.push_back(wrong("expected votes",
                             fmt::format("node {} expects {} votes, nodes and device have {}",
                                         node.id, node.expected_votes, all),
                             "remove 'expected_votes' from the quorum section of corosync.conf and "
                             "reload it (corosync-cfgtool -R)"));
        return;
    }
}

void look_at_times(const NodeFacts& facts, const Configuration& configuration, Findings& into) {
    const auto timeout = configuration.settings.device_timeout.count();
    const auto sync = configuration.settings.device_sync_timeout.count();
    const auto token = keys::get<std::uint32_t>(facts.map, "runtime.config.totem.token");
    if (token && *token > timeout)
        into.push_back(warning("times",
                               fmt::format("corosync needs {} ms to notice a loss, more than "
                                           "quorum.device.timeout ({} ms)",
                                           *token, timeout),
                               "lower totem.token, or raise quorum.device.timeout above it"));
    if (facts.sbd.is_enabled && !facts.sbd.has_disk && facts.sbd.watchdog_timeout_s * 1000 <= sync)
        into.push_back(warning(
            "times",
            fmt::format("SBD without a disk: its watchdog ends a node after {} s, but a ring may "
                        "wait {} s for the arbiter (quorum.device.sync_timeout)",
                        facts.sbd.watchdog_timeout_s, sync / 1000),
            fmt::format("set SBD_WATCHDOG_TIMEOUT to {} or more on every node (and stonith-timeout "
                        "above twice that), or lower sync_timeout",
                        sync / 1000 + 5)));
}

void look_at_other_nodes(const NodeFacts& facts, const Configuration& configuration,
                         Findings& into) {
    std::string missing;
    std::size_t members = 0;
    for (const SeenNode& node : facts.nodes) {
        if (!node.is_member) continue;
        ++members;
        if (node.has_device || node.id == configuration.settings.node_id) continue;
        missing += fmt::format("{}{}", missing.empty() ? "" : ", ", node.id);
    }
    if (!missing.empty())
        into.push_back(wrong("other nodes",
                             fmt::format("no node daemon has registered on node {}", missing),
                             "install and start corosync-qdevice there, too (systemctl enable "
                             "--now corosync-qdevice): without it that node cannot have the vote"));
    else if (members > 1)
        into.push_back(doctor::fine("other nodes", "each member has its node daemon"));
}

// -- the arbiter ----------------------------------------------------------------------------------

void look_at_place(const NodeFacts& facts, const Configuration& configuration, Findings& into) {
    const auto is_among = [&facts](const std::set<std::string>& addresses) {
        return std::any_of(addresses.begin(), addresses.end(), [&facts](const std::string& a) {
            return facts.arbiter_addresses.contains(a);
        });
    };
    const char* const remedy =
        "move it to a machine outside the cluster: here it fails together with a node, whose "
        "partner then stops as if there were no arbiter";
    if (is_among(facts.own_addresses)) {
        into.push_back(wrong("place", "the arbiter runs on this node", remedy));
        return;
    }
    for (const auto& [node, addresses] : facts.node_addresses) {
        if (!is_among(addresses)) continue;
        into.push_back(wrong("place", fmt::format("the arbiter runs on node {}", node), remedy));
        return;
    }
    if (facts.arbiter_addresses.empty())
        into.push_back(
            wrong("place", fmt::format("the host name {} has no address", configuration.host),
                  "write the arbiter's address, or put the name into /etc/hosts of every "
                  "node: name servers fail when they are needed"));
    else
        into.push_back(doctor::fine("place", "the arbiter is none of the cluster's nodes"));
}

void look_at_way(const NodeFacts& facts, const Configuration& configuration, Findings& into) {
    if (!facts.probe) return;
    const doctor::Probed& probe = *facts.probe;
    if (!probe.connect_failure.empty())
        return into.push_back(
            wrong("connection", probe.connect_failure,
                  fmt::format("see that the arbiter runs, and that its firewall and those on the "
                              "way let TCP port {} in",
                              configuration.port)));
    if (!probe.silence.empty())
        return into.push_back(wrong(
            "connection",
            fmt::format("{} port {}: {}", configuration.host, configuration.port, probe.silence),
            "see that host and port are those of the arbiter"));
    into.push_back(doctor::fine("connection", "the arbiter answers"));
}

void look_at_tls(const NodeFacts& facts, const Configuration& configuration, Findings& into) {
    const TlsSupported own = configuration.settings.tls;
    if (own == TlsSupported::unsupported)
        into.push_back(warning("TLS",
                               "it is off: whoever is on the network can give and take votes",
                               "write 'tls: required' in the net section of corosync.conf"));
    if (!facts.probe || !facts.probe->is_answered()) return;
    const doctor::Probed& probe = *facts.probe;
    if (probe.tls == TlsSupported::required && own == TlsSupported::unsupported)
        return into.push_back(wrong("TLS", "the arbiter insists on it",
                                    "write 'tls: on' in the net section of corosync.conf"));
    if (own == TlsSupported::unsupported) return;
    if (probe.tls == TlsSupported::unsupported)
        return into.push_back(
            own == TlsSupported::required
                ? wrong("TLS", "required here, but the arbiter has none",
                        "switch it on at the arbiter (qnetd --tls on)")
                : wrong(
                      "TLS", "wanted here, but the arbiter has none: votes go in the clear",
                      "switch it on at the arbiter (qnetd --tls on), then write 'tls: required'"));
    if (!probe.tls_failure.empty())
        return into.push_back(wrong("TLS", probe.tls_failure,
                                    "give this node certificates of that arbiter (qcert, or "
                                    "corosync-qdevice-net-certutil), or see that it asks the right "
                                    "one"));
    if (!probe.tls_facts) return;
    into.push_back(doctor::fine("TLS", probe.tls_facts->version));
    for (const std::string& text : probe.tls_facts->warnings)
        into.push_back(warning("TLS", "the arbiter's certificate: " + text,
                               "look at the clocks of both machines (timedatectl)"));
}

bool is_connected(const NodeFacts& facts) {
    if (!facts.daemon_status) return false;
    const auto status = nlohmann::json::parse(*facts.daemon_status, nullptr, false);
    const auto arbiter = status.is_object() ? status.value("arbiter", nlohmann::json()) : status;
    return arbiter.is_object() && arbiter.value("state", "") == "connected";
}

void look_at_certificates(const NodeFacts& facts, const Configuration& configuration,
                          Findings& into) {
    if (configuration.settings.tls == TlsSupported::unsupported) return;
    const CertificateFacts& certificates = facts.certificates;
    if (!certificates.trouble.empty())
        return into.push_back(wrong("certificates", certificates.trouble, certificates.remedy));
    if (!certificates.name) {
        const bool is_needed = facts.probe && facts.probe->wants_certificate;
        return into.push_back(
            {is_needed ? Verdict::wrong : Verdict::warning, "certificates",
             "this node has no certificate of its cluster",
             "import qdevice-net-node.p12 of another node, or ask the arbiter for one"});
    }
    const std::string& cluster = configuration.settings.cluster_name;
    if (keys::equals_ignoring_case(*certificates.name, cluster))
        into.push_back(doctor::fine("certificates", "key and certificate of this cluster"));
    else if (is_connected(facts))
        into.push_back(doctor::fine(
            "certificates",
            fmt::format("of cluster \"{}\", which the arbiter takes", *certificates.name)));
    else
        into.push_back(
            warning("certificates",
                    fmt::format("the certificate is of cluster \"{}\", this is \"{}\"",
                                *certificates.name, cluster),
                    "fine if the arbiter knows that the cluster was renamed (qcert rename, there); "
                    "else get one for this name: it refuses the other"));
    for (const std::string& text : certificates.warnings)
        into.push_back(
            warning("certificates", text,
                    "look at the clock first (timedatectl), then renew the certificate"));
}

// -- the daemon -----------------------------------------------------------------------------------

void look_at_daemon(const NodeFacts& facts, Findings& into) {
    if (!facts.daemon_status)
        return into.push_back(wrong("node daemon", facts.daemon_trouble,
                                    "start it: systemctl enable --now corosync-qdevice"));
    const auto status = nlohmann::json::parse(*facts.daemon_status, nullptr, false);
    if (!status.is_object() || !status.contains("arbiter"))
        return into.push_back(unknown("node daemon", "no sense in its answer",
                                      "see that tool and daemon are of one version"));
    const auto& arbiter = status.at("arbiter");
    const std::string state = arbiter.value("state", "");
    if (state != "connected") {
        const std::string reason = arbiter.value("last_disconnect_reason", "");
        return into.push_back(
            wrong("node daemon",
                  fmt::format("runs, but is not connected{}{}", reason.empty() ? "" : ": ", reason),
                  "see the other findings; the daemon tries again by itself"));
    }
    into.push_back(doctor::fine("node daemon", "runs and is connected"));
}

}  // namespace

Findings examine(const NodeFacts& facts) {
    Findings findings;
    if (!facts.corosync_trouble.empty()) {
        findings.push_back(wrong("corosync", facts.corosync_trouble,
                                 "start it (systemctl start corosync), then ask again: the rest "
                                 "cannot be seen without it"));
    } else {
        findings.push_back(doctor::fine("corosync", "runs"));
        const auto configuration = read_configuration(facts.map, {});
        look_at_section(facts, configuration, findings);
        if (configuration) {
            look_at_votes(facts, *configuration, findings);
            look_at_times(facts, *configuration, findings);
            look_at_other_nodes(facts, *configuration, findings);
            look_at_place(facts, *configuration, findings);
            look_at_way(facts, *configuration, findings);
            look_at_tls(facts, *configuration, findings);
            look_at_certificates(facts, *configuration, findings);
        }
        look_at_daemon(facts, findings);
    }
    findings.push_back(doctor::judge_clock(facts.is_clock_synchronised));
    return findings;
}

}  // namespace castvote::qdevice
