"""world.py -- what the story can do in any world, and how it waits there.

A world has two nodes and an arbiter. It says what each node counts (`now`), and `check` fails as soon
as something was seen that must never be: two partitions quorate at once, or a program that ended by
itself. Waiting means checking all the while.
"""
# SPDX-License-Identifier: BSD-3-Clause
import time

from harness import Failed

PAUSE_SECONDS = 0.02


class World:
    names = {}  # node number -> how the node is called on the screen
    partitions = None

    def check(self):
        raise NotImplementedError

    def now(self, number):
        """The node's latest report."""
        return self.partitions.now(number)

    def wait(self, condition, seconds, what):
        """Until the condition holds; fails with what was expected and what was seen."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            if condition():
                return
            if time.monotonic() > end:
                raise Failed(f"expected: {what}, within {seconds} s\n{self.seen()}")
            time.sleep(PAUSE_SECONDS)

    def hold(self, condition, seconds, what):
        """For so long the condition must stay true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            if not condition():
                raise Failed(f"expected to last: {what}\n{self.seen()}")
            time.sleep(PAUSE_SECONDS)

    def must_be_one_partition(self):
        quorate = self.partitions.quorate()
        if len(quorate) != 1:
            raise Failed(f"expected: exactly one quorate partition\n{self.seen()}")

    def seen(self):
        rows = []
        for number, name in self.names.items():
            report = self.now(number)
            if not report.up:
                rows.append(f"seen: {name} is off")
                continue
            state = ("forming a new partition" if report.syncing else
                     "quorate" if report.quorate else "stopped")
            rows.append(f"seen: {name} is {state} with members {list(report.members)}, "
                        f"{report.votes} of {report.expected} votes, "
                        f"{'with' if report.vote else 'without'} the arbiter's vote")
        return "\n".join(rows)
