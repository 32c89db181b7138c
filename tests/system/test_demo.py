"""test_demo.py -- the demo is the first thing that anybody sees: it must run, be quick, and tell.

Whether it would notice a cluster with two quorate partitions is tested as well: a demo that cannot
fail proves nothing.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import signal
import sys
import time

from harness import Failed
from partitions import DoubleQuorum, Partitions, Report

DEMO = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "demo", "demo.py")
AT_MOST_SECONDS = 45  # 30 on an idle machine; the tests run beside each other.


def demo(env, *words, **options):
    return env.run([sys.executable, DEMO, "--bin", env.bin, *words], seconds=90, **options)


def test_the_demo_tells_its_story(env):
    started = time.monotonic()
    done = demo(env)
    assert time.monotonic() - started < AT_MOST_SECONDS, done.stdout
    assert "\033" not in done.stdout, "no colours but on a terminal"
    assert re.findall(r"(?m)^(\d)  ", done.stdout) == list("12345"), done.stdout
    assert "proven: at every step exactly one partition was quorate" in done.stdout, done.stdout
    tables = re.findall(r"(?m)^   node \d  (?:\{.*|\S+ .* off .*)$", done.stdout)
    assert len(tables) == 10, done.stdout
    assert [" QUORATE " in row for row in tables] == [
        True, True, True, False, False, True, False, True, True, True], done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80, "it fits a terminal of 80 columns"


def test_the_demo_can_be_interrupted(env):
    process = env.spawn([sys.executable, DEMO, "--bin", env.bin], name="demo",
                        env={"TMPDIR": env.tmp})
    process.says("QUORATE", 20)
    process.signal(signal.SIGINT)
    assert process.wait(10) == 130
    left = [name for name in os.listdir(env.tmp) if name.startswith("castvote-")]
    assert not left, f"left behind: {left}"


def test_run_takes_commands(env):
    process = env.spawn([sys.executable, DEMO, "--bin", env.bin, "--run"], name="play", stdin=True)
    process.says("QUORATE", 20)
    process.send("cut")
    process.says("stopped", 20)
    process.send("quit")
    assert process.wait(10) == 0
    assert "qnetd-tool --socket" in process.log()


def test_the_demo_says_what_is_missing(env):
    done = env.run([sys.executable, DEMO, "--bin", env.tmp], check=False)
    assert done.returncode == 3 and "./dev build" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_double_quorum_would_be_seen(_env):
    partitions = Partitions([1, 2])
    partitions.take(1, Report(t=1.0, quorate=True, members=(1,)))
    partitions.take(2, Report(t=2.0, quorate=True, members=(1, 2)))
    partitions.check(3.0)  # A common member: one of the views is only old.
    partitions.take(2, Report(t=3.0, quorate=True, members=(2,)))
    partitions.take(1, Report(t=3.1, gap=0.2, members=(1,)))
    partitions.check(4.0)  # The loss may have come first: we did not look for so long.
    partitions.take(1, Report(t=5.0, quorate=True, members=(1,)))
    try:
        partitions.check(5.1)
    except DoubleQuorum as double:
        assert "nodes 1 and 2" in str(double)
    else:
        raise Failed("two disjoint quorate partitions were not noticed")
