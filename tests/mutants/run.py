"""run.py -- breaks the sources on purpose, one rule at a time, and sees that a test notices.

    run.py [--list] [--build DIR] [NAME...]

Every *.mutant beside this file is one change (README.md). They are applied to a copy of the sources
in build/mutants; a mutant that survives its tests is a gap in our evidence. The last line is
`mutants: N killed, N survived`; exit status 0 only if none survived.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import glob
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ROOMS = ("CMakeLists.txt", "CMakePresets.json", "cmake", "common", "certs", "qnetd",
         "qdevice-client", "tests")
SECONDS = 1800  # for one test program without a mutant
# With one: who takes so much longer than without hangs, and is dead, too.
SLOWER, GRACE_SECONDS = 10, 30
BUILD_SECONDS = 3600  # of a busy machine


class Unusable(Exception):
    """A mutant that cannot be tried: its file is wrong, or the sources have moved on."""


class Mutant:
    """One *.mutant file: `key: value` lines, then the old text and the new one."""

    def __init__(self, path):
        self.name = os.path.basename(path)[:-len(".mutant")]
        with open(path, encoding="utf-8") as file:
            head, found, rest = file.read().partition("--- old\n")
        self.old, also_found, self.new = rest.partition("--- new\n")
        if not found or not also_found:
            raise Unusable(f"{self.name}: has no '--- old' and '--- new'")
        fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
        try:
            self.rule, self.file = fields["rule"], fields["file"]
            self.tests = [words.split() for words in fields["test"].split(", ")]
            self.case = ["simulator", "--case", fields["case"]] if "case" in fields else None
        except KeyError as missing:
            raise Unusable(f"{self.name}: has no line {missing}") from missing

    def all_tests(self):
        return self.tests + ([self.case] if self.case else [])

    def apply(self, tree):
        path = os.path.join(tree, self.file)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if text.count(self.old) != 1:
            raise Unusable(f"{self.name}: its old text stands {text.count(self.old)} times in "
                           f"{self.file}; adapt tests/mutants/{self.name}.mutant")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(self.old, self.new))


def refresh(source, target):
    """Copies what differs, so that only that is compiled anew."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        wanted = {name for name in os.listdir(source) if name != "__pycache__"}
        for name in set(os.listdir(target)) - wanted:
            gone = os.path.join(target, name)
            shutil.rmtree(gone) if os.path.isdir(gone) else os.remove(gone)
        for name in wanted:
            refresh(os.path.join(source, name), os.path.join(target, name))
        return
    with open(source, "rb") as file:
        new = file.read()
    if os.path.exists(target):
        with open(target, "rb") as file:
            if file.read() == new:
                return
    with open(target, "wb") as file:
        file.write(new)
    shutil.copymode(source, target)


class Bench:
    """The copy of the sources and its build."""

    def __init__(self, directory):
        self.tree = os.path.join(directory, "tree")
        self.build = os.path.join(directory, "build")
        self.seconds = {}  # what each test takes without a mutant
        os.makedirs(self.tree, exist_ok=True)
        self.reset()
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
            self.call(["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja",
                       "-DCMAKE_BUILD_TYPE=", "-DCMAKE_CXX_FLAGS=-O1", *launcher], check=True)

    def reset(self):
        for room in ROOMS:
            refresh(os.path.join(ROOT, room), os.path.join(self.tree, room))

    def call(self, argv, check=False, seconds=SECONDS):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
        if check and done.returncode != 0:
            raise Unusable(f"{' '.join(argv)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done

    def compile(self, programs):
        self.call(["cmake", "--build", self.build, "--target", *programs], check=True,
                  seconds=BUILD_SECONDS)

    def passes(self, words):
        """Does this test program, with its arguments, end with 0, and in good time?"""
        argv = [os.path.join(self.build, "tests", words[0]), *words[1:]]
        if words[0].endswith("_test"):
            argv.append("--abort")  # one failure is enough
        usual = self.seconds.get(tuple(words))
        limit = SECONDS if usual is None else SLOWER * usual + GRACE_SECONDS
        started = time.monotonic()
        try:
            passed = self.call(argv, seconds=limit).returncode == 0
        except subprocess.TimeoutExpired:
            print(f"{' '.join(words)}: stopped after {limit:.0f} s", flush=True)
            return False
        self.seconds.setdefault(tuple(words), time.monotonic() - started)
        return passed


def kill(bench, mutant):
    """The first of its tests that notices; None if it survives those, or its case."""
    bench.reset()
    mutant.apply(bench.tree)
    bench.compile(sorted({words[0] for words in mutant.all_tests()}))
    if mutant.case and bench.passes(mutant.case):
        return None
    return next((words for words in mutant.tests if not bench.passes(words)), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--list", action="store_true", help="names and rules, and do nothing")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "mutants"), metavar="DIR")
    given = parser.parse_args()
    try:
        mutants = [Mutant(path) for path in sorted(glob.glob(os.path.join(HERE, "*.mutant")))]
        unknown = set(given.names) - {mutant.name for mutant in mutants}
        if unknown:
            raise Unusable(f"no mutant {', '.join(sorted(unknown))}; see --list")
        mutants = [m for m in mutants if not given.names or m.name in given.names]
        if given.list:
            for mutant in mutants:
                print(f"{mutant.name:40} {mutant.rule}")
            return 0
        bench = Bench(given.build)
        tests = sorted({tuple(words) for mutant in mutants for words in mutant.all_tests()})
        print(f"building {len({words[0] for words in tests})} test programs unbroken", flush=True)
        bench.compile(sorted({words[0] for words in tests}))
        for words in tests:
            if not bench.passes(list(words)):
                raise Unusable(f"{' '.join(words)} fails without any mutant")
        survived = 0
        for number, mutant in enumerate(mutants, 1):
            started = time.monotonic()
            killer = kill(bench, mutant)
            survived += killer is None
            told = f"killed by {' '.join(killer)}" if killer else "SURVIVED"
            told += f" and {' '.join(mutant.case)}" if killer and mutant.case else ""
            print(f"[{number}/{len(mutants)}] {mutant.name}: {told}   "
                  f"({time.monotonic() - started:.0f} s)", flush=True)
        bench.reset()
        print(f"mutants: {len(mutants) - survived} killed, {survived} survived")
        return 1 if survived else 0
    except Unusable as reason:
        print(f"mutants: {reason}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
