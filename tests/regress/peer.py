"""peer.py -- a client of the protocol that sends whatever a test wants, right or wrong.

Knows the bytes (docs/protocol.md 1 to 3) and nothing of what an arbiter makes of them. `Arbiter` is
ours, on loopback, with the options that a test gives it.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import socket
import ssl
import struct

PREINIT, PREINIT_REPLY, STARTTLS, INIT, INIT_REPLY, SERVER_ERROR = range(6)
ECHO_REQUEST, ECHO_REPLY, NODE_LIST, NODE_LIST_REPLY = 8, 9, 10, 11
VOTE_INFO, VOTE_INFO_REPLY = 14, 15
CONFIG, MEMBERSHIP, QUORUM = 0, 2, 3
ACK, NACK = 1, 2

#: name: (option, struct format)
OPTIONS = {"number": (0, ">I"), "error": (6, ">H"), "node": (9, ">I"), "algorithm": (11, ">H"),
           "heartbeat": (12, ">I"), "ring": (13, ">IQ"), "list_type": (18, ">B"),
           "vote": (19, ">B"), "quorate": (20, ">B"), "tie_breaker": (21, ">BI")}
NAMES = {number: name for name, (number, _) in OPTIONS.items()}
CLUSTER_NAME, NODE_INFO, NOBODY_KNOWS = 1, 17, 99


def option(number, value):
    return struct.pack(">HH", number, len(value)) + value


def message(kind, *raw_options, **values):
    """The bytes of a message; `cluster` a name, `nodes` a list of ids, else as in OPTIONS."""
    body = b""
    for name, value in values.items():
        if name == "cluster":
            body += option(CLUSTER_NAME, value.encode())
        elif name == "nodes":
            body += b"".join(option(NODE_INFO, option(9, struct.pack(">I", node)))
                             for node in value)
        else:
            number, form = OPTIONS[name]
            fields = value if isinstance(value, tuple) else (value,)
            body += option(number, struct.pack(form, *fields))
    body += b"".join(raw_options)
    return struct.pack(">HI", kind, len(body)) + body


class Closed(Exception):
    """The arbiter has ended the connection."""


class Message:
    """What came: its type and those options that OPTIONS names."""

    def __init__(self, kind, body):
        self.kind = kind
        self.values = {}
        while body:
            number, size = struct.unpack(">HH", body[:4])
            if number in NAMES:
                fields = struct.unpack(OPTIONS[NAMES[number]][1], body[4:4 + size])
                self.values[NAMES[number]] = fields if len(fields) > 1 else fields[0]
            body = body[4 + size:]

    def __getattr__(self, name):
        return self.values.get(name)

    def __repr__(self):
        return f"message {self.kind} {self.values}"


class Peer:
    """One connection. Everything that waits gives up after ten seconds."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, kind, *raw_options, **values):
        self.raw(message(kind, *raw_options, **values))

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except (ConnectionResetError, ssl.SSLError) as error:
                raise Closed() from error
            if not part:
                raise Closed()
            data += part
        return data

    def receive(self):
        """The next message; Closed at the end of the stream."""
        kind, size = struct.unpack(">HI", self._exactly(6))
        return Message(kind, self._exactly(size))

    def until(self, kind, **wanted):
        """Reads on to a message of this type and with these values."""
        while True:
            got = self.receive()
            if got.kind == kind and all(got.values.get(k) == v for k, v in wanted.items()):
                return got

    def is_closed_within(self, seconds):
        """Whether the arbiter ends the connection in time; what it says before is passed over."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self.receive()
        except Closed:
            return True
        except (TimeoutError, socket.timeout):
            return False

    def close(self):
        self.socket.close()

    # -- the ordinary steps --------------------------------------------------------------------

    def preinit(self, cluster):
        self.send(PREINIT, number=1, cluster=cluster)
        return self.receive()

    def start_tls(self, directory):
        """Inside TLS from here on, with the certificates of a node's directory."""
        self.send(STARTTLS, number=2)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(os.path.join(directory, "ca.pem"))
        context.load_cert_chain(os.path.join(directory, "cluster.pem"),
                                os.path.join(directory, "cluster.key"))
        self.socket = context.wrap_socket(self.socket)

    def init(self, node, ring=(1, 8), heartbeat=2000):
        self.send(INIT, number=3, node=node, ring=ring, heartbeat=heartbeat, algorithm=1,
                  tie_breaker=(1, 0))
        return self.until(INIT_REPLY)

    def join(self, cluster, node, ring=(1, 8)):
        """PREINIT and INIT; the connection itself."""
        self.preinit(cluster)
        answer = self.init(node, ring)
        assert answer.error == 0, answer
        return self

    def lists(self, configured, members, ring=(1, 8)):
        self.send(NODE_LIST, number=4, list_type=CONFIG, nodes=configured)
        self.membership(members, ring)

    def membership(self, members, ring):
        self.send(NODE_LIST, number=5, list_type=MEMBERSHIP, ring=ring, nodes=members)

    def quorum(self, members, is_quorate):
        """The synchronisation of its ring is over."""
        self.send(NODE_LIST, number=6, list_type=QUORUM, quorate=int(is_quorate), nodes=members)

    def confirm(self, vote_info):
        self.send(VOTE_INFO_REPLY, number=vote_info.number)

    def is_served(self):
        """An echo comes back."""
        self.send(ECHO_REQUEST, number=777)
        return self.until(ECHO_REPLY, number=777) is not None


class Arbiter:
    """Our arbiter, on a free port of loopback."""

    def __init__(self, env, *options, tls="off", certificates=None, before=(),
                 state="none"):
        self.env = env
        self.port = env.free_port()
        self.socket = env.path("qnetd.sock")
        self.process = env.spawn(
            [*before, env.program("qnetd"), "--listen", "127.0.0.1", "--port", self.port,
             "--socket", self.socket, "--certificates", certificates or env.path("none"),
             "--tls", tls, "--state", state, *options], "qnetd")
        self.process.says("ready: listening")

    def peer(self):
        return Peer(self.port)

    def pair(self, cluster):
        """Two nodes of a cluster which both have the vote in their common ring."""
        nodes = [self.peer().join(cluster, number) for number in (1, 2)]
        for one in nodes:
            one.lists([1, 2], [1, 2])
        for one in nodes:
            one.confirm(one.until(VOTE_INFO, vote=ACK))
        return nodes

    def status(self):
        return self.env.run([self.env.program("qnetd-tool"), "--socket", self.socket, "status",
                             "--json"]).stdout

    def resident_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def serves(self):
        """A new pair of nodes gets its vote: the whole arbiter works."""
        for one in self.pair("afterwards"):
            one.close()
        assert self.process.alive()
