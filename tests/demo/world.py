"""world.py -- what the story can do in any world, and how it waits there.

A world has two nodes and an arbiter. It says what each node counts (`now`), and `check` fails as
soon as something was seen that must never be: two partitions quorate at once, or a program that
ended by itself. Waiting means checking all the while.
"""
# SPDX-License-Identifier: BSD-3-Clause
import time

from harness import Failed
from words import sentences_of_log, sentences_of_status

PAUSE_SECONDS = 0.02


class World:
    names = {}  # node number -> how the node is called on the screen
    partitions = None
    marked = (None, 0)
    waiting = staticmethod(lambda: None)  # called again and again while it waits
    usual_hold_seconds = 1.2  # What has settled must stay for so long.
    settling_seconds = 1.2  # After this the votes are old enough to be handed over without a wait.

    def arbiter_process(self):
        raise NotImplementedError

    def arbiter_status(self):
        """What `qnetd-tool status --json` prints, as data; None if that arbiter is not ours."""
        raise NotImplementedError

    def mark(self):
        """From here on the arbiter's log is news."""
        process = self.arbiter_process()
        self.marked = (process, len(process.log()) if process else 0)

    def arbiter_news(self):
        process, read = self.marked
        now = self.arbiter_process()
        return now.log()[read if now is process else 0:]

    def arbiter_says(self):
        """Why it is as it is, in a few sentences."""
        if not self.arbiter_process().alive():
            return ["not running"]
        said = sentences_of_log(self.arbiter_news(), self.names)
        return said + sentences_of_status(self.arbiter_status(), self.names)

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
            self.waiting()
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
            self.waiting()
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
