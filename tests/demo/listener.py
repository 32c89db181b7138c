"""listener.py -- reads what the stdio node daemons say, the moment they say it.

A thread of its own keeps the account of who is quorate with whom (partitions.py). News of two nodes
that can be read together are taken together: after anything was read, all nodes are read again, so
that a loss which was written before another node's gain is never taken after it. Two partitions
that are quorate at once are a violation as soon as they outlive one such look.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import select
import threading
import time

from partitions import DoubleQuorum, Partitions, Report


class Pipe:
    """The standard output of one daemon."""

    def __init__(self, number, file):
        self.number = number
        self.file = file
        self.buffer = b""
        os.set_blocking(file.fileno(), False)

    def drain(self):
        """(whole lines that can be read now, has the output ended)."""
        ended = False
        while True:
            try:
                chunk = os.read(self.file.fileno(), 65536)
            except BlockingIOError:
                break
            if not chunk:
                ended = True
                break
            self.buffer += chunk
        *lines, self.buffer = self.buffer.split(b"\n")
        return lines, ended


class Listener(threading.Thread):
    def __init__(self, numbers):
        super().__init__(daemon=True)
        self.partitions = Partitions(numbers)
        self.lock = threading.Lock()  # guards everything here
        self.pipes = {}
        self.status = {}  # node -> (its connection to the arbiter, in its own words)
        self.events = 0
        self.problem = None  # the first thing that must never be
        self.wake_read, self.wake_write = os.pipe()
        self.ending = False
        self.start()

    def add(self, number, file):
        with self.lock:
            self.pipes[number] = Pipe(number, file)
        os.write(self.wake_write, b"+")

    def close(self):
        self.ending = True
        os.write(self.wake_write, b".")
        self.join()
        os.close(self.wake_read)
        os.close(self.wake_write)

    def run(self):
        while not self.ending:
            with self.lock:
                files = [pipe.file.fileno() for pipe in self.pipes.values()]
            ready, _, _ = select.select([*files, self.wake_read], [], [])
            if self.wake_read in ready:
                os.read(self.wake_read, 100)
            with self.lock:
                self.look()

    def look(self):
        batch = []
        for _ in range(2):
            for number, pipe in list(self.pipes.items()):
                lines, ended = pipe.drain()
                batch += [(number, line) for line in lines]
                if ended:
                    pipe.file.close()
                    del self.pipes[number]
                    batch.append((number, None))
        now = time.monotonic()
        try:
            for number, line in batch:
                self.take(number, line, now)
            self.partitions.check(now, tolerance=0)
        except (DoubleQuorum, ValueError, KeyError) as problem:
            self.problem = self.problem or problem

    def take(self, number, line, t):
        if line is None:
            self.partitions.take(number, Report(t=t, up=False))
            return
        said = json.loads(line)
        self.events += 1
        before = self.partitions.now(number)
        if said["event"] == "status":
            self.status[number] = said["connection"]
        elif said["event"] == "sync":
            self.partitions.take(number, Report(
                t=t, syncing=True, quorate=before.quorate, members=tuple(sorted(said["members"])),
                votes=len(said["members"]), expected=before.expected))
        elif said["event"] == "quorum":
            self.partitions.take(number, Report(
                t=t, quorate=said["quorate"], members=tuple(sorted(said["members"])),
                votes=said["votes"], expected=said["expected"], vote=said["vote"]))
