// members.cpp -- see members.hpp.
// SPDX-License-Identifier: BSD-3-Clause
#include "tests/simulate/members.hpp"

namespace castvote::simulate {

Members make_members(const DaemonWorld& world, const Options& options) {
    Dice& dice = world.dice;
    Members members;
    Nodes configured;
    for (NodeId id = 1; id <= options.nodes; ++id) configured.insert(id);
    for (const NodeId id : configured) {
        const bool ours = options.our_nodes || (options.mixed_nodes && dice.one_in(2));
        Member& member = members[id];
        member.is_ours = ours;
        member.daemon = ours ? make_our_daemon(world, id, configured, dice.between(990, 1010))
                             : make_stock_daemon(world, id, configured);
        world.network.attach(id, member.daemon.get());
        world.cluster.node(id).listener = member.daemon.get();
    }
    return members;
}

void start_all(Members& members, ClusterModel& cluster) {
    for (auto& [id, member] : members) {
        cluster.start(id, false);
        member.daemon->start();
    }
}

}  // namespace castvote::simulate
