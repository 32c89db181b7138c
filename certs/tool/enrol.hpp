// enrol.hpp -- qcert invite and qcert join: their options, and what they do.
//
// Exit statuses beside those of the other verbs are here, and in their --help.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace castvote::certs::tool {

inline constexpr const char* proxmox_configuration = "/etc/pve/corosync.conf";
inline constexpr const char* plain_configuration = "/etc/corosync/corosync.conf";

enum InviteStatus : int { invite_expired = 3, invite_interrupted = 5 };
enum JoinStatus : int {
    join_unreachable = 3,
    join_refused = 4,
    join_wrong_arbiter = 5,
    join_has_certificates = 6,
    join_not_everywhere = 7
};

struct InviteOptions {
    std::string directory;
    std::string cluster;
    std::string valid_for = "15m";
    std::size_t nodes = 2;
    std::string address;
    std::string listen;
    std::uint16_t arbiter_port = 5403;  // with listen
    std::string owner;                  // with more: its beginning
    std::string control_socket;
    bool more = false;
    bool another = false;
    bool as_json = false;
};

struct JoinOptions {
    std::string directory;
    std::string address;
    std::string token;
    std::uint16_t arbiter_port = 0;  // 0: where the invitation is
    std::string cluster;
    std::string configuration;
    bool apply = false;
    bool force = false;
    bool stock = false;
    bool cluster_wide = false;
    std::string ssh = "ssh -o BatchMode=yes -o ConnectTimeout=10";
    bool as_json = false;
};

CLI::App* describe_invite(CLI::App& app, InviteOptions& options);
CLI::App* describe_join(CLI::App& app, JoinOptions& options);
int invite(const InviteOptions& options);
int join(const JoinOptions& options);

}  // namespace castvote::certs::tool
