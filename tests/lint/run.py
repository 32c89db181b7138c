"""run.py -- runs all checks over the tree: one line per rule, every finding with file and line.

    run.py [--self-test] [--tally FILE] [--root DIR] [RULE...]

--self-test also runs lint_test.py, which shows that each rule catches what it is there for.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import sys

import arrows
import bans
import citations
import exceptions
import layout
import mutants
import shape
from tree import Tree

RULES = {
    "arrows": arrows.check,
    "bans": bans.code_bans,
    "leftovers": bans.leftovers,
    "machine-paths": bans.machine_paths,
    "conflicts": bans.conflicts,
    "citations": citations.check,
    "head": shape.head,
    "guards": shape.guards,
    "columns": shape.columns,
    "file-length": shape.file_length,
    "function-length": shape.function_length,
    "spaces": shape.spaces,
    "layout": layout.check,
    "mutants": mutants.check,
}


def findings_of(tree, rules):
    """({rule: findings}, {rule: why it was skipped}); the list of exceptions is a rule as well."""
    raw, skipped = [], {}
    for rule in rules:
        try:
            raw += list(RULES[rule](tree))
        except layout.Missing as missing:
            skipped[rule] = str(missing)
    by_rule = {rule: [] for rule in rules}
    for found in exceptions.apply(tree, raw):
        if found.rule in by_rule or set(rules) == set(RULES):
            by_rule.setdefault(found.rule, []).append(found)
    return by_rule, skipped


def report(by_rule, skipped):
    passed = failed = 0
    for rule, found in by_rule.items():
        if rule in skipped:
            print(f"lint {rule:16} skipped: {skipped[rule]}")
            continue
        failed += bool(found)
        passed += not found
        print(f"lint {rule:16} " + (f"{len(found)} findings" if found else "ok"))
        for one in found:
            print(f"  {one.path}:{one.line}: {one.message}")
    return passed, failed, len(skipped)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--self-test", action="store_true")
    options.add_argument("--tally", metavar="FILE")
    options.add_argument("--root", default=os.path.dirname(os.path.dirname(here)))
    options.add_argument("rules", nargs="*", metavar="RULE", help=", ".join(RULES))
    given = options.parse_args()
    unknown = [rule for rule in given.rules if rule not in RULES]
    if unknown:
        options.error(f"no rule {unknown[0]}; there are: " + ", ".join(RULES))

    passed, failed, skipped = report(*findings_of(Tree(given.root), given.rules or list(RULES)))
    if given.self_test:
        import lint_test  # Only here: it imports this file in turn.
        good, bad = lint_test.run_all()
        passed, failed = passed + good, failed + bad
    if given.tally:
        with open(given.tally, "a", encoding="utf-8") as tally:
            tally.write(f"{passed} {failed} {skipped}\n")
    print(f"lint: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
