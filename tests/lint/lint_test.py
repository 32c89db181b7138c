"""lint_test.py -- the lint is tested too: each rule catches a made-up bad file, passes a good one.

A rule without a case here is a failure: a check that was never seen to fail proves nothing.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil
import tempfile

import layout
import run
from tree import Tree

HEAD = "// {name} -- a made-up file.\n// SPDX-License-Identifier: BSD-3-Clause\n"


def cpp(name, body):
    """A C++ file that keeps all rules except those which its body breaks."""
    once = "#pragma once\n" if name.endswith(".hpp") else ""
    return name, HEAD.format(name=os.path.basename(name)) + once + body


NOTE = "// TO" + "DO: later\n"


def function(lines):
    return "int f() {\n" + "    g();\n" * lines + "}\n"


MUTANT = ("tests/mutants/a_is_two.mutant",
          "rule: R1\nfile: certs/a.cpp\ntest: a_test\n--- old\nint a = 1;\n--- new\nint a = 2;\n")


#: (rule, does it find something?, files)
CASES = [
    ("arrows", True, [cpp("qnetd/core/a.cpp", "#include <boost/asio.hpp>\n")]),
    ("arrows", True, [cpp("qnetd/core/a.cpp", "#include <thread>\n")]),
    ("arrows", True, [cpp("common/wire/a.cpp", "#include <sys/socket.h>\n")]),
    ("arrows", True, [cpp("qnetd/core/a.cpp", '#include "common/net/b.hpp"\n'),
                      cpp("common/net/b.hpp", "")]),
    ("arrows", True, [cpp("qnetd/shell/a.cpp", '#include "qdevice-client/core/b.hpp"\n'),
                      cpp("qdevice-client/core/b.hpp", "")]),
    ("arrows", True, [cpp("qdevice-client/tool/a.cpp", '#include "qnetd/core/b.hpp"\n'),
                      cpp("qnetd/core/b.hpp", "")]),
    ("arrows", True, [cpp("qnetd/core/a.cpp", '#include "b.hpp"\n'), cpp("qnetd/core/b.hpp", "")]),
    ("arrows", True, [cpp("elsewhere/a.cpp", "")]),
    ("arrows", False, [cpp("qnetd/core/a.cpp",
                           '#include <fmt/format.h>\n#include <tl/expected.hpp>\n#include <map>\n'
                           '#include "common/wire/b.hpp"\n'), cpp("common/wire/b.hpp", "")]),
    ("arrows", False, [cpp("qnetd/shell/a.cpp",
                           '#include <boost/asio.hpp>\n#include "qnetd/core/b.hpp"\n'),
                       cpp("qnetd/core/b.hpp", "")]),
    ("bans", True, [cpp("certs/a.cpp", "using namespace std;\n")]),
    ("bans", True, [cpp("certs/a.cpp", "void f() { assert(1); }\n")]),
    ("bans", True, [cpp("qnetd/core/a.cpp", "auto t = std::chrono::steady_clock::now();\n")]),
    ("bans", True, [cpp("qnetd/core/a.cpp", "int n = rand();\n")]),
    ("bans", True, [cpp("qnetd/core/a.cpp", 'void f() { spdlog::info("x"); }\n')]),
    ("bans", True, [cpp("common/wire/a.cpp", 'void f() { std::printf("x"); }\n')]),
    ("bans", True, [cpp("qdevice-client/core/a.cpp", "boost::asio::io_context c;\n")]),
    ("bans", True, [cpp("qnetd/core/a.cpp", "void f() { throw 1; }\n")]),
    ("bans", True, [cpp("qnetd/shell/a.cpp", "std::thread t;\n")]),
    ("bans", False, [cpp("qnetd/core/a.cpp", "// no std::thread here; assert(what you like)\n"
                         'auto s = "rand()"; static_assert(true); auto t = event.time();\n')]),
    ("bans", False, [cpp("qnetd/shell/a.cpp", "auto t = std::chrono::steady_clock::now();\n")]),
    ("leftovers", True, [cpp("certs/a.cpp", NOTE)]),
    ("leftovers", False, [cpp("certs/a.cpp", "// todos of the peer\n")]),
    ("machine-paths", True, [("docs/a.md", "see /wo" "rk/main\n")]),
    ("machine-paths", False, [("docs/a.md", "see /etc/corosync and qnetd/wo" "rk/x\n")]),
    ("conflicts", True, [("docs/a.md", "<" * 7 + " HEAD\n")]),
    ("conflicts", False, [("docs/a.md", "=" * 7 + "\n")]),
    ("citations", True, [cpp("certs/a.cpp", "// see node.md 3\n")]),
    ("citations", True, [cpp("certs/a.cpp", "// see node.md 3 and 4\n"),
                         ("docs/node.md", "## 3. A\n")]),
    ("citations", True, [cpp("certs/a.cpp", "// node.md R2e\n"), ("docs/node.md", "R2\n")]),
    ("citations", True, [cpp("certs/a.cpp", "// see docs/no%s.md\n" % "where")]),
    ("citations", False, [cpp("certs/a.cpp", "// node.md 3.1 and 4, R2e\n"),
                          ("docs/node.md", "## 3. A\n1. x, R2e\n## 4. B\n")]),
    ("head", True, [("certs/a.cpp", "int a;\n")]),
    ("head", True, [("certs/a.cpp", "// a.cpp -- a file.\nint a;\n")]),
    ("head", True, [("certs/a.cpp", "// a.cpp -- a. SPDX-License-Identifier: BSD-3-Clause\n")]),
    ("head", True, [("tests/a.py", "# SPDX-License-Identifier: BSD-3-Clause\n")]),
    ("head", False, [cpp("certs/a.cpp", "")]),
    ("guards", True, [("certs/a.hpp", HEAD.format(name="a.hpp"))]),
    ("guards", False, [cpp("certs/a.hpp", "")]),
    ("columns", True, [cpp("certs/a.cpp", "// " + "x" * 98 + "\n")]),
    ("columns", False, [cpp("certs/a.cpp", "// " + "x" * 97 + "\n")]),
    ("file-length", True, [cpp("certs/a.cpp", "int a;\n" * 399)]),
    ("file-length", False, [cpp("certs/a.cpp", "int a;\n" * 398)]),
    ("function-length", True, [cpp("certs/a.cpp", function(59))]),
    ("function-length", True, [cpp("certs/a.cpp", "struct S {\n" + function(59) + "};\n")]),
    ("function-length", False, [cpp("certs/a.cpp", "struct S {\n" + function(58) * 3 + "};\n")]),
    ("spaces", True, [cpp("certs/a.cpp", "int a; \n")]),
    ("spaces", True, [cpp("certs/a.cpp", "\tint a;\n")]),
    ("spaces", True, [cpp("certs/a.cpp", "int a;")]),
    ("spaces", False, [cpp("certs/a.cpp", "int a;\n")]),
    ("layout", True, [cpp("certs/a.cpp", "int  a   ;\n")]),
    ("layout", False, [cpp("certs/a.cpp", "int a;\n")]),
    ("exceptions", True, [("tests/lint/exceptions.txt", "columns certs/a.cpp 120  # a table\n")]),
    ("exceptions", True, [("tests/lint/exceptions.txt", "columns certs/a.cpp 120\n")]),
    ("exceptions", False, [("tests/lint/exceptions.txt", "columns certs/a.cpp 120  # a table\n"),
                           cpp("certs/a.cpp", "// " + "x" * 110 + "\n")]),
    ("mutants", False, [cpp("certs/a.cpp", "int a = 1;\n"), MUTANT]),
    ("mutants", True, [cpp("certs/a.cpp", "int a = 2;\n"), MUTANT]),
    ("mutants", True, [cpp("certs/a.cpp", "int a = 1;\nint a = 1;\n"), MUTANT]),
    ("mutants", True, [cpp("certs/a.cpp", "int a = 1;\n"),
                       (MUTANT[0], "case: W1\n" + MUTANT[1])]),
    ("columns", False, [("tests/lint/exceptions.txt", "columns certs/a.cpp 120  # a table\n"),
                        cpp("certs/a.cpp", "// " + "x" * 110 + "\n")]),
    ("columns", True, [("tests/lint/exceptions.txt", "columns certs/a.cpp 105  # a table\n"),
                       cpp("certs/a.cpp", "// " + "x" * 110 + "\n")]),
]


def finds(rule, files):
    """Does the rule find something in a tree of these files?"""
    with tempfile.TemporaryDirectory(prefix="castvote-lint-") as root:
        with open(os.path.join(os.path.dirname(__file__), "../../.clang-format"),
                  encoding="utf-8") as style:
            files = files + [(".clang-format", style.read())]
        for path, text in files:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        by_rule, _ = run.findings_of(Tree(root), list(run.RULES))
        return bool(by_rule.get(rule))


def run_all():
    """(passed, failed), saying each failure."""
    passed = failed = 0
    untested = set(run.RULES) - {rule for rule, expected, _ in CASES if expected}
    for rule in sorted(untested):
        failed += 1
        print(f"lint_test: nothing shows that `{rule}` can fail")
    for number, (rule, expected, files) in enumerate(CASES):
        if rule == "layout" and shutil.which(layout.PROGRAM) is None:
            continue
        if finds(rule, files) == expected:
            passed += 1
        else:
            failed += 1
            print(f"lint_test: case {number} ({rule}): "
                  + ("found nothing in " if expected else "wrongly found something in ")
                  + ", ".join(path for path, _ in files))
    print(f"lint_test: {passed} cases passed, {failed} failed")
    return passed, failed
