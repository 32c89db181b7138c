// register.hpp -- which certificates the arbiter's CA has issued: to whom, when, how.
//
// A JSON file in the arbiter's directory, written before a certificate leaves it, so that none is
// out there which the register does not know. Certificates from before it are found by their files.
// Who writes holds the directory's lock.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/openssl.hpp"

namespace castvote::certs {

struct Entry {
    std::string serial;       // decimal
    std::string use;          // "authority", "arbiter" or "cluster"
    std::string name;         // common name: of a cluster's certificate, the cluster
    std::string fingerprint;  // SHA-256 of the certificate, "AB:CD:..."
    std::string owner;        // of a cluster's: which one of that name; 64 hexadecimal digits
    std::string issued_at;    // "2126-11-25 06:32:00 UTC"; empty if it was found only
    std::string not_after;
    std::string by;       // "init", "sign", "invite", "rotate"; "found": nobody registered it
    std::string address;  // of the node that joined
    // Serial number of the authority that signed it; empty: it is one, or it was registered before
    // there could be two.
    std::string authority;
    // By "invite": "no" until the node says that it has stored it, then "yes". Empty: nobody says
    // so, or it was registered before this was.
    std::string stored;
    // Of an authority: "yes" once certificates were revoked here, so that revoked.json is missed.
    std::string revokes;

    bool operator==(const Entry&) const = default;
};

// What tells two clusters of one name apart: the owner that the CA has named in a certificate, or
// the SHA-256 of its public key, which the cluster's nodes share then.
std::string cluster_owner(const X509* certificate);

// `authority` null: it is one itself. `issued` none: it was found, and nobody knows.
Entry entry_for(X509* certificate, const X509* authority, std::string_view by,
                std::optional<std::time_t> issued, std::string_view address = {});

// No file: nothing registered. A damaged one is an error, never an empty register.
Expected<std::vector<Entry>> read_register(const Path& directory);

// The same, and behind it what lies in the directory and is not in it.
Expected<std::vector<Entry>> known_certificates(const Path& directory);

// In the place of what was there.
Expected<void> write_register(const Path& directory, const std::vector<Entry>& entries,
                              std::optional<Ownership> owner);

// Adds at the end.
Expected<void> add_to_register(const Path& directory, std::vector<Entry> entries,
                               std::optional<Ownership> owner);

// The node has stored the certificate of this serial number. Takes the directory's lock.
Expected<void> mark_stored(const Path& directory, std::string_view serial);

// Each cluster of this name by its latest certificate, the latest first.
std::vector<Entry> latest_of_each_owner(std::vector<Entry> entries, std::string_view cluster);

// Which of them is meant: the only one, or the one whose owner begins so. One of several must be
// named: guessing would mix two. Errors say `cluster`.
Expected<std::string> owner_meant(const std::vector<Entry>& clusters, std::string_view cluster,
                                  std::string_view beginning);

}  // namespace castvote::certs
