// nss_import.hpp -- taking over a database of the stock tools in place (certificates.md 7.6).
//
// Reads it through NSS's own tools, writes our PEM files beside it and leaves the database as it
// is, so that going back stays possible. Never overwrites a PEM file.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "certs/arbiter_directory.hpp"
#include "certs/error.hpp"
#include "certs/files.hpp"

namespace castvote::certs {

enum class Role { arbiter, node };

// Which side a stock database belongs to, by what is in it.
Expected<Role> role_of_nss_database(const Path& directory);

// Arbiter: CA and server certificate with their keys. Node: the CAs that may vouch for an
// arbiter, and cluster certificate with its key if there is one. `file` is the last file written.
Expected<Stored> import_nss_database(const Path& directory, Role role);

// As `import_certificate`, but the key may also be in a stock database beside our files: it is
// there if the request was made with the stock tool before ours took over.
Expected<Stored> import_signed_certificate(const Path& directory, const Path& certificate_file);

}  // namespace castvote::certs
