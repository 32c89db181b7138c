"""test_join_wide.py -- one node has all nodes of its cluster join, over an ssh between them.

What is called ssh here runs the command for another folder of this machine.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import socket

from enrolment import Home, Invitation, join, read

NOT_EVERYWHERE = 7
NODES = {"one": "192.0.2.11", "two": "192.0.2.12", "three": "three"}

CONFIGURATION = """totem {{
  cluster_name: alpha
}}
nodelist {{
  node {{
    name: {here}
    ring0_addr: 192.0.2.11
  }}
  node {{
    name: two
    ring0_addr: 192.0.2.12
  }}
  node {{
    name: three
  }}
}}
quorum {{
  provider: corosync_votequorum
}}
"""


def script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)


def qcert_of(env, node):
    """As that node finds it in its PATH."""
    script(env.path("hosts", NODES[node], "qcert"),
           f"exec {env.program('qcert')} \"$@\" --dir {env.path(node, 'nssdb')} "
           f"--corosync-conf {env.path(node, 'corosync.conf')}\n")


def prepare(env):
    """A folder for each node, and an ssh that leads from one to the other."""
    for node in NODES:
        os.mkdir(env.path(node))
        with open(env.path(node, "corosync.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(here=socket.gethostname()))
        qcert_of(env, node)
    script(env.path("ssh"), f"printf '%s\\n' \"$*\" >> {env.path('said')}\n"
           f"PATH=\"{env.path('hosts')}/${{2#root@}}:$PATH\" exec sh -c \"$3\"\n")


def test_all_nodes_join_from_one(env):
    prepare(env)
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 3)

    def join_all(*options, status=0):
        done = join(env, invitation.address, invitation.token, "one", "--cluster-wide", "--ssh",
                    env.path("ssh") + " -x", "--json", *options, check=False)
        assert done.returncode == status, done
        return {one["host"]: one["status"] for one in json.loads(done.stdout)["other_nodes"]}

    before = read(env, "one", "corosync.conf")
    script(env.path("hosts", "three", "qcert"), "echo there is something wrong here\nexit 9\n")
    assert join_all("--apply", status=NOT_EVERYWHERE) == {"192.0.2.12": 0, "three": 9}
    assert all(read(env, node, "corosync.conf") == before for node in NODES), "none is changed"
    keys = [read(env, node, "nssdb", "cluster.key") for node in ("one", "two")]
    # It joins, but cannot write, and says so in its own way.
    qcert_of(env, "three")
    os.rename(env.path("hosts", "three", "qcert"), env.path("hosts", "three", "joins"))
    script(env.path("hosts", "three", "qcert"), "case $* in *--apply*) "
           "printf '\\033[2Jno disk\\n'; exit 9 ;; esac\nexec joins \"$@\"\n")
    said = join(env, invitation.address, invitation.token, "one", "--cluster-wide", "--ssh",
                env.path("ssh") + " -x", "--apply", check=False)
    assert said.returncode == NOT_EVERYWHERE, said
    assert "three: NOT DONE (status 9)\n?[2Jno disk\n" in said.stdout, said
    assert 'not changed here, but where "done" is said' in said.stdout, said
    assert read(env, "one", "corosync.conf") == before != read(env, "two", "corosync.conf")
    qcert_of(env, "three")
    assert join_all("--apply") == {"192.0.2.12": 0, "three": 0}
    assert invitation.ends(0)["reason"] == "all_joined"
    assert [read(env, node, "nssdb", "cluster.key") for node in ("one", "two")] == keys
    assert read(env, "three", "nssdb", "cluster.key") not in keys
    changed = {read(env, node, "corosync.conf") for node in NODES}
    assert len(changed) == 1 and b"algorithm: lms" in changed.pop(), changed
    owners = {one["owner"] for one in home.listed()}
    assert len(home.listed()) == 3 and len(owners) == 1, home.listed()
    assert invitation.token not in read(env, "said").decode(), "no token among the arguments"
    # Again, when all is done and no invitation is open.
    assert join_all("--apply") == {"192.0.2.12": 0, "three": 0}


def test_stock_nodes_join_from_one(env):
    for program in ("certutil", "pk12util"):
        env.need_program(program)
    prepare(env)
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 3)
    for _ in ("new", "done already"):
        join(env, invitation.address, invitation.token, "one", "--cluster-wide", "--ssh",
             env.path("ssh") + " -x", "--stock", "--apply")
    assert invitation.ends(0)["reason"] == "all_joined"
    bundles = {read(env, node, "nssdb", "qdevice-net-node.p12") for node in NODES}
    assert len(bundles) == 3, "a key for each"
    for node in NODES:
        assert os.path.exists(env.path(node, "nssdb", "cert9.db"))
        assert not os.path.exists(env.path(node, "nssdb", "cluster.pem"))
        assert b"host: 127.0.0.1" in read(env, node, "corosync.conf")


def test_who_is_none_of_the_nodes_asks_nobody(env):
    os.mkdir(env.path("one"))
    with open(env.path("one", "corosync.conf"), "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.format(here="elsewhere"))
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 3)
    done = join(env, invitation.address, invitation.token, "one", "--cluster-wide", "--ssh",
                "false", check=False)
    assert done.returncode == 1 and "not exactly one of the nodes" in done.stderr, done
    assert not os.path.exists(env.path("one", "nssdb"))
    assert [event["event"] for event in invitation.events()] == ["waiting"]
