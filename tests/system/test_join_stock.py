"""test_join_stock.py -- nodes with the stock daemon join by invitation.

What comes of it is judged by the stock tools, by what the stock script makes, and by the stock
daemon itself at an arbiter of ours that wants certificates.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import stat
from types import SimpleNamespace

from certs_hosts import NODE, NODE_TOOL, Host, check_bundle, check_stock_node, digests, machine
from cluster import ARBITER_ADDRESS, DEVICE, Cluster
from enrolment import Home, Invitation, join, read

UNREACHABLE, HAS_CERTIFICATES = 3, 6
QCERT = "/tmp/bin/qcert"  # the one file of ours on a stock host; it is not in its PATH


def stock_node(env, name="stock"):
    """A host with the stock tools, whose /etc/corosync/qdevice/net is there, as packaged."""
    machine(env)
    host = Host(env, name, False)
    os.makedirs(os.path.join(host.root, "etc/qdevice/net"))
    host.write("/etc/corosync/corosync.conf", b"totem {\n  cluster_name: alpha\n}\n"
               b"nodelist {\n  node {\n    nodeid: 1\n  }\n  node {\n    nodeid: 2\n  }\n}\n"
               b"quorum {\n  provider: corosync_votequorum\n}\n")
    return host


def join_stock(host, invitation, *options, status=0, stock=True, path=None):
    words = [QCERT, "join", invitation.address, invitation.token,
             *(["--stock"] if stock else []), *options]
    done = host.run(*(["env", f"PATH={path}"] if path else []), *words, check=False)
    assert done.returncode == status, done
    return done


def beside(host):
    """What lies in the folder of the database, the database's own name left out."""
    return sorted(set(os.listdir(os.path.join(host.root, "etc/qdevice/net"))) - {"nssdb"})


def modes(host, folder):
    place = os.path.dirname(host.path(folder + "/x"))
    found = {name: stat.S_IMODE(os.stat(os.path.join(place, name)).st_mode)
             for name in os.listdir(place)}
    found["."] = stat.S_IMODE(os.stat(place).st_mode)
    return found


def test_the_database_is_what_the_stock_tools_make(env):
    host, peer = stock_node(env), stock_node(env, "peer")
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    said = json.loads(join_stock(host, invitation, "--json").stdout)
    assert said["stock"] and said["new_certificate"] and not said["must_restart"], said
    assert said["directory"] == NODE and said["notes"] == [], said
    assert invitation.ends(0)["joined"] == 1
    check_stock_node(host)
    check_bundle(host)
    host.run("certutil", "-K", "-d", NODE, "-f", f"{NODE}/pwdfile.txt", "-n", "Cluster Cert")
    assert beside(host) == [], "no key in clear is left"
    # The stock script, for comparison, with the same key and CA.
    host.run("sh", "-c", f"certutil -L -d {NODE} -n 'QNet CA' -a > /tmp/ca.crt")
    peer.write("/tmp/ca.crt", host.read("/tmp/ca.crt"))
    peer.write("/tmp/node.p12", host.read(f"{NODE}/qdevice-net-node.p12"))
    peer.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt")
    peer.run(NODE_TOOL, "-m", "-c", "/tmp/node.p12")
    theirs = {**modes(peer, NODE), "qdevice-net-node.p12": 0o600}
    assert modes(host, NODE) == theirs, (modes(host, NODE), theirs)
    for name in ("pkcs11.txt", "pwdfile.txt"):
        assert host.read(f"{NODE}/{name}") == peer.read(f"{NODE}/{name}"), name
    assert re.fullmatch(rb"[0-9a-f]{40}\n", host.read(f"{NODE}/noise.txt"))
    # The stock tools go on with it: a new request needs the noise, our package takes it over.
    host.run(NODE_TOOL, "-r", "-n", "alpha")
    host.run(QCERT, "import", "--dir", NODE)
    assert host.has(f"{NODE}/cluster.key")


def test_it_is_done_once_and_done_already_then(env):
    host = stock_node(env)
    home = Home(env).start()
    os.mkdir(os.path.join(host.root, "etc/qdevice/net/nssdb"), 0o700)  # empty, as pcs leaves it
    invitation = Invitation(home, "--nodes", 1)
    first = join_stock(host, invitation, "--apply").stdout
    assert "corosync-qdevice-tool -s" in first and "doctor" not in first, first
    assert "systemctl restart corosync-qdevice" in first, first
    assert b"port: " in host.read("/etc/corosync/corosync.conf")
    assert modes(host, NODE)["."] == 0o700, "who has made it had a reason"
    before = digests(host, NODE)
    os.makedirs(os.path.join(host.root, "etc/qdevice/net/nssdb.castvote-join"))
    again = join_stock(host, invitation).stdout  # no invitation is open any more
    assert "already" in again, again
    assert digests(host, NODE) == before
    assert beside(host) == [], "what a power cut had left is gone"


