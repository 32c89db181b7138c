"""enrolment.py -- an arbiter that can invite, and nodes that join, on loopback.

Knows the programs' words and events, and what crosses the port before TLS; expects nothing.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import signal
import socket
import ssl
import struct
import time

from stdio_nodes import ring

JOIN = struct.pack(">HI", 0x434a, 0)  # docs/protocol.md 16

CONFIGURATION = """totem {{
  cluster_name: {cluster}
  config_version: 3
}}
nodelist {{
  node {{
    nodeid: 1
  }}
  node {{
    nodeid: 2
  }}
}}
quorum {{
  provider: corosync_votequorum
}}
"""


class Invitation:
    """A `qcert invite` that runs, and what it has said."""

    def __init__(self, home, *options, cluster="alpha"):
        env = home.env
        words = list(options)
        if "--listen" not in words:
            words += ["--socket", home.socket, "--address", f"127.0.0.1:{home.port}"]
        self.process = env.spawn([env.program("qcert"), "invite", "--json", "--dir",
                                  home.directory, "--cluster", cluster, *words], "invite")
        self.process.says('"waiting"')
        command = self.events("waiting")[0]["command"].split()
        self.address, self.token, self.further = command[2], command[3], command[4:]

    def events(self, kind=None):
        lines = [json.loads(line) for line in self.process.log().splitlines()]
        return [line for line in lines if kind in (None, line["event"])]

    def ends(self, status, seconds=15):
        """Its last event, when it has ended with this status."""
        assert self.process.wait(seconds) == status, self.process.log()
        return self.events()[-1]


class Home:
    """The arbiter's directory, and its daemon when it was started."""

    def __init__(self, env, name="arbiter", state="none"):
        self.env = env
        self.state = state
        self.directory = env.path(name)
        self.port = env.free_port()
        self.run = env.path(name + "-run")
        self.socket = os.path.join(self.run, "qnetd.sock")
        self.door = os.path.join(self.run, "castvote-invite.sock")
        self.daemon = None
        os.mkdir(self.run)
        env.run([env.program("qcert"), "init", "--dir", self.directory])

    def spawn(self, *options, tls="required", state=None):
        return self.env.spawn(
            [self.env.program("qnetd"), "--listen", "127.0.0.1", "--port", self.port, "--socket",
             self.socket, "--certificates", self.directory, "--tls", tls, "--state",
             state or self.state, "--device-timeout", 3000, *options], "qnetd")

    def start(self, *options, **others):
        self.daemon = self.spawn(*options, **others)
        self.daemon.says("ready: listening")
        return self

    def start_halfway(self):
        """Stopped between its first look at the lists and its control socket, which the store is.
        SIGCONT lets it go on."""
        for attempt in range(50):
            state = self.env.path(f"state{attempt}")
            os.mkdir(state)
            self.daemon = self.spawn("--shards", 4, state=state)
            until = time.monotonic() + 10
            while not os.listdir(state) and time.monotonic() < until:
                pass
            self.daemon.signal(signal.SIGSTOP)
            if not os.path.exists(self.socket):
                return
            self.daemon.signal(signal.SIGCONT)
            self.daemon.says("ready: listening")
            self.daemon.stop()
        raise AssertionError("it was never seen while it started")

    def listed(self):
        done = self.env.run([self.env.program("qcert"), "list", "--json", "--dir", self.directory])
        return [one for one in json.loads(done.stdout)["certificates"] if one["use"] == "cluster"]

    def status(self):
        return json.loads(self.env.run([self.env.program("qnetd-tool"), "--socket", self.socket,
                                        "status", "--json"]).stdout)


def join(env, address, token, node, *options, cluster="alpha", check=True):
    """`qcert join` of a node, whose files are in a folder of that name."""
    folder = env.path(node)
    os.makedirs(folder, exist_ok=True)
    configuration = os.path.join(folder, "corosync.conf")
    if not os.path.exists(configuration):
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(cluster=cluster))
    return env.run([env.program("qcert"), "join", address, token, "--dir",
                    os.path.join(folder, "nssdb"), "--corosync-conf", configuration, *options],
                   check=check)


def read(env, *path):
    with open(env.path(*path), "rb") as file:
        return file.read()


def greeted(port, source="127.0.0.1"):
    """A connection at which the invitation has answered; the answer of whoever it was."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10,
                                          source_address=(source, 0))
    connection.sendall(JOIN)
    return connection, connection.recv(len(JOIN))


def in_tls(connection):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def daemon(env, home, node, number, cluster="alpha", at=(1, 8, [1, 2]), tls="required"):
    """The node's daemon, in one ring with its neighbour, with TLS and nothing else."""
    process = env.spawn(
        [env.program("qdevice-client"), "--provider", "stdio", "--node-id", number, "--nodes",
         "1,2", "--cluster", cluster, "--arbiter", "127.0.0.1", "--port", home.port, "--tls",
         tls, "--certificates", env.path(node, "nssdb"), "--timeout", 3000,
         "--sync-timeout", 8000, "--socket", env.path(node + ".sock")], name=node, stdin=True)
    ring(process, *at)
    return process


def get_the_vote(env, home):
    """Both nodes' daemons, when the vote is theirs."""
    daemons = [daemon(env, home, node, number) for number, node in ((1, "one"), (2, "two"))]
    env.wait_for(lambda: {holder["node_id"] for cluster in home.status()["clusters"]
                          for holder in cluster["holders"]} == {1, 2}, 20, "both have the vote")
    return daemons
