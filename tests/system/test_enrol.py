"""test_enrol.py -- nodes join by invitation, through the running arbiter and without one.

And everybody who must not: a wrong, used, expired or mistyped token, another arbiter, another
cluster. The arbiter's port under attack is in tests/regress/test_join_port.py.
"""
# SPDX-License-Identifier: BSD-3-Clause
import fcntl
import json
import os
import select
import socket
import ssl
import struct
import threading

from certs_hosts import NODE, NODE_TOOL, Host, check_stock_node, machine
from enrolment import (CONFIGURATION, Home, Invitation, daemon, get_the_vote, greeted, in_tls,
                       join, read)

UNREACHABLE, REFUSED, WRONG_ARBITER, HAS_CERTIFICATES = 3, 4, 5, 6
EXPIRED, INTERRUPTED = 3, 5
ANOTHER = "another cluster of the same name"


def test_two_nodes_join_through_the_arbiter_and_get_the_vote(env):
    home = Home(env).start()
    invitation = Invitation(home)
    for node in ("one", "two"):
        join(env, invitation.address, invitation.token, node, "--apply")
    assert invitation.ends(0)["reason"] == "all_joined"
    assert os.listdir(home.run) == ["qnetd.sock"], "the invitation's socket is gone"
    one, two = home.listed()
    assert one["by"] == two["by"] == "invite" and one["address"] == "127.0.0.1", (one, two)
    assert one["owner"] == two["owner"] and one["fingerprint"] != two["fingerprint"], (one, two)
    keys = [read(env, node, "nssdb", "cluster.key") for node in ("one", "two")]
    assert keys[0] != keys[1], "a key per node"
    for node in ("one", "two"):
        configuration = read(env, node, "corosync.conf").decode()
        assert "config_version: 4\n" in configuration, configuration
        assert "      host: 127.0.0.1\n" in configuration, configuration
        assert "    votes: 1\n" in configuration and "tls: required" in configuration
        kept = [name for name in os.listdir(env.path(node)) if "before-castvote" in name]
        assert len(kept) == 1 and b"config_version: 3\n" in read(env, node, kept[0]), kept
    get_the_vote(env, home)
    assert invitation.token not in home.daemon.log(), "no secret in the log"


def test_nodes_join_at_a_port_of_its_own_without_an_arbiter(env):
    home = Home(env)
    port = env.free_port()
    invitation = Invitation(home, "--listen", f"127.0.0.1:{port}", "--nodes", 1)
    assert invitation.address == f"127.0.0.1:{port}"
    assert invitation.further == ["--arbiter-port", "5403"], invitation.further
    done = json.loads(join(env, invitation.address, invitation.token, "one", "--json",
                           "--arbiter-port", 5405).stdout)
    assert done["new_certificate"] and "port: 5405" in done["device"], done
    before = read(env, "one", "corosync.conf")
    assert invitation.ends(0)["joined"] == 1
    # Again, with the invitation gone: it is done already, and nothing is touched.
    key = read(env, "one", "nssdb", "cluster.key")
    again = json.loads(join(env, invitation.address, invitation.token, "one", "--json").stdout)
    assert not again["new_certificate"], again
    assert read(env, "one", "nssdb", "cluster.key") == key
    assert read(env, "one", "corosync.conf") == before, "without --apply nothing is written"
    join(env, invitation.address, invitation.token, "one", "--apply")
    applied = read(env, "one", "corosync.conf")
    join(env, invitation.address, invitation.token, "one", "--apply")
    assert read(env, "one", "corosync.conf") == applied


def test_a_later_node_is_of_the_same_cluster_and_another_cluster_is_not(env):
    home = Home(env).start()
    first = Invitation(home, "--nodes", 1)
    join(env, first.address, first.token, "one")
    first.ends(0)
    unsaid = env.run([env.program("qcert"), "invite", "--dir", home.directory, "--cluster", "alpha",
                      "--socket", home.socket], check=False)
    assert unsaid.returncode == 1 and "--more" in unsaid.stderr, unsaid
    more = Invitation(home, "--nodes", 1, "--more")
    join(env, more.address, more.token, "two")
    more.ends(0)
    get_the_vote(env, home)
    another = Invitation(home, "--nodes", 1, "--another")
    join(env, another.address, another.token, "stranger")
    another.ends(0)
    owners = [one["owner"] for one in home.listed()]
    assert owners[0] == owners[1] != owners[2], owners
    daemon(env, home, "stranger", 2)
    home.daemon.says(ANOTHER, 20)
    # Which of the two is meant is never guessed.
    guess = env.run([env.program("qcert"), "invite", "--dir", home.directory, "--cluster", "alpha",
                     "--socket", home.socket, "--more"], check=False)
    assert guess.returncode == 1 and all(owner[:12] in guess.stderr for owner in owners), guess
    meant = Invitation(home, "--nodes", 1, "--more", "--owner", owners[0][:12])
    join(env, meant.address, meant.token, "three")
    meant.ends(0)
    assert home.listed()[-1]["owner"] == owners[0], home.listed()


