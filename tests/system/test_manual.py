"""test_manual.py -- the manual pages name what the programs take, no more and no less.

The pages are made by the programs when these are built; here --help and the usage lines, which are
put together elsewhere, are the judges.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re
import shutil
import subprocess

DAEMONS = ["qnetd", "qdevice-client"]
TOOLS = ["qnetd-tool", "qdevice-tool", "qcert"]
STOCK = ["corosync-qnetd", "corosync-qnetd-tool", "corosync-qdevice", "corosync-qdevice-tool",
         "corosync-qnetd-certutil", "corosync-qdevice-net-certutil"]
HELP_LINE = re.compile(r"^  (-[^ ]+|[A-Z]+(?= ))", re.MULTILINE)


def page(env, name):
    """The page without troff's spelling of characters and fonts."""
    with open(os.path.join(os.path.dirname(env.bin), "man", name + ".8"), encoding="utf-8") as file:
        return re.sub(r"\\f[BIR]", "", file.read()).replace("\\-", "-").replace("\\&", "")


def section(text, heading):
    """What stands below a heading, up to the next of its kind or a higher one."""
    kinds = r"\.S[HS]" if heading.startswith(".SS") else r"\.SH"
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{kinds} |\Z)", text,
                      re.MULTILINE | re.DOTALL)
    assert found, f"no {heading} in\n{text}"
    return found.group(1)


def terms(text):
    """The options that it describes: the first word after each .TP."""
    return re.findall(r"^\.TP\n(\S+).*\n\S", text, re.MULTILINE)


def listed(env, *words):
    """The options and operands (in capitals) that --help lists, in the order of the alphabet."""
    said = env.run([env.program(words[0]), *words[1:], "--help"]).stdout
    return sorted(HELP_LINE.findall(said))


def usage(env, name):
    """The letters of a usage line."""
    done = env.run([env.program(name), "-h"], check=False)
    return set("".join(re.findall(r"(?<![\w-])-([A-Za-z0-9]+)", done.stdout.split("By hand")[0])))


def test_the_pages_name_every_option_and_command_of_help(env):
    for program in DAEMONS + TOOLS:
        text = page(env, program)
        assert sorted(terms(section(text, ".SH OPTIONS"))) == listed(env, program) != [], program
        said = env.run([env.program(program), "--help"]).stdout
        verbs = re.findall(r"^  ([a-z][a-z-]*) ", said.partition("Subcommands:")[2], re.MULTILINE)
        assert re.findall(r"^\.SS (.*)$", text, re.MULTILINE) == verbs, said
        assert bool(verbs) == (program in TOOLS), said
        for verb in verbs:
            described = sorted(terms(section(text, f".SS {verb}")))
            assert described == listed(env, program, verb) != [], verb
        for file in re.findall(r"^\S+ \(8\)", section(text, ".SH SEE ALSO"), re.MULTILINE):
            assert page(env, file.split()[0]), file


def test_the_pages_under_stock_names_name_every_letter_of_the_usage(env):
    for name in STOCK:
        text = page(env, name)
        letters = [term.lstrip("-") for term in terms(section(text, ".SH OPTIONS"))]
        assert len(letters) == len(set(letters)) and set(letters) | {"h"} == usage(env, name), name
        assert set(re.findall(r"\[-(\w)", section(text, ".SH SYNOPSIS"))) == set(letters)
        assert (".SH SETTINGS" in text) == (name in ("corosync-qnetd", "corosync-qdevice")), name


def test_every_program_tells_its_version_by_its_own_name(env):
    for program in DAEMONS + TOOLS:
        said = env.run([env.program(program), "--version"]).stdout
        assert re.fullmatch(rf"{program} [0-9.]+\n", said), said


def test_the_pages_are_right_for_troff(env):
    if not shutil.which("groff"):
        return  # The packages' test asks lintian, which brings it along.
    for name in DAEMONS + TOOLS + STOCK:
        path = os.path.join(os.path.dirname(env.bin), "man", name + ".8")
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", path], capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
