// adopt.cpp -- a database of the stock programs becomes ours.
// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <cstdio>

#include "certs/arbiter_directory.hpp"
#include "certs/node_directory.hpp"
#include "certs/tool/tool.hpp"

namespace castvote::certs::tool {

Expected<void> adopt_stock_database(const Path& directory, Role role) {
    const Format format =
        role == Role::arbiter ? arbiter_format(directory) : node_format(directory);
    if (format != Format::nss) return {};
    const Expected<Stored> imported = import_nss_database(directory, role);
    if (!imported) return tl::unexpected<Error>(imported.error());
    for (const std::string& note : imported->notes) fmt::print(stderr, "{}\n", note);
    return {};
}

}  // namespace castvote::certs::tool