def test_a_token_is_not_to_be_seen_among_the_processes(env):
    token = Invitation(Home(env).start()).token
    with socket.create_server(("127.0.0.1", 0)) as silent:
        waiting = env.spawn([env.program("qcert"), "join", f"127.0.0.1:{silent.getsockname()[1]}",
                             token, "--cluster", "alpha", "--dir", env.path("nssdb")], "join")
        accepted = silent.accept()[0]  # closed, it would end the wait
        with accepted, open(f"/proc/{waiting.pid}/cmdline", encoding="utf-8") as file:
            seen = file.read()
    assert "join" in seen and token not in seen and "*" * len(token) in seen, seen


def refused(env, invitation, status, *options, token=None, address=None, **more):
    done = join(env, address or invitation.address, token or invitation.token, "refused", *options,
                check=False, **more)
    assert done.returncode == status, done
    assert len(done.stderr.splitlines()) == 2, done
    assert not os.path.exists(env.path("refused", "nssdb", "cluster.pem"))
    return done.stderr


def is_heard(port):
    """Sends a proof that is wrong; whether an answer comes."""
    connection, _ = greeted(port)
    try:
        with in_tls(connection) as secured:
            secured.sendall(struct.pack(">I", 4) + os.urandom(32) + b"body")
            answer = b""
            while b"wrong_token" not in answer:
                part = secured.recv(4096)
                if not part:
                    return False
                answer += part
            return True
    except (ssl.SSLError, OSError):
        return False


def test_wrong_tokens_are_refused_and_keep_nobody_else_out(env):
    home = Home(env).start()
    old = Invitation(home, "--nodes", 1)
    old.process.signal(2)
    assert old.ends(INTERRUPTED)["reason"] == "interrupted"
    invitation = Invitation(home)
    mistyped = invitation.token[:40] + ("a" if invitation.token[40] != "a" else "b") + \
        invitation.token[41:]
    assert "mistyped" in refused(env, invitation, 2, token=mistyped)
    assert "is for cluster" in refused(env, invitation, REFUSED, "--cluster", "beta")
    assert "not that of the open" in refused(env, invitation, REFUSED, token=old.token)
    # Who has sent five is not listened to for a while, and no stranger can close it for the nodes.
    env.wait_for(lambda: not is_heard(home.port), 60, "wrong tokens are no longer listened to",
                 pause=0)
    codes = [event["code"] for event in invitation.events("refused")]
    assert codes[0] == "other_cluster" and len(codes) >= 6, codes
    assert set(codes[1:]) == {"wrong_token"}, codes
    assert all(event["address"] == "127.0.0.1" for event in invitation.events("refused"))
    assert any("must wait" in event["what"] for event in invitation.events("broken"))
    env.wait_for(lambda: join(env, invitation.address, invitation.token, "one",
                              check=False).returncode == 0, 40, "the right token again", pause=1)
    assert len(home.listed()) == 1


def test_two_invitations_at_the_same_instant_are_one(env):
    home = Home(env).start()
    words = [env.program("qcert"), "invite", "--dir", home.directory, "--cluster", "alpha",
             "--socket", home.socket]
    # Another one has come as far as the lock, and has no socket yet.
    folder = os.open(home.run, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    second = env.run(words, check=False)
    assert second.returncode == 1 and "another invitation" in second.stderr, second
    os.close(folder)
    Invitation(home)


def test_an_arbiter_that_is_not_ours_is_asked_for_nothing(env):
    """What answers at the control socket must be able to pass nodes on."""
    home = Home(env)
    with socket.socket(socket.AF_UNIX) as stock:
        stock.bind(home.socket)
        stock.listen(1)
        inviting = env.spawn([env.program("qcert"), "invite", "--dir", home.directory, "--cluster",
                              "alpha", "--socket", home.socket], "invite")
        client = stock.accept()[0]
        with client:
            assert client.recv(100) == b"json status\n"
            client.sendall(b"Error\nUnknown command 'json'\n")
        assert inviting.wait() == 1
    assert "stock arbiter" in inviting.log() and "--listen" in inviting.log(), inviting.log()


class Detour:
    """Takes one connection to the arbiter, does something first, and passes it on."""

    def __init__(self, port, first):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self.pass_on, args=(port, first), daemon=True)
        self.thread.start()

    def pass_on(self, port, first):
        with self.server, self.server.accept()[0] as node:
            first()
            with socket.create_connection(("127.0.0.1", port)) as arbiter:
                other = {node: arbiter, arbiter: node}
                while True:
                    for end in select.select(list(other), [], [])[0]:
                        data = end.recv(4096)
                        if not data:
                            return
                        other[end].sendall(data)


