"""bans.py -- calls that are refused, each with what to write in its place.

Looks at code only: comments and strings may say what they like, except where a rule says otherwise.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re

from arrows import PURE, room_of
from tree import finding

#: (pattern, what to write in its place), for all C++ files.
EVERYWHERE = [
    (r"\busing\s+namespace\s+std\b", "std::"),
    (r"(?<![\w.>:])assert\s*\(", "CHECK of common/wire/check.hpp: it stays on in release builds"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(", "std::string and fmt"),
    (r"(?<![\w.>])(atoi|atol|atoll|atof)\s*\(", "std::from_chars: it tells an error from 0"),
    (r"\brand\s*\(|\bsrand\s*\(", "a generator with a seed that is printed"),
    (r"\bstd::(thread|async)\b(?!::)", "the io_context of the shard (tests: std::jthread)"),
    (r"\bstd::this_thread::sleep_(for|until)\b|\b(usleep|nanosleep)\s*\(|(?<!\w)::sleep\s*\(",
     "a timer, or polling a condition"),
    (r"\bstd::endl\b", "'\\n'"),
    (r"#\s*pragma\s+GCC\s+diagnostic\s+ignored", "the code that needs no such silence"),
    (r"\bauto\s*\[[^\]]*\]\s*=\s*co_await\b",
     "a named variable first, then the binding (compilers leak here)"),
]

#: For common/wire and the cores: no clock, no chance, no thread, no log, no world.
IN_PURE = [
    (r"\bstd::chrono::\w*clock\b|(?<![\w.>])(clock_gettime|gettimeofday|time)\s*\(",
     "`now`, a value in the event"),
    (r"\b(random_device|mt19937\w*|arc4random\w*|getrandom|RAND_bytes)\b", "a value in the event"),
    (r"\bspdlog\b|\bSPDLOG_", "a Reason in the decision; the shell prints it"),
    (r"\b(boost|asio)::", "an action, carried out by the shell"),
    (r"\b(std::)?(printf|fprintf|puts|fputs|perror)\s*\(|\bfmt::print\b|\bstd::c(out|err|log)\b",
     "a Reason or describe(); the shell prints"),
    (r"\bgetenv\s*\(", "a field of the configuration"),
    (r"\bstd::(mutex|jthread|atomic)\b", "nothing: one cluster lives on one thread"),
    (r"\bthrow\b|\btry\s*\{", "Expected<T, E>"),
]

LEFTOVERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
CONFLICT = re.compile(r"^(<{7} |>{7} |\|{7} )")
MACHINE = re.compile(r"(?<![\w.$}])/(wo" r"rk|ho" r"me|Us" r"ers|wor" r"kspace)/[\w.]")


def code_bans(tree, rule="bans"):
    for path in tree.cpp():
        bans = [(re.compile(pattern), instead) for pattern, instead in
                EVERYWHERE + (IN_PURE if room_of(path) in PURE else [])]
        for number, line in enumerate(tree.code(path), 1):
            for pattern, instead in bans:
                match = pattern.search(line)
                if match:
                    yield finding(rule, path, number,
                                  f"`{match.group(0).strip()}` is banned; use {instead}")


def leftovers(tree, rule="leftovers"):
    """A note to oneself is an issue, not a comment."""
    for path in tree.texts():
        for number, line in enumerate(tree.lines(path), 1):
            match = LEFTOVERS.search(line)
            if match:
                yield finding(rule, path, number, f"{match.group(0)}: do it or open an issue")


def conflicts(tree, rule="conflicts"):
    """What a merge has left behind."""
    for path in tree.texts():
        for number, line in enumerate(tree.lines(path), 1):
            if CONFLICT.search(line):
                yield finding(rule, path, number, "a merge was not brought to an end here")


def machine_paths(tree, rule="machine-paths"):
    """A path that exists on one machine only helps nobody else."""
    for path in tree.texts():
        for number, line in enumerate(tree.lines(path), 1):
            match = MACHINE.search(line)
            if match:
                yield finding(rule, path, number, f"a path of one machine: {match.group(0)}...")
