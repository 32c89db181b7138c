// session.hpp -- one connection, from accept to its end: how far it has come in the protocol.
//
// The order of messages and the checks before each of them (protocol.md 6 and 7) live here and in
// arbiter.cpp; what a message means for a vote does not.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "qnetd/core/events.hpp"
#include "qnetd/core/settings.hpp"

namespace castvote::qnetd {

// After a stall of ours every node gets this long to be heard before its silence counts.
constexpr Duration stall_grace{250};

struct Session {
    ConnectionId connection = 0;
    std::string peer_address;
    // Of the last PREINIT; from INIT on the name that its cluster is kept under.
    std::optional<std::string> cluster_name;
    bool tls_requested = false;  // STARTTLS was accepted
    bool tls_established = false;
    std::optional<PeerCertificate> certificate;
    bool certificate_checked = false;  // against cluster_name
    wire::NodeId node = 0;             // set by INIT
    bool is_inited = false;
    bool knows_private_options = false;  // INIT listed them
    Duration heartbeat{0};               // declared; 0 before INIT
    Instant opened;
    Instant last_message;  // complete and of a known type
    // What a link held up arrives in one burst, until then: sent after the last message before it.
    Instant burst_until;
    Instant before_burst;
    std::optional<Instant> grace_until;

    bool operator==(const Session&) const = default;
};

enum class TlsVerdict : std::uint8_t { pass, tls_required, close };

// The TLS check which precedes most messages (protocol.md 6); checks once that the certificate has
// one of the names of the session's cluster, which count for nothing once it has passed INIT.
TlsVerdict check_tls(Session& session, const Settings& settings,
                     const std::vector<std::string>& names);

// Does a certificate belong to the cluster of these names? A DNS name among its alternative names
// counts if there is any, else the common name; compared without regard to case, no wildcards
// (certificates.md 7.3.4).
bool certificate_names_cluster(const PeerCertificate& certificate,
                               const std::vector<std::string>& names);

// A complete message of the session arrived. Returns since when it may have been on its way.
Instant note_message(Session& session, Instant now);

// When silence ends the connection; none while it cannot.
std::optional<Instant> silence_deadline(const Session& session, const Settings& settings);

// The error of an INIT that concerns the message alone, in the stock order (protocol.md 7).
wire::ReplyErrorCode judge_init(const Session& session, const wire::Message& init,
                                const Settings& settings);

}  // namespace castvote::qnetd
