"""demo.py -- a cluster splits, and stays alive in exactly one piece: watch it happen.

    ./dev demo                 loopback, TLS, no root: an arbiter and two nodes (30 s)
    ./dev demo --corosync      the same with real corosync, then three failure tests (root, 2 min)
    ./dev run                  the first one's set-up, left running for you to play with

Exit status: 0 it was as it must be: at every step exactly one partition quorate, never two;
1 it was not, and the last lines say what was expected and seen; 2 wrong command line; 3 it cannot
run here (root, packages, a build), and the last line says what to do; 130 interrupted.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]

import harness  # noqa: E402 -- the path above leads to it
from screen import Screen  # noqa: E402
from story import Story  # noqa: E402

PROGRAMS = {"qnetd": ("qnetd", "qnetd-tool", "qcert"),
            "qdevice": ("qdevice-client", "qdevice-tool", "qcert")}
PACKAGES = {"corosync": "corosync", "corosync-quorumtool": "corosync", "ip": "iproute2",
            "nft": "nftables", "nsenter": "util-linux"}
STOCK = {"qnetd": ("corosync-qnetd", "corosync-qnetd"),
         "qdevice": ("corosync-qdevice", "corosync-qdevice")}


class CannotRun(Exception):
    """Something is missing; the text says what, and the remedy."""


def parse():
    options = argparse.ArgumentParser(
        prog="./dev demo", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="build/release/bin", help=argparse.SUPPRESS)
    options.add_argument("--run", action="store_true", help="leave it running, to play with")
    options.add_argument("--corosync", action="store_true",
                         help="real corosync nodes in namespaces (root)")
    options.add_argument("--arbiter", choices=("ours", "stock"), default="ours",
                         help="with --corosync: which arbiter; stock is the packaged one")
    options.add_argument("--nodes", choices=("ours", "stock"), default="ours",
                         help="with --corosync: which node daemon")
    given = options.parse_args()
    if given.run and given.corosync:
        options.error("--run and --corosync do not go together")
    if not given.corosync and (given.arbiter, given.nodes) != ("ours", "ours"):
        options.error("--arbiter and --nodes need --corosync: the packaged programs need corosync")
    return given


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def need(given):
    """Is everything here? Said before anything is started."""
    sides = (("qnetd", given.arbiter), ("qdevice", given.nodes))
    for program in [name for side, kind in sides if kind == "ours" for name in PROGRAMS[side]]:
        if not os.access(os.path.join(given.bin, program), os.X_OK):
            raise CannotRun(f"{given.bin}/{program} is not there: run ./dev build")
    if not given.corosync:
        return
    if os.geteuid() != 0:
        raise CannotRun("--corosync makes network namespaces, which needs root: run it as "
                        "`sudo ./dev demo --corosync` (./dev demo alone needs no root)")
    wanted = dict(PACKAGES)
    wanted.update(STOCK[side] for side, kind in sides if kind == "stock")
    missing = sorted({package for program, package in wanted.items() if not find_program(program)})
    if missing:
        raise CannotRun(f"not installed: {', '.join(missing)}. Run ./dev setup demo stock")


def told(screen, partitions, started, sentence):
    screen.line()
    screen.say(f"{sentence} Watched without a break for {time.monotonic() - started:.0f} s, "
               f"{partitions.reports} messages of the nodes.", "green", lead="proven")
    screen.line()


def stdio(given, screen, env):
    from loopback import TIMEOUT_MS, Loopback
    started = time.monotonic()
    screen.line("Castvote: one arbiter, two nodes, on loopback with TLS", "bold")
    world = Loopback(env)
    screen.say(f"Short timers, so that you need not wait: device timeout {TIMEOUT_MS} ms instead "
               "of 10 s, heartbeat 1 s instead of 8 s. With the usual ones, waits for a silent "
               "node are about eight times as long.", "dim")
    world.boot()
    if given.run:
        from play import play
        play(screen, world)
        return
    Story(screen, world).tell()
    told(screen, world.partitions, started, "at every step exactly one partition was quorate, and "
         "at no instant in between were there two.")


def corosync(given, screen, env):
    from article import Article
    from real import Real
    started = time.monotonic()
    screen.line("Castvote with real corosync: two nodes and an arbiter in namespaces", "bold")
    kinds = {"ours": "ours", "stock": "of the corosync packages"}
    screen.say(f"Arbiter: {kinds[given.arbiter]}. Node daemons: {kinds[given.nodes]}. Short "
               "timers: token 1 s, device timeout 2 s instead of 10 s, sync timeout 4 s instead of "
               "30 s.", "dim")
    world = Real(env, given.arbiter, given.nodes)
    world.boot()
    Story(screen, world).tell()
    alone_env = harness.Env(given.bin, "alone")
    env.at_end(alone_env.close)
    alone = Real(alone_env, None, None)
    alone.boot()
    Article(screen, alone, world).tell()
    told(screen, world.partitions, started, "without an arbiter a failed node or a cut link stops "
         "everything; with it exactly one partition goes on, and at no instant two.")


def fail(screen, env, failed):
    screen.line()
    screen.line("FAILED", "red", "bold")
    for row in str(failed).splitlines():
        screen.say(row, "red")
    logs = env.logs(lines=12)
    if logs:
        screen.line()
        screen.say("the last words of the programs:", "dim")
        screen.block(logs, "dim")


def main():
    given = parse()
    screen = Screen()
    try:
        need(given)
    except CannotRun as reason:
        print(f"demo: {reason}", file=sys.stderr)
        return 3
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    harness.adopt_orphans()
    env = harness.Env(given.bin, "demo")
    try:
        (corosync if given.corosync else stdio)(given, screen, env)
        return 0
    except harness.Skipped as reason:
        print(f"demo: {reason}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        screen.line()
        screen.line("interrupted; everything that was started is ended")
        return 130
    except Exception as failed:  # Whatever went wrong: say it, show the logs, end with 1.
        fail(screen, env, failed)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        env.close()


if __name__ == "__main__":
    sys.exit(main())
