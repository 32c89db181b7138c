"""test_clean_stop.py -- a node daemon that stops in order says so by FIN, whatever it has not read.

The kernel answers the close of a socket with unread bytes by a reset. Only an end of stream lets
the arbiter count the short lifetime of R2e (docs/safety.md), so that a reset costs the others up to
two heartbeats. It happened when an echo reply was on its way while the daemon stopped.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import signal
import socket
import ssl
import struct

import peer
from arbiters import certify
from harness import wait_for
from stdio_nodes import ring

CLUSTER = "leaving"
UNREAD = 5000  # messages: more than a daemon reads in one turn, and less than the system holds
SIZES = struct.pack(">I", 32768)
NO_CHANGE = 5
CLOSE_WAIT = 8  # of TCP: the peer has sent FIN, and nothing after it


def list_of_numbers(option, numbers):
    return peer.option(option, struct.pack(f">{len(numbers)}H", *numbers))


class OneNode(peer.Peer):
    """The arbiter's end of one node's connection, played by the test."""

    def __init__(self, listener, certificates=None):
        self.socket, _ = listener.accept()
        self.socket.settimeout(10)
        assert self.receive().kind == peer.PREINIT
        self.send(peer.PREINIT_REPLY, peer.option(2, b"\1" if certificates else b"\0"),
                  peer.option(3, b"\0"), number=1)
        if certificates:
            assert self.receive().kind == peer.STARTTLS
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(os.path.join(certificates, "server.pem"),
                                    os.path.join(certificates, "server.key"))
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              suppress_ragged_eofs=False)
        init = self.receive()
        assert init.kind == peer.INIT
        self.send(peer.INIT_REPLY, list_of_numbers(4, range(18)), list_of_numbers(5, range(24)),
                  peer.option(7, SIZES), peer.option(8, SIZES), list_of_numbers(10, range(4)),
                  number=init.number, error=0)
        while self.receive().list_type != peer.QUORUM:
            pass

    def end_of(self, node):
        """What the end of its stream looks like, once it is gone; everything before is read.

        The system shows a FIN with a reset behind it as an end of the stream, too: our arbiter asks
        what has become of the connection, and so do we.
        """
        try:
            while self.socket.recv(65536):
                pass
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        assert node.wait() == 0
        state = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0]
        return "end of stream" if state == CLOSE_WAIT else f"reset (state {state})"


def stop_with_unread_bytes(env, tls):
    certificates = node_directory = None
    if tls:
        certificates, node_directory = certify(env, "ours", CLUSTER)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    node = env.spawn(
        [env.program("qdevice-client"), "--provider", "stdio", "--node-id", 1, "--nodes", "1,2",
         "--cluster", CLUSTER, "--arbiter", "127.0.0.1", "--port", listener.getsockname()[1],
         "--tls", "on" if tls else "off", "--certificates", node_directory or "none"],
        name="node", stdin=True)
    ring(node, 1, 8, [1, 2])
    arbiter = OneNode(listener, certificates)
    node.signal(signal.SIGSTOP)
    wait_for(lambda: state_of(node) == "T", 5, "the daemon is frozen")
    arbiter.raw(peer.message(peer.VOTE_INFO, number=7, vote=NO_CHANGE, ring=(1, 8)) * UNREAD)
    node.signal(signal.SIGTERM)
    node.signal(signal.SIGCONT)
    end = arbiter.end_of(node)
    assert end == "end of stream", f"{end}\n{node.log()}"
    arbiter.close()
    listener.close()


def state_of(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_stop_with_unread_bytes_ends_the_stream(env):
    stop_with_unread_bytes(env, tls=False)


def test_stop_with_unread_bytes_ends_the_stream_in_tls(env):
    stop_with_unread_bytes(env, tls=True)
