"""words.py -- the arbiter's state in plain sentences, from what its tool says.

Only wording: nothing is decided here, and what is not known is not said.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re


def named(numbers, names):
    """`node 1`, `node 1 and node 2`."""
    return " and ".join(names.get(number, f"node {number}") for number in numbers)


def sentences_of_list(text, names):
    """What the packaged arbiter's `corosync-qnetd-tool -l -v` shows of its last words to each."""
    told = {"ACK": [], "NACK": []}
    node = None
    for row in text.splitlines():
        if found := re.match(r"\s*Node ID (\d+):", row):
            node = int(found.group(1))
        elif found := re.search(r"Vote:.*\((ACK|NACK)\)", row):
            told[found.group(1)].append(node)
    parts = []
    if told["ACK"]:
        parts.append(f"said yes to {named(told['ACK'], names)}")
    if told["NACK"]:
        parts.append(f"no to {named(told['NACK'], names)}")
    return [", ".join(parts)] if parts else ["serves nobody at the moment"]


def sentences_of_status(status, names):
    raise NotImplementedError
