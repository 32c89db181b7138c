// played_cpg.hpp -- the functions of libcpg that we use, played: a corosync that passes a message
// on late, never, or with somebody else's in front.
//
// A program that links castvote_played_corosync calls these in place of the library's. All may be
// called from any thread.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <corosync/cpg.h>

#include <cstdint>
#include <string>
#include <vector>

namespace castvote::tests {

struct PlayedCpg {
    bool is_there = true;           // cpg_initialize succeeds
    bool delivers = true;           // what was sent comes back at once
    bool hangs = false;             // cpg_mcast_joined does not come back before this is false
    std::vector<cs_error_t> sends;  // what the next cpg_mcast_joined return, then CS_OK

    // What was asked for.
    std::vector<std::uint64_t> sent;
    unsigned open = 0;     // connections that were made and not finalized
    unsigned waiting = 0;  // calls that hang
};

PlayedCpg played_cpg();
void play_cpg(const PlayedCpg& wanted);
// A message reaches the group, as if sent by that process of that node (0: ours).
void deliver_cpg(const std::string& message, std::uint32_t node, std::uint32_t process);
// corosync hangs up.
void end_cpg();

}  // namespace castvote::tests
