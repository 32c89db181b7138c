"""test_state.py -- the real arbiter is killed and started again: its grants come back (rule R3).

The nodes are daemons whose corosync we play.
"""
# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import json
import os
import signal
import sqlite3

from stdio_nodes import Arbiter, ring

CLUSTER = "kept"
LONGER_THAN_THE_GUARD_MS = 6000  # Which is 4.3 s with a heartbeat of 1 s and T of 1.25 s.
LONE_NODE = "reason=waiting_after_start"


def status(arbiter):
    return json.loads(arbiter.tool("status", "--json").stdout)


def runs_for(env, arbiter, milliseconds):
    env.wait_for(lambda: status(arbiter)["running_ms"] > milliseconds, 30,
                 "the arbiter has run for a while")


def holder_alone(env, arbiter, algorithm="lms"):
    """Node 1 holds the vote alone, node 2 was never there; node 1's daemon."""
    one = arbiter.node(CLUSTER, 1, algorithm)
    ring(one, 1, 12, [1])
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {1}, 20, "node 1 has the vote")
    return one


def start_by(env, arbiter, words):
    """Starts the arbiter by way of another program."""
    spawn = env.spawn
    env.spawn = lambda own, **more: spawn([*words, *own], **more)
    try:
        arbiter.start()
    finally:
        env.spawn = spawn


def restart_while_split(env, state):
    """The arbiter dies, node 1 stands still, node 2 alone comes to the new one and must wait."""
    arbiter = Arbiter(env, state)
    one = holder_alone(env, arbiter)
    one.signal(signal.SIGSTOP)
    arbiter.process.kill()
    arbiter.start()
    ring(arbiter.node(CLUSTER, 2, "lms"), 2, 12, [2])
    env.wait_for(lambda: "reason=waiting_" in arbiter.process.log(), 10, "node 2 must wait")
    return arbiter, one


def test_restarted_while_split_the_loser_gets_no_vote(env):
    arbiter, one = restart_while_split(env, env.path("state"))
    assert LONE_NODE not in arbiter.process.log(), "there is no guard: the record is complete"
    assert arbiter.holders(CLUSTER) == {1}, arbiter.process.log()
    assert "node 1 is gone and may still count" in arbiter.tool("status").stdout
    one.signal(signal.SIGCONT)
    env.wait_for(lambda: any(
        node["node_id"] == 1 and node["last_ack_or_nack"] == "ack"
        for node in status(arbiter)["clusters"][0]["nodes"]), 20, "node 1 is told its vote again")
    assert arbiter.holders(CLUSTER) == {1}, arbiter.process.log()


def test_without_state_the_loser_gets_it_after_the_guard(env):
    """That the test above can fail."""
    arbiter, _ = restart_while_split(env, "none")
    assert LONE_NODE in arbiter.process.log()
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {2}, 20, "node 2 has the vote")
    assert "Grants are kept in memory" in arbiter.tool("status").stdout


def test_a_cluster_that_does_not_change_writes_nothing(env):
    arbiter = Arbiter(env, env.path("state"))
    arbiter.pair(CLUSTER)
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {1, 2}, 20, "both nodes have the vote")
    runs_for(env, arbiter, 4000)  # A second after the ACKs they are confirmed, too.
    before = status(arbiter)
    runs_for(env, arbiter, before["running_ms"] + 3500)  # Some thirty echoes of each node.
    after = status(arbiter)
    assert before["state"]["records_written"] > 0 and before["state"]["health"] == "good", before
    assert after["state"] == before["state"], (before["state"], after["state"])
    text = arbiter.tool("status", "--verbose").stdout
    assert f"Grants are kept in {env.path('state')}." in text and "transactions" in text, text


def test_a_damaged_file_is_put_aside_and_the_guard_runs(env):
    arbiter = Arbiter(env, env.path("state"))
    holder_alone(env, arbiter).kill()
    arbiter.process.kill()
    file = env.path("state", "grants.db")
    with open(file, "wb") as spoiled:
        spoiled.write(b"not what it was" * 500)
    arbiter.start()
    assert os.path.exists(file + ".damaged-1")
    assert status(arbiter)["state"]["put_aside"] == file + ".damaged-1"
    assert "A damaged file was found" in arbiter.tool("status").stdout
    assert "counts as absent" in arbiter.process.log()
    ring(arbiter.node(CLUSTER, 2, "lms"), 2, 12, [2])
    arbiter.process.says(LONE_NODE)


def recorded_stop(env):
    """What the store says of its end, as a running arbiter has it on disk."""
    file = "file:" + env.path("state", "grants.db") + "?immutable=1"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as database:
        return database.execute(
            "SELECT CAST(value AS TEXT) FROM meta WHERE key=CAST('stop' AS BLOB)").fetchone()[0]


def test_a_clean_end_is_recorded_and_taken_back_by_who_serves(env):
    arbiter = Arbiter(env, env.path("state"))
    assert recorded_stop(env) == "none"
    arbiter.process.stop()
    stopped = recorded_stop(env)
    assert stopped != "none"
    other = Arbiter(env, "none")
    done = env.run([env.program("qnetd"), "--listen", "127.0.0.1", "--port", other.port, "--tls",
                    "off", "--socket", env.path("s"), "--state", env.path("state")], check=False)
    assert done.returncode == 4, done
    assert recorded_stop(env) == stopped, "who cannot listen was not the arbiter"
    other.process.kill()
    arbiter.start()
    assert recorded_stop(env) == "none"
    assert "distrust" not in status(arbiter)["state"]


