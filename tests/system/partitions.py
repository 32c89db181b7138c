"""partitions.py -- who is quorate with whom, and the one thing that must never be.

Every node's reports come here as they are read. Two nodes that are quorate at the same instant in
partitions without a common member are the damage that the arbiter exists to prevent; it is found
here, whichever way the reports came. Reports are as exact as their sources look: `gap` says by how
much a piece of news may be older than its time stamp, and an overlap counts only beyond that.
"""
# SPDX-License-Identifier: BSD-3-Clause
import dataclasses

from harness import Failed

#: Beyond what the gaps explain: two processes need not be woken in the order of their news.
TOLERANCE_SECONDS = 0.005


@dataclasses.dataclass
class Report:
    """What one node says, from `t` (monotonic seconds) on."""

    t: float
    gap: float = 0.0
    up: bool = True
    quorate: bool = False
    syncing: bool = False  # a new membership is being formed: nothing counts meanwhile
    members: tuple = ()
    votes: int = 0
    expected: int = 0
    vote: bool = False  # the arbiter's vote is counted

    def counts(self):
        return self.up and self.quorate and not self.syncing

    def same(self, other):
        return dataclasses.replace(self, t=0, gap=0) == dataclasses.replace(other, t=0, gap=0)


class DoubleQuorum(Failed):
    """Two disjoint partitions were quorate at once."""


class Partitions:
    def __init__(self, nodes):
        self.history = {node: [Report(t=0.0, up=False)] for node in nodes}
        self.reports = 0
        self.widest_gap = 0.0

    def take(self, node, report):
        """News of one node, in the order of its time stamps."""
        self.reports += 1
        self.widest_gap = max(self.widest_gap, report.gap)
        if not report.same(self.now(node)):
            self.history[node].append(report)

    def now(self, node):
        return self.history[node][-1]

    def quorate(self):
        """The partitions that count themselves quorate now, each as a sorted tuple of nodes."""
        return sorted({report.members for report in map(self.now, self.history)
                       if report.counts()})

    def spans(self, node, until):
        """(from, to, members) of each time in which the node counted itself quorate, at least."""
        reports = self.history[node]
        for report, following in zip(reports, reports[1:] + [None]):
            if report.counts():
                end = following.t - following.gap if following else until
                yield report.t, end, report.members

    def overlaps(self, until, tolerance=TOLERANCE_SECONDS):
        """(from, to, node, node) wherever two disjoint partitions were quorate at once."""
        nodes = sorted(self.history)
        for i, one in enumerate(nodes):
            for other in nodes[i + 1:]:
                for start, end, members in self.spans(one, until):
                    for start2, end2, members2 in self.spans(other, until):
                        first, last = max(start, start2), min(end, end2)
                        if not set(members) & set(members2) and last - first > tolerance:
                            yield first, last, one, other

    def check(self, until, tolerance=TOLERANCE_SECONDS):
        """Fails if two disjoint partitions were quorate at once at any instant up to `until`."""
        for first, last, one, other in self.overlaps(until, tolerance):
            raise DoubleQuorum(f"nodes {one} and {other} were quorate in disjoint partitions for "
                               f"{(last - first) * 1e3:.0f} ms")
