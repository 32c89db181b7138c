"""test_flows.py -- how administration tools set a device up, replayed command by command.

The order, paths and statuses are those of docs/certificates.md 4; ssh and scp are real. In every
mix of our programs and the packages' each flow ends with a cluster that holds its third vote.
`./dev test` plays one; `./dev test system flows` all.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re

from cluster import ARBITER_ADDRESS as A
from flow_hosts import NODES, Flow

QNETD = "/etc/corosync/qnetd/nssdb"
QDEVICE = "/etc/corosync/qdevice/net/nssdb"
STORED = re.compile(r"^Certificate( request)? stored in (.+)$", re.MULTILINE)


def everywhere(flow, command):
    """On every node, the one at which we sit included, over ssh."""
    for address in NODES.values():
        flow.at(flow.nodes[0], f"ssh -n -o BatchMode=yes -lroot {address} '{command}'")


def trust_among_nodes(flow, *also):
    """What Proxmox VE and crmsh arranged when the cluster was made: root goes from node to node."""
    flow.at(flow.nodes[0], "ssh-keygen -q -t rsa -N '' -f /root/.ssh/id_rsa")
    for address in (*NODES.values(), *also):
        flow.at(flow.nodes[0], f"ssh-copy-id -i /root/.ssh/id_rsa root@{address}")


# -- Proxmox VE: pvecm qdevice setup, remove -------------------------------------------------------

def pvecm_setup(flow):
    me, on_arbiter = flow.nodes[0], f"ssh -n -o BatchMode=yes -lroot {A}"
    flow.at(me, f"ssh-copy-id -i /root/.ssh/id_rsa root@{A}")
    assert flow.at(me, f"test -e {QDEVICE}", check=False).returncode == 1
    flow.at(me, f"{on_arbiter} corosync-qnetd-certutil -i", check=False)
    flow.at(me, f"scp root@[{A}]:{QNETD}/qnetd-cacert.crt /etc/pve/")
    for address in NODES.values():
        flow.at(me, f"ssh -n -lroot {address} corosync-qdevice-net-certutil -i -c "
                "/etc/pve/qnetd-cacert.crt", check=False)
    flow.at(me, "rm /etc/pve/qnetd-cacert.crt")
    flow.at(me, f"corosync-qdevice-net-certutil -r -n {flow.cluster}")
    flow.at(me, f"scp {QDEVICE}/qdevice-net-node.crq root@[{A}]:/tmp")
    flow.at(me, f"{on_arbiter} corosync-qnetd-certutil -s -c /tmp/qdevice-net-node.crq "
            f"-n {flow.cluster}")
    flow.at(me, f"scp root@[{A}]:{QNETD}/cluster-{flow.cluster}.crt {QDEVICE}/")
    flow.at(me, f"corosync-qdevice-net-certutil -M -c {QDEVICE}/cluster-{flow.cluster}.crt")
    flow.at(me, f"scp {QDEVICE}/qdevice-net-node.p12 /etc/pve/")
    everywhere(flow, "corosync-qdevice-net-certutil -m -c /etc/pve/qdevice-net-node.p12")
    flow.at(me, "rm /etc/pve/qdevice-net-node.p12")
    flow.configure(device=True)  # The cluster file system spreads it, and tells corosync.
    everywhere(flow, "systemctl start corosync-qdevice")
    everywhere(flow, "systemctl enable corosync-qdevice")
    flow.at(me, "corosync-cfgtool -R")


def pvecm_remove(flow):
    flow.configure(device=False)
    everywhere(flow, "rm -rf /etc/corosync/qdevice")
    for address in NODES.values():
        # Ours has ended by itself, when the device was removed.
        flow.at(flow.nodes[0], f"ssh -n -lroot {address} systemctl stop corosync-qdevice",
                check=False)
    everywhere(flow, "systemctl disable corosync-qdevice")
    flow.at(flow.nodes[0], "corosync-cfgtool -R")


def pvecm(flow):
    flow.start_packaged_arbiter()
    trust_among_nodes(flow)
    pvecm_setup(flow)
    flow.holds_its_third_vote()
    pvecm_remove(flow)
    flow.has_two_votes_only()
    pvecm_setup(flow)  # Under the same name: it just signs again.
    flow.holds_its_third_vote()


# -- pcs -------------------------------------------------------------------------------------------

def stored(done):
    """As pcs finds a file that was made: the last line that matches."""
    return STORED.findall(done.stdout)[-1][1]


def pcs(flow):
    """pcsd works on each host itself, and carries bytes: no ssh."""
    six = "cert9.db key4.db pkcs11.txt cert8.db key3.db secmod.db"

    def is_initialised(host, folder):
        found = flow.at(host, f"cd {folder} && for f in {six}; do test -e $f && exit; done; exit 1",
                        check=False)
        return found.returncode == 0

    def carry(source, path, target, name):
        with open(source.path(path), "rb") as file, open(target.path(name), "wb") as copy:
            copy.write(file.read())
        return name

    flow.clear_arbiter()
    assert not is_initialised(flow.arbiter, QNETD)
    flow.at(flow.arbiter, "corosync-qnetd-certutil -i")
    assert is_initialised(flow.arbiter, QNETD)
    flow.at(flow.arbiter, "systemctl enable corosync-qnetd && systemctl start corosync-qnetd")
    for node in flow.nodes:
        if is_initialised(node, QDEVICE):
            flow.at(node, f"rm -rf {QDEVICE}")
        flow.at(node, f"mkdir -p -m 700 {QDEVICE}")
        ca = carry(flow.arbiter, f"{QNETD}/qnetd-cacert.crt", node, f"{QDEVICE}/qnetd-cacert.crt")
        flow.at(node, f"corosync-qdevice-net-certutil -i -c {ca}")
        assert is_initialised(node, QDEVICE)
    first = flow.nodes[0]
    request = stored(flow.at(first, f"corosync-qdevice-net-certutil -r -n {flow.cluster}"))
    received = carry(first, request, flow.arbiter, "/tmp/pcs-request")
    signed = stored(flow.at(flow.arbiter, f"corosync-qnetd-certutil -s -c {received} "
                            f"-n {flow.cluster}"))
    received = carry(flow.arbiter, signed, first, "/tmp/pcs-certificate")
    bundle = stored(flow.at(first, f"corosync-qdevice-net-certutil -M -c {received}"))
    for node in flow.nodes:
        received = carry(first, bundle, node, "/tmp/pcs-bundle")
        flow.at(node, f"corosync-qdevice-net-certutil -m -c {received}")
    flow.configure(device=True)
    for node in flow.nodes:
        flow.at(node, "systemctl enable corosync-qdevice && systemctl start corosync-qdevice")
    flow.holds_its_third_vote()


# -- crmsh -----------------------------------------------------------------------------------------

def crmsh(flow):
    me, name = flow.nodes[0], flow.cluster
    folder = f"/etc/corosync/qdevice/net/{A}"
    others = list(NODES.values())[1:]
    trust_among_nodes(flow, A)
    flow.at(me, f"ssh -n root@{A} 'test -f {QNETD}/qnetd-cacert.crt || corosync-qnetd-certutil -i'")
    flow.at(me, f"ssh -n root@{A} systemctl start corosync-qnetd")
    flow.at(me, f"mkdir -p {folder} && scp root@{A}:{QNETD}/qnetd-cacert.crt {folder}/")
    for address in others:
        flow.at(me, f"ssh -n root@{address} mkdir -p {folder} && scp -r {folder} "
                f"root@{address}:/etc/corosync/qdevice/net/")
    everywhere(flow, f"corosync-qdevice-net-certutil -i -c {folder}/qnetd-cacert.crt")
    flow.at(me, f"corosync-qdevice-net-certutil -r -n {name}")
    request = f"{QNETD}/qdevice-net-node.crq.{name}"
    flow.at(me, f"scp {QDEVICE}/qdevice-net-node.crq root@{A}:{request}")
    flow.at(me, f"ssh -n root@{A} corosync-qnetd-certutil -s -c {request} -n {name}")
    flow.at(me, f"scp root@{A}:{QNETD}/cluster-{name}.crt {folder}/")
    flow.at(me, f"corosync-qdevice-net-certutil -M -c {folder}/cluster-{name}.crt")
    for address in others:  # On them only.
        flow.at(me, f"scp {QDEVICE}/qdevice-net-node.p12 root@{address}:{QDEVICE}/")
        flow.at(me, f"ssh -n root@{address} corosync-qdevice-net-certutil -m -c "
                f"{QDEVICE}/qdevice-net-node.p12")
    flow.configure(device=True)
    everywhere(flow, "systemctl enable corosync-qdevice && systemctl start corosync-qdevice")
    flow.holds_its_third_vote()
    everywhere(flow, f"test -e {QDEVICE} && rm -rf /etc/corosync/qdevice/net/*")
    flow.at(me, f"ssh -n root@{A} 'rm {QNETD}/cluster-{name}.crt {request}'")


# -- -Q --------------------------------------------------------------------------------------------

def quick(flow):
    """corosync-qdevice-net-certutil -Q does it all, over ssh."""
    flow.start_packaged_arbiter()
    trust_among_nodes(flow, A)
    flow.at(flow.nodes[0], f"corosync-qdevice-net-certutil -Q -n {flow.cluster} {A} " +
            " ".join(NODES.values()))
    flow.configure(device=True)
    everywhere(flow, "systemctl start corosync-qdevice")
    flow.holds_its_third_vote()


# -- every flow in every mix -----------------------------------------------------------------------

SHORT = (pvecm, "ours", "ours")
FLOWS = (pvecm, pcs, crmsh, quick)
MIXES = (("ours", "ours"), ("ours", "stock"), ("stock", "ours"))


def play(flow, arbiter, node):
    def test(env):
        flow(Flow(env, arbiter, node))
    test.is_long = (flow, arbiter, node) != SHORT
    return test


for each in FLOWS:
    for mix in MIXES:
        globals()[f"test_{each.__name__}_{mix[0]}_arbiter_{mix[1]}_nodes"] = play(each, *mix)
