"""test_node_life.py -- our node daemon while corosync is stopped, killed, frozen, reconfigured."""
# SPDX-License-Identifier: BSD-3-Clause
import signal

from cluster import Cluster


def booted(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    cluster.boot()
    return cluster


def whole(cluster, votes=3):
    cluster.wait(lambda: all(cluster.is_whole(number, votes) for number in cluster.nodes), 30,
                 f"both nodes in one partition with {votes} votes")


def rewrite(cluster, number, old, new):
    """Another corosync.conf, and corosync told to read it."""
    node = cluster.nodes[number]
    with open(node.host.path("/etc/corosync/corosync.conf"), encoding="utf-8") as file:
        text = file.read()
    assert old in text, text
    node.host.write("/etc/corosync/corosync.conf", text.replace(old, new))


def reload(cluster):
    """Asked on one node, it is done on all."""
    cluster.nodes[1].host.run(["corosync-cfgtool", "-R"], seconds=10)


def test_a_killed_corosync_finds_the_daemon_again(env):
    cluster = booted(env)
    node = cluster.nodes[2]
    daemon = node.daemon
    node.watch.kill()
    node.watch = None
    node.corosync.kill()
    daemon.says("corosync", 10)
    cluster.start_corosync(2)
    whole(cluster)
    assert daemon.alive(), "the same daemon, without anybody's help"


def test_a_frozen_corosync_costs_no_daemon(env):
    cluster = booted(env)
    node = cluster.nodes[2]
    node.corosync.signal(signal.SIGSTOP)
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,), 20, "node 1 misses node 2")
    cluster.wait(lambda: cluster.partitions.now(1).counts(), 20, "node 1 goes on, with the vote")
    node.corosync.signal(signal.SIGCONT)
    whole(cluster)
    assert node.daemon.alive()


def test_a_stopped_daemon_takes_its_vote_along(env):
    cluster = booted(env)
    assert cluster.nodes[2].daemon.stop() == 0
    cluster.wait(lambda: not cluster.partitions.now(2).vote, 10, "node 2 counts no vote")
    cluster.hold(lambda: cluster.partitions.now(1).votes == 3 and cluster.partitions.now(1).vote, 2,
                 "node 1 keeps the vote")
    cluster.start_daemon(2)
    whole(cluster)


def test_a_device_that_is_removed_is_given_up(env):
    cluster = booted(env)
    for number in cluster.nodes:
        rewrite(cluster, number, "model: net", "")
    reload(cluster)
    for node in cluster.nodes.values():
        cluster.wait(lambda node=node: not node.daemon.alive(), 15, "its daemon ends")
    cluster.wait(lambda: all(not cluster.partitions.now(n).vote for n in cluster.nodes), 10,
                 "nobody counts a vote")


def test_another_tie_breaker_is_taken_while_running(env):
    cluster = booted(env)
    for number in cluster.nodes:
        rewrite(cluster, number, "tie_breaker: lowest", "tie_breaker: highest")
    reload(cluster)
    whole(cluster)
    cluster.wait(lambda: "highest node ID" in cluster.status(1), 15, "the daemon knows it")
    whole(cluster)
    cluster.cut_cluster_link()
    cluster.wait(lambda: cluster.partitions.now(2).members == (2,) and
                 cluster.partitions.now(2).counts(), 20, "node 2 wins")


def test_a_second_daemon_is_refused(env):
    cluster = booted(env)
    host = cluster.nodes[1].host
    done = host.run([env.program("corosync-qdevice"), "-f"], check=False, seconds=20)
    assert done.returncode != 0 and len(done.stderr.splitlines()) <= 2, done
    whole(cluster)


def test_without_corosync_it_says_so(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    done = cluster.nodes[1].host.run([env.program("qdevice-client")], check=False, seconds=20)
    assert done.returncode != 0 and "corosync" in done.stderr, done
