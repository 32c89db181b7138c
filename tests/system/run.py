"""run.py -- runs the system tests: real programs, each test in a process of its own.

    run.py --bin DIR [--jobs N] [--keep] [--tally FILE] [--list] [NAME...]

A NAME selects the tests whose `file.function` contains it; a function that says `is_long` runs only
when it is selected so. The last line of the output is
`system: N passed, N failed, N skipped`; the exit status is 1 if anything failed.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import glob
import importlib
import os
import pickle
import select
import signal
import sys
import time
import traceback

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
REGRESS = os.path.join(os.path.dirname(HERE), "regress")
SECONDS = 120  # For one test, unless the function says otherwise: test_x.seconds = 300.
GRACE_SECONDS = 15  # For cleaning up after that.


def discover():
    """[(name, function)] of all tests, in the order of their files and lines."""
    found = []
    for path in [path for folder in (HERE, REGRESS)
                 for path in sorted(glob.glob(os.path.join(folder, "test_*.py")))]:
        module_name = os.path.basename(path)[:-len(".py")]
        module = importlib.import_module(module_name)
        found += [(f"{module_name[len('test_'):]}.{name[len('test_'):]}", function)
                  for name, function in vars(module).items()
                  if name.startswith("test_") and callable(function)]
    return found


class TimeOut(BaseException):
    """The test took too long; raised in the middle of whatever it was doing."""


def raise_time_out(*_):
    raise TimeOut()


def perform(name, function, given):
    """Runs one test here and now: (outcome, text)."""
    env = harness.Env(given.bin, name)
    try:
        try:
            function(env)
            return "passed", ""
        except harness.Skipped as reason:
            return "skipped", str(reason)
        except TimeOut:
            return "failed", "took longer than it may\n" + traceback.format_exc() + env.logs()
        except Exception:  # Whatever a test raises is its failure, not ours.
            return "failed", traceback.format_exc() + env.logs()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if given.keep:
            print(f"kept: {env.tmp}", flush=True)
        env.close(given.keep)


class Worker:
    """One test in a child process; what it starts is below it and ends with it."""

    def __init__(self, name, function, given):
        self.name = name
        self.started = time.monotonic()
        self.end = self.started + getattr(function, "seconds", SECONDS)
        self.told = False
        self.pipe, theirs = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            harness.die_with_parent()
            harness.adopt_orphans()
            signal.signal(signal.SIGTERM, raise_time_out)
            # Deaf, but by a handler: what the test starts shall not be.
            signal.signal(signal.SIGINT, lambda *_: None)
            with os.fdopen(theirs, "wb") as result:
                pickle.dump(perform(name, function, given), result)
            os._exit(0)
        os.close(theirs)

    def press(self, now):
        """Ends a test that takes too long: first politely, so that it can clean up."""
        if not self.told and now > self.end:
            os.kill(self.pid, signal.SIGTERM)
            self.told = True
        elif self.told and now > self.end + GRACE_SECONDS:
            os.kill(self.pid, signal.SIGKILL)

    def result(self):
        """(outcome, text, seconds), once the pipe has something to read."""
        with os.fdopen(self.pipe, "rb") as pipe:
            raw = pipe.read()
        os.waitpid(self.pid, 0)
        outcome, text = pickle.loads(raw) if raw else ("failed", "the test's process was killed")
        return outcome, text, time.monotonic() - self.started


def report(worker, outcome, text, seconds):
    label = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}[outcome]
    reason = f": {text}" if outcome == "skipped" else ""
    print(f"{label} {seconds:6.1f} s  {worker.name}{reason}")
    if outcome == "failed":
        print("\n".join("    " + line for line in text.splitlines()))
        print(f"    repeat it with: ./dev test system {worker.name}")
    sys.stdout.flush()


def run_all(tests, given):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    waiting, running = list(tests), {}
    try:
        while waiting or running:
            while waiting and len(running) < given.jobs:
                worker = Worker(*waiting.pop(0), given)
                running[worker.pipe] = worker
            ready, _, _ = select.select(list(running), [], [], 0.5)
            for pipe in ready:
                worker = running.pop(pipe)
                outcome, text, seconds = worker.result()
                counts[outcome] += 1
                report(worker, outcome, text, seconds)
            for worker in running.values():
                worker.press(time.monotonic())
            harness.end_descendants(os.getpid(), spare=[w.pid for w in running.values()])
    finally:
        for worker in running.values():
            os.kill(worker.pid, signal.SIGTERM)
        for worker in running.values():
            os.waitpid(worker.pid, 0)
        harness.end_descendants(os.getpid())
    return counts


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bin", default="build/release/bin", help="where our programs are")
    options.add_argument("--jobs", type=int, default=min(4, (os.cpu_count() or 1) + 2),
                         help="tests at a time; most of a test is waiting")
    options.add_argument("--keep", action="store_true", help="keep each test's folder, say where")
    options.add_argument("--tally", metavar="FILE", help="append `passed failed skipped`")
    options.add_argument("--list", action="store_true", help="only list the tests")
    options.add_argument("names", nargs="*", metavar="NAME")
    given = options.parse_args()

    tests = [(name, function) for name, function in discover()
             if (any(wanted in name for wanted in given.names) if given.names
                 else not getattr(function, "is_long", False))]
    if given.list:
        print("\n".join(name for name, _ in tests))
        return 0
    if not tests:
        print("no test has such a name; --list shows them", file=sys.stderr)
        return 2
    harness.adopt_orphans()
    counts = run_all(tests, given)
    if given.tally:
        with open(given.tally, "a", encoding="utf-8") as tally:
            tally.write(f"{counts['passed']} {counts['failed']} {counts['skipped']}\n")
    print("system: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.path[:0] = [HERE, REGRESS]
    sys.exit(main())
