"""test_revoke.py -- a certificate that was revoked is worth nothing from that moment on.

On open connections, on new ones, after a restart; others go on. And what is not to be revoked.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import signal
import socket

from enrolment import Home, Invitation, daemon, get_the_vote, join

DONE, FAILED, USAGE, NOT_TAKEN_UP = 0, 1, 2, 3
OPEN_ENDED = "certificate {} was revoked   reason=certificate_revoked"
REFUSED = "the peer's certificate was revoked"

#: /dev as the programs need it, with a log that the test reads.
WITH_LOG = """for node in null zero random urandom; do
                  touch "$1/$node" && mount --bind "/dev/$node" "$1/$node"
              done && mount --bind "$1" /dev && shift && exec "$@" """


def revoke(env, home, *words, status=DONE, before=()):
    done = env.run([*before, env.program("qcert"), "revoke", "--json", "--dir", home.directory,
                    "--socket", home.socket, *words], check=False)
    assert done.returncode == status, done
    return json.loads(done.stdout) if done.stdout else {}


def joined(env, home, *nodes):
    invitation = Invitation(home, "--nodes", len(nodes))
    for node in nodes:
        join(env, invitation.address, invitation.token, node)
    invitation.ends(0)


def connected(home):
    return {node["node_id"] for cluster in home.status()["clusters"] for node in cluster["nodes"]}


def test_a_revoked_node_is_out_at_once_and_the_other_is_not(env):
    home = Home(env).start()
    joined(env, home, "one", "two")
    one, two = get_the_vote(env, home)
    told = revoke(env, home, "103")
    assert told["arbiter"] == "taken_up" and told["arbiter_says"].endswith("ended: 1"), told
    assert [entry["serial"] for entry in told["revoked"]] == ["103"] and not told["already"], told
    assert OPEN_ENDED.format(103) in home.daemon.log(), "it was over when qcert ended"
    home.daemon.says(REFUSED)
    one.says("revoked")
    assert 1 not in connected(home) and 2 in connected(home)
    assert "disconnected" not in two.log(), two.log()
    revoked = {entry["serial"]: entry.get("revoked_at") for entry in home.listed()}
    assert revoked == {"103": told["revoked"][0]["revoked_at"], "104": None}, revoked
    shown = env.run([env.program("qcert"), "list", "--dir", home.directory]).stdout
    assert shown.count("REVOKED") == 1, shown
    # Again, and the other one with it.
    again = revoke(env, home, "--cluster", "ALPHA")
    assert [entry["serial"] for entry in again["already"]] == ["103"], again
    assert [entry["serial"] for entry in again["revoked"]] == ["104"], again
    assert again["already"] == told["revoked"], "the time is that of the first"
    assert connected(home) == set()
    # A new key, a new certificate.
    back = Invitation(home, "--nodes", 1, "--more")
    join(env, back.address, back.token, "one", "--force")
    back.ends(0)
    assert one.stop() == 0
    daemon(env, home, "one", 1)
    env.wait_for(lambda: connected(home) == {1}, 20, "the new certificate is good")


def test_what_was_revoked_stays_so_over_a_restart(env):
    home = Home(env)
    invitation = Invitation(home, "--listen", f"127.0.0.1:{env.free_port()}")
    for node in ("one", "two"):
        join(env, invitation.address, invitation.token, node)
    invitation.ends(0)
    told = revoke(env, home, "103", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "no_answer" and told["revoked"], told
    home.start()
    for number, node in ((1, "one"), (2, "two")):
        daemon(env, home, node, number)
    home.daemon.says(REFUSED)
    env.wait_for(lambda: connected(home) == {2}, 20, "the other one is served")
    told = revoke(env, home, "103")
    assert told["arbiter"] == "taken_up" and not told["revoked"], told
    # A list that cannot be read lets nobody in, and changes nothing while the arbiter runs.
    with open(os.path.join(home.directory, "revoked.json"), "w", encoding="utf-8") as file:
        file.write("{")
    told = revoke(env, home, "104", status=FAILED)
    assert "is damaged" in told["error"]["what"], told
    home.daemon.stop()
    assert home.spawn().wait() == 3, "certificates that cannot be used"


def test_who_is_revoked_while_the_arbiter_starts_is_refused(env):
    home = Home(env).start()
    joined(env, home, "one", "two")
    home.daemon.stop()
    home.start_halfway()
    told = revoke(env, home, "103", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "no_answer" and told["revoked"], told
    home.daemon.signal(signal.SIGCONT)
    home.daemon.says("the certificates are read again")
    for number, node in ((1, "one"), (2, "two")):
        daemon(env, home, node, number)
    home.daemon.says(REFUSED)
    env.wait_for(lambda: connected(home) == {2}, 20, "the other one is served")


def test_a_list_that_has_vanished_lets_nobody_in(env):
    home = Home(env).start()
    joined(env, home, "one", "two")
    revoke(env, home, "103")
    os.remove(os.path.join(home.directory, "revoked.json"))
    told = revoke(env, home, "104", status=FAILED)
    assert "revoked.json is missing" in told["error"]["what"], told
    done = env.run([env.program("qcert"), "rotate", "--dir", home.directory, "--socket",
                    home.socket], check=False)
    assert "revoked.json is missing" in done.stdout + done.stderr, done
    home.daemon.stop()
    assert home.spawn().wait() == 3, "certificates that cannot be used"
    # As it says: begun anew by hand, and revoked again.
    with open(os.path.join(home.directory, "revoked.json"), "w", encoding="utf-8") as file:
        file.write('{"version": 1, "revoked": []}')
    told = revoke(env, home, "103", status=NOT_TAKEN_UP)
    assert told["revoked"], told
    home.start()
    daemon(env, home, "one", 1)
    home.daemon.says(REFUSED)


def test_what_is_not_to_be_revoked(env):
    home, other = Home(env).start(), Home(env, "other")
    joined(env, home, "one")
    for serial, why in (("101", "the arbiter's own authority"), ("102", "own certificate"),
                        ("104", "was issued here"), ("0103", "no serial number"),
                        ("x", "no serial number")):
        told = revoke(env, home, "103", serial, status=FAILED)
        assert why in told["error"]["what"], (serial, told)
    assert revoke(env, home, "--cluster", "beta", status=FAILED)["error"]
    revoke(env, home, status=USAGE)
    revoke(env, home, "103", "--cluster", "alpha", status=USAGE)
    assert not os.path.exists(os.path.join(home.directory, "revoked.json"))
    # An arbiter with other certificates has not taken it up.
    invitation = Invitation(other, "--listen", f"127.0.0.1:{env.free_port()}", "--nodes", 1)
    join(env, invitation.address, invitation.token, "two")
    other.socket = home.socket
    told = revoke(env, other, "103", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "refused" and home.directory in told["arbiter_says"], told


def test_the_systems_log_is_told(env):
    env.need_namespaces()
    home = Home(env).start()
    joined(env, home, "one")
    os.mkdir(env.path("dev"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(env.path("dev", "log"))
        log.settimeout(10)
        revoke(env, home, "103", before=["unshare", "--mount", "--propagation", "private", "sh",
                                         "-c", WITH_LOG, "sh", env.path("dev")])
        line = log.recv(1000).decode()
    assert "qcert" in line and "revoked certificate 103 of cluster" in line, line
