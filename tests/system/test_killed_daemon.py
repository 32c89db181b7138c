"""test_killed_daemon.py -- on real corosync, with the packaged arbiter: our node daemon is killed.

The packaged arbiter gives the vote away as soon as a connection ends (W2 of docs/arbiter.md 8), and
corosync counts a dead daemon's vote for quorum.device.timeout. The guardian of our daemon takes the
vote back first.
"""
# SPDX-License-Identifier: BSD-3-Clause
import signal

from cluster import Cluster

#: Long enough that a vote which was not taken back would be seen.
TIMEOUT_MS = 6000


def test_the_vote_of_a_killed_daemon_is_taken_back(env):
    cluster = Cluster(env, arbiter="stock", node="ours", timeout=TIMEOUT_MS, sync_timeout=15000)
    cluster.boot()
    cluster.cut_cluster_link()
    cluster.wait(lambda: cluster.partitions.quorate() == [(1,)]
                 and not cluster.partitions.now(2).quorate, 30, "node 1 goes on alone")
    cluster.hold(lambda: cluster.partitions.quorate() == [(1,)], 1, "node 1 is quorate alone")

    # Whoever sees both quorate at one instant, beyond how closely they were watched, fails here.
    cluster.nodes[1].daemon.signal(signal.SIGKILL)
    cluster.wait(lambda: not cluster.partitions.now(1).quorate, TIMEOUT_MS / 1000 / 3,
                 "node 1 loses quorum long before its vote would lapse")
    cluster.wait(lambda: cluster.partitions.quorate() == [(2,)], 30, "node 2 goes on alone")
    cluster.nodes[1].daemon.kill()

    # The next daemon finds the device as it was left.
    cluster.start_daemon(1)
    cluster.hold(lambda: cluster.partitions.quorate() == [(2,)], 2, "node 2 stays quorate alone")
    cluster.heal()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in (1, 2)), 30,
                 "both nodes in one partition with 3 votes again")
