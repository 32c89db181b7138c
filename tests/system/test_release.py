"""test_release.py -- the operator's word about a lost node: asked for twice, refused where wrong.

Nodes with lms have no lifetime: cut off with the vote they may vote for ever, so that nothing but
the operator's word gives it to the others (docs/tools.md 9).
"""
# SPDX-License-Identifier: BSD-3-Clause
import json

CLUSTER = "two words"


def start(env):
    """An arbiter and two lms nodes in one ring, without TLS: (its socket, the nodes)."""
    port, socket = env.free_port(), env.path("arbiter.sock")
    env.spawn([env.program("qnetd"), "--listen", "127.0.0.1", "--port", port, "--tls", "off",
               "--socket", socket, "--lock-file", env.path("lock"), "--device-timeout", 1250],
              name="arbiter")
    env.listening(port)
    nodes = {number: env.spawn(
        [env.program("qdevice-client"), "--provider", "stdio", "--node-id", number,
         "--nodes", "1,2", "--cluster", CLUSTER, "--arbiter", "127.0.0.1", "--port", port,
         "--tls", "off", "--algorithm", "lms", "--timeout", 1250, "--sync-timeout", 4000,
         "--socket", env.path(f"node-{number}.sock")], name=f"node-{number}", stdin=True)
        for number in (1, 2)}
    for node in nodes.values():
        ring(node, 1, 8, [1, 2])
    return socket, nodes


def ring(process, node, seq, members):
    process.send(json.dumps({"ring": {"node": node, "seq": seq}, "members": members}))


def status(env, socket):
    done = env.run([env.program("qnetd-tool"), "--socket", socket, "status", "--json"])
    return json.loads(done.stdout)["clusters"]


def holders(env, socket):
    return {h["node_id"] for cluster in status(env, socket) for h in cluster["holders"]}


def release(env, socket, node, typed, cluster=CLUSTER):
    return env.run([env.program("qnetd-tool"), "--socket", socket, "release", "--cluster", cluster,
                    "--node", node], stdin=typed, check=False)


def test_a_lost_node_is_released_by_the_operators_word(env):
    socket, nodes = start(env)
    env.wait_for(lambda: holders(env, socket) == {1, 2}, 20, "both nodes have the vote")

    refused = release(env, socket, 1, "yes\n1\n")
    assert refused.returncode == 4 and "connected" in refused.stderr, refused

    nodes[1].kill()
    ring(nodes[2], 2, 8, [2])
    env.wait_for(lambda: any("gone" in line for line in plain(env, socket)), 20,
                 "node 1 is gone and may still count the vote")

    for typed in ("", "no\n", "yes\n2\n"):
        kept = release(env, socket, 1, typed)
        assert kept.returncode == 5 and "Nothing was changed." in kept.stdout, kept
        assert "your data\ncan be lost" in kept.stdout, kept.stdout
    assert 1 in holders(env, socket)

    for node, cluster, why in ((7, CLUSTER, "counts no vote"), (1, "nobody", "No cluster")):
        wrong = release(env, socket, node, "yes\n", cluster)
        assert wrong.returncode == 4 and why in wrong.stderr, wrong

    done = release(env, socket, 1, "yes\n1\n")
    assert done.returncode == 0 and "Node 1 is released" in done.stdout, done
    env.wait_for(lambda: holders(env, socket) == {2}, 10, "node 2 has the vote")


def plain(env, socket):
    return env.run([env.program("qnetd-tool"), "--socket", socket, "status"]).stdout.splitlines()
