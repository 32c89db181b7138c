"""words.py -- the arbiter's state in plain sentences, from what its tool says.

Only wording: nothing is decided here, and what is not known is not said.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re

from screen import braces


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
    """Who has the vote and why, from `qnetd-tool status --json`."""
    for cluster in status["clusters"]:
        granted, decision = cluster["granted"], cluster["last_decision"] or {}
        why = rename(decision.get("detail", ""), names)
        if decision.get("reason", "").startswith("waiting"):
            return [f"nobody gets the vote yet: {why}"]
        if granted:
            told = f"the vote is with partition {braces(granted['members'])}"
            return [told + (f": {why}" if decision.get("reason") == "granted" else "")]
        return ["nobody has the vote" + (f": {why}" if why else "")]
    return ["no node is connected, so nobody has the vote"]


#: What the arbiter's log says on the way to its decision, as a sentence; {} is the detail.
ON_THE_WAY = {
    "dead_peer": "{node} is silent, its connection is closed",
    "waiting_for_release": "waits for at most {wait}: {detail}",
    "waiting_after_start": "waits for at most {wait}: {detail}",
}


def sentences_of_log(text, names):
    """What made the arbiter wait, from the lines of its log since a step began."""
    told = {}
    for row in text.splitlines():
        found = re.search(r'cluster "[^"]*": (.*?)   reason=(\w+)', row)
        if not found or found.group(2) not in ON_THE_WAY:
            continue
        node = re.search(r"node (\d+)", found.group(1))
        wait = re.search(r" wait=(\d+)ms", row)
        told[found.group(2)] = ON_THE_WAY[found.group(2)].format(
            node=named([int(node.group(1))], names) if node else "a node",
            wait=f"{int(wait.group(1)) / 1000:.2f} s" if wait else "a while",
            detail=rename(found.group(1).split(": ", 1)[-1], names))
    return list(told.values())


def rename(text, names):
    """The nodes under the names that the screen gives them."""
    return re.sub(r"\bnode (\d+)\b", lambda m: names.get(int(m.group(1)), m.group(0)), text)
