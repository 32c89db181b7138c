"""test_mixes.py -- real corosync, with every mix of our programs and the packaged ones.

In each mix: both nodes get the arbiter's vote; when the link between them is cut exactly one goes
on, and at no instant two; healed, all votes are back. Then what goes wrong: certificates by another
CA or for another cluster, and an arbiter that is not there; whoever notices must say so plainly.
"""
# SPDX-License-Identifier: BSD-3-Clause
import shutil

from cluster import CA_FILE, PORT, Cluster


def split_and_heal(env, arbiter, node):
    cluster = Cluster(env, arbiter=arbiter, node=node)
    cluster.boot()
    for number in (1, 2):
        assert "Flags:            Quorate Qdevice" in cluster.quorumtool(number)

    cluster.cut_cluster_link()
    alone = ([(1,)], [(2,)])
    cluster.wait(lambda: cluster.partitions.quorate() in alone and any(
        not cluster.partitions.now(number).quorate for number in (1, 2)), 15,
        "exactly one node goes on alone")
    winner = cluster.partitions.quorate()
    cluster.hold(lambda: cluster.partitions.quorate() == winner, 2.5,
                 f"{winner} is the only quorate partition")
    assert winner == [(1,)], "the tie-breaker is the lowest node id"

    cluster.heal()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in (1, 2)), 15,
                 "both nodes in one partition with 3 votes again")
    cluster.hold(lambda: all(cluster.is_whole(number) for number in (1, 2)), 1,
                 "both nodes in one partition with 3 votes")
    return cluster


def test_our_arbiter_and_our_nodes(env):
    split_and_heal(env, "ours", "ours")


def test_our_arbiter_and_stock_nodes(env):
    split_and_heal(env, "ours", "stock")


def test_stock_arbiter_and_our_nodes(env):
    split_and_heal(env, "stock", "ours")


# -- certificates that must be refused -------------------------------------------------------------

def two_votes_only(cluster, number):
    """In one partition with the other node, quorate, but without the arbiter's vote."""
    report = cluster.partitions.now(number)
    return report.quorate and report.members == (1, 2) and report.votes == 2 and not report.vote


def start_and_be_refused(cluster):
    cluster.start_arbiter()
    for number in cluster.nodes:
        cluster.start_node(number)
    both = lambda: all(two_votes_only(cluster, number) for number in cluster.nodes)  # noqa: E731
    cluster.wait(both, 20, "both nodes quorate by themselves, with 2 votes")
    return both


def certify_wrongly(cluster):
    """nodeA's certificate is by another CA, nodeB's is for another cluster."""
    cluster.certify(numbers=(2,), name="another-cluster")
    other = cluster.another_ca()
    if cluster.kinds["qdevice"] == "stock":
        cluster.certify(numbers=(1,), signer=other)
        return
    # Ours takes no certificate that its CA has not signed: change the CA behind its back.
    cluster.certify(numbers=(1,), signer=other, trust=other)
    shutil.copy(cluster.arbiter.path(CA_FILE),
                cluster.nodes[1].host.path("/etc/corosync/qdevice/net/nssdb/ca.pem"))


def our_nodes_say_what_is_wrong(cluster):
    """nodeA's daemon does not even start with such a certificate; nodeB's suspects its own."""
    cluster.nodes[1].daemon.says("cluster.pem was not signed by this CA", 10)
    cluster.nodes[2].daemon.says("may have refused our certificate", 10)


def test_our_arbiter_refuses_certificates_of_stock_nodes(env):
    cluster = Cluster(env, arbiter="ours", node="stock")
    certify_wrongly(cluster)
    refused = start_and_be_refused(cluster)
    cluster.arbiter_daemon.says("certificate not signed by our CA", 10)
    cluster.arbiter_daemon.says('certificate of another cluster: "another-cluster"', 10)
    cluster.hold(refused, 3, "neither has the arbiter's vote")


def test_our_arbiter_refuses_certificates_of_our_nodes(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    certify_wrongly(cluster)
    refused = start_and_be_refused(cluster)
    cluster.arbiter_daemon.says('certificate of another cluster: "another-cluster"', 10)
    our_nodes_say_what_is_wrong(cluster)
    cluster.hold(refused, 3, "neither has the arbiter's vote")


def test_our_node_says_that_the_stock_arbiter_refuses_it(env):
    cluster = Cluster(env, arbiter="stock", node="ours")
    certify_wrongly(cluster)
    refused = start_and_be_refused(cluster)
    our_nodes_say_what_is_wrong(cluster)
    cluster.hold(refused, 3, "neither has the arbiter's vote")


def test_our_node_refuses_an_arbiter_of_another_ca(env):
    cluster = Cluster(env, arbiter="stock", node="ours")
    other = cluster.another_ca()
    cluster.certify(signer=other, trust=other)
    refused = start_and_be_refused(cluster)
    for node in cluster.nodes.values():
        node.daemon.says("certificate not signed by our CA", 10)
    cluster.hold(refused, 3, "neither has the arbiter's vote")


# -- nobody there ----------------------------------------------------------------------------------

def test_our_nodes_say_that_the_arbiter_is_not_there(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    cluster.certify()
    for number in cluster.nodes:
        cluster.start_node(number)
    cluster.wait(lambda: all(two_votes_only(cluster, number) for number in cluster.nodes), 20,
                 "both nodes quorate by themselves, with 2 votes")
    for number, node in cluster.nodes.items():
        node.daemon.says(f"198.51.100.2:{PORT}", 10)
        assert "State:\t\t\tConnect" in cluster.status(number)
        assert "State:\t\t\tConnected" not in cluster.status(number)
    cluster.start_arbiter()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 15,
                 "3 votes as soon as the arbiter is there")
