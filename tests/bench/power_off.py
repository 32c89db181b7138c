"""power_off.py -- one of two nodes loses power: how long the other waits, stock beside ours.

    ./dev bench power-off [--only ours|stock] [--rounds N] [--token MS] [--timeout MS] [--json]

A real corosync cluster of two nodes with an arbiter, all stock and then all ours, in hosts of their
own (root); the higher node loses power. A sample has three times, in milliseconds from then:
`formed`, when the survivor's corosync has formed the new ring, which is its own detection and the
same for both; `settled`, when it tells its clients the new membership, quorate; and `waited`
between the two, in which its services stand still for the device. `formed` is seen by looking every
10 ms, so `waited` may be as much more. Nothing here judges a time. Exit status: 0 measured; 1 the
run is broken, the last lines say how; 2 wrong command line; 3 it cannot run here, and the last line
says what to do.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import harness  # noqa: E402 -- the path above leads to it
import verb  # noqa: E402
from cluster import Cluster  # noqa: E402
from quorum_watch import PAUSE_MS  # noqa: E402

KINDS = ("stock", "ours")
TIMES = ("formed", "waited", "settled")


def since(cluster, start, condition):
    """Milliseconds from `start` to the first report of node 1 after it with this condition."""
    found = [report.t for report in cluster.partitions.history[1]
             if report.t >= start and condition(report)]
    return (found[0] - start) * 1e3 if found else None


def sample(cluster, timeout):
    if not cluster.is_whole(1):
        raise harness.Failed(f"the cluster is not whole before the power-off\n{cluster.describe()}")
    start = time.monotonic()
    cluster.power_off(2)
    cluster.wait(lambda: cluster.partitions.now(1).members == (1,), 60 + 4 * timeout / 1e3,
                 "the survivor has the new membership")
    if not cluster.partitions.now(1).counts():
        raise harness.Failed(f"the survivor lost its quorum\n{cluster.describe()}")
    settled = since(cluster, start, lambda report: report.members == (1,))
    # One of two members is gone, and the device's vote is there: votes fall when the ring forms.
    # The watch asks for them every 10 ms, and is told the membership.
    formed = min(settled, since(cluster, start, lambda report: report.votes == 2) or settled)
    return {"formed": formed, "waited": settled - formed, "settled": settled}


def measure(env, kind, given):
    """[{time: milliseconds}, ...]"""
    cluster = Cluster(env, arbiter=kind, node=kind, token=given.token, timeout=given.timeout,
                      sync_timeout=3 * given.timeout)
    cluster.boot()
    chance = random.Random(given.rounds)
    samples = []
    for number in range(given.rounds):
        # Heartbeats are met in any phase.
        cluster.hold(lambda: cluster.partitions.now(1).counts(),
                     chance.uniform(1, 2) * given.timeout / 1e3, "quorum before the power-off")
        samples.append(sample(cluster, given.timeout))
        print(f"{kind}: {number + 1} of {given.rounds}", file=sys.stderr, flush=True)
        cluster.heal()
        cluster.start_node(2)
        cluster.wait(lambda: all(cluster.is_whole(node) for node in cluster.nodes), 90,
                     "both nodes in one partition with three votes")
    return samples


def summary(samples):
    def of(name):
        ordered = sorted(sample[name] for sample in samples)
        return {"least": ordered[0], "median": ordered[(len(ordered) - 1) // 2],
                "most": ordered[-1]}
    return {name: of(name) for name in TIMES}


def table(results, given):
    told = [f"power-off of one of two nodes, token {given.token} ms, device timeout "
            f"{given.timeout} ms, {given.rounds} each, milliseconds: median (least to most)",
            f"{'':14}" + "".join(f"{name:>26}" for name in TIMES)]
    for kind, result in results.items():
        if kind in KINDS:
            told.append(f"{kind:14}" + "".join(
                f"{one['median']:8.0f} ({one['least']:6.0f} to {one['most']:6.0f})"
                for one in result.values()))
    if "ratio" in results:
        told.append(f"{'stock / ours':14}" + "".join(
            f"{results['ratio'][name]:25.1f}x" for name in TIMES))
    return "\n".join(told)


def parse():
    options = argparse.ArgumentParser(
        prog="./dev bench power-off", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="build/release/bin", help=argparse.SUPPRESS)
    options.add_argument("--only", choices=KINDS, help="one of the two")
    options.add_argument("--rounds", type=int, default=5, help="power-offs of each (default 5)")
    options.add_argument("--token", type=int, default=3000, metavar="MS",
                         help="corosync's token time-out (default 3000)")
    options.add_argument("--timeout", type=int, default=10000, metavar="MS",
                         help="quorum.device.timeout (default 10000)")
    options.add_argument("--json", action="store_true", help="JSON in place of the table")
    given = options.parse_args()
    if min(given.rounds, given.token, given.timeout) < 1:
        options.error("--rounds, --token and --timeout must be at least 1")
    return given


def main():
    given = parse()
    results = {}
    for kind in [given.only] if given.only else list(KINDS):
        def work(env, kind=kind):
            env.need_namespaces()
            results[kind] = summary(measure(env, kind, given))
            return 0
        status = verb.run("bench", given.bin, work)
        if status != 0:
            return status
    if len(results) == 2:
        results["ratio"] = {name: results["stock"][name]["median"] /
                            max(PAUSE_MS, results["ours"][name]["median"]) for name in TIMES}
    if given.json:
        print(json.dumps({"what": "power-off", "unit": "ms", "rounds": given.rounds,
                          "token_ms": given.token, "timeout_ms": given.timeout, **results}))
    else:
        print(table(results, given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
