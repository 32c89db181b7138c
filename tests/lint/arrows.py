"""arrows.py -- which room may include which: the arrows of docs/architecture.md.

Keeps the cores pure: what a core cannot include it cannot call. It looks at #include lines only;
calls that need no include are the business of bans.py.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re

from tree import finding

#: Room -> rooms whose headers it may include. The longest matching room counts.
ROOMS = {
    "common/wire": ["common/wire"],
    "common/net": ["common/net", "common/wire"],
    "common/ipc": ["common/ipc", "common/net", "common/wire"],
    "common/manual": ["common/manual"],
    "common/doctor": ["common/doctor", "common/net", "common/wire"],
    "certs": ["certs", "common"],
    "qnetd/core": ["qnetd/core", "common/wire"],
    "qnetd": ["qnetd", "common", "certs"],
    "qdevice-client/core": ["qdevice-client/core", "common/wire"],
    "qdevice-client": ["qdevice-client", "common", "certs"],
    "tests": ["tests", "common", "certs", "qnetd", "qdevice-client"],
}

#: Rooms without a world: only the standard library, fmt and tl::expected from outside.
PURE = ("common/wire", "qnetd/core", "qdevice-client/core")

#: Standard headers that bring in a world: refused in the pure rooms.
WORLDLY = {
    "thread": "nothing: a core runs when it is called",
    "mutex": "nothing: one cluster lives on one thread",
    "shared_mutex": "nothing: one cluster lives on one thread",
    "condition_variable": "nothing: one cluster lives on one thread",
    "future": "actions, carried out by the shell",
    "atomic": "plain values",
    "random": "a value in the event",
    "ctime": "`now`, a value in the event",
    "iostream": "a Reason or describe()",
    "fstream": "an action, carried out by the shell",
    "filesystem": "an action, carried out by the shell",
    "cstdio": "fmt::format",
    "cassert": "CHECK of common/wire/check.hpp",
    "source_location": "CHECK (clang 14 has no source_location)",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The room that a path lies in, or None (a tree's own scripts, for instance)."""
    rooms = [room for room in ROOMS if path.startswith(room + "/")]
    return max(rooms, key=len) if rooms else None


def angle(rule, path, number, room, name):
    """An <include>: any, except in the pure rooms."""
    if room not in PURE:
        return
    if name in WORLDLY:
        yield finding(rule, path, number, f"<{name}> in a pure room; use {WORLDLY[name]}")
    elif ("/" in name or name.endswith(".h")) and not (
            name.startswith("fmt/") or name == "tl/expected.hpp"):
        yield finding(rule, path, number,
                      f"<{name}> in a pure room, which may use the standard library, fmt and "
                      "tl::expected only")


def check(tree, rule="arrows"):
    for path in tree.cpp():
        room = room_of(path)
        if room is None:
            yield finding(rule, path, 1, "lies in no room that tests/lint/arrows.py knows")
            continue
        for number, line in enumerate(tree.lines(path), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            quote, name = match.groups()
            if quote == "<":
                yield from angle(rule, path, number, room, name)
            elif not os.path.exists(os.path.join(tree.root, name)):
                yield finding(rule, path, number,
                              f'"{name}" is no path from the project\'s root')
            elif not name.startswith(tuple(allowed + "/" for allowed in ROOMS[room])):
                yield finding(rule, path, number,
                              f'"{name}": {room} may include only ' + ", ".join(ROOMS[room]))
