"""test_node_sync.py -- our node daemon while corosync synchronises, which hangs until it votes.

In that time corosync answers no request of a connection to cmap that was there before (docs/node.md
4.2): a daemon that asks blocks the very vote that everybody waits for.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import signal
import socket
import sys
import time

from cluster import HERE, Cluster
from harness import Failed

SYNC_TIMEOUT_MS = 20000
LOG_OF_VOTEQUORUM = """logging {{
  logger_subsys {{
    subsys: VOTEQ
    debug: {}
  }}
}}
"""


def booted(env):
    """The lease is 3 s, and after a change of ring the arbiter is waited for 5 s."""
    cluster = Cluster(env, arbiter="ours", node="ours", timeout=10000,
                      sync_timeout=SYNC_TIMEOUT_MS)
    cluster.boot()
    return cluster


def switch_debug(node, word):
    node.host.run(["corosync-cmapctl", "-s", "logging.logger_subsys.QDEVICE.debug", "str", word])


def said_by_corosync(node, text):
    """How often."""
    with open(node.host.path("/var/log/corosync.log"), encoding="utf-8") as file:
        return file.read().count(text)


def says(cluster, node, text, cause, seconds=20):
    """What corosync has to say after `cause()`."""
    before = said_by_corosync(node, text)
    cause()
    cluster.wait(lambda: said_by_corosync(node, text) > before, seconds, f"corosync says {text!r}")


def is_syncing(node):
    """As its daemon says; fails if it does not answer at once."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(1.5)
        one.connect(node.host.path("/run/corosync-qdevice/corosync-qdevice.sock"))
        one.sendall(b"json status\n")
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    return json.loads(answer.removeprefix(b"OK\n"))["sync_in_progress"]


def hold_sync(node, seconds):
    """The sync goes on for so long, and its daemon answers all the while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_syncing(node):
            raise Failed("the synchronisation is over already")
        time.sleep(0.05)


def end_sync(cluster, node):
    cluster.arbiter_daemon.signal(signal.SIGCONT)
    cluster.wait(lambda: not is_syncing(node), SYNC_TIMEOUT_MS / 1000 + 5,
                 "the synchronisation ends")


def whole_again(cluster):
    cluster.heal()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 40,
                 "one partition with three votes")


def a_change_meanwhile_is_read_afterwards(cluster, node):
    probe = node.host.spawn([sys.executable, os.path.join(HERE, "cmap_probe.py")], name="probe",
                            stdin=True).says("connected")
    says(cluster, node, "A processor failed", cluster.cut_cluster_link)
    says(cluster, node, "Members left: 2",
         lambda: cluster.arbiter_daemon.signal(signal.SIGSTOP))
    cluster.wait(lambda: is_syncing(node), 5, "the synchronisation hangs")
    switch_debug(node, "on")  # by a new connection, which is served
    hold_sync(node, 1)
    probe.send("ask")  # late, as corosync spins while such a request waits
    hold_sync(node, 0.5)
    assert "after" not in probe.log(), "corosync answers an old connection, nothing is tested here"
    probe.kill()
    assert "from the arbiter" not in node.daemon.log(), "it was told of that too early"
    end_sync(cluster, node)
    node.daemon.says("from the arbiter: ECHO_REPLY", 10)
    switch_debug(node, "off")


def a_daemon_that_starts_meanwhile_ends_it(cluster, node):
    # corosync believes in the dead daemon for T, and so its sync waits for a vote, S at most.
    node.daemon.kill()
    says(cluster, node, "waiting for quorum device", cluster.cut_cluster_link)
    # It ends long before its time is over, by the new daemon's "no".
    cluster.start_daemon(1)
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,), 10, "the synchronisation ends")
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,) and
                 cluster.partitions.now(1).counts(), 30, "node 1 goes on, with the vote")
    assert node.daemon.alive() and not is_syncing(node)


def a_vote_is_looked_for_at_once(cluster, node):
    # Not when the token comes by itself, which an idle ring holds back: a message calls it.
    name = "/etc/corosync/corosync.conf"
    with open(node.host.path(name), encoding="utf-8") as file:
        configuration = file.read()

    def log_votequorum(debug):
        node.host.write(name, configuration + LOG_OF_VOTEQUORUM.format(debug))
        node.host.run(["corosync-cfgtool", "-R"])
    log_votequorum("on")
    says(cluster, node, "name change req", cluster.cut_cluster_link)
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,) and
                 cluster.partitions.now(1).counts(), 30, "node 1 goes on, with the vote")
    log_votequorum("off")


def a_change_just_before_is_read_afterwards(cluster, node):
    # The change and the new ring wait together for a daemon that was asleep for a moment.
    says(cluster, node, "A processor failed", cluster.cut_cluster_link)

    def fall_asleep():
        node.daemon.signal(signal.SIGSTOP)
        switch_debug(node, "on")
    asleep = time.monotonic()
    says(cluster, node, "Members left: 2", fall_asleep)
    cluster.arbiter_daemon.signal(signal.SIGSTOP)
    node.daemon.signal(signal.SIGCONT)
    if time.monotonic() - asleep > 2.2:
        cluster.env.skip("this machine is too slow: the lease ran out, so nothing is waited for")
    hold_sync(node, 1)
    assert "from the arbiter" not in node.daemon.log(), "it was told of that too early"
    end_sync(cluster, node)
    node.daemon.says("from the arbiter: ECHO_REPLY", 10)


def test_while_it_synchronises_cmap_is_left_alone_and_no_change_is_lost(env):
    cluster = booted(env)
    node = cluster.nodes[1]
    a_change_meanwhile_is_read_afterwards(cluster, node)
    whole_again(cluster)
    a_vote_is_looked_for_at_once(cluster, node)
    whole_again(cluster)
    a_daemon_that_starts_meanwhile_ends_it(cluster, node)
    whole_again(cluster)
    a_change_just_before_is_read_afterwards(cluster, node)


test_while_it_synchronises_cmap_is_left_alone_and_no_change_is_lost.seconds = 240