def test_whom_the_arbiter_does_not_answer_keeps_its_key(env):
    host = stock_node(env)
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    nobody = SimpleNamespace(address=f"127.0.0.1:{env.free_port()}", token=invitation.token)
    join_stock(host, nobody, status=UNREACHABLE)
    assert beside(host) == ["nssdb.castvote-join"] and not host.has(NODE + "/cert9.db")
    working = f"{NODE}.castvote-join"
    assert modes(host, working)["."] == 0o700, modes(host, working)
    assert modes(host, working)["request.key"] == 0o600, modes(host, working)
    key = host.read(f"{working}/request.key")
    join_stock(host, invitation)
    bundle = host.path(f"{NODE}/qdevice-net-node.p12")
    got = env.run(["openssl", "pkcs12", "-in", bundle, "-passin", "pass:", "-nocerts", "-nodes"])
    assert key.decode() in got.stdout, "the same key"
    assert beside(host) == []


def false_tools(host, when, instead):
    """A PATH with the tools, which do something else when their words are like this."""
    os.makedirs(host.path("/tmp/false"), exist_ok=True)
    for tool in ("certutil", "pk12util"):
        file = f"/tmp/false/{tool}"
        host.write(file, f"#!/bin/sh\ncase '{tool} '\"$*\" in {when}) {instead} ;; esac\n"
                   f"exec /usr/bin/{tool} \"$@\"\n".encode())
        os.chmod(host.path(file), 0o755)
    return "/tmp/false"


def test_without_the_tools_no_place_is_used_and_when_they_fail_none_is_lost(env):
    host = stock_node(env)
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    for force in ((), ("--force",)):
        told = join_stock(host, invitation, *force, status=1, path="/nowhere").stderr
        assert "certutil is not installed" in told and "libnss3-tools" in told, told
    assert beside(host) == [] and not host.has(NODE + "/pwdfile.txt"), "not even a key was made"
    assert [event["event"] for event in invitation.events()] == ["waiting"]
    assert home.listed() == []
    # It fails in the middle: nothing is in place, and the key is asked for again.
    path = false_tools(host, "certutil*-A*", "echo no room; exit 9")
    told = join_stock(host, invitation, status=1, path=path).stderr
    assert "certutil ended with status 9: no room" in told, told
    assert beside(host) == ["nssdb.castvote-join"] and not host.has(NODE + "/pwdfile.txt")
    env.wait_for(lambda: invitation.events("broken"), 10, "the arbiter noticed it")
    join_stock(host, invitation)
    assert invitation.ends(0)["joined"] == 1
    assert [one["serial"] for one in home.listed()] == ["103"], "the same certificate"
    check_stock_node(host)


def test_killed_at_any_step_it_leaves_the_old_one(env):
    host = stock_node(env)
    home, other = Home(env).start(), Home(env, "other").start()
    join_stock(host, Invitation(other, "--nodes", 1))
    old = digests(host, NODE)
    invitation = Invitation(home, "--nodes", 1)
    for step in ("certutil*-N*", "certutil*-A*", "pk12util*-i*", "certutil*-L*"):
        path = false_tools(host, step, "kill -9 $PPID; exit 9")
        join_stock(host, invitation, "--force", path=path, status=-9)
        assert digests(host, NODE) == old, step
        assert beside(host) == ["nssdb.castvote-join"], step
    join_stock(host, invitation, "--force")
    assert [one["serial"] for one in home.listed()] == ["103"], "for the same key each time"
    check_stock_node(host)
    [kept] = beside(host)
    assert digests(host, f"/etc/corosync/qdevice/net/{kept}") == old


def test_what_a_node_has_is_kept(env):
    host = stock_node(env)
    home, other = Home(env).start(), Home(env, "other").start()
    first = Invitation(other, "--nodes", 1)
    join_stock(host, first)
    old = digests(host, NODE)
    invitation = Invitation(home, "--nodes", 2)
    told = join_stock(host, invitation, status=HAS_CERTIFICATES).stderr
    assert "does not trust this arbiter" in told and "--force" in told, told
    told = join_stock(host, invitation, stock=False, status=HAS_CERTIFICATES).stderr
    assert "--stock" in told, told
    assert digests(host, NODE) == old and beside(host) == []
    said = json.loads(join_stock(host, invitation, "--force", "--json").stdout)
    kept = beside(host)
    assert len(kept) == 1 and kept[0].startswith("nssdb.before-castvote-2"), kept
    assert said["notes"] == [f"The old directory is {os.path.dirname(NODE)}/{kept[0]}"], said
    assert digests(host, f"/etc/corosync/qdevice/net/{kept[0]}") == old
    check_stock_node(host)
    # For another cluster, and half a set-up: neither is what was asked for.
    another = join_stock(host, invitation, "--cluster", "beta", status=HAS_CERTIFICATES).stderr
    assert "another cluster" in another, another
    host.run("certutil", "-F", "-d", NODE, "-f", f"{NODE}/pwdfile.txt", "-n", "Cluster Cert")
    told = join_stock(host, invitation, status=HAS_CERTIFICATES).stderr
    assert "without a certificate" in told, told
    host.run("certutil", "-M", "-d", NODE, "-n", "QNet CA", "-t", ",,")
    told = join_stock(host, invitation, status=HAS_CERTIFICATES).stderr
    assert "does not trust this arbiter" in told, told


