"""test_node_life.py -- our node daemon while corosync is stopped, killed, frozen, reconfigured."""
# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import socket
import time

import cluster as clusters
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


# -- what is checked before corosync is told anything, and what is left behind ---------------------

def shows_no_device(cluster, number):
    """corosync has heard of no device on this node, or hears of it no more: not registered."""
    local = next(line for line in cluster.quorumtool(number).splitlines() if "(local)" in line)
    return " NR " in local or "," not in local


def test_every_way_out_withdraws_the_device(env):
    cluster = booted(env)
    node = cluster.nodes[2]
    ways = {"SIGINT": lambda: node.daemon.signal(signal.SIGINT),
            "shutdown": lambda: node.host.run([env.program("corosync-qdevice-tool"), "-H"]),
            "own shutdown": lambda: node.host.run([env.program("qdevice-tool"), "shutdown"]),
            "SIGHUP": lambda: node.daemon.signal(signal.SIGHUP),
            "SIGTERM": lambda: node.daemon.signal(signal.SIGTERM)}
    for name, leave in ways.items():
        leave()
        assert node.daemon.wait() == 0, name
        assert shows_no_device(cluster, 2), f"{name}:\n{cluster.quorumtool(2)}"
        cluster.start_daemon(2)
        whole(cluster)


def test_votes_that_do_not_suit_ffsplit_are_refused_before_registering(env):
    cluster = Cluster(env, arbiter="ours", node="ours",
                      device=clusters.DEVICE.replace("votes: 1", "votes: 2"))
    cluster.certify()
    cluster.start_arbiter()
    cluster.start_node(1)
    assert cluster.nodes[1].daemon.wait(20) == 1
    assert "quorum.device.votes is 2" in cluster.nodes[1].daemon.log()
    assert shows_no_device(cluster, 1), cluster.quorumtool(1)
    # The device may be right while a node is not.
    rewrite(cluster, 1, "votes: 2", "votes: 1")
    rewrite(cluster, 1, "nodeid: 2", "nodeid: 2\n    quorum_votes: 3")
    rewrite(cluster, 1, "nodeid: 1", "nodeid: 1\n    quorum_votes: 3")
    reload(cluster)
    cluster.start_daemon(1)
    assert cluster.nodes[1].daemon.wait(20) == 1
    assert "ffsplit is safe only with one vote" in cluster.nodes[1].daemon.log()
    assert shows_no_device(cluster, 1), cluster.quorumtool(1)


def test_a_device_of_another_model_is_given_up(env):
    cluster = booted(env)
    for number in cluster.nodes:
        rewrite(cluster, number, "model: net", "model: other")
    reload(cluster)
    for node in cluster.nodes.values():
        assert node.daemon.wait(15) == 0
        assert "quorum.device.model is 'other' now" in node.daemon.log()
    assert all(shows_no_device(cluster, number) for number in cluster.nodes)


def test_a_device_that_is_configured_while_the_daemon_starts_is_found(env):
    cluster = Cluster(env, arbiter="ours", node="ours",
                      device=clusters.DEVICE.replace("model: net", "#model: net"))
    cluster.certify()
    cluster.start_arbiter()
    for number in cluster.nodes:
        cluster.start_corosync(number)
    cluster.wait(lambda: all(cluster.partitions.now(number).members == (1, 2)
                             for number in cluster.nodes), 20, "one ring")
    for number in cluster.nodes:
        cluster.start_daemon(number)
        rewrite(cluster, number, "#model: net", "model: net")
    reload(cluster)
    whole(cluster)


def test_heuristics_change_while_running_and_nonsense_is_not_taken(env):
    cluster = booted(env)
    heuristics = ("    heuristics {\n      mode: on\n      interval: 1000\n      exec_it: %s\n"
                  "    }\n    net {")
    old = "    net {"

    def change(new):
        nonlocal old
        for number in cluster.nodes:
            rewrite(cluster, number, old, new)
        old = new
        reload(cluster)

    def both_say(text):
        return all(text in cluster.status(number) for number in cluster.nodes)

    change(heuristics % "/bin/true")
    cluster.wait(lambda: both_say("Pass (regular: Pass"), 15, "they run")
    change(heuristics % "/bin/false")
    cluster.wait(lambda: both_say("Fail (regular: Fail"), 15, "the new command runs")
    change((heuristics % "/bin/true").replace("1000", "5"))
    for node in cluster.nodes.values():
        node.daemon.says("quorum.device.heuristics.interval is '5'", 10)
    cluster.hold(lambda: both_say("Fail (regular: Fail"), 2.5, "the old ones stay in force")
    change("    net {")
    cluster.wait(lambda: both_say("Heuristics:\t\tDisabled"), 15, "they are off")
    cluster.hold(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 1, "3 votes")


def test_a_frozen_daemon_does_not_vote_on_waking(env):
    cluster = booted(env)
    node = cluster.nodes[1]
    node.daemon.signal(signal.SIGSTOP)
    cluster.wait(lambda: not cluster.partitions.now(1).vote, 10, "its vote lapses after T")
    node.daemon.signal(signal.SIGCONT)
    whole(cluster)
    node.daemon.says("its vote has lapsed", 5)


