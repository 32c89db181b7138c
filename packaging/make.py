"""make.py -- `./dev package`: builds what is packaged, packages it, and has it tried.

    make.py [--static] [--processor NAME] [--test [ARGUMENT...]]

Debian packages of the release build, or with --static the arbiter as one file, from a build of its
own, and an image of it. For another processor than this machine's these are cross-built (cross.py),
and tried under qemu-user: packages in that processor's own trees, the image with the nodes of this
machine's release build. What follows --test goes to the test.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import subprocess
import sys

import cross
from build import ROOT, native, project_version

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.join(ROOT, "tests", "package")
OUT = os.path.join(ROOT, "build", "package")


def call(*argv):
    done = subprocess.run(argv, check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)


def dev(*argv):
    call(os.path.join(ROOT, "dev"), *argv)


def python(folder, script, *argv):
    call(sys.executable, os.path.join(folder, script), *argv)


def built(preset, processor):
    """The folder of the programs."""
    if processor == native():
        dev("build", preset)
        return os.path.join(ROOT, "build", preset, "bin")
    dev("setup", "cross")
    return cross.build(preset, processor)


def static(given):
    dev("setup", "image")
    python(HERE, "single.py", "--bin", built("static", given.processor), "--out", OUT,
           "--processor", given.processor)
    if given.test is None:
        return
    image = f"castvote-arbiter_{project_version()}_{given.processor}.image.tar"
    under = [] if given.processor == native() else ["--under", cross.emulator(given.processor)]
    python(TESTS, "single.py", "--image", os.path.join(OUT, image), "--processor",
           given.processor, "--bin", built("release", native()), *under, *given.test)


def debian(given):
    dev("setup", "package")
    if given.processor != native() and given.test is not None:
        python(TESTS, "foreign.py")  # it says so if that cannot be tried here
    programs, emulated = built("release", given.processor), []
    if given.processor == native():
        python(HERE, "build.py", "--bin", programs, "--out", OUT)
    else:
        cross.package(given.processor, programs, OUT)
        emulated = ["--emulator", cross.emulator(given.processor)]
    if given.test is not None:
        python(TESTS, "run.py", "--packages", OUT, "--processor", given.processor, *emulated,
               *given.test)


def main():
    options = argparse.ArgumentParser(
        prog="./dev package", description="Builds what is packaged, packages it, and has it tried.")
    options.add_argument("--static", action="store_true", help="the arbiter as one file, an image")
    options.add_argument("--processor", default=native(), choices=[native(), *cross.PROCESSORS],
                         help="as Debian calls it (default: this machine's)")
    options.add_argument("--test", nargs=argparse.REMAINDER, metavar="ARGUMENT",
                         help="try them (root)")
    given = options.parse_args()
    if given.static:
        static(given)
    else:
        debian(given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
