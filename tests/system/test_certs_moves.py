"""test_certs_moves.py -- certificates changing hands: from stock to ours and back, -Q, own verbs.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import stat

from certs_hosts import (ARBITER, ARBITER_TOOL, NODE, NODE_TOOL, Host, begin, check_arbiter,
                         check_bundle, check_our_node, check_stock_node, digests, enrol, machine,
                         openssl_verifies, take_certificate)


# -- from stock to ours and back -----------------------------------------------------------------

def test_a_stock_database_is_taken_over_in_place(env):
    machine(env)
    arbiter = Host(env, "arbiter", False)
    nodes = [Host(env, "node0", False), Host(env, "node1", False)]
    begin(arbiter, nodes)
    enrol(arbiter, nodes, "alpha")
    before = {on: digests(on, ARBITER if on is arbiter else NODE) for on in [arbiter] + nodes}
    for on in [arbiter] + nodes:
        folder = ARBITER if on is arbiter else NODE
        on.belongs_to(ours=True)
        on.run("qcert", "import")
        after = digests(on, folder)
        assert {name: after[name] for name in before[on]} == before[on], "the database is untouched"
        assert not [name for name in after if name.startswith(".")], "nothing is left behind"
        again = on.run("qcert", "import", check=False)
        assert again.returncode == 1 and "already" in again.stderr, again
        assert digests(on, folder) == after, "PEM files are never overwritten"
    for node in nodes:
        env.run(["openssl", "verify", "-auth_level", "2", "-CAfile",
                 arbiter.path(f"{ARBITER}/qnetd-cacert.crt"), node.path(f"{NODE}/cluster.pem")])
    check_arbiter(env, arbiter, "alpha")
    enrol(arbiter, nodes, "alpha")  # The same CA goes on signing.
    assert arbiter.read(f"{ARBITER}/serial.txt") == b"104\n"
    check_arbiter(env, arbiter, "alpha")


def test_init_if_missing_makes_takes_over_and_leaves_alone(env):
    """What the arbiter's service does before each start."""
    machine(env)
    start = ("qcert", "init", "--if-missing")
    fresh = Host(env, "fresh", True)
    assert "certificate authority" in fresh.run(*start).stdout
    before = digests(fresh, ARBITER)
    again = fresh.run(*start)
    assert (again.stdout, again.stderr) == ("", ""), again
    assert digests(fresh, ARBITER) == before

    deep = env.path("passage", "inner", "nssdb")  # An empty volume; a service may hide its files.
    env.run(["sh", "-c", 'umask 077 && exec "$@"', "sh", env.program("qcert"), *start[1:], "--dir",
             deep])
    modes = [stat.S_IMODE(os.stat(env.path(*path)).st_mode)
             for path in (["passage"], ["passage", "inner"], ["passage", "inner", "nssdb"])]
    assert modes == [0o755, 0o755, 0o770], modes

    stock = Host(env, "stock", False)
    stock.run(ARBITER_TOOL, "-i")
    authority = stock.read(f"{ARBITER}/qnetd-cacert.crt")
    stock.belongs_to(ours=True)
    blind = stock.run("env", "PATH=/tmp/bin", *start, check=False)
    assert blind.returncode == 1 and "libnss3-tools" in blind.stderr, blind
    assert not stock.has(f"{ARBITER}/ca.key"), "no second authority beside the stock one"
    stock.run(*start)
    assert stock.read(f"{ARBITER}/qnetd-cacert.crt") == authority
    openssl_verifies(env, stock.path(f"{ARBITER}/qnetd-cacert.crt"),
                     stock.path(f"{ARBITER}/server.pem"), "sslserver", "pem")


def test_tools_change_hands_in_the_middle(env):
    """Stock made CA and request; ours sign, and find the key in the stock database."""
    machine(env)
    arbiter, node = Host(env, "arbiter", False), Host(env, "node", False)
    begin(arbiter, [node])
    node.run(NODE_TOOL, "-r", "-n", "alpha")
    for on in (arbiter, node):
        on.belongs_to(ours=True)
    arbiter.write("/tmp/crq", node.read(f"{NODE}/qdevice-net-node.crq"))
    arbiter.run(ARBITER_TOOL, "-s", "-c", "/tmp/crq", "-n", "alpha")
    take_certificate(arbiter, [node], "alpha")
    ca = check_arbiter(env, arbiter, "alpha")
    openssl_verifies(env, ca, node.path(f"{NODE}/cluster.pem"), "sslclient", "pem")
    check_bundle(node)


def test_a_node_goes_back_to_the_stock_tools(env):
    """In the same folder, with the file that was kept."""
    machine(env)
    arbiter, node = Host(env, "arbiter", True), Host(env, "node", True)
    begin(arbiter, [node])
    enrol(arbiter, [node], "alpha")
    node.belongs_to(ours=False)
    node.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt")
    node.run(NODE_TOOL, "-m", "-c", f"{NODE}/qdevice-net-node.p12")
    check_stock_node(node)


# -- -Q ------------------------------------------------------------------------------------------

SSH = """#!/usr/bin/env python3
import json, os, subprocess, sys
hosts = json.load(open({table!r}))
login, command = sys.argv[-2:]
open({journal!r}, "a").write(login + " " + command + "\\n")
sys.exit(subprocess.run(hosts[login[len("root@"):]]["words"] + ["sh", "-c", command]).returncode)
"""

