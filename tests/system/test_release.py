"""test_release.py -- the operator's word about a lost node: asked for twice, refused where wrong.

Nodes with lms have no lifetime: cut off with the vote they may vote for ever, so that nothing but
the operator's word gives it to the others (docs/tools.md 9).
"""
# SPDX-License-Identifier: BSD-3-Clause
from stdio_nodes import Arbiter, ring

CLUSTER = "two words"


def release(arbiter, node, typed, cluster=CLUSTER):
    return arbiter.tool("release", "--cluster", cluster, "--node", node, stdin=typed, check=False)


def test_a_lost_node_is_released_by_the_operators_word(env):
    arbiter = Arbiter(env)
    nodes = arbiter.pair(CLUSTER, algorithm="lms")
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {1, 2}, 20, "both nodes have the vote")

    refused = release(arbiter, 1, "yes\n1\n")
    assert refused.returncode == 4 and "connected" in refused.stderr, refused

    nodes[1].kill()
    ring(nodes[2], 2, 8, [2])
    env.wait_for(lambda: "node 1 is gone and may still count" in arbiter.tool("status").stdout, 20,
                 "the arbiter misses node 1")

    for typed in ("", "no\n", "yes\n2\n"):
        kept = release(arbiter, 1, typed)
        assert kept.returncode == 5 and "Nothing was changed." in kept.stdout, kept
        assert "your data\ncan be lost" in kept.stdout, kept.stdout
    assert 1 in arbiter.holders(CLUSTER)

    for node, cluster, why in ((7, CLUSTER, "counts no vote"), (1, "nobody", "No cluster")):
        wrong = release(arbiter, node, "yes\n", cluster)
        assert wrong.returncode == 4 and why in wrong.stderr, wrong

    done = release(arbiter, 1, "yes\n1\n")
    assert done.returncode == 0 and "Node 1 is released" in done.stdout, done
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {2}, 10, "node 2 has the vote")
