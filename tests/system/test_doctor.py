"""test_doctor.py -- on real corosync: the doctors have no complaint about a healthy cluster, and
find what was broken in it.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os

from cluster import CA_FILE, Cluster

NODE_CERTIFICATES = "/etc/corosync/qdevice/net/nssdb"


def doctor(cluster, host, tool):
    """Its findings that are not fine, as {check: [what]}; the exit status is checked."""
    done = host.run([os.path.join(cluster.env.bin, tool), "doctor", "--json"], check=False,
                    seconds=30)
    answer = json.loads(done.stdout)
    assert done.returncode == (6 if answer["wrong"] else 0), done
    assert len(answer["findings"]) >= 2, answer
    wrong = {}
    for finding in answer["findings"]:
        if finding["verdict"] == "wrong":
            assert finding["remedy"], finding
            wrong.setdefault(finding["check"], []).append(finding["what"])
    return wrong


def test_the_doctors_find_what_was_broken(env):
    cluster = Cluster(env, arbiter="ours", node="ours")
    cluster.boot()
    one, two = (cluster.nodes[number].host for number in (1, 2))
    for host, tool in ((one, "qdevice-tool"), (two, "qdevice-tool"),
                       (cluster.arbiter, "qnetd-tool")):
        assert doctor(cluster, host, tool) == {}

    # Another CA: neither does the node's certificate fit, nor does TLS work without one.
    stranger = cluster.another_ca()
    ca = os.path.join(NODE_CERTIFICATES, "ca.pem")
    with open(stranger.path(CA_FILE), encoding="utf-8") as file:
        one.write(ca, file.read())
    assert list(doctor(cluster, one, "qdevice-tool")) == ["certificates"]
    for name in ("cluster.pem", "cluster.key"):
        os.remove(one.path(os.path.join(NODE_CERTIFICATES, name)))
    assert "TLS" in doctor(cluster, one, "qdevice-tool")

    # A daemon that does not run is missed there and at the arbiter.
    cluster.nodes[2].daemon.kill()
    cluster.wait(lambda: doctor(cluster, cluster.arbiter, "qnetd-tool").get('"castvote"') ==
                 ["node 2 is not connected"], 20, "the arbiter's doctor misses node 2")
    assert list(doctor(cluster, two, "qdevice-tool")) == ["node daemon"]

    # An arbiter that cannot be reached, and one that does not run.
    cluster.cut_service_link(2)
    assert "connection" in doctor(cluster, two, "qdevice-tool")
    cluster.arbiter_daemon.kill()
    assert list(doctor(cluster, cluster.arbiter, "qnetd-tool")) == ["arbiter"]
    cluster.nodes[2].corosync.kill()
    cluster.nodes[2].watch.kill()
    cluster.nodes[2].watch = None
    assert list(doctor(cluster, two, "qdevice-tool")) == ["corosync"]
