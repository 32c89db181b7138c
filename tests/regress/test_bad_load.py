"""test_bad_load.py -- too many connections, requests and answers: our arbiter stays at work.

Each case stands in docs/compatibility.md, with what the stock arbiter does.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import select
import signal
import socket
import time

import peer
from arbiters import certify
from peer import Arbiter

DESCRIPTORS = 64
PIPELINED = 200
WARNINGS = 150


def test_two_hundred_requests_in_one_tls_record(env):
    directory, node = certify(env, "ours", "alpha")
    arbiter = Arbiter(env, tls="required", certificates=directory)
    one = arbiter.peer()
    one.preinit("alpha")
    one.start_tls(node)
    assert one.init(1).error == 0
    requests = b"".join(peer.message(peer.ECHO_REQUEST, number=number)
                        for number in range(PIPELINED))
    assert len(requests) < 16384, "more than one record"
    one.raw(requests)
    answers = [one.receive().number for _ in range(PIPELINED)]
    assert answers == list(range(PIPELINED)), answers
    # The same of requests that are refused, which the stock arbiter answers in the same way.
    one.raw(peer.message(4711, peer.option(99, b"")) * PIPELINED)
    assert {one.receive().error for _ in range(PIPELINED)} == {4}
    assert one.is_served()


def crowd_until_full(arbiter):
    """Connections until none can be accepted; the last ones wait, or are still connecting."""
    crowd = []
    while "none can be accepted" not in arbiter.process.log():
        assert len(crowd) < 2 * DESCRIPTORS, "there is no limit"
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", arbiter.port))
        select.select([], [one], [], 0.3)
        crowd.append(one)
    return crowd


def test_no_descriptors_left(env):
    prlimit = env.need_program("prlimit")
    arbiter = Arbiter(env, before=(prlimit, f"--nofile={DESCRIPTORS}:{DESCRIPTORS}"))
    nodes = arbiter.pair("alpha")
    crowd = crowd_until_full(arbiter)
    before = arbiter.processor_seconds()
    begin = time.monotonic()
    env.wait_for(lambda: all(n.is_served() for n in nodes) and time.monotonic() - begin > 2, 10,
                 "two seconds pass; those who are connected are served all the while", pause=0.5)
    used = arbiter.processor_seconds() - before
    assert used < 0.5, f"{used} s of processor time while it could accept nobody"
    for one in crowd:
        one.close()
    assert arbiter.peer().join("alpha", 3).is_served()
    arbiter.serves()


def stuff(one):
    """Sends echoes and reads no answer, until the arbiter has had enough; how many bytes."""
    request = peer.message(peer.ECHO_REQUEST, peer.option(99, b"x" * 30000), number=1)
    sent = 0
    one.socket.settimeout(10)
    while True:
        try:
            sent += one.socket.send(request)
        except (BrokenPipeError, ConnectionResetError):
            return sent
        except TimeoutError:
            text = f"after {sent} bytes the arbiter neither reads nor closes"
            raise AssertionError(text) from None


def test_slow_client_is_the_only_one_that_is_closed(env):
    arbiter = Arbiter(env)
    one, two = arbiter.pair("alpha")
    other, another = arbiter.pair("beta")
    slow = arbiter.peer().join("alpha", 3)
    slow.lists([1, 2, 3], [1, 2, 3])
    before = arbiter.resident_kb()
    stuff(slow)
    arbiter.process.says("reason=queue_full")
    assert all(node.is_served() for node in (one, two, other, another))
    assert arbiter.resident_kb() - before < 16384, "what it did not read was kept"
    # What the others do next concerns nobody else either.
    one.membership([1, 2], (1, 16))
    two.membership([1, 2], (1, 16))
    assert one.until(peer.NODE_LIST_REPLY, ring=(1, 16)) and two.is_served()
    arbiter.serves()


def test_warnings_about_a_made_up_cluster(env):
    arbiter = Arbiter(env)
    one = arbiter.peer().join("alpha", 1)
    for number in range(WARNINGS):  # Alone it has the vote; one of three, nobody may have it.
        for configured, vote in (([1], peer.ACK), ([1, 2, 3], peer.NACK)):
            one.lists(configured, [1], ring=(1, 8 + 4 * number))
            one.confirm(one.until(peer.VOTE_INFO, vote=vote))
    said = 'cluster "alpha": nobody has the vote'
    arbiter.process.says(said)
    assert one.is_served()
    # What is said of others is not lost among them, and comes after all that was said of this one.
    other = arbiter.peer().join("beta", 1)
    other.lists([1, 2, 3], [1])
    arbiter.process.says('cluster "beta": nobody has the vote')
    lines = arbiter.process.log().count(said)
    assert 20 <= lines <= 60, lines
    arbiter.serves()


def test_nobody_reads_the_log(env):
    pipe = env.path("log.pipe")
    os.mkfifo(pipe)
    reader = env.spawn(["sh", "-c", f"exec cat {pipe} >> {env.path('qnetd.log')}"], "reader")
    arbiter = Arbiter(env, "--log-level", "debug",
                      before=("sh", "-c", 'exec "$@" 2> ' + pipe, "qnetd"))
    one, two = arbiter.pair("alpha")
    os.kill(reader.pid, signal.SIGSTOP)
    request = peer.message(peer.ECHO_REQUEST, peer.option(99, b"x" * 100), number=1)
    for _ in range(60):  # some 200 KB of lines; a pipe takes 64
        one.raw(request * 20)
        assert [one.receive().number for _ in range(20)] == [1] * 20
    for node in (one, two):
        node.membership([1, 2], (1, 16))
    for node in (one, two):
        node.confirm(node.until(peer.VOTE_INFO, vote=peer.ACK))
    os.kill(arbiter.process.pid, signal.SIGTERM)
    env.wait_for(lambda: not arbiter.process.alive(), 5, "it ends with lines unwritten")
    assert arbiter.process.popen.returncode == 0, arbiter.process.popen.returncode
