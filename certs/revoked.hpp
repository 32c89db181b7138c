// revoked.hpp -- which certificates of the arbiter's CA are worth nothing any more.
//
// A JSON file of its own beside the register: the daemon reads it before it serves anybody, and
// what was issued only where there is none. Names certificates by their serial numbers, which never
// repeat. What is in it stays in it; a damaged one is an error, never an empty list, and so is one
// that has vanished: the register says whether there must be one.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "certs/error.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

struct Revoked {
    std::string serial;      // decimal
    std::string name;        // of the cluster; empty: a certificate from before the register
    std::string revoked_at;  // "2126-11-25 06:32:00 UTC"

    bool operator==(const Revoked&) const = default;
};

// No file: none, unless the register says that there was one.
Expected<std::vector<Revoked>> read_revoked(const Path& directory);
Expected<std::vector<Revoked>> parse_revoked(const std::string& text, const std::string& name);
std::string revoked_text(const std::vector<Revoked>& list);

// Has the register say so from now on, if it does not yet. Under the directory's lock.
Expected<void> expect_revoked(const Path& directory, std::optional<Ownership> owner);

struct Revocation {
    std::vector<Revoked> added;
    std::vector<Revoked> before;  // asked for, and revoked already
};

// All of them or, with an error, none: certificates of clusters that this CA has issued. On the
// disk when it returns; a running daemon must be told.
Expected<Revocation> revoke(const Path& directory, const std::vector<std::string>& serials);

}  // namespace castvote::certs