def test_the_configuration_that_is_there_is_changed_where_it_is(env):
    home = Home(env).start()
    invitation = Invitation(home)
    real = env.path("real.conf")
    with open(real, "w", encoding="utf-8") as file:
        file.write(CONFIGURATION.format(cluster="alpha"))
    os.mkdir(env.path("one"))
    link = env.path("one", "corosync.conf")
    os.symlink(real, link)

    def edit():
        with open(real, "a", encoding="utf-8") as file:
            file.write("logging {\n  debug: on\n}\n")
    detour = Detour(home.port, edit)
    join(env, f"127.0.0.1:{detour.port}", invitation.token, "one", "--apply", "--arbiter-port",
         home.port)
    assert os.path.islink(link) and os.readlink(link) == real
    changed = read(env, "real.conf").decode()
    assert "debug: on" in changed and f"port: {home.port}" in changed, changed
    kept = [name for name in os.listdir(env.tmp) if name.startswith("real.conf.before-castvote-")]
    assert len(kept) == 1 and b"debug: on" in read(env, kept[0]), kept
    # The same host at another port is another device.
    same = join(env, invitation.address, invitation.token, "one", "--apply")
    assert "has this device already" in same.stdout, same
    other = join(env, invitation.address, invitation.token, "one", "--apply", "--arbiter-port", 5,
                 check=False)
    assert other.returncode == 1 and "a quorum device already" in other.stderr, other
    assert read(env, "real.conf").decode() == changed


def test_used_and_expired_tokens_are_worth_nothing(env):
    home = Home(env).start()
    used = Invitation(home, "--nodes", 1)
    join(env, used.address, used.token, "one")
    used.ends(0)
    assert "no invitation is open" in refused(env, used, UNREACHABLE)
    expired = Invitation(home, "--more", "--valid-for", "1s")
    assert expired.ends(EXPIRED)["reason"] == "expired"
    assert "no invitation is open" in refused(env, expired, UNREACHABLE)
    Invitation(home, "--more")  # Another one is open, for which they are as wrong as any.
    assert "not that of the open" in refused(env, used, REFUSED)
    assert len(home.listed()) == 1


def test_another_arbiter_is_not_told_anything(env):
    home, stranger = Home(env), Home(env, "stranger").start()
    own = Invitation(home, "--listen", f"127.0.0.1:{env.free_port()}")
    theirs = Invitation(stranger)
    told = refused(env, own, WRONG_ARBITER, address=theirs.address)
    assert "not the arbiter that the token is from" in told, told
    env.wait_for(lambda: theirs.events("broken"), 10, "the stranger noticed somebody")
    assert theirs.events("refused") == [], "no proof reached it"
    # One who has a certificate of the right CA, but is not its arbiter.
    join(env, own.address, own.token, "one")
    node = env.path("one", "nssdb")
    for name, of in (("server.pem", "cluster.pem"), ("server.key", "cluster.key"),
                     ("qnetd-cacert.crt", "ca.pem"), ("ca.key", None)):
        content = read(env, "arbiter", name) if of is None else read(env, node, of)
        os.makedirs(env.path("false"), exist_ok=True)
        with open(env.path("false", name), "wb") as file:
            file.write(content)
    false = env.run([env.program("qcert"), "invite", "--dir", env.path("false"), "--cluster",
                     "alpha", "--listen", "127.0.0.1:1"], check=False)
    assert false.returncode == 1, "a node's certificate serves for no invitation"


def test_what_a_node_has_is_not_overwritten(env):
    home, other = Home(env).start(), Home(env, "other").start()
    first = Invitation(other, "--nodes", 1)
    join(env, first.address, first.token, "one")
    old = read(env, "one", "nssdb", "cluster.pem")
    invitation = Invitation(home, "--nodes", 1)
    done = join(env, invitation.address, invitation.token, "one", check=False)
    assert done.returncode == HAS_CERTIFICATES and "another arbiter" in done.stderr, done
    assert read(env, "one", "nssdb", "cluster.pem") == old
    join(env, invitation.address, invitation.token, "one", "--force")
    assert read(env, "one", "nssdb", "cluster.pem") != old
    shown = env.run([env.program("qcert"), "show", "--dir", env.path("one", "nssdb")])
    assert "can use this directory" in shown.stdout, shown


