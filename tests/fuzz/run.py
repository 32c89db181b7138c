"""run.py -- runs the fuzz targets one after the other and says what came of it.

    run.py --build DIR [--seconds N] [TARGET...]

Starts from the corpus in the tree and from what earlier runs found (DIR/found/TARGET; the tree
itself does not grow). The first input that breaks a promise ends the run: exit status 1, its path.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")
PROGRESS_SECONDS = 10
INPUT_SIZE_MAX = 4096
COUNTS = re.compile(r"#(\d+)\s+(INITED|NEW|REDUCE|pulse|DONE)\s+cov: (\d+) ft: (\d+) corp: (\d+)")
KEPT = re.compile(r"Test unit written to (\S+)")


class Run:
    """One target; follows what libFuzzer says of its progress."""

    def __init__(self, target, build, seconds):
        self.target = target
        found = os.path.join(build, "found", target)
        os.makedirs(found, exist_ok=True)
        self.log = os.path.join(build, f"fuzz_{target}.log")
        self.argv = [os.path.join(build, "tests", f"fuzz_{target}"),
                     f"-max_total_time={seconds}", f"-max_len={INPUT_SIZE_MAX}", "-timeout=25",
                     "-rss_limit_mb=2048", f"-artifact_prefix={build}/{target}-", "-verbosity=1",
                     *self.dictionary(),
                     found, os.path.join(CORPUS, target)]
        self.first = self.last = None
        self.told = 0.0
        self.kept = None

    def dictionary(self):
        words = os.path.join(HERE, f"{self.target}.dict")
        return [f"-dict={words}"] if os.path.exists(words) else []

    def hear(self, line):
        kept = KEPT.search(line)
        self.kept = kept.group(1) if kept else self.kept
        counts = COUNTS.search(line)
        if not counts:
            if "what():" in line or line.startswith(("SUMMARY", "==")):
                print("    " + line.strip())
            return
        runs, kind, coverage, features, corpus = counts.groups()
        self.last = tuple(int(number) for number in (runs, coverage, features, corpus))
        if kind == "INITED":
            self.first = self.last
        if kind == "INITED" or time.monotonic() - self.told > PROGRESS_SECONDS:
            self.told = time.monotonic()
            print(f"    {self.sentence(self.last)}", flush=True)

    @staticmethod
    def sentence(counts):
        return "{:,} inputs, {} edges, {} features, {} kept".format(*counts)

    def perform(self):
        """True if no promise was broken."""
        print(f"{self.target}:", flush=True)
        with open(self.log, "w", encoding="utf-8") as log, \
                subprocess.Popen(self.argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, errors="replace") as fuzzer:
            for line in fuzzer.stdout:
                log.write(line)
                self.hear(line)
        if fuzzer.returncode == 0 and self.first:
            print(f"    done: {self.sentence(self.last)}; edges from the corpus alone: "
                  f"{self.first[1]}")
            return True
        print(f"    broken; all that was said: {self.log}")
        if self.kept:
            print(f"    the input: {os.path.abspath(self.kept)}\n"
                  f"    again: {self.argv[0]} {self.kept}\n"
                  f"    once mended, keep it: tests/fuzz/corpus/{self.target}/crash-...")
        return False


def main():
    known = sorted(os.listdir(CORPUS))
    options = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__.splitlines()[0])
    options.add_argument("--build", required=True, help=argparse.SUPPRESS)
    options.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    options.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(known))
    given = options.parse_args()
    unknown = set(given.targets) - set(known)
    if unknown:
        options.error(f"no target {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    return 0 if all(Run(target, given.build, given.seconds).perform()
                    for target in given.targets or known) else 1


if __name__ == "__main__":
    sys.exit(main())
