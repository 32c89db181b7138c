"""test_counted_vote.py -- on real corosync: when does a node's vote count as counted?

Our node daemon confirms the arbiter's ACK only when its "yes" has come round the ring (N15 of
docs/safety.md). A "yes" that corosync takes between the loss of its token and the next ring waits
in its queue (fact 1): of that one nothing may be said.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import time

from cluster import Cluster

#: Long enough to look around between the loss of the token and the next ring.
TOKEN_MS = 3000
#: An arbiter waits for a heartbeat, 0.8 of this, before it tells ACK to who has just connected.
TIMEOUT_MS = 4000
LEASE_SECONDS = 3
SOCKET = "/run/corosync-qdevice/corosync-qdevice.sock"


def daemon(cluster, number):
    text = cluster.nodes[number].host.run(
        [f"{cluster.env.bin}/qdevice-tool", "--socket", SOCKET, "status", "--json"],
        seconds=5, check=False).stdout
    return json.loads(text) if text.startswith("{") else {}


def is_counted(cluster, number):
    now = daemon(cluster, number)
    return now.get("vote") == "yes" and now["vote_counted"]


def test_a_vote_is_counted_when_it_has_come_round(env):
    cluster = Cluster(env, token=TOKEN_MS, timeout=TIMEOUT_MS, sync_timeout=30000)
    cluster.boot()
    for number in cluster.nodes:
        cluster.wait(lambda number=number: is_counted(cluster, number), 5,
                     f"the vote of node {number} is counted")

    # Without the arbiter both give the vote back, or let it run out.
    cluster.arbiter_daemon.kill()
    cluster.wait(lambda: all(daemon(cluster, number).get("vote") != "yes"
                             for number in cluster.nodes), LEASE_SECONDS + 5, "no node votes")
    time.sleep(TIMEOUT_MS / 1000)  # corosync has dropped what was left to run out

    # The arbiter is back, and before it says yes the token is lost. Nobody has noticed yet.
    cluster.start_arbiter()
    cluster.wait(lambda: all(daemon(cluster, number)["arbiter"]["state"] == "connected"
                             for number in cluster.nodes), 10, "both nodes are connected")
    cluster.cut_cluster_link()
    ring = daemon(cluster, 1)["ring"]
    cluster.wait(lambda: daemon(cluster, 1)["vote"] == "yes", 10, "node 1 votes yes")
    looks = 0
    while True:
        now = daemon(cluster, 1)
        if now["ring"] != ring:
            break
        if now["vote"] == "yes":
            looks += 1
            assert not now["vote_counted"], "counted in a ring whose token was lost"
        time.sleep(0.02)
    assert looks > 10, f"only {looks} looks before the next ring: nothing was shown"

    # In the new ring the winner's vote comes round.
    cluster.wait(lambda: is_counted(cluster, 1), 40, "the vote of node 1 is counted, alone")
    assert daemon(cluster, 1)["members"] == [1]
