// doctor_facts.cpp -- see doctor_facts.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "qdevice-client/tool/doctor_facts.hpp"

#include <corosync/votequorum.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "certs/identity.hpp"
#include "certs/x509.hpp"
#include "common/doctor/machine.hpp"
#include "common/ipc/client.hpp"
#include "qdevice-client/quorum/cmap.hpp"

namespace castvote::qdevice {

namespace {

constexpr Duration probe_patience{5000};

// Where systemd puts the link of an enabled sbd.service.
constexpr std::array<const char*, 2> sbd_enabled{
    "/etc/systemd/system/corosync.service.requires/sbd.service",
    "/etc/systemd/system/corosync.service.wants/sbd.service"};

std::string file_text(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void ask_corosync(NodeFacts& facts) {
    Cmap cmap;
    bool is_lost = false;
    cs_error_t result = cmap.open();
    if (result == CS_OK)
        if (auto map = cmap.snapshot([] { return true; }, is_lost)) facts.map = std::move(*map);
    if (result != CS_OK || facts.map.empty())
        facts.corosync_trouble =
            fmt::format("corosync does not answer ({})",
                        result == CS_OK ? "its configuration cannot be read" : cs_strerror(result));
}

// The nodes of the list, each as votequorum has it now.
void ask_votequorum(NodeFacts& facts, const std::vector<wire::NodeInfo>& nodes) {
    votequorum_handle_t handle = 0;
    votequorum_callbacks_t callbacks{};
    if (votequorum_initialize(&handle, &callbacks) != CS_OK) return;
    for (const wire::NodeInfo& node : nodes) {
        votequorum_info info{};
        if (votequorum_getinfo(handle, node.node_id, &info) != CS_OK) continue;  // never seen
        facts.nodes.push_back(
            {.id = node.node_id,
             .is_member = info.node_state == VOTEQUORUM_NODESTATE_MEMBER,
             .expected_votes = info.node_expected_votes,
             .has_device = (info.flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) != 0});
    }
    votequorum_finalize(handle);
}

// nodelist.node.N.ringM_addr by node id.
void resolve_nodes(NodeFacts& facts) {
    const std::string prefix = "nodelist.node.";
    for (auto at = facts.map.lower_bound(prefix);
         at != facts.map.end() && at->first.starts_with(prefix); ++at) {
        const auto dot = at->first.find('.', prefix.size());
        const auto* host = std::get_if<std::string>(&at->second);
        if (dot == std::string::npos || host == nullptr || !at->first.ends_with("_addr")) continue;
        const auto id = facts.map.find(at->first.substr(0, dot + 1) + "nodeid");
        if (id == facts.map.end() || !std::holds_alternative<std::uint32_t>(id->second)) continue;
        facts.node_addresses[std::get<std::uint32_t>(id->second)].merge(
            doctor::addresses_of(*host));
    }
}

CertificateFacts look_at_certificates(const std::filesystem::path& directory,
                                      std::optional<net::TlsContext>& tls) {
    CertificateFacts facts;
    const auto identity = certs::load_node_identity(directory);
    if (!identity) {
        facts.trouble = identity.error().what;
        facts.remedy = identity.error().remedy;
        return facts;
    }
    for (const certs::Error& warning : identity->warnings) facts.warnings.push_back(warning.what);
    if (identity->certificate_pem) {
        const auto certificate = certs::parse_certificate(*identity->certificate_pem, "it");
        if (certificate) facts.name = certs::common_name(X509_get_subject_name(certificate->get()));
    }
    auto context = net::TlsContext::client(
        {identity->ca_pem, identity->certificate_pem.value_or(""), identity->key_pem.value_or("")});
    if (context) {
        tls = std::move(*context);
    } else {
        facts.trouble = context.error();
        facts.remedy = "import them anew (qcert import)";
    }
    return facts;
}

}  // namespace

SbdFacts read_sbd(const std::string& text) {
    SbdFacts facts;
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        const std::size_t equals = line.find('=');
        if (equals == std::string::npos) continue;
        const std::string name = line.substr(0, equals);
        std::string value = line.substr(equals + 1);
        std::erase(value, '"');
        std::erase(value, '\'');
        if (name == "SBD_DEVICE") facts.has_disk = !value.empty();
        const bool is_number = !value.empty() && value.size() < 7 &&
                               value.find_first_not_of("0123456789") == std::string::npos;
        if (name == "SBD_WATCHDOG_TIMEOUT" && is_number)
            facts.watchdog_timeout_s = static_cast<std::uint32_t>(std::stoul(value));
    }
    return facts;
}

NodeFacts gather(const DoctorPlaces& places) {
    NodeFacts facts;
    facts.is_clock_synchronised = doctor::is_clock_synchronised();
    ask_corosync(facts);
    if (!facts.corosync_trouble.empty()) return facts;

    const ipc::Response status = ipc::ask(places.socket, "json status");
    if (status.kind == ipc::Response::Kind::ok)
        facts.daemon_status = status.text;
    else
        facts.daemon_trouble = fmt::format("no node daemon answers at {}", places.socket);

    std::error_code ignored;
    facts.sbd = read_sbd(file_text(std::filesystem::exists(places.sbd_defaults, ignored)
                                       ? places.sbd_defaults
                                       : std::filesystem::path("/etc/sysconfig/sbd")));
    facts.sbd.is_enabled =
        std::any_of(sbd_enabled.begin(), sbd_enabled.end(),
                    [&](const char* link) { return std::filesystem::exists(link, ignored); });

    facts.own_addresses = doctor::own_addresses();
    resolve_nodes(facts);
    const auto configuration = read_configuration(facts.map, {});
    if (!configuration) return facts;
    ask_votequorum(facts, configuration->settings.config.nodes);
    facts.arbiter_addresses = doctor::addresses_of(configuration->host);
    std::optional<net::TlsContext> tls;
    if (configuration->settings.tls != wire::TlsSupported::unsupported)
        facts.certificates = look_at_certificates(places.certificates, tls);
    net::ConnectTarget target{
        .host = configuration->host, .port = configuration->port, .timeout = probe_patience};
    if (configuration->force_ip_version == 4) target.version = net::IpVersion::v4;
    if (configuration->force_ip_version == 6) target.version = net::IpVersion::v6;
    facts.probe = doctor::probe(target, configuration->settings.cluster_name, tls);
    return facts;
}

}  // namespace castvote::qdevice
