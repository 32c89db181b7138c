"""test_join_port.py -- what strangers send to the arbiter's port as if they had been invited.

The votes go on, the arbiter's memory does not grow, and the invitation is still there for its node.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import socket
import struct
import time

import peer
from enrolment import JOIN, Home, Invitation, greeted, in_tls, join

MANY = 200
PLACES = 4  # for one address: common/net/enrolment.hpp
GROWTH_MAX_KB = 8192


class Served:
    """An arbiter without TLS on which two nodes have the vote, and an invitation."""

    def __init__(self, env, invites=True):
        self.env = env
        self.home = Home(env)
        self.arbiter = peer.Arbiter(env)
        self.home.port, self.home.socket = self.arbiter.port, self.arbiter.socket
        self.nodes = self.arbiter.pair("alpha")
        self.invitation = Invitation(self.home, "--nodes", 1, cluster="beta") if invites else None

    def goes_on(self):
        for node in self.nodes:
            assert node.is_served()
        self.arbiter.serves()

    def lets_in(self):
        join(self.env, self.invitation.address, self.invitation.token, "invited", cluster="beta")
        assert self.invitation.ends(0)["reason"] == "all_joined"


def is_ended(connection, seconds):
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
        return True
    except (ConnectionResetError, BrokenPipeError):
        return True
    except (TimeoutError, socket.timeout):
        return False


def test_without_an_invitation_it_is_a_message_like_any_other(env):
    served = Served(env, invites=False)
    before = served.arbiter.resident_kb()
    one = served.arbiter.peer()
    for _ in range(100):
        one.raw(JOIN * 100)
        for _ in range(100):
            answer = one.receive()
            assert (answer.kind, answer.error) == (peer.SERVER_ERROR, 4), answer
    assert one.join("gamma", 1).is_served(), "the connection goes on"
    # A socket that nobody serves any more is no invitation, nor is a file.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.path.join(os.path.dirname(served.arbiter.socket), "castvote-invite.sock"))
    again = served.arbiter.peer()
    again.raw(JOIN)
    assert again.receive().error == 4
    assert served.arbiter.resident_kb() - before < GROWTH_MAX_KB
    served.goes_on()


def test_garbage_after_the_magic(env):
    served = Served(env)
    before = served.arbiter.resident_kb()
    for garbage in (b"\0" * 70000, os.urandom(70000), b"GET / HTTP/1.1\r\n\r\n",
                    peer.message(peer.PREINIT, number=1, cluster="alpha") * 2000, b""):
        connection, answer = greeted(served.arbiter.port)
        assert answer == JOIN
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            pass
        except OSError:
            pass
        assert is_ended(connection, 20), garbage[:20]
    # Inside TLS: no proof, half a one, a length beyond all measure.
    for garbage in (struct.pack(">I", 2 ** 31) + b"x" * 32, struct.pack(">I", 10) + b"x" * 20,
                    b"x"):
        connection, _ = greeted(served.arbiter.port)
        connection = in_tls(connection)
        connection.sendall(garbage)
        connection.close()
    assert served.invitation.events("refused") == []
    assert served.arbiter.resident_kb() - before < GROWTH_MAX_KB
    served.goes_on()
    served.lets_in()


def test_many_at_once_and_slow_ones(env):
    served = Served(env)
    before = served.arbiter.resident_kb()
    slow = [greeted(served.arbiter.port)[0] for _ in range(PLACES)]
    began = time.monotonic()
    # All places of this address are taken: others are told so at once, and stay ordinary clients.
    for _ in range(MANY):
        one = served.arbiter.peer()
        one.raw(JOIN)
        assert one.receive().error == 4
        one.close()
    served.goes_on()
    for connection in slow:
        connection.sendall(b"\x16")  # The first byte of TLS, and no more.
    while slow:
        assert all(node.is_served() for node in served.nodes)  # Their heartbeat is 2 s.
        slow = [connection for connection in slow if not is_ended(connection, 0.1)]
    assert time.monotonic() - began < 25, "slow ones do not stay for ever"
    assert served.arbiter.resident_kb() - before < GROWTH_MAX_KB
    served.goes_on()
    served.lets_in()


def test_silent_strangers_do_not_keep_a_node_out(env):
    served = Served(env)
    silent = [greeted(served.arbiter.port, f"127.0.0.{2 + number}")[0]
              for number in range(3) for _ in range(PLACES)]
    served.lets_in()
    for connection in silent:
        connection.close()
    served.goes_on()


def test_after_init_nobody_is_passed_on(env):
    served = Served(env)
    one = served.nodes[0]
    one.raw(JOIN)
    assert one.until(peer.SERVER_ERROR).error == 4
    served.goes_on()
    served.lets_in()