SCP = """#!/usr/bin/env python3
import json, shutil, sys
hosts = json.load(open({table!r}))
def place(name):
    if not name.startswith("root@"):
        return name
    login, path = name.rsplit(":", 1)
    return hosts[login[len("root@"):].strip("[]")]["root"] + \\
        path.replace("/etc/corosync/", "/etc/").replace("/tmp/", "/tmp/", 1)
shutil.copyfile(place(sys.argv[-2]), place(sys.argv[-1]))
"""


def quick_start(env, hosts, names, cluster="it's quick"):
    """-Q from a third place; ssh and scp lead into the hosts' namespaces."""
    table, journal = env.path("hosts.json"), env.path("ssh.log")
    with open(table, "w", encoding="utf-8") as file:
        json.dump({name: {"root": on.root, "words": on.words([])}
                   for name, on in hosts.items()}, file)
    for name, text in (("fake-ssh", SSH), ("fake-scp", SCP)):
        with open(env.path(name), "w", encoding="utf-8") as file:
            file.write(text.format(table=table, journal=journal))
        os.chmod(env.path(name), 0o755)
    # Called by a bare name, as from a shell, so that each host uses its own tool.
    return env.run(["sh", "-c", 'exec corosync-qdevice-net-certutil "$@"', "sh", "-Q",
                    "-n", cluster, "-S", env.path("fake-ssh") + " -o BatchMode=yes",
                    "-C", env.path("fake-scp"), *names], seconds=90, check=False,
                   env={"PATH": env.bin + ":/usr/sbin:/usr/bin:/sbin:/bin"})


def quick_mix(env, arbiter_ours, nodes_ours):
    machine(env)
    cluster = "it's quick"
    hosts = {"fd00::1": Host(env, "arbiter", arbiter_ours)}
    for i, ours in enumerate(nodes_ours):
        hosts[f"node{i}"] = Host(env, f"node{i}", ours)
    done = quick_start(env, hosts, list(hosts))
    assert done.returncode == 0, done.stdout + done.stderr
    arbiter, nodes = hosts["fd00::1"], list(hosts.values())[1:]
    ca = check_arbiter(env, arbiter, cluster)
    for node in nodes:
        if node.ours:
            check_our_node(env, node, ca)
        else:
            check_stock_node(node)
        assert not node.has("/tmp/qnetd-cacert.crt"), "the copy of the CA is gone"
    again = quick_start(env, hosts, list(hosts))
    assert again.returncode == 1 and "already has certificates" in again.stderr, again


def test_quick_start_ours(env):
    quick_mix(env, True, [True, True])


def test_quick_start_drives_stock_hosts(env):
    quick_mix(env, False, [False, True])


def test_quick_start_names_the_host_that_is_not_ready(env):
    machine(env)
    hosts = {"arbiter": Host(env, "arbiter", True), "node0": Host(env, "node0", True)}
    done = quick_start(env, hosts, ["arbiter", "node0", "node9"])
    assert done.returncode == 1 and "node9" in done.stderr, done
    assert not os.path.exists(os.path.join(hosts["node0"].root, "etc/qdevice")), \
        "nothing is done before all nodes were looked at"


# -- own verbs -----------------------------------------------------------------------------------

def test_own_verbs_need_no_root_and_no_standard_place(env):
    env.need_program("openssl")
    qcert = env.program("qcert")
    drop = []
    if os.geteuid() == 0:
        env.need_program("setpriv")
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(env.tmp, 65534, 65534)

    def run(*words, check=True):
        return env.run(drop + [qcert, *words], check=check)

    arbiter, one, two = (env.path(name) for name in ("arbiter", "one", "two"))
    run("init", "--dir", arbiter)
    ca = os.path.join(arbiter, "qnetd-cacert.crt")
    taken = json.loads(run("import", "--ca", ca, "--dir", one, "--json").stdout)
    assert taken["files"] == [os.path.join(one, "ca.pem")]
    run("request", "--cluster", "alpha", "--dir", one)
    run("sign", "--cluster", "alpha", "--request", os.path.join(one, "qdevice-net-node.crq"),
        "--dir", arbiter)
    bundle = json.loads(run("import", "--certificate", os.path.join(arbiter, "cluster-alpha.crt"),
                            "--dir", one, "--json").stdout)["files"][0]
    run("import", "--p12", bundle, "--dir", two)
    for folder, role in ((arbiter, "arbiter"), (one, "node"), (two, "node")):
        words = run("show", "--dir", folder).stdout
        shown = json.loads(run("show", "--dir", folder, "--json").stdout)["directories"][0]
        assert shown["role"] == role and shown["verdict"]["usable"], shown
        assert "can use this directory" in words and "Qnetd Server" in words or role == "node"
        for certificate in shown["certificates"]:
            assert certificate["fingerprint_sha256"] in words
            form = "der" if certificate["file"].endswith("-alpha.crt") else "pem"
            said = env.run(["openssl", "x509", "-in", certificate["file"], "-inform", form,
                            "-noout", "-fingerprint", "-sha256"]).stdout
            assert certificate["fingerprint_sha256"] in said
    os.remove(os.path.join(two, "cluster.key"))
    broken = run("show", "--dir", two, check=False)
    assert broken.returncode == 1 and "cluster.key" in broken.stdout, broken
    for words, status in [(["init", "--dir", arbiter], 1), (["nonsense"], 2), ([], 2),
                          (["sign", "--cluster", "a", "--request", "/nowhere"], 2),
                          (["--help"], 0), (["--version"], 0), (["sign", "--help"], 0)]:
        assert run(*words, check=False).returncode == status, words
    failure = json.loads(run("init", "--dir", arbiter, "--json", check=False).stdout)
    assert "already exists" in failure["error"]["what"] and failure["error"]["remedy"]
