// rename.hpp -- qcert rename: its options, and what it does.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace castvote::certs::tool {

// Written down, but no running arbiter has taken it up.
enum RenameStatus : int { rename_not_taken_up = 3 };

struct RenameOptions {
    std::string directory;
    std::string was;
    std::string is;
    std::string control_socket;
    bool as_json = false;
};

CLI::App* describe_rename(CLI::App& app, RenameOptions& options);
int rename(const RenameOptions& options);

}  // namespace castvote::certs::tool