def test_a_configuration_that_cannot_be_changed_costs_no_certificate(env):
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    folder = env.path("refused")
    os.makedirs(folder)
    for device, status in (("  device {\n    model: net\n    net {\n      host: 192.0.2.9\n"
                            "    }\n  }\n", 1), ("", 1)):
        with open(os.path.join(folder, "corosync.conf"), "w", encoding="utf-8") as file:
            file.write("nodelist {\n  node {\n  }\n}\n" + ("quorum {\n" + device + "}\n"
                                                            if device else ""))
        before = read(env, "refused", "corosync.conf")
        refused(env, invitation, status, "--apply", "--cluster", "alpha")
        assert read(env, "refused", "corosync.conf") == before
        assert os.listdir(folder) == ["corosync.conf"], "not even a key was made"
    assert [event["event"] for event in invitation.events()] == ["waiting"]
    assert home.listed() == []


def test_a_node_that_could_not_store_its_certificate_asks_again(env):
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    in_the_way = env.path("one", "nssdb", "qdevice-net-node.p12")
    os.makedirs(in_the_way)
    failed = join(env, invitation.address, invitation.token, "one", check=False)
    assert failed.returncode == 1 and "qdevice-net-node.p12" in failed.stderr, failed
    assert not os.path.exists(env.path("one", "nssdb", "cluster.pem"))
    env.wait_for(lambda: invitation.events("broken"), 10, "the arbiter noticed it")
    other = join(env, invitation.address, invitation.token, "two", check=False)
    assert other.returncode == REFUSED and "used up" in other.stderr, other
    os.rmdir(in_the_way)
    join(env, invitation.address, invitation.token, "one")
    assert invitation.ends(0)["joined"] == 1
    assert [one["serial"] for one in home.listed()] == ["103"], "the same certificate"


def test_an_invitation_that_is_killed_leaves_a_door_that_opens_again(env):
    home = Home(env).start()
    killed = Invitation(home)
    join(env, killed.address, killed.token, "one")
    killed.process.kill()
    assert "no invitation is open" in refused(env, killed, UNREACHABLE)
    busy = Invitation(home, "--more", "--nodes", 1)
    second = env.run([env.program("qcert"), "invite", "--dir", home.directory, "--cluster", "beta",
                      "--socket", home.socket], check=False)
    assert second.returncode == 1 and "another invitation" in second.stderr, second
    join(env, busy.address, busy.token, "two")
    busy.ends(0)
    assert not os.path.exists(home.door)
    get_the_vote(env, home)


def test_nss_takes_what_a_node_has_got(env):
    """The way back to the stock daemon: its tools pass over the owner in the certificate."""
    machine(env)
    home = Home(env)
    invitation = Invitation(home, "--nodes", 1, "--listen", f"127.0.0.1:{env.free_port()}")
    join(env, invitation.address, invitation.token, "one")
    invitation.ends(0)
    stock = Host(env, "stock", False)
    stock.write("/tmp/ca.crt", read(env, "one", "nssdb", "ca.pem"))
    stock.write("/tmp/node.p12", read(env, "one", "nssdb", "qdevice-net-node.p12"))
    stock.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt")
    stock.run(NODE_TOOL, "-m", "-c", "/tmp/node.p12")
    assert stock.has(f"{NODE}/cert9.db")
    check_stock_node(stock)


def test_an_arbiter_on_a_new_machine_is_the_old_one(env):
    old, new = Home(env), Home(env, "new")
    invitation = Invitation(old, "--listen", f"127.0.0.1:{env.free_port()}")
    for node in ("one", "two"):
        join(env, invitation.address, invitation.token, node)
    invitation.ends(0)
    qcert = env.program("qcert")
    env.run([qcert, "backup", "--dir", old.directory, "--to", env.path("backup")])
    back = [qcert, "restore", "--dir", new.directory, "--from", env.path("backup")]
    unforced = env.run(back, check=False)
    assert unforced.returncode == 1 and "--force" in unforced.stderr, unforced
    env.run(back + ["--force"])
    new.start()
    get_the_vote(env, new)
    assert [one["serial"] for one in new.listed()] == ["103", "104"]
