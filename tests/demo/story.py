"""story.py -- the demo's story, told over any world: split, fail-over, restart, healing.

A world has nodes 1 and 2, cuts and kills on demand, and reports what each node says (worlds:
loopback.py, real.py). After every step exactly one partition must be quorate, and stay so for a
moment; two at once, at whatever instant, end the story on the spot. What the arbiter decides is
not known here: the story asks, and prints.
"""
# SPDX-License-Identifier: BSD-3-Clause
import time

from screen import braces, seconds

LIMIT_SECONDS = 15  # For one step to settle.
HEADER = ("node", "partition", "votes", "state", "arbiter's vote", "what happened")


STATES = {"QUORATE": ("QUORATE", "green", "bold"), "stopped": ("stopped", "red"),
          "waiting": ("waiting", "yellow")}


def state_of(report):
    """`waiting`: forming a partition, counting nothing until the arbiter has spoken."""
    if not report.up:
        return "off"
    if report.syncing:
        return "waiting"
    return "QUORATE" if report.quorate else "stopped"


def whole(world):
    return all(world.now(n).counts() and world.now(n).members == (1, 2)
               and world.now(n).votes == 3 and world.now(n).vote for n in (1, 2))


def alone(world, node):
    """This node is quorate by itself, and the other one does not count."""
    other = world.now(3 - node)
    return (world.partitions.quorate() == [(node,)] and world.now(node).vote
            and not other.counts() and (not other.up or other.members == (3 - node,)))


def what_happened(world, node, since):
    """One node's way from `since` to now, in a few words."""
    history = world.partitions.history[node]
    before = max((r for r in history if r.t <= since), key=lambda r: r.t, default=history[0])
    after = [r for r in history if r.t > since]
    now = history[-1]
    if not now.up:
        return "off" if before.up else "still off"
    if not after:
        return "nothing changed" if now.counts() else "still stopped"
    if now.syncing:
        return "asks the arbiter"
    lost = next((r for r in after if r.up and not r.quorate and not r.syncing), None)
    settled = seconds(after[-1].t - since)
    if now.counts():
        if before.up and before.quorate and not lost:
            return f"kept quorum ({settled})"
        if lost and before.quorate:
            return f"stopped, back in {settled}"
        return f"quorate after {settled}"
    if before.quorate and lost:
        return f"stopped after {seconds(lost.t - since)}"
    return "still stopped"


class Story:
    def __init__(self, screen, world):
        self.screen = screen
        self.world = world
        self.steps = 0

    # -- showing -----------------------------------------------------------------------------

    def row(self, node, since):
        report = self.world.now(node)
        name = self.world.names[node]
        happened = what_happened(self.world, node, since)
        dash = self.screen.dash
        if not report.up:
            return [(name, "dim"), (dash, "dim"), (dash, "dim"), ("off", "dim"), (dash, "dim"),
                    (happened, "dim")]
        state = STATES[state_of(report)]
        vote = ("yes", "green") if report.vote and report.counts() else (dash,)
        return [name, braces(report.members), f"{report.votes} of {report.expected}", state, vote,
                happened]

    def show(self, since):
        self.screen.table(HEADER, [self.row(node, since) for node in (1, 2)])
        for sentence in self.world.arbiter_says():
            self.screen.say(sentence, lead="arbiter")

    def show_live(self, since):
        states = []
        for node, name in self.world.names.items():
            states.append(f"{name} {state_of(self.world.now(node))}")
        self.screen.live(f"{time.monotonic() - since:4.1f} s   {',  '.join(states)}")

    # -- steps -------------------------------------------------------------------------------

    def step(self, title, text, action, settled, what, hold=None):
        """Does one thing to the world, waits until it has settled, shows it."""
        self.steps += 1
        self.screen.heading(self.steps, title)
        self.screen.say(text)
        self.world.mark()
        since = time.monotonic()
        self.world.waiting = lambda: self.show_live(since)
        action()
        self.world.wait(settled, LIMIT_SECONDS, what)
        self.world.hold(settled, hold or self.world.usual_hold_seconds, what)
        self.world.must_be_one_partition()
        self.show(since)

    def tell(self):
        world, names = self.world, self.world.names
        self.step("Healthy", "Two nodes, one vote each, and the arbiter's vote: 3 votes, 2 make a "
                  "quorum.", lambda: None, lambda: whole(world),
                  "both nodes in one partition, with 3 votes of 3", world.settling_seconds)
        self.step("The link between the nodes is cut", "Neither node sees the other any more. Both "
                  "are alive, and either could believe the other dead: without an arbiter both "
                  "would have to stop. Both still reach the arbiter.", world.cut,
                  lambda: alone(world, 1) or alone(world, 2), "exactly one node goes on alone")
        winner = 1 if alone(world, 1) else 2
        loser = 3 - winner
        self.step(f"Power cut at {names[winner]}, which has the vote", f"{names[loser]} can go on "
                  "only with the arbiter's vote, and may have it only when it is certain that "
                  f"{names[winner]} no longer counts it.", lambda: world.kill(winner),
                  lambda: alone(world, loser), f"{names[loser]} takes over")
        self.step("The arbiter is restarted (kill -9, new start)",
                  f"{names[loser]} goes on: the new arbiter finds on its disk who has the vote, "
                  "and the node's lease bridges the moment. Nobody else could get the vote "
                  "meanwhile.", world.restart_arbiter, lambda: alone(world, loser),
                  f"{names[loser]} still has the vote", max(3, world.usual_hold_seconds))

        def heal():
            world.heal()
            world.start_node(winner)
        self.step(f"{names[winner]} comes back, the link is healed", "One partition again, all "
                  "votes again.", heal, lambda: whole(world),
                  "both nodes in one partition, with 3 votes of 3")
