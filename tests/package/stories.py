"""stories.py -- what happens to a package in its life, each story in a tree of its own.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import signal
import stat
import time

import harness
from service import Service
from tree import Tree, differences

ARBITER = "/etc/corosync/qnetd/nssdb"
NODE = "/etc/corosync/qdevice/net/nssdb"
CA = f"{ARBITER}/qnetd-cacert.crt"
BACKUP = "/var/backups/castvote-qnetd"
GRANTS = "/var/lib/castvote/qnetd/grants.db"
OURS = ["castvote-qdevice", "castvote-qnetd"]
STOCK = ["corosync-qdevice", "corosync-qnetd"]
COMMANDS = {"/usr/bin": ["qnetd", "qnetd-tool", "qcert", "corosync-qnetd", "corosync-qnetd-tool",
                         "corosync-qnetd-certutil"],
            "/usr/sbin": ["qdevice-client", "qdevice-tool", "corosync-qdevice",
                          "corosync-qdevice-tool", "corosync-qdevice-net-certutil"]}
TELLING = re.compile(r"(Setting up|Unpacking|Removing|Purging).*(castvote|corosync-q)|castvote-q")
WANTS = "/etc/systemd/system/multi-user.target.wants"
UNIT = "corosync-qnetd.service"  # A link to ours, or the stock one.


def step(what):
    print("-- " + what, flush=True)


def show(tree, *argv, **more):
    """Runs a command in the tree, and prints both."""
    done = tree.run(*argv, **more)
    print("\n".join(["   # " + " ".join(argv)]
                    + ["   " + line for line in (done.stdout + done.stderr).splitlines()]),
          flush=True)
    return done


def apt(tree, *argv):
    """apt-get; of what it says the lines about our packages and their forerunners are printed."""
    said = tree.apt(*argv)
    print("   # apt-get " + " ".join(argv))
    for line in said.splitlines():
        if TELLING.match(line):
            print("   " + line)
    return said


def mode_and_owner(tree, path):
    status = os.stat(tree.path(path))
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def group(tree, name):
    return int(tree.run("getent", "group", name).stdout.split(":")[2])


def install_dependencies(tree, files):
    """What our packages need from Debian, so that a snapshot shows only what is ours."""
    tree.apt("update")
    planned = re.findall(r"^Inst (\S+)", tree.apt("install", "--simulate", *files), re.MULTILINE)
    tree.apt("install", "--no-install-recommends",
             *[name for name in planned if not name.startswith("castvote-")])


def enrol(tree, cluster):
    """The node in this tree gets its certificate from the arbiter in it, by the stock commands."""
    sign, node = "/usr/bin/corosync-qnetd-certutil", "/usr/sbin/corosync-qdevice-net-certutil"
    tree.run(node, "-i", "-c", CA)
    tree.run(node, "-r", "-n", cluster)
    tree.run(sign, "-s", "-c", f"{NODE}/qdevice-net-node.crq", "-n", cluster)
    tree.run(node, "-M", "-c", f"{ARBITER}/cluster-{cluster}.crt")


def vote(tree, cluster):
    """A node whose corosync we play gets the vote, with TLS and certificates of both sides."""
    node = tree.env.spawn(tree.words([
        "qdevice-client", "--provider", "stdio", "--node-id", "1", "--nodes", "1,2", "--cluster",
        cluster, "--arbiter", "127.0.0.1", "--tls", "required", "--timeout", "1250",
        "--sync-timeout", "4000"]), name=f"{tree.name}-node", stdin=True)
    node.send(json.dumps({"ring": {"node": 1, "seq": 8}, "members": [1]}))
    tree.env.wait_for(lambda: holders(tree, cluster) == [1], 60, "node 1 has the vote")
    text = show(tree, "corosync-qnetd-tool", "-l", "-v").stdout
    assert "Yes (client certificate verified)" in text and "ACK" in text, text
    return node


def holders(tree, cluster):
    answer = json.loads(tree.run("qnetd-tool", "status", "--json").stdout)
    return [holder["node_id"] for known in answer["clusters"] if known["name"] == cluster
            for holder in known["holders"]]


def check_commands(tree):
    for folder, names in COMMANDS.items():
        for name in names:
            assert tree.run("sh", "-c", f"command -v {name}").stdout.strip() == f"{folder}/{name}"
            assert os.path.isfile(tree.path(os.path.join("/", tree.run(
                "realpath", f"/usr/share/man/man8/{name}.8.gz").stdout.strip()))), name
    for unit in OURS:
        stock = unit.replace("castvote", "corosync")
        assert os.readlink(tree.path(f"/lib/systemd/system/{stock}.service")) == f"{unit}.service"
    assert tree.has(f"{WANTS}/castvote-qnetd.service")
    assert not tree.has(f"{WANTS}/castvote-qdevice.service"), "no device is configured yet"


def check_certificates(tree):
    daemon = group(tree, "coroqnetd")
    assert mode_and_owner(tree, f"{ARBITER}/ca.key") == (0o600, 0, 0), "only root may sign"
    assert mode_and_owner(tree, f"{ARBITER}/server.key") == (0o640, 0, daemon)
    assert mode_and_owner(tree, ARBITER) == (0o750, 0, daemon)


def use(tree, arbiter):
    """Status, the daemon's user, and a node with a vote, which is returned."""
    assert "Connected clients" in show(tree, "corosync-qnetd-tool", "-s").stdout
    user = os.stat(f"/proc/{arbiter.main_pid()}").st_uid
    assert user == int(tree.run("id", "-u", "coroqnetd").stdout), user
    node = vote(tree, "alpha")
    assert mode_and_owner(tree, GRANTS)[1] == user
    return node


