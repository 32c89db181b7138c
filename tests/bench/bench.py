"""bench.py -- how long from a split to the vote: the packaged arbiter beside ours, in one run.

    ./dev bench [--only ours|stock] [--rounds N] [--heartbeat MS] [--json]

Both arbiters run on loopback with TLS and client certificates, started under the stock name with
the same options; split_to_ack.cpp is the client of both and takes turns between them. Needs root
for the packaged arbiter: its certificate tool writes to /etc/corosync, of which it is given an own
one. Nothing here judges a time. Exit status: 0 measured; 1 the run is broken, the last lines say
how; 2 wrong command line; 3 it cannot run here, and the last line says what to do.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import verb  # noqa: E402 -- the path above leads to it
from arbiters import certify  # noqa: E402

CLUSTER = "bench"
NAMES = {"stock": "corosync-qnetd", "ours": "qnetd (ours)"}


def start(env, kind, heartbeat_ms):
    """Starts an arbiter; [name, port, a node's certificates], as split_to_ack wants it."""
    arbiter, node = certify(env, kind, CLUSTER)
    program = {"stock": env.need_program, "ours": env.program}[kind]("corosync-qnetd")
    port = env.free_port()
    settings = {"heartbeat_interval_min": heartbeat_ms, "dpd_enabled": "off", "nss_db_dir": arbiter,
                "lock_file": env.path(kind + ".pid"),
                "local_socket_file": env.path(kind + ".sock")}
    if kind == "ours":
        settings["state_dir"] = env.path("state")
    env.spawn([program, "-f", "-l", "127.0.0.1", "-p", port,
               "-S", ",".join(f"{name}={value}" for name, value in settings.items())], name=kind)
    env.listening(port)
    return [kind, port, node]


def measure(env, kinds, rounds, heartbeat_ms):
    """{kind: [milliseconds, ...]}"""
    program = env.program("../bench/split_to_ack")
    words = [word for kind in kinds for word in ["--arbiter", *start(env, kind, heartbeat_ms)]]
    # A round rests two heartbeats, and an arbiter may take tens of milliseconds for its answers.
    seconds = 60 + rounds * (0.2 + 4 * heartbeat_ms / 1000)
    done = env.run([program, "--rounds", rounds, "--heartbeat", heartbeat_ms, *words],
                   seconds=seconds)
    return {kind: [sample / 1000 for sample in samples]
            for kind, samples in json.loads(done.stdout).items()}


def summary(samples):
    ordered = sorted(samples)
    rank = lambda part: ordered[max(0, -(-len(ordered) * part // 100) - 1)]  # noqa: E731
    return {"mean": sum(samples) / len(samples), "median": rank(50), "p95": rank(95),
            "max": ordered[-1]}


def table(results, rounds):
    told = [f"split -> ACK, loopback, TLS with client certificates, {rounds} splits, milliseconds",
            f"{'':16}{'mean':>9}{'median':>9}{'p95':>9}{'max':>9}"]
    for kind, result in results.items():
        if kind in NAMES:
            told.append(f"{NAMES[kind]:16}" + "".join(f"{v:9.2f}" for v in result.values()))
    if "ratio" in results:
        told.append(f"{'stock / ours':16}" + "".join(
            f"{value:8.2f}x" for value in results["ratio"].values()))
    return "\n".join(told)


def parse():
    options = argparse.ArgumentParser(
        prog="./dev bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="build/release/bin", help=argparse.SUPPRESS)
    options.add_argument("--only", choices=tuple(NAMES), help="one arbiter; ours needs no root")
    options.add_argument("--rounds", type=int, default=200, help="splits of each (default 200)")
    options.add_argument("--heartbeat", type=int, default=80, metavar="MS",
                         help="of the clients; more if the machine is busy (default 80)")
    options.add_argument("--json", action="store_true", help="JSON in place of the table")
    given = options.parse_args()
    if given.rounds < 1 or given.heartbeat < 1:
        options.error("--rounds and --heartbeat must be at least 1")
    return given


def report(given, samples):
    results = {kind: summary(values) for kind, values in samples.items()}
    if len(results) == 2:
        results["ratio"] = {name: results["stock"][name] / results["ours"][name]
                            for name in results["ours"]}
    if given.json:
        print(json.dumps({"what": "split -> ACK", "unit": "ms", "rounds": given.rounds,
                          "heartbeat_ms": given.heartbeat, **results}))
    else:
        print(table(results, given.rounds))


def main():
    given = parse()
    kinds = [given.only] if given.only else list(NAMES)

    def work(env):
        if "stock" in kinds:
            env.need_namespaces()
        report(given, measure(env, kinds, given.rounds, given.heartbeat))
        return 0
    return verb.run("bench", given.bin, work, remedy="; --only ours needs no root")


if __name__ == "__main__":
    sys.exit(main())
