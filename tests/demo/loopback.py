"""loopback.py -- the demo's world without root or corosync: three processes on loopback, TLS.

An arbiter, and two node daemons with the stdio provider. We are their "corosync": we tell each node
in JSON lines in which ring it is (docs/stdio.md), and a thread of its own listens to what they say
about votes and quorum, all the time. Everything lives in one temporary folder and on one free port.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import select
import signal
import subprocess
import threading
import time

from harness import Failed, Process, die_with_parent, wait_for
from partitions import DoubleQuorum, Partitions, Report

CLUSTER = "demo"
TIMEOUT_MS = 1250       # quorum.device.timeout; the heartbeat is 0.8 of it: 1000 ms, the least
SYNC_TIMEOUT_MS = 10000  # for so long may a new membership wait for the arbiter


class Node:
    """One node daemon and its three pipes."""

    def __init__(self, number, popen, log_path):
        self.number = number
        self.popen = popen
        self.process = Process(popen, f"node-{number}", log_path)
        self.buffer = b""
        os.set_blocking(popen.stdout.fileno(), False)

    def feed(self, line):
        self.popen.stdin.write(json.dumps(line).encode() + b"\n")
        self.popen.stdin.flush()

    def drain(self):
        """(whole lines that can be read now, has the output ended)."""
        ended = False
        while True:
            try:
                chunk = os.read(self.popen.stdout.fileno(), 65536)
            except BlockingIOError:
                break
            if not chunk:
                ended = True
                break
            self.buffer += chunk
        *lines, self.buffer = self.buffer.split(b"\n")
        return lines, ended


class Listener(threading.Thread):
    """Reads all nodes' events the moment they are there, and keeps the account of partitions.

    Two nodes' news that can be read together are taken together: the second reading makes sure
    that a loss which was written before another node's gain is never taken after it.
    """

    def __init__(self, partitions):
        super().__init__(daemon=True)
        self.partitions = partitions
        self.lock = threading.Lock()
        self.nodes = {}
        self.events = 0
        self.violation = None
        self.deaths = []  # (time, node) of daemons whose output has ended
        self.wake_read, self.wake_write = os.pipe()
        self.ending = False

    def add(self, node):
        with self.lock:
            self.nodes[node.number] = node
        os.write(self.wake_write, b"x")

    def run(self):
        while not self.ending:
            with self.lock:
                files = {node.popen.stdout.fileno(): node for node in self.nodes.values()}
            ready, _, _ = select.select([*files, self.wake_read], [], [])
            if self.wake_read in ready:
                os.read(self.wake_read, 100)
            with self.lock:
                self.look()

    def look(self):
        for _ in range(2):
            for number, node in list(self.nodes.items()):
                lines, ended = node.drain()
                for line in lines:
                    self.take(number, line)
                if ended:
                    del self.nodes[number]
                    self.deaths.append((time.monotonic(), number))
                    self.partitions.take(number, Report(t=self.stamp, up=False))
            self.stamp = time.monotonic()
        try:
            self.partitions.check(time.monotonic(), tolerance=0)
        except DoubleQuorum as double:
            self.violation = self.violation or double

    stamp = 0.0

    def take(self, number, line):
        event = json.loads(line)
        self.events += 1
        now = self.partitions.now(number)
        common = {"t": time.monotonic(), "expected": now.expected}
        if event["event"] == "sync":
            self.partitions.take(number, Report(
                members=tuple(sorted(event["members"])), quorate=now.quorate, syncing=True,
                votes=len(event["members"]), **common))
        elif event["event"] == "quorum":
            common["expected"] = event["expected"]
            self.partitions.take(number, Report(
                members=tuple(sorted(event["members"])), quorate=event["quorate"],
                votes=event["votes"], vote=event["vote"], **common))
