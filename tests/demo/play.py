"""play.py -- `./dev run`: the demo's world left running, with a handful of commands.

Whoever plays is the cluster's fate. The same watch as in the demo looks on, and says so at once if
two partitions should ever be quorate.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import select
import shlex
import sys
import time

from harness import Failed
from story import Story

COMMANDS = """cut            cut the link between the nodes
heal           join it again
kill N         power cut for node 1 or 2 (kill -9 of its daemon)
start N        switch it on again
arbiter stop   kill -9 of the arbiter
arbiter start  start it again
status         the table again
log NAME       the last lines of arbiter, node-1 or node-2
quit           end everything (so does Ctrl-C)"""
QUIET_SECONDS = 0.4  # No news for so long: show what came of it.


class Play:
    def __init__(self, screen, world):
        self.screen = screen
        self.world = world
        self.story = Story(screen, world)
        self.since = time.monotonic()
        self.shown = None

    # -- what can be done --------------------------------------------------------------------

    def node(self, word):
        if word not in ("1", "2"):
            raise Failed(f"no node {word!r}; there are 1 and 2")
        return int(word)

    def perform(self, words):
        world = self.world
        match words:
            case ["cut"]:
                world.cut()
            case ["heal"]:
                world.heal()
            case ["kill", word]:
                if world.is_up(number := self.node(word)):
                    world.kill(number)
            case ["start", word]:
                world.start_node(self.node(word))
            case ["arbiter", "stop"]:
                world.stop_arbiter()
            case ["arbiter", "start"]:
                if not world.arbiter.alive():
                    world.start_arbiter()
            case ["status"]:
                self.shown = None
            case ["log", name]:
                self.log(name)
            case _:
                self.screen.block(COMMANDS)

    def log(self, name):
        for process in self.world.env.processes:
            if process.name == name:
                self.screen.block("\n".join(process.log().splitlines()[-15:]), "dim")
                return
        raise Failed(f"no log of {name!r}; there are arbiter, node-1 and node-2")

    # -- showing -----------------------------------------------------------------------------

    def state(self):
        return [self.world.now(number) for number in self.world.names]

    def show_news(self):
        """The table, as soon as what has changed has settled."""
        state = self.state()
        if state == self.shown or time.monotonic() - max(r.t for r in state) < QUIET_SECONDS:
            return
        if self.shown is None or not all(a.same(b) for a, b in zip(state, self.shown)):
            self.story.show(self.since)
            self.prompt()
        self.shown = state

    def prompt(self):
        if sys.stdin.isatty():
            print(self.screen.paint("castvote> ", "bold"), end="", flush=True)

    def places(self):
        world, screen = self.world, self.screen
        screen.line()
        screen.say("Look at it from another terminal:")
        screen.block("\n".join(
            [f"cd {world.env.bin}", f"./qnetd-tool --socket {world.arbiter_socket()} status"] +
            [f"./qdevice-tool --socket {world.node_socket(n)} status" for n in world.names] +
            [f"tail -f {world.env.tmp}/*.log"]))
        screen.line()
        screen.say("Commands here:")
        screen.block(COMMANDS)

    # -- the loop ----------------------------------------------------------------------------

    def read_commands(self, buffer):
        """What was typed, as whole lines; None at the end of the input."""
        chunk = os.read(sys.stdin.fileno(), 4096)
        if not chunk:
            return None, b""
        *lines, rest = (buffer + chunk).split(b"\n")
        return [line.decode(errors="replace") for line in lines], rest

    def loop(self):
        buffer = b""
        while True:
            self.world.check()
            self.show_news()
            ready, _, _ = select.select([sys.stdin], [], [], 0.1)
            if not ready:
                continue
            lines, buffer = self.read_commands(buffer)
            if lines is None:
                return
            for line in lines:
                if line.strip() in ("quit", "exit"):
                    return
                self.obey(line)

    def obey(self, line):
        before = self.state()
        self.since = time.monotonic()
        self.world.mark()
        try:
            words = shlex.split(line)
            if words:
                self.perform(words)
        except (Failed, ValueError) as wrong:
            self.screen.say(str(wrong), "red")
        if before == self.state() and self.shown is not None:
            self.prompt()


def play(screen, world):
    game = Play(screen, world)
    game.places()
    world.wait(lambda: all(world.now(n).counts() for n in world.names), 15,
               "both nodes are quorate")
    game.loop()
    screen.say("ended; nothing is left behind")
