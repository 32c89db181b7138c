// played_corosync.hpp -- the functions of libvotequorum and libcmap that we use, played, so that
// corosync is busy, silent or refuses whenever a test wants it.
//
// A program that links played_corosync.cpp calls these in place of the libraries'. One corosync per
// program; it may be told things from another thread while the daemon runs.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <corosync/votequorum.h>

#include <chrono>
#include <string>
#include <vector>

#include "qdevice-client/quorum/configuration.hpp"

namespace castvote::tests {

struct PlayedRename {
    std::string from;
    std::string to;
    std::size_t polls_before = 0;
};

struct PlayedCorosync {
    qdevice::Snapshot map;                      // what cmap holds
    std::vector<cs_error_t> cmap_starts;        // what the next cmap_initialize return, then CS_OK
    std::vector<cs_error_t> votequorum_starts;  // the same of votequorum_initialize
    std::vector<cs_error_t> polls;              // the same of votequorum_qdevice_poll
    std::vector<cs_error_t> renames;            // the same of votequorum_qdevice_update
    bool tells_membership = true;               // once tracking has begun

    // What was asked for.
    std::vector<std::chrono::steady_clock::time_point> cmap_started;
    std::vector<std::uint32_t> polled;  // the votes
    std::vector<PlayedRename> renamed;  // the device
    bool is_registered = false;
    bool loses_votes = false;  // an older message overwrites every vote (fact 1)
    std::size_t cmap_calls = 0;
};

// As it is at first: two nodes and a device of the algorithm lms, without TLS.
void play_anew();
// Under its lock, from any thread.
PlayedCorosync played();
void play(const PlayedCorosync& wanted);
// A synchronisation begins: a ring of node 2 alone; and its end. Both: a membership.
void tell_ring();
void tell_quorum();
void tell_membership();
// Something in the map has changed.
void tell_change();

}  // namespace castvote::tests
