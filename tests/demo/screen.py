"""screen.py -- how the demo speaks: steps, one table, wrapped sentences, colour on a terminal.

Colour is used only on a terminal, never when NO_COLOR is set, and never alone: whatever is green
also says in words that it is. The layout fits 80 columns and stays the same on wider ones.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import sys
import textwrap

COLUMNS = 80
INDENT = "   "
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Screen:
    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.coloured = (self.stream.isatty() and "NO_COLOR" not in os.environ
                         and os.environ.get("TERM") != "dumb")
        self.is_live = False
        try:
            "–─".encode(self.stream.encoding or "ascii")
            self.dash, self.rule_sign = "–", "─"
        except UnicodeEncodeError:
            self.dash, self.rule_sign = "-", "-"

    def paint(self, text, *colours):
        if not self.coloured or not colours:
            return text
        return f"\033[{';'.join(COLOURS[name] for name in colours)}m{text}\033[0m"

    def live(self, text):
        """One line that comes and goes while somebody waits; only on a terminal."""
        if self.coloured:
            print(f"\r\033[K{INDENT}{self.paint(text, 'dim')}", end="", file=self.stream,
                  flush=True)
            self.is_live = True

    def line(self, text="", *colours):
        if self.is_live:
            print("\r\033[K", end="", file=self.stream)
            self.is_live = False
        print(self.paint(text, *colours), file=self.stream, flush=True)

    def heading(self, number, title):
        """`1  The link is cut ─────────`"""
        head = f"{number}  {title} " if number else f"{title} "
        rule = self.rule_sign * max(3, COLUMNS - len(head))
        self.line()
        self.line(self.paint(head, "bold") + self.paint(rule, "dim"))

    def say(self, text, *colours, lead=""):
        """A paragraph; `lead` stands before its first line, in bold."""
        empty = INDENT + " " * (len(lead) + 2 if lead else 0)
        text = re.sub(r"(\d) (s|ms)\b", "\\1\u00a0\\2", text)  # A number stays with its unit.
        rows = textwrap.wrap(text, COLUMNS - len(empty), break_long_words=False,
                             break_on_hyphens=False) or [""]
        rows = [row.replace("\u00a0", " ") for row in rows]
        for i, row in enumerate(rows):
            first = lead and i == 0
            start = INDENT + self.paint(f"{lead}: ", "bold") if first else empty
            self.line(start + self.paint(row, *colours))

    def table(self, header, rows):
        """Rows of cells; a cell is a text or (text, colour, ...)."""
        rows = [[cell if isinstance(cell, tuple) else (cell,) for cell in row] for row in rows]
        widths = [max(len(name), *(len(row[i][0]) for row in rows)) + 2
                  for i, name in enumerate(header)]
        self.line()
        self.line(INDENT + self.paint(
            "".join(name.ljust(w) for name, w in zip(header, widths)).rstrip(), "dim"))
        for row in rows:
            cells = (cell[0].ljust(width) for cell, width in zip(row, widths))
            self.line(INDENT + "".join(
                self.paint(text, *cell[1:]) for text, cell in zip(cells, row)).rstrip())
        self.line()

    def block(self, text, *colours):
        """Somebody else's words, as they are."""
        for row in text.rstrip().splitlines():
            self.line(f"{INDENT}  {row}".rstrip(), *colours)


def side_by_side(left, right, width=38):
    """Two texts as two columns, for what two nodes say."""
    rows = [left.splitlines(), right.splitlines()]
    height = max(map(len, rows))
    rows = [[row.rstrip() for row in column] + [""] * (height - len(column)) for column in rows]
    return "\n".join(f"{one[:width]:<{width}}{other[:width]}".rstrip()
                     for one, other in zip(*rows))


def braces(members):
    return "{" + ", ".join(map(str, members)) + "}"


def seconds(span):
    """`4 ms`, `2.26 s`"""
    return f"{span * 1e3:.0f} ms" if span < 0.1 else f"{span:.2f} s"
