// revoke.hpp -- qcert revoke: its options, and what it does.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace castvote::certs::tool {

// Written down, but no running arbiter has taken it up.
enum RevokeStatus : int { revoke_not_taken_up = 3 };

struct RevokeOptions {
    std::string directory;
    std::vector<std::string> serials;
    std::string cluster;
    std::string owner;  // with cluster: its beginning
    std::string control_socket;
    bool as_json = false;
};

CLI::App* describe_revoke(CLI::App& app, RevokeOptions& options);
int revoke(const RevokeOptions& options);

}  // namespace castvote::certs::tool
