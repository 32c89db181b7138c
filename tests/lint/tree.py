"""tree.py -- the source tree as the checks see it: files, lines, and code without its comments.

A check is a function `check(tree)` that yields `Finding`s. It knows nothing of how they are printed
nor of the exceptions that somebody justified (exceptions.py does).
"""
# SPDX-License-Identifier: BSD-3-Clause
import collections
import functools
import os
import re

Finding = collections.namedtuple("Finding", "rule path line message amount")

SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}
CPP = (".cpp", ".hpp")
TEXT = CPP + (".py", ".sh", ".md", ".txt", ".cmake", ".json", ".service", ".socket", ".ini",
              ".conf", ".in")

#: Comments, raw strings, strings, characters (but not the ' inside of a number like 1'000).
_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def finding(rule, path, line, message, amount=0):
    return Finding(rule, path, line, message, amount)


def blank(match):
    """Comments vanish and strings become empty, but every line keeps its number."""
    text = match.group(0)
    kept = '""' if text[0] in 'R"' else ("" if text[0] == "/" else "' '")
    return kept + "\n" * text.count("\n")


class Tree:
    def __init__(self, root):
        self.root = root

    @functools.lru_cache(maxsize=None)
    def files(self):
        """All files that somebody wrote, as paths from the root, sorted."""
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in names]
        return sorted(found)

    def cpp(self):
        return [path for path in self.files() if path.endswith(CPP)]

    def python(self):
        return [path for path in self.files() if path.endswith(".py")]

    def scripts(self):
        """Programs without an ending: the first line says what runs them."""
        return [path for path in self.files()
                if "." not in os.path.basename(path) and self.text(path).startswith("#!")]

    def sources(self):
        return self.cpp() + self.python() + self.scripts()

    def texts(self):
        return sorted(set(self.sources() + [p for p in self.files() if p.endswith(TEXT)]))

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, path):
        return self.text(path).splitlines()

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        """The lines of a C++ file without comments and without what strings say."""
        return _TOKENS.sub(blank, self.text(path)).splitlines()
