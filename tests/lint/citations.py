"""citations.py -- "protocol.md 6.1" in a comment must lead somewhere.

A document that is cited lies in docs/; a section that is cited is a heading there, an item of the
numbered list of its parent section, or a rule (R2e) or invariant (I6) that the document names.
"""
# SPDX-License-Identifier: BSD-3-Clause
import re

from tree import CPP, finding

CITED = re.compile(r"\b([a-z]+)\.md((?:,? (?:and )?(?:\d+(?:\.\d+)*|[RI]\d[a-z]?s?)\b)*)")
SECTION = re.compile(r"\d+(?:\.\d+)*|[RI]\d[a-z]?s?")


def sections_of(lines):
    """All that can be cited in a document: numbers of headings, `heading.item`, rules."""
    found, heading = set(), ""
    for line in lines:
        match = re.match(r"#+ (\d+(?:\.\d+)*)\b", line)
        item = re.match(r"(\d+)\. ", line)
        if match:
            heading = match.group(1)
            found.add(heading)
        elif line.startswith("#"):
            heading = ""
        elif item and heading:
            found.add(f"{heading}.{item.group(1)}")
        found.update(re.findall(r"\b[RI]\d[a-z]?s?\b", line))
    return found


def check(tree, rule="citations"):
    for path in tree.files():
        if not path.endswith(CPP + (".py", ".txt", ".cmake")) or path.startswith("tests/lint/"):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            for name, numbers in CITED.findall(line):
                document = f"docs/{name}.md"
                if document not in tree.files():
                    if numbers or document in line:
                        yield finding(rule, path, number, f"cites {name}.md, which is not in docs/")
                    continue
                known = sections_of(tree.lines(document))
                for section in SECTION.findall(numbers):
                    if section not in known:
                        yield finding(rule, path, number,
                                      f"cites {name}.md {section}, which {document} does not have")
