"""test_wait_for_all.py -- with wait_for_all a flap is final, so there must be none.

A partition that loses quorum for a moment does not get it back by the arbiter's vote: corosync then
waits for all nodes (docs/safety.md, fact 6). Whoever is to go on must not be told "not quorate"
even once, by whatever happens to the others or to the arbiter.
"""
# SPDX-License-Identifier: BSD-3-Clause
import time

import cluster as clusters
from cluster import Cluster

#: Long enough for a busy machine: the lease is 3 s, the arbiter may be away for some 2 s of it.
TIMERS = {"timeout": 4000, "sync_timeout": 12000}
HEARTBEAT_SECONDS = 0.8 * TIMERS["timeout"] / 1000
LEASE_SECONDS = 3


def booted(env):
    cluster = Cluster(env, arbiter="ours", node="ours",
                      device="  wait_for_all: 1\n" + clusters.DEVICE, **TIMERS)
    cluster.boot()
    for number in cluster.nodes:
        assert "WaitForAll" in cluster.quorumtool(number), "corosync has not taken the setting"
    return cluster


def never_lost(cluster, number, since, seconds):
    """From `since` on, and for so many seconds more, its clients were told nothing else."""
    cluster.hold(lambda: cluster.partitions.now(number).counts(), seconds,
                 f"node {number} is quorate")
    history = cluster.partitions.history[number]
    ends = [report.t for report in history[1:]] + [time.monotonic()]
    lost = [round(1000 * (end - max(report.t, since))) for report, end in zip(history, ends)
            if end > since and not report.counts()]
    assert not lost, f"node {number} lost quorum for {lost} ms\n{history}"


def goes_on_alone(cluster, number):
    """The new membership works, and with the vote."""
    def alone():
        now = cluster.partitions.now(number)
        return now.members == (number,) and now.counts() and now.vote and now.votes == 2
    cluster.wait(alone, 20, f"node {number} goes on alone, with the vote")


def split(cluster):
    since = time.monotonic()
    cluster.cut_cluster_link()
    goes_on_alone(cluster, 1)
    cluster.wait(lambda: not cluster.partitions.now(2).quorate, 20, "node 2 stops")
    never_lost(cluster, 1, since, 0)


def kill_the_arbiter(cluster):
    """It is killed and started anew; both nodes come back to it."""
    since = time.monotonic()
    cluster.restart_arbiter()
    for number in cluster.nodes:
        cluster.wait(lambda number=number: f"Node ID {number}:" in cluster.status(), 15,
                     f"node {number} is back at the arbiter")
    never_lost(cluster, 1, since, LEASE_SECONDS + 0.5)
    assert cluster.partitions.quorate() == [(1,)]


def heal(cluster):
    """Whoever stopped waits for all, and does not unseat the other when all are there."""
    since = time.monotonic()
    cluster.heal()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in (1, 2)), 30,
                 "both nodes in one partition with 3 votes again")
    # No less than a heartbeat: from then on a silent node's vote is at rest (R2s ii).
    never_lost(cluster, 1, since, HEARTBEAT_SECONDS + 0.5)


def lose_power(cluster):
    since = time.monotonic()
    cluster.power_off(2)
    goes_on_alone(cluster, 1)
    never_lost(cluster, 1, since, 1)


def test_who_goes_on_never_loses_quorum_for_a_moment(env):
    cluster = booted(env)
    split(cluster)
    kill_the_arbiter(cluster)
    heal(cluster)
    lose_power(cluster)
