"""test_certs.py -- certificates set up by every mix of the stock tools and ours.

And under the stock names: owners, modes, statuses, refusals.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import stat

from certs_hosts import (ARBITER, ARBITER_TOOL, NODE, NODE_TOOL, Host, begin, check_arbiter,
                         check_bundle, check_our_node, check_stock_node, digests, enrol, machine)


def every_mix(env, arbiter_ours, nodes_ours, cluster="mixed cluster", twice=False):
    machine(env)
    arbiter = Host(env, "arbiter", arbiter_ours)
    nodes = [Host(env, f"node{i}", ours) for i, ours in enumerate(nodes_ours)]
    begin(arbiter, nodes)
    enrol(arbiter, nodes, cluster)
    ca = check_arbiter(env, arbiter, cluster)
    check_bundle(nodes[0])
    for node in nodes:
        if node.ours:
            check_our_node(env, node, ca)
        else:
            check_stock_node(node)
    assert arbiter.read(f"{ARBITER}/serial.txt") == b"103\n"
    if twice:
        enrol(arbiter, nodes, cluster)  # A second set-up under the same name just signs again.
        assert arbiter.read(f"{ARBITER}/serial.txt") == b"104\n"
        check_arbiter(env, arbiter, cluster)


def test_our_arbiter_our_nodes(env):
    every_mix(env, True, [True, True], twice=True)


def test_our_arbiter_stock_nodes(env):
    every_mix(env, True, [False, False])


def test_our_arbiter_mixed_nodes_first_ours(env):
    every_mix(env, True, [True, False])


def test_our_arbiter_mixed_nodes_first_stock(env):
    every_mix(env, True, [False, True])


def test_stock_arbiter_our_nodes(env):
    every_mix(env, False, [True, True], twice=True)


def test_stock_arbiter_mixed_nodes_first_ours(env):
    every_mix(env, False, [True, False])


def test_stock_arbiter_mixed_nodes_first_stock(env):
    every_mix(env, False, [False, True])


def test_nss_trusts_our_server_certificate(env):
    """A stock node's database accepts the server certificate of our arbiter for a TLS server."""
    machine(env)
    arbiter, node = Host(env, "arbiter", True), Host(env, "node", False)
    begin(arbiter, [node])
    node.write("/tmp/server.pem", arbiter.read(f"{ARBITER}/server.pem"))
    node.run("certutil", "-A", "-d", f"sql:{NODE}", "-n", "arbiter", "-t", ",,", "-i",
             "/tmp/server.pem")
    node.run("certutil", "-V", "-d", f"sql:{NODE}", "-n", "arbiter", "-u", "V")


# -- modes, owners, statuses ---------------------------------------------------------------------

def test_owner_and_modes_of_the_arbiters_files(env):
    machine(env)
    arbiter = Host(env, "arbiter", True)
    os.chown(arbiter.path("/etc/corosync/qnetd"), 4711, 4712)
    arbiter.run(ARBITER_TOOL, "-i", "-G")
    for name, owner, mode in [("server.key", (4711, 4712), 0o640), ("ca.key", (0, 0), 0o600),
                              ("serial.txt", (4711, 4712), 0o640),
                              ("qnetd-cacert.crt", (4711, 4712), 0o644),
                              ("pkcs11.txt", (4711, 4712), 0o640)]:
        status = os.stat(arbiter.path(f"{ARBITER}/{name}"))
        assert (status.st_uid, status.st_gid) == owner, name
        assert stat.S_IMODE(status.st_mode) == mode, name
    assert stat.S_IMODE(os.stat(os.path.join(arbiter.root, "etc/qnetd/nssdb")).st_mode) == 0o750


def test_debians_group_on_the_directory_alone_reaches_the_key(env):
    machine(env)
    arbiter = Host(env, "arbiter", True)
    folder = os.path.join(arbiter.root, "etc/qnetd/nssdb")
    os.mkdir(folder)
    os.chown(folder, 0, 4712)
    arbiter.run(ARBITER_TOOL, "-i", "-G")
    assert os.stat(arbiter.path(f"{ARBITER}/server.key")).st_gid == 4712
    assert os.stat(arbiter.path(f"{ARBITER}/ca.key")).st_gid == 0