def end(node):
    """SIGTERM for what runs in the tree behind nsenter."""
    os.kill(harness.children_of(node.pid)[0], signal.SIGTERM)
    node.wait(20)


def versions(tree, names):
    return [tree.installed(name) for name in names]


def version_of(package):
    return os.path.basename(package).split("_")[1]


def fresh(env, base, packages, **_):
    first, second = packages
    tree = Tree(env, "fresh", base)
    files = [tree.bring(first[name]) for name in OURS]
    step("what they need from Debian, then a snapshot")
    install_dependencies(tree, files)
    before = tree.snapshot()

    step("install")
    apt(tree, "install", "--no-install-recommends", *files)
    check_commands(tree)
    for name in ("qnetd", "qnetd-tool", "qdevice-client", "qdevice-tool", "qcert"):
        said = tree.run(name, "--version").stdout
        assert said.startswith(f"{name} "), said
    assert not tree.has(ARBITER), "an image with the package in it carries no key"

    step("the first start makes certificates and state; a node gets the vote")
    began = time.monotonic()
    arbiter = Service(tree, UNIT).start()
    print(f"   ready, with new certificates, after {time.monotonic() - began:.2f} s", flush=True)
    check_certificates(tree)
    authority = tree.digest(CA)
    enrol(tree, "alpha")
    node = use(tree, arbiter)
    show(tree, "qnetd-tool", "status")

    step("upgrade, and the restart that the package's script asks for")
    apt(tree, "install", *[tree.bring(second[name]) for name in OURS])
    assert versions(tree, OURS) == [version_of(second[name]) for name in OURS]
    assert arbiter.process.alive(), "it serves until it is restarted"
    arbiter.stop()
    arbiter = Service(tree, UNIT).start()
    assert tree.digest(CA) == authority, "the same certificates"
    assert holders(tree, "alpha") == [1], "the same grants"

    step("remove: certificates stay, grants are forgotten")
    end(node)
    arbiter.stop()
    assert tree.has(GRANTS)
    apt(tree, "remove", *OURS)
    assert tree.has(f"{ARBITER}/ca.key") and tree.has(f"{NODE}/cluster.key")
    assert not tree.has(GRANTS), "another arbiter may work from now on"

    step("install again: the same authority")
    apt(tree, "install", *files)
    Service(tree, UNIT).start().stop()
    assert tree.digest(CA) == authority

    step("purge: nothing of ours is left")
    apt(tree, "purge", *OURS)
    left = differences(before, tree.snapshot())
    assert not left, "\n".join(left)


def is_stock(tree):
    """The database of the stock arbiter is whole, and none of our files is beside it."""
    listed = tree.run("certutil", "-L", "-d", f"sql:{ARBITER}").stdout
    assert "QNet CA" in listed and "QNetd Cert" in listed, listed
    for name in ("ca.key", "server.key", "server.pem"):
        assert not tree.has(f"{ARBITER}/{name}"), name


def takeover(env, base, packages, **_):
    tree = Tree(env, "takeover", base)
    step("the stock packages, a cluster with certificates of theirs, an enabled node")
    tree.apt("update")
    apt(tree, "install", "--no-install-recommends", *STOCK)
    authority = tree.digest(CA)
    enrol(tree, "alpha")
    tree.run("ln", "-s", "/lib/systemd/system/corosync-qdevice.service", WANTS)  # It is enabled.
    database = {name: tree.digest(f"{ARBITER}/{name}") for name in ("cert9.db", "key4.db")}

    step("install over them")
    files = [tree.bring(packages[0][name]) for name in OURS]
    said = apt(tree, "install", "--no-install-recommends", *files)
    assert versions(tree, STOCK) == ["", ""]
    assert f"A copy of them is in {BACKUP}" in said, said
    assert tree.has(f"{WANTS}/castvote-qdevice.service"), "a node that was enabled stays so"
    arbiter = Service(tree, UNIT).start()
    check_certificates(tree)
    assert tree.digest(CA) == authority
    end(use(tree, arbiter))
    arbiter.stop()

    step("purge what is left of stock, which deletes all certificates; the copy helps")
    apt(tree, "purge", *STOCK)
    assert not tree.has(ARBITER), "or the copy is not needed"
    assert tree.has(f"{WANTS}/castvote-qdevice.service"), "ours stays enabled"
    tree.run("cp", "-a", f"{BACKUP}/nssdb", ARBITER)
    arbiter = Service(tree, UNIT).start()
    assert tree.digest(CA) == authority
    end(use(tree, arbiter))
    arbiter.stop()

    step("back to stock, and purge ours: the database is whole, nothing of ours is left")
    apt(tree, "install", "--no-install-recommends", *STOCK)
    assert versions(tree, OURS) == ["", ""]
    apt(tree, "purge", *OURS)
    is_stock(tree)
    assert {name: tree.digest(f"{ARBITER}/{name}") for name in database} == database
    for path in ("/var/lib/castvote", BACKUP, "/usr/lib/castvote-qnetd", f"{NODE}/cluster.key"):
        assert not tree.has(path), path
    Service(tree, UNIT).start().stop()
