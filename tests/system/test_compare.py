"""test_compare.py -- the lock-step comparison with the packaged arbiter: a few seeds, and its wits.

Skipped aloud where the packaged arbiter is not installed or namespaces are not permitted.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "tests", "compare", "compare.py")


def compare(env, *words):
    env.need_namespaces()
    env.need_program("corosync-qnetd")
    return env.run([sys.executable, SCRIPT, "--bin", env.bin, *words], seconds=110, check=False)


def test_three_seeds_show_nothing_unnamed(env):
    done = compare(env, "--seeds", "1-3")
    assert done.returncode == 0, done
    assert re.search(r"^3 seeds, \d+ events, \d+ comparisons", done.stdout, re.MULTILINE), done
    assert "seeds with another difference: 0" in done.stdout, done


def test_every_named_difference_stands_in_the_document(env):
    done = compare(env, "--seeds", "1")
    rows = re.findall(r"^ +\d+  (.+)$", done.stdout, re.MULTILINE)
    with open(os.path.join(ROOT, "docs", "compatibility.md"), encoding="utf-8") as file:
        document = file.read()
    assert len(rows) > 10, done
    missing = [row for row in rows if f"| {row} |" not in document]
    assert not missing, missing


def test_another_tie_breaker_is_noticed(env):
    done = compare(env, "--seeds", "1-10", "--swap-tie-breaker")
    assert done.returncode == 1, done
    assert "ours has not come to what the algorithm says" in done.stdout, done
    assert re.search(r"^repeat it with: ./dev compare --seed \d+ --trace$", done.stdout,
                     re.MULTILINE), done
