// stock_database.hpp -- the database of a node that runs the stock daemon: making one, and reading
// it.
//
// What the stock tool leaves on a node (certificates.md 2), made by the tools that it uses, too.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "certs/error.hpp"
#include "certs/files.hpp"
#include "certs/x509.hpp"

namespace castvote::certs {

struct Bundle;

struct StockNode {
    Certificates authorities;   // those that may vouch for an arbiter
    Certificates certificates;  // those of a cluster whose keys are here
};

// What the stock daemon would find; either may be empty.
Expected<StockNode> read_stock_node(const Path& directory);

// A new database in `directory`, which must not be there, for a later life as `place`: all of the
// bundle's authorities trusted, its key and certificate, and the PKCS#12 file for other nodes.
Expected<void> make_stock_node(const Path& directory, const Path& place, const Bundle& bundle);

}  // namespace castvote::certs
