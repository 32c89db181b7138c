"""mutants.py -- a mutant that no longer fits the sources is evidence of nothing.

The old text of each tests/mutants/*.mutant stands exactly once in the file that it names, and the
case that must notice it is one that the simulator has.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re

from tree import finding

HERE = "tests/mutants/"
CASES = "tests/simulate/cases_"


def check(tree, rule="mutants"):
    cases = set()
    for path in tree.files():
        if path.startswith(CASES):
            cases.update(re.findall(r'\{\s*"([\w-]+)"', tree.text(path)))
    for path in tree.files():
        if not path.startswith(HERE) or not path.endswith(".mutant"):
            continue
        head, _, rest = tree.text(path).partition("--- old\n")
        old = rest.partition("--- new\n")[0]
        fields = dict(line.split(": ", 1) for line in head.splitlines() if ": " in line)
        broken = fields.get("file", "")
        times = tree.text(broken).count(old) if old and broken in tree.files() else 0
        if times != 1:
            yield finding(rule, path, 1, f"its old text stands {times} times in {broken}")
        if "case" in fields and fields["case"] not in cases:
            yield finding(rule, path, 1, f"the simulator has no case {fields['case']}")
