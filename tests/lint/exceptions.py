"""exceptions.py -- the findings that somebody justified, in exceptions.txt.

An exception that is no longer needed is a finding itself, so that the list can only shrink.
"""
# SPDX-License-Identifier: BSD-3-Clause
from tree import finding

FILE = "tests/lint/exceptions.txt"


def load(tree):
    """{(rule, path): (line in the list, limit)}; and what is wrong with the list itself."""
    table, wrong = {}, []
    if FILE not in tree.files():
        return table, wrong
    for number, line in enumerate(tree.lines(FILE), 1):
        entry, _, reason = line.partition("#")
        words = entry.split()
        if not words:
            continue
        if len(words) != 3 or not words[2].isdigit() or not reason.strip():
            wrong.append(finding("exceptions", FILE, number,
                                 "not of the form: rule path limit  # reason"))
            continue
        table[words[0], words[1]] = (number, int(words[2]))
    return table, wrong


def apply(tree, findings):
    """The findings that no exception covers, and the exceptions that cover nothing."""
    table, left = load(tree)
    used = set()
    for found in findings:
        key = (found.rule, found.path)
        if key in table and found.amount <= table[key][1]:
            used.add(key)
        else:
            left.append(found)
    for key in sorted(set(table) - used):
        left.append(finding("exceptions", FILE, table[key][0],
                            f"`{key[0]} {key[1]}` is no longer needed: take it out"))
    return left
