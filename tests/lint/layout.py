"""layout.py -- clang-format 14 has the last word on blanks and line breaks.

One named version, since two versions never agree. Where it is missing the check is skipped aloud.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re
import shutil
import subprocess

from tree import finding

PROGRAM = "clang-format-14"


class Missing(Exception):
    """The check cannot run here; its text says what is missing."""


def check(tree, rule="layout"):
    if shutil.which(PROGRAM) is None:
        raise Missing(f"{PROGRAM} is not installed (./dev setup lint)")
    files = tree.cpp()
    if not files:
        return
    result = subprocess.run([PROGRAM, "--dry-run", *files], cwd=tree.root, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    told = set()
    for match in re.finditer(r"^([^\s:]+):(\d+):\d+: (?:warning|error): (.*)$", result.stdout,
                             re.MULTILINE):
        path, number, _ = match.groups()
        if path not in told:  # One per file: `./dev format` mends them all at once.
            told.add(path)
            yield finding(rule, path, int(number), "not as clang-format lays it out: ./dev format")
    if result.returncode != 0 and not told:
        yield finding(rule, ".clang-format", 1, result.stdout.strip())
