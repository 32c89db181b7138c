"""compare.py -- the packaged arbiter and ours, side by side, with the same random events.

    ./dev compare [--seeds A-B] [--seed N --trace] [--jobs N] [--swap-tie-breaker]

Starts both arbiters on loopback, once, and the program compare, which is the client of both: every
seed is a cluster of its own. What may differ stands in docs/compatibility.md. Needs root for the
packaged arbiter: its certificate tool writes to /etc/corosync, of which it is given an own one.
Exit status: 0 no other difference; 1 there is one, or the run is broken; 2 wrong command line;
3 it cannot run here, and the last line says what to do.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import harness  # noqa: E402 -- the path above leads to it
import verb  # noqa: E402
from arbiters import certify  # noqa: E402

#: Seeds vary it in case: a certificate's name is compared without regard to case, clusters are not.
CLUSTER = "lockstepcomparison"
GUARD_MS = 4500  # Ours after its start, with the heartbeat of 1 s that the clients declare.


def start_stock(env):
    """[port, a node's certificates]"""
    arbiter, node = certify(env, "stock", CLUSTER)
    port = env.free_port()
    settings = {"nss_db_dir": arbiter, "lock_file": env.path("stock.pid"),
                "local_socket_file": env.path("stock.sock")}
    env.spawn([env.need_program("corosync-qnetd"), "-f", "-l", "127.0.0.1", "-p", port,
               "-S", ",".join(f"{name}={value}" for name, value in settings.items())],
              name="stock")
    env.listening(port)
    return [port, node]


def start_ours(env, log_level):
    arbiter, node = certify(env, "ours", CLUSTER)
    port = env.free_port()
    env.spawn([env.program("qnetd"), "--listen", "127.0.0.1", "--port", port,
               "--certificates", arbiter, "--device-timeout", 1, "--allow-test-algorithm",
               "--state", "none", "--socket", env.path("ours.sock"),
               "--lock-file", env.path("ours.pid"),
               "--log-level", log_level], name="ours")
    env.listening(port)
    return [port, node]


def compare(env, words, seconds, trace=False):
    """Runs the comparison; its exit status. What it finds goes to our standard output."""
    stock = start_stock(env)
    ours = start_ours(env, "info" if trace else "warning")
    done = env.run([env.program("../compare/compare"), "--cluster", CLUSTER, "--guard", GUARD_MS,
                    "--stock", *stock, "--ours", *ours, *words], seconds=seconds, check=False)
    sys.stdout.write(done.stdout)
    if trace:
        print("--- the log of our arbiter\n" + env.processes[-1].log())
    sys.stdout.flush()
    for process in env.processes:
        if not process.alive():
            raise harness.Failed(f"{process.name} has ended with {process.popen.returncode}")
    if done.returncode not in (0, 1):
        raise harness.Failed(f"compare ended with {done.returncode}: {done.stderr}")
    return done.returncode


def parse():
    options = argparse.ArgumentParser(
        prog="./dev compare", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bin", default="build/release/bin", help=argparse.SUPPRESS)
    options.add_argument("--seeds", default="1-200", metavar="A-B", help="default 1-200")
    options.add_argument("--seed", help="one seed")
    options.add_argument("--jobs", type=int, default=48, help="seeds side by side (default 48)")
    options.add_argument("--trace", action="store_true",
                         help="tell every step, and show our arbiter's log")
    options.add_argument("--swap-tie-breaker", action="store_true",
                         help="tell ours another tie-breaker, to see that it is noticed")
    return options.parse_args()


def main():
    given = parse()
    words = ["--seeds", given.seed or given.seeds, "--jobs", given.jobs]
    words += ["--trace"] if given.trace else []
    words += ["--swap-tie-breaker"] if given.swap_tie_breaker else []

    def work(env):
        env.need_namespaces()
        return compare(env, words, seconds=3600, trace=given.trace)
    return verb.run("compare", given.bin, work)


if __name__ == "__main__":
    sys.exit(main())