#: Calls on hosts without any certificates, and their status.
CALLS = [
    (ARBITER_TOOL, [], 0), (ARBITER_TOOL, ["-h"], 0), (ARBITER_TOOL, ["-x"], 1),
    (ARBITER_TOOL, ["-s"], 2), (ARBITER_TOOL, ["-c"], 1),
    (ARBITER_TOOL, ["-s", "-c", "/nowhere", "-n", "c"], 2),
    (ARBITER_TOOL, ["-s", "-c", "/tmp/any"], 2),
    (ARBITER_TOOL, ["-s", "-c", "/tmp/any", "-n", "c"], 1),
    (NODE_TOOL, [], 0), (NODE_TOOL, ["-h"], 0), (NODE_TOOL, ["-x"], 1), (NODE_TOOL, ["-c"], 1),
    (NODE_TOOL, ["-i"], 2), (NODE_TOOL, ["-i", "-c", "/nowhere"], 2),
    (NODE_TOOL, ["-r"], 2), (NODE_TOOL, ["-r", "-n", "c"], 1),
    (NODE_TOOL, ["-M"], 2), (NODE_TOOL, ["-M", "-c", "/tmp/any"], 1),
    (NODE_TOOL, ["-m"], 2), (NODE_TOOL, ["-m", "-c", "/tmp/any"], 1),
    (NODE_TOOL, ["-Q"], 2), (NODE_TOOL, ["-Q", "-n", "c"], 2),
    (NODE_TOOL, ["-Q", "-n", "c", "a"], 2), (NODE_TOOL, ["-Q", "a", "b"], 2),
]


def test_statuses_are_those_of_the_stock_tools(env):
    machine(env)
    for ours in (True, False):
        blank = Host(env, "ours" if ours else "stock", ours)
        blank.write("/tmp/any", b"any")
        for tool, words, expected in CALLS:
            status = blank.status(tool, *words)
            assert status == expected, (ours, tool, words, status)
        assert not os.path.exists(os.path.join(blank.root, "etc/qnetd/nssdb")), "nothing was made"


def test_a_second_init_is_refused_and_changes_nothing(env):
    machine(env)
    arbiter, node = Host(env, "arbiter", True), Host(env, "node", True)
    begin(arbiter, [node])
    before = digests(arbiter, ARBITER)
    again = arbiter.run(ARBITER_TOOL, "-i", check=False)
    assert again.returncode == 1 and "already exists" in again.stderr, again
    assert digests(arbiter, ARBITER) == before
    again = node.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt", check=False)
    assert again.returncode == 1 and "already exists" in again.stderr, again


def test_failures_are_told(env):
    """Where the stock tools answer 0 with an empty file, ours answer 1 and leave the old one."""
    machine(env)
    arbiter, node = Host(env, "arbiter", True), Host(env, "node", True)
    begin(arbiter, [node])
    enrol(arbiter, [node], "alpha")
    before = digests(arbiter, ARBITER)
    request = arbiter.read("/tmp/qdevice-net-node.crq")
    arbiter.write("/tmp/garbage", request[:-1] + bytes([request[-1] ^ 1]))
    arbiter.run("openssl", "req", "-newkey", "rsa:1024", "-nodes", "-keyout", "/tmp/key", "-subj",
                "/CN=alpha", "-out", "/tmp/weak")
    for file, name in [("/tmp/garbage", "alpha"), ("/tmp/weak", "alpha"), ("/dev/null", "alpha"),
                       ("/tmp/qdevice-net-node.crq", "beta"),
                       ("/tmp/qdevice-net-node.crq", "../alpha"), ("/tmp", "alpha")]:
        done = arbiter.run(ARBITER_TOOL, "-s", "-c", file, "-n", name, check=False)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 2, (file, name, done)
    assert digests(arbiter, ARBITER) == before, "no serial number was used, no file touched"
    stranger = Host(env, "stranger", True)
    stranger.write("/tmp/ca.crt", arbiter.read(f"{ARBITER}/qnetd-cacert.crt"))
    stranger.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt")
    stranger.write("/tmp/alpha.crt", arbiter.read(f"{ARBITER}/cluster-alpha.crt"))
    assert stranger.status(NODE_TOOL, "-M", "-c", "/tmp/alpha.crt") == 1, "no key fits"
    assert stranger.status(NODE_TOOL, "-m", "-c", "/tmp/alpha.crt") == 1, "no PKCS#12"


def test_a_new_arbiters_bundle_brings_its_ca(env):
    """Other nodes keep the old CA when the first one is set up anew: the bundle corrects them."""
    machine(env)
    old, new = Host(env, "old", True), Host(env, "new", True)
    first, second = Host(env, "first", True), Host(env, "second", True)
    begin(old, [second])
    begin(new, [first])
    enrol(new, [first], "alpha")
    second.write("/tmp/node.p12", first.read(f"{NODE}/qdevice-net-node.p12"))
    done = second.run(NODE_TOOL, "-m", "-c", "/tmp/node.p12")
    assert "Replaced the CA certificate" in done.stdout, done
    check_our_node(env, second, new.path(f"{ARBITER}/qnetd-cacert.crt"))
