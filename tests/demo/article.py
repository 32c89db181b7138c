"""article.py -- the three failure tests of every two-node cluster, without and with the arbiter.

A node fails; the link between the nodes is cut; one node's service link is cut. Each is done first
to a cluster without an arbiter, then to one that has it, and every time corosync-quorumtool says on
each node what came of it.
"""
# SPDX-License-Identifier: BSD-3-Clause
import collections
import shutil

from screen import side_by_side

WIDE_COLUMNS = 100  # From here on two quorumtools fit beside each other.

#: What is done to a world, and what must come of it: without and with the arbiter, a condition on
#: the world and the judgement in words.
Test = collections.namedtuple("Test", "title text fault without without_words with_ with_words "
                                      "observe")


def stopped(world, *numbers):
    return all(not world.now(n).counts() and world.now(n).up for n in numbers)


def quorate(world, *numbers):
    return all(world.now(n).counts() for n in numbers)


def in_one_piece(world):
    votes = 3 if world.cluster.kinds["qnetd"] else 2
    return all(world.cluster.is_whole(n, votes) for n in (1, 2))


def one_alone(world):
    return world.partitions.quorate() in ([(1,)], [(2,)]) and any(
        world.now(n).up and not world.now(n).quorate for n in (1, 2))


TESTS = [
    Test("Node failure", "nodeB loses power.", lambda world: world.kill(2),
         lambda world: stopped(world, 1),
         "nodeA has 1 of 2 votes, no majority: it stops, and with it the whole cluster",
         lambda world: quorate(world, 1) and world.now(1).members == (1,) and world.now(1).vote,
         "nodeA has 2 of 3 votes, its own and the arbiter's: it works on", 0),
    Test("Cluster link cut", "The nodes no longer see each other; both are alive.",
         lambda world: world.cut(),
         lambda world: stopped(world, 1, 2),
         "each node has 1 of 2 votes: both stop, though nothing but a cable is broken",
         one_alone,
         "the arbiter's vote goes to exactly one node: that one works on, the other one stops", 0),
    Test("Service link cut", "nodeB loses the network to its users and to the arbiter; the cluster "
         "link is fine.", lambda world: world.cut_service(2),
         lambda world: quorate(world, 1, 2) and world.now(1).members == (1, 2),
         "corosync does not notice: both nodes stay quorate with 2 of 2 votes",
         lambda world: quorate(world, 1, 2) and world.now(1).vote and not world.now(2).vote,
         "both nodes stay quorate; nodeB only lacks the arbiter's vote (2 of 3 votes)", 3),
]


class Article:
    def __init__(self, screen, without, with_arbiter):
        self.screen = screen
        self.worlds = [("without the arbiter", without), ("with the arbiter", with_arbiter)]

    def tell(self):
        for letter, test in zip("ABC", TESTS):
            for label, world in self.worlds:
                self.screen.heading(letter, f"{test.title}, {label}")
                self.screen.say(test.text)
                self.run(test, world)

    def run(self, test, world):
        has_arbiter = bool(world.cluster.kinds["qnetd"])
        condition = test.with_ if has_arbiter else test.without
        words = test.with_words if has_arbiter else test.without_words
        test.fault(world)
        if test.observe:  # "Nothing happens" takes a while to be true.
            world.hold(lambda: quorate(world, 1, 2), test.observe, "both nodes stay quorate")
        try:
            world.wait(lambda: condition(world), 15, words)
            world.hold(lambda: condition(world), world.usual_hold_seconds, words)
        finally:
            self.show(world)
        self.screen.say(words, "green", lead="as expected")
        world.heal()
        world.start_node(2)
        world.wait(lambda: in_one_piece(world), 20, "both nodes in one partition again")

    def show(self, world):
        texts = [world.quorumtool(number) for number in world.names]
        names = list(world.names.values())
        columns = shutil.get_terminal_size((80, 24)).columns
        self.screen.line()
        if columns >= WIDE_COLUMNS:
            titled = [f"{name}# corosync-quorumtool -s\n{text}"
                      for name, text in zip(names, texts)]
            self.screen.block(side_by_side(*titled, width=columns // 2 - 4))
            self.screen.line()
            return
        for name, text in zip(names, texts):
            self.screen.block(f"{name}# corosync-quorumtool -s", "bold")
            self.screen.block(text)
            self.screen.line()