def sum_of(key, boot, value):
    """The checksum of a row, as qnetd/store/record_text.hpp says it."""
    total = 0xcbf29ce484222325
    for byte in b"\n".join((key, boot, value)):
        total = (total ^ byte) * 0x100000001b3 % 2**64
    return total


def make_older(env, milliseconds):
    """The store says that it was stopped earlier than it was."""
    path = env.path("state", "grants.db")
    with contextlib.closing(sqlite3.connect(path)) as database:
        rows = {key: (boot, value) for key, boot, value in
                database.execute("SELECT key, boot, value FROM meta")}
        boot, stop = rows[b"stop"]
        instant, wall = stop.split()
        older = b"%d %s" % (int(instant) - milliseconds, wall)
        total = b"%016x" % ((int(rows[b"total"][1], 16) - sum_of(b"stop", boot, stop)
                             + sum_of(b"stop", boot, older)) % 2**64)
        for key, value in ((b"stop", older), (b"total", total)):
            database.execute("UPDATE meta SET value=?, checksum=? WHERE key=?",
                             (value, b"%016x" % sum_of(key, rows[key][0], value), key))
        database.commit()


def test_an_old_directory_is_not_believed(env):
    arbiter = Arbiter(env, env.path("state"))
    one = holder_alone(env, arbiter)
    one.kill()
    arbiter.process.stop()
    make_older(env, 120000)
    arbiter.start()
    assert "another arbiter may have worked since" in arbiter.process.log()
    assert "put_aside" not in status(arbiter)["state"], "it is whole"
    assert "last used 12" in status(arbiter)["state"]["distrust"]
    assert "votes were held back after this start" in arbiter.tool("status").stdout
    assert arbiter.holders(CLUSTER) == {1}, "its holders hold all the same"
    ring(arbiter.node(CLUSTER, 1, "lms"), 1, 12, [1])  # Node 2 may have been given the vote.
    arbiter.process.says(LONE_NODE)


def test_another_clock_of_the_same_boot_is_not_believed(env):
    """A time namespace: one kernel, other instants."""
    env.need_root()
    offset = ["unshare", "--time", "--boottime", 1000000, "--fork", "--kill-child", "--"]
    probe = env.run([*offset, "true"], check=False)
    if probe.returncode != 0:
        env.skip("time namespaces are not permitted here: " + probe.stderr.strip())
    arbiter = Arbiter(env, env.path("state"))
    holder_alone(env, arbiter, "ffsplit").kill()
    arbiter.process.kill()
    arbiter.start()  # Now the restart itself is recorded, with its instant.
    arbiter.process.kill()
    start_by(env, arbiter, offset)
    assert arbiter.holders(CLUSTER) == {1}, "its lifetime begins anew"


FULL = """set -e
mkdir disk && mount -t tmpfs -o size=256k tmpfs disk
head -c 1M /dev/zero > disk/fill 2>/dev/null || true
exec "$@"
"""


def test_a_full_disk_is_no_reason_not_to_start(env):
    env.need_namespaces()
    arbiter = Arbiter(env, env.path("disk", "state"))
    arbiter.process.kill()
    env.run(["rm", "-r", env.path("disk")])
    start_by(env, arbiter, ["unshare", "--mount", "--propagation", "private", "sh", "-c", FULL,
                            "sh"])
    assert status(arbiter)["state"]["health"] == "failing"
    assert "Grants cannot be kept" in arbiter.tool("status").stdout
    assert "cannot be read and counts as absent" in arbiter.process.log()
    nodes = arbiter.pair(CLUSTER)
    env.wait_for(lambda: any(len(cluster["nodes"]) == 2 for cluster in arbiter.clusters()), 20,
                 "both nodes are there")
    runs_for(env, arbiter, LONGER_THAN_THE_GUARD_MS)
    assert arbiter.holders(CLUSTER) == set(), "nothing is recorded yet"
    os.unlink(f"/proc/{arbiter.process.pid}/root{env.path('disk', 'fill')}")
    env.wait_for(lambda: arbiter.holders(CLUSTER) == {1, 2}, 20, "both nodes have the vote")
    assert status(arbiter)["state"]["health"] == "good"
    assert len(nodes) == 2


def test_a_directory_that_cannot_be_made_is_said_with_the_remedy(env):
    with open(env.path("file"), "w", encoding="utf-8"):
        pass
    for program, words, remedy in (
            ("qnetd", ["--tls", "off", "--socket", env.path("s"), "--port", env.free_port(),
                       "--state", env.path("file", "state")], "--state none"),
            ("corosync-qnetd", ["-f", "-s", "off", "-p", env.free_port(), "-S",
                                f"local_socket_file={env.path('s')},lock_file={env.path('l')},"
                                f"state_dir={env.path('file', 'state')}"], "-S state_dir=none")):
        done = env.run([env.program(program), *words], check=False)
        assert done.returncode == (7 if program == "qnetd" else 1), done
        assert "file/state" in done.stderr and remedy in done.stderr, done.stderr
