// members.hpp -- the nodes of a cluster, with the daemons that its options want.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "tests/simulate/daemon.hpp"
#include "tests/simulate/options.hpp"

namespace castvote::simulate {

struct Member {
    std::unique_ptr<Daemon> daemon;
    bool is_ours = false;
};
using Members = ByNode<Member>;

// Each attached to its corosync and to the network.
Members make_members(const DaemonWorld& world, const Options& options);

void start_all(Members& members, ClusterModel& cluster);

}  // namespace castvote::simulate
