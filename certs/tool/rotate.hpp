// rotate.hpp -- qcert rotate: its options, and what it does.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace castvote::certs::tool {

// Made, but no running arbiter has taken it up.
enum RotateStatus : int { rotate_not_taken_up = 3 };

struct RotateOptions {
    std::string directory;
    std::string control_socket;
    std::string authority;  // begin, switch or finish; empty: the arbiter's certificate alone
    bool force = false;     // with authority
    bool as_json = false;
};

CLI::App* describe_rotate(CLI::App& app, RotateOptions& options);
int rotate(const RotateOptions& options);

}  // namespace castvote::certs::tool
