"""shape.py -- how a file looks: its head, its length, its functions, its lines.

The lengths are aims: a file that has a good reason stands in exceptions.txt with that reason.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re

from tree import CPP, finding

LINE_COLUMNS = 100
FILE_LINES = 400
FUNCTION_LINES = 60
HEAD_LINES = 14

SPDX = "SPDX-License-Identifier: BSD-3-Clause"


def head(tree, rule="head"):
    """Every source says in its first lines what it is, and under which licence."""
    for path in tree.sources():
        if not tree.text(path).strip():
            continue
        first = tree.lines(path)[:HEAD_LINES]
        name = os.path.basename(path)
        names = {name, path, path.lstrip(".")}
        if not any(f"{known} -- " in line for line in first[:3] for known in names):
            yield finding(rule, path, 1, f"does not open with `{name} -- what this is`")
        if not any(line.strip("/#*<!-> ") == SPDX for line in first):
            yield finding(rule, path, 1, f"has no line of its own for `{SPDX}` in its head")


def columns(tree, rule="columns"):
    for path in tree.sources():
        for number, line in enumerate(tree.lines(path), 1):
            if len(line) > LINE_COLUMNS:
                yield finding(rule, path, number,
                              f"{len(line)} columns, more than {LINE_COLUMNS}", len(line))


def file_length(tree, rule="file-length"):
    for path in tree.sources():
        length = len(tree.lines(path))
        if length > FILE_LINES:
            yield finding(rule, path, 1, f"{length} lines, more than {FILE_LINES}", length)


def spaces(tree, rule="spaces"):
    """No tabs, no blanks at the end of a line, a newline at the end of a file."""
    for path in tree.sources():
        for number, line in enumerate(tree.lines(path), 1):
            if "\t" in line or line != line.rstrip():
                yield finding(rule, path, number, "a tab, or a blank at the end of the line")
        if tree.text(path) and not tree.text(path).endswith("\n"):
            yield finding(rule, path, len(tree.lines(path)), "no newline at the end of the file")


_NOT_A_FUNCTION = re.compile(
    r"^\s*(extern\b|namespace\b|(template\s*<.*>\s*)?(class|struct|union|enum)\b)|=\s*$|"
    r"\b(TEST_CASE|SCENARIO|TEMPLATE_TEST_CASE)\s*\(", re.DOTALL)


def functions_of(lines):
    """(first line, length) of each function body, by counting braces: a good guess, no parser."""
    depth = 0
    inside = None  # (depth, line) of the function that we are in
    header = ""
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#"):
            continue
        for char in line:
            if char == "{":
                if inside is None and ")" in header and not _NOT_A_FUNCTION.search(header):
                    inside = (depth, number)
                depth += 1
                header = ""
            elif char == "}":
                depth -= 1
                if inside and depth == inside[0]:
                    yield inside[1], number - inside[1] + 1
                    inside = None
                header = ""
            elif char == ";":
                header = ""
            else:
                header += char
        header += " "


def function_length(tree, rule="function-length"):
    for path in tree.cpp():
        for number, length in functions_of(tree.code(path)):
            if length > FUNCTION_LINES:
                yield finding(rule, path, number,
                              f"a function of {length} lines, more than {FUNCTION_LINES}", length)


def guards(tree, rule="guards"):
    for path in tree.cpp():
        if path.endswith(CPP[1]) and "#pragma once" not in tree.text(path):
            yield finding(rule, path, 1, "a header without #pragma once")
