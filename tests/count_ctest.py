"""count_ctest.py -- counts what ctest ran, and sums the counts of all parts of `./dev test`.

    count_ctest.py FILE.xml      one line: passed failed skipped (from ctest's JUnit output)
    count_ctest.py --sum TALLY   the closing line of `./dev test`; status 1 if anything failed

A tally file has one line `passed failed skipped` per part.
"""
# SPDX-License-Identifier: BSD-3-Clause
import sys
import xml.etree.ElementTree as xml


def count(path):
    """(passed, failed, skipped) of one JUnit file; a test that did not run has failed."""
    passed = failed = skipped = 0
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.find("skipped") is not None or case.get("status") == "disabled":
            skipped += 1
        elif case.get("status") == "run" and case.find("failure") is None:
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def total(path):
    """The sum over all lines; no line at all means that nothing was tested: a failure."""
    with open(path, encoding="utf-8") as lines:
        rows = [[int(word) for word in line.split()] for line in lines if line.strip()]
    return tuple(map(sum, zip(*rows))) if rows else (0, 1, 0)


def main():
    if sys.argv[1] != "--sum":
        print(*count(sys.argv[1]))
        return 0
    passed, failed, skipped = total(sys.argv[2])
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