def test_settings_that_need_a_new_connection_wait_while_the_vote_is_needed(env):
    cluster = booted(env)
    cluster.power_off(2)
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,) and
                 cluster.partitions.now(1).counts(), 20, "node 1 works by the vote alone")
    rewrite(cluster, 1, "tie_breaker: lowest", "tie_breaker: highest")
    reload(cluster)
    cluster.nodes[1].daemon.says("they are taken when it does so no more", 10)
    cluster.hold(lambda: cluster.partitions.now(1).counts(), 3, "node 1 goes on")
    cluster.device = clusters.DEVICE.replace("tie_breaker: lowest", "tie_breaker: highest")
    cluster.heal()
    cluster.start_node(2)
    whole(cluster)
    for number in cluster.nodes:
        assert "highest node ID" in cluster.status(number)


def test_in_the_background_the_launcher_ends_when_the_start_has_succeeded(env):
    cluster = booted(env)
    node = cluster.nodes[2]
    node.daemon.stop()
    run = "/run/corosync-qdevice/"
    program = env.program("corosync-qdevice")
    launch = ["sh", "-c", f"cd /run && pwd && exec {program}"]
    launcher = node.host.run(launch, seconds=20)
    assert (launcher.stdout, launcher.stderr) == ("/run\n", ""), launcher
    whole(cluster)
    with open(node.host.path(run + "corosync-qdevice.pid"), encoding="ascii") as file:
        pid = int(file.read())
    assert os.readlink(f"/proc/{pid}/cwd") == "/", "it keeps a file system from being unmounted"
    second = node.host.run([program], check=False, seconds=20)
    assert second.returncode == 1 and "another instance is running" in second.stderr, second
    os.kill(pid, signal.SIGTERM)
    cluster.wait(lambda: shows_no_device(cluster, 2), 10, "it ends in order")
    cluster.wait(lambda: not os.path.exists(node.host.path(run + "corosync-qdevice.sock")), 10,
                 "and takes its socket along")


# -- configuration while running -------------------------------------------------------------------

def test_debug_is_switched_while_running(env):
    cluster = booted(env)
    node = cluster.nodes[1]
    assert "from the arbiter" not in node.daemon.log()

    def say(word):
        node.host.run(["corosync-cmapctl", "-s", "logging.logger_subsys.QDEVICE.debug", "str",
                       word])

    say("perhaps")
    node.daemon.says("QDEVICE.debug is 'perhaps'", 10)
    say("on")
    node.daemon.says("from the arbiter: ECHO_REPLY", 10)
    say("off")
    lines = lambda: node.daemon.log().count("from the arbiter")  # noqa: E731
    cluster.wait(lambda: (lambda seen: time.sleep(0.5) or seen == lines())(lines()), 10, "off")
    whole(cluster)


def test_a_node_that_is_added_is_told_to_the_arbiter(env):
    cluster = booted(env)
    third = ("nodelist {\n  node {\n    name: nodeC\n    nodeid: 3\n"
             "    ring0_addr: 192.0.2.13\n  }")
    for number in cluster.nodes:
        rewrite(cluster, number, "nodelist {", third)
        rewrite(cluster, number, "config_version: 1", "config_version: 7")
    reload(cluster)
    told = "Configuration version:\t7\n        Configured node list:\t3, 1, 2\n"
    cluster.wait(lambda: cluster.status().count(told) == 2, 15, "the arbiter knows three nodes")
    assert "Configuration version:\t7\n" in cluster.status(1)


def test_a_reload_that_failed_keeps_nobody_from_starting(env):
    cluster = booted(env)
    node = cluster.nodes[1]
    rewrite(cluster, 1, "totem {", "totem {{{")
    assert node.host.run(["corosync-cfgtool", "-R"], check=False, seconds=10).returncode != 0
    in_progress = node.host.run(["corosync-cmapctl", "-g",
                                 "config.totemconfig_reload_in_progress"]).stdout
    assert in_progress.rstrip().endswith("= 1"), "corosync leaves the key at 1"
    node.daemon.stop()
    cluster.start_daemon(1)
    whole(cluster)


def test_master_wins_is_forced_by_its_setting_only(env):
    cluster = booted(env)
    node = cluster.nodes[1]
    local = lambda: next(line for line in cluster.quorumtool(1).splitlines()  # noqa: E731
                         if "(local)" in line)
    assert ",NMW" in local()
    node.daemon.stop()
    node.daemon = node.host.spawn([env.program("corosync-qdevice"), "-f", "-S", "master_wins=on"])
    whole(cluster)
    cluster.wait(lambda: ",MW" in local(), 10, "the master wins")
    node.daemon.stop()
    cluster.start_daemon(1)
    whole(cluster)
    cluster.wait(lambda: ",NMW" in local(), 10, "and no more")


def test_votes_that_change_while_running_end_the_daemon_in_order(env):
    cluster = booted(env)
    for number in cluster.nodes:
        rewrite(cluster, number, "nodeid: 2\n", "nodeid: 2\n    quorum_votes: 2\n")
    reload(cluster)
    for number, node in cluster.nodes.items():
        assert node.daemon.wait(15) == 1
        assert "node 2 has 2 vote(s)" in node.daemon.log()
        cluster.wait(lambda number=number: shows_no_device(cluster, number), 5, "nothing is left")


def test_the_service_manager_is_told_with_or_without_an_arbiter(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    cluster.certify()
    cluster.start_corosync(1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(env.path("manager.sock"))
        manager.settimeout(10)
        os.makedirs(cluster.nodes[1].host.path("/run/corosync-qdevice"), mode=0o770)
        daemon = cluster.nodes[1].host.spawn([env.program("corosync-qdevice"), "-f"],
                                             env={"NOTIFY_SOCKET": env.path("manager.sock")})
        assert manager.recv(100) == b"READY=1"
        daemon.signal(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"
        assert daemon.wait() == 0
