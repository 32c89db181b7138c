"""test_names.py -- several clusters at one arbiter: alike in name, yet never mixed."""
# SPDX-License-Identifier: BSD-3-Clause
from cluster import Cluster
from stdio_nodes import Arbiter

ANOTHER = "another cluster of the same name"


def test_clusters_with_names_that_are_alike_are_served_apart(env):
    arbiter = Arbiter(env)
    names = ["branch", "Branch", "BRANCH", "branch ", "branch office 7", "b" * 200, "zweigstelle-ü"]
    for name in names:
        arbiter.pair(name)
    env.wait_for(lambda: all(arbiter.holders(name) == {1, 2} for name in names), 30,
                 "every cluster has its own vote")
    assert sorted(cluster["name"] for cluster in arbiter.clusters()) == sorted(names)
    only = arbiter.tool("list", "--cluster", "Branch").stdout
    assert only.count("Cluster \"") == 1 and 'Cluster "Branch":' in only, only


def two_owners(env, node):
    """Each node has a certificate of its own for the same name, both signed by the same CA."""
    cluster = Cluster(env, arbiter="ours", node=node)
    for number in (1, 2):
        cluster.certify(numbers=(number,))
    cluster.start_arbiter()
    for number in (1, 2):
        cluster.start_node(number)
    cluster.arbiter_daemon.says(ANOTHER, 30)
    return cluster


def test_two_owners_of_one_name_are_told_apart(env):
    cluster = two_owners(env, "ours")
    cluster.wait(lambda: any(ANOTHER in node.daemon.log() for node in cluster.nodes.values()), 10,
                 "one of the nodes says why it is refused")


def test_two_owners_of_one_name_with_stock_nodes(env):
    two_owners(env, "stock")