def test_who_joined_during_an_exchange_of_the_authority_is_taken_over(env):
    """By whatever names the database knows the authorities that it trusts."""
    during, after = stock_node(env, "during"), stock_node(env, "after")
    home = Home(env).start()

    def step(name):
        env.run([env.program("qcert"), "rotate", "--authority", name, "--dir", home.directory,
                 "--socket", home.socket])

    def taken_over(host):
        said = host.run(QCERT, "import", "--dir", NODE)
        assert "Imported the stock database" in said.stdout, said
        shown = json.loads(host.run(QCERT, "show", "--dir", NODE, "--json").stdout)
        assert shown["directories"][0]["verdict"]["usable"], shown
        return host.read(f"{NODE}/ca.pem").count(b"BEGIN CERTIFICATE")
    step("begin")
    invitation = Invitation(home, "--nodes", 1)
    join_stock(during, invitation)
    invitation.ends(0)
    told = join_stock(during, invitation).stdout
    assert "already" in told, "the token names the old one, and it has one of the new"
    during.write("/tmp/next.crt", read(env, "arbiter", "qnetd-cacert-next.crt"))
    for more in ((), ("--add",)):
        refused = during.run(QCERT, "import", "--ca", "/tmp/next.crt", *more, check=False)
        assert refused.returncode == 1 and "certutil" in refused.stderr, refused
    assert not during.has(f"{NODE}/ca.pem")
    step("switch")
    join_stock(after, Invitation(home, "--nodes", 1, "--more"))
    assert "QNet CA " in after.run("certutil", "-L", "-d", NODE).stdout
    assert taken_over(during) == 2
    assert taken_over(after) == 1


def test_a_node_of_ours_is_not_overwritten(env):
    machine(env)
    home = Home(env).start()
    invitation = Invitation(home)
    join(env, invitation.address, invitation.token, "one")
    own = read(env, "one", "nssdb", "cluster.key")
    done = join(env, invitation.address, invitation.token, "one", "--stock", check=False)
    assert done.returncode == HAS_CERTIFICATES and "our daemon" in done.stderr, done
    assert read(env, "one", "nssdb", "cluster.key") == own
    join(env, invitation.address, invitation.token, "one", "--stock", "--force")
    kept = [name for name in os.listdir(env.path("one")) if name.startswith("nssdb.before-")]
    assert len(kept) == 1 and read(env, "one", kept[0], "cluster.key") == own, kept
    assert os.path.exists(env.path("one", "nssdb", "cert9.db"))
    assert not os.path.exists(env.path("one", "nssdb", "cluster.key"))


#: The arbiter wants TLS with a certificate of each node.
REQUIRED = DEVICE.replace("tls: on", "tls: required")


def test_stock_daemons_get_the_vote_with_it(env):
    machine(env)
    cluster = Cluster(env, arbiter="ours", node="stock", device=REQUIRED)
    cluster.verb(cluster.arbiter, "qnetd", "certs", "init")
    cluster.start_arbiter()
    qcert = env.program("qcert")

    def join_at(numbers, *options, more=()):
        inviting = cluster.arbiter.spawn(
            [qcert, "invite", "--json", "--cluster", cluster.name, "--nodes", len(numbers),
             "--address", ARBITER_ADDRESS, *more], "invite")
        inviting.says('"waiting"')
        token = json.loads(inviting.log().splitlines()[0])["command"].split()[3]
        said = [cluster.nodes[number].host.run(
            [qcert, "join", ARBITER_ADDRESS, token, "--stock", "--cluster", cluster.name,
             "--json", *options]).stdout for number in numbers]
        assert inviting.wait() == 0, inviting.log()
        return [json.loads(one) for one in said]
    assert not any(one["must_restart"] for one in join_at(list(cluster.nodes)))
    for number in cluster.nodes:
        cluster.start_node(number)
    cluster.wait(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 30,
                 "both nodes in one partition with 3 votes")
    listed = cluster.status()
    assert listed.count("client certificate verified") == 2, listed
    # Again, while its daemon runs by the old one.
    [said] = join_at([1], "--force", more=["--more"])
    assert said["must_restart"] and "The old directory" in said["notes"][0], said
    first = cluster.nodes[1]
    first.daemon.stop()
    cluster.start_daemon(1)
    cluster.wait(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 30,
                 "3 votes with the new certificate")
    assert cluster.status().count("client certificate verified") == 2
