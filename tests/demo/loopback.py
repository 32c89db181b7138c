"""loopback.py -- the demo's world without root or corosync: three processes on loopback, with TLS.

An arbiter, and two node daemons with the stdio provider. We are their "corosync": we tell each node
in JSON lines in which ring it is (docs/stdio.md). Everything lives in one temporary folder and on
one free port. It knows nothing of the story.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import signal
import subprocess

from harness import Failed, Process, die_with_parent
from listener import Listener
from world import World

CLUSTER = "demo"
TIMEOUT_MS = 1250  # quorum.device.timeout T; the heartbeat, 0.8 T, cannot be shorter than 1000 ms
SYNC_TIMEOUT_MS = 10000  # for so long a new membership may wait for the arbiter


class Loopback(World):
    names = {1: "node 1", 2: "node 2"}
    settling_seconds = 2.2  # Two heartbeats.

    def __init__(self, env):
        self.env = env
        self.port = env.free_port()
        self.listener = Listener(self.names)
        env.at_end(self.listener.close)
        self.partitions = self.listener.partitions
        self.daemons = {}
        self.arbiter = None
        self.is_cut = False
        self.sequence = 4  # of rings; corosync steps by four

    # -- set-up ------------------------------------------------------------------------------

    def path(self, *parts):
        return self.env.path(*parts)

    def arbiter_socket(self):
        return self.path("arbiter.sock")

    def node_socket(self, number):
        return self.path(f"node-{number}.sock")

    def certificates(self):
        """The arbiter's CA, and one certificate for the cluster, the same on both nodes."""
        qcert, arbiter = self.env.program("qcert"), self.path("arbiter")
        first, second = self.path("certs-1"), self.path("certs-2")
        ca = os.path.join(arbiter, "qnetd-cacert.crt")
        for words in (
                ["init", "--dir", arbiter],
                ["import", "--dir", first, "--ca", ca],
                ["request", "--dir", first, "--cluster", CLUSTER],
                ["sign", "--dir", arbiter, "--cluster", CLUSTER, "--request",
                 os.path.join(first, "qdevice-net-node.crq")],
                ["import", "--dir", first, "--certificate",
                 os.path.join(arbiter, f"cluster-{CLUSTER}.crt")],
                ["import", "--dir", second, "--ca", ca, "--p12",
                 os.path.join(first, "qdevice-net-node.p12")]):
            self.env.run([qcert, *words])

    def start_arbiter(self):
        self.arbiter = self.env.spawn(
            [self.env.program("qnetd"), "--listen", "127.0.0.1", "--port", self.port,
             "--certificates", self.path("arbiter"), "--socket", self.arbiter_socket(),
             "--state", self.path("state"), "--device-timeout", TIMEOUT_MS], name="arbiter")
        self.env.listening(self.port)

    def node_command(self, number):
        return [self.env.program("qdevice-client"), "--provider", "stdio",
                "--node-id", number, "--nodes", "1,2", "--cluster", CLUSTER,
                "--arbiter", "127.0.0.1", "--port", self.port, "--tls", "required",
                "--certificates", self.path(f"certs-{number}"),
                "--socket", self.node_socket(number),
                "--timeout", TIMEOUT_MS, "--sync-timeout", SYNC_TIMEOUT_MS]

    def spawn_node(self, number):
        log_path = self.path(f"node-{number}.log")
        with open(log_path, "ab") as log:
            popen = subprocess.Popen([str(word) for word in self.node_command(number)],
                                     cwd=self.env.tmp, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=log,
                                     preexec_fn=die_with_parent)
        process = Process(popen, f"node-{number}", log_path)
        self.env.processes = [p for p in self.env.processes if p.name != process.name] + [process]
        self.daemons[number] = process
        self.listener.add(number, popen.stdout)

    def boot(self):
        self.certificates()
        self.start_arbiter()
        for number in self.names:
            self.spawn_node(number)
        self.form_rings()

    # -- we are corosync ---------------------------------------------------------------------

    def is_up(self, number):
        return number in self.daemons and self.daemons[number].alive()

    def form_rings(self):
        """Every node that is up learns of its new ring, as corosync would tell it."""
        self.sequence += 4
        up = [number for number in self.names if self.is_up(number)]
        rings = [[number] for number in up] if self.is_cut or len(up) < 2 else [up]
        for members in rings:
            for number in members:
                if self.now(number).up and self.now(number).members == tuple(members):
                    continue  # For this node nothing has changed.
                line = {"ring": {"node": members[0], "seq": self.sequence}, "members": members}
                self.daemons[number].send(json.dumps(line))

    def cut(self):
        self.is_cut = True
        self.form_rings()

    def heal(self):
        self.is_cut = False
        self.form_rings()

    def kill(self, number):
        """A power cut for the node: its daemon, and with it all that it counted, is gone."""
        self.daemons[number].kill()
        self.env.wait_for(lambda: not self.now(number).up, 5, "the end of its output is read")
        self.form_rings()

    def start_node(self, number):
        if not self.is_up(number):
            self.spawn_node(number)
            self.form_rings()

    def stop_arbiter(self):
        self.arbiter.kill()

    def restart_arbiter(self):
        self.stop_arbiter()
        self.start_arbiter()

    # -- what they say -----------------------------------------------------------------------

    def arbiter_process(self):
        return self.arbiter

    def arbiter_status(self):
        done = self.env.run([self.env.program("qnetd-tool"), "--socket", self.arbiter_socket(),
                             "status", "--json"], seconds=5)
        return json.loads(done.stdout)

    def now(self, number):
        with self.listener.lock:
            return self.partitions.now(number)

    def check(self):
        """Fails if anything was seen that must never be."""
        if self.listener.problem:
            raise self.listener.problem
        for number, daemon in self.daemons.items():
            status = daemon.popen.poll()
            if status not in (None, -signal.SIGKILL):
                raise Failed(f"the daemon of node {number} ended by itself, with status {status}")
        if self.arbiter.popen.poll() not in (None, -signal.SIGKILL):
            raise Failed(f"the arbiter ended by itself, with status {self.arbiter.popen.poll()}")
