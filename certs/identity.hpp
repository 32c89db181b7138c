// identity.hpp -- who this daemon is: its certificates as PEM text in memory.
//
// The daemons take their certificates from here and never touch the directory themselves, so that
// they can come from elsewhere one day. What is handed out fits together: the key belongs to the
// certificate, the certificate was signed by one of the CAs. Validity times never refuse an
// identity, only warn, half a year before the end: peers judge them (certificates.md 5), and a
// clock that is wrong at boot shall not stop a vote. Warnings are to be logged.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "certs/error.hpp"

namespace castvote::certs {

struct ArbiterIdentity {
    std::string ca_pem;  // The CA of the certificate, then those that are trusted beside it.
    std::string certificate_pem;
    std::string key_pem;
    std::vector<Error> warnings;  // Certificates that expire soon, have, or begin later; an
                                  // exchange of the CA that has come to a halt.
};

struct NodeIdentity {
    std::string ca_pem;                          // One or several.
    std::optional<std::string> certificate_pem;  // Both or neither.
    std::optional<std::string> key_pem;
    std::vector<Error> warnings;  // The same, or missing ones.
};

// qnetd-cacert.crt, server.pem and server.key of the arbiter's directory (certificates.md 7.1).
Expected<ArbiterIdentity, Error> load_arbiter_identity(const std::filesystem::path& directory);

// ca.pem, cluster.pem and cluster.key of a node's directory. Without cluster.pem the node can still
// talk to an arbiter that asks for no certificate.
Expected<NodeIdentity, Error> load_node_identity(const std::filesystem::path& directory);

}  // namespace castvote::certs
