"""run.py -- lives through the lives of the packages, in fresh Debian trees (root).

    run.py --packages DIR --processor NAME [--emulator FILE] [--base TREE] [--mirror URL] [--keep]
           [STORY...]

Stories: `lint`; `fresh` (install, start, use, upgrade, remove, purge; nothing is left); `takeover`
(over the stock packages with their certificates, and back again); `services` (both roles under a
real systemd, from running stock daemons to ours); `flows` (every way to set a device up, in
machines with a systemd, an sshd and packages of their own). --base takes a tree that debootstrap
made before, and leaves it as it is. Another processor's packages run in its own trees, under
qemu-user (foreign.py), and there without a real systemd. A transcript goes to standard output.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import glob
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "system")]

import flows  # noqa: E402
import foreign  # noqa: E402
import harness  # noqa: E402
import services  # noqa: E402
import stories  # noqa: E402
import tree  # noqa: E402


def lint(packages, **_):
    """lintian has nothing to report, but that scripts call systemctl: where it runs, for a daemon
    that was active under its stock name."""
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--suppress-tags",
                           "maintainer-script-calls-systemctl", "--allow-root",
                           *packages[0].values()],
                          capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    assert done.returncode == 0, "lintian found something"


STORIES = {"lint": lint, "fresh": stories.fresh, "takeover": stories.takeover,
           "services": services.services, "flows": flows.flows}
BOOTED = ("services", "flows")


def newest_packages(folder, processor):
    """{name: path} of our packages there."""
    found = {}
    for name in stories.OURS:
        files = glob.glob(os.path.join(folder, f"{name}_*_{processor}.deb"))
        if not files:
            raise SystemExit(f"no {name} in {folder}: ./dev package")
        found[name] = max(files, key=os.path.getmtime)
    return found


def renumbered(env, package):
    """The same package with a higher version."""
    name, version, processor = os.path.basename(package).split("_")
    tree, made = env.path(name), env.path(f"{name}_{version}+next_{processor}")
    env.run(["dpkg-deb", "-R", package, tree])
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = file.read()
    with open(control, "w", encoding="utf-8") as file:
        file.write(text.replace(f"\nVersion: {version}\n", f"\nVersion: {version}+next\n"))
    env.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-b", tree, made], seconds=120)
    return made


def run(names, given):
    env = harness.Env(given.packages, "package")
    processor = None
    if given.emulator:
        processor = foreign.Processor(given.processor, os.path.abspath(given.emulator))
    failed, skipped = [], []
    try:
        first = newest_packages(os.path.abspath(given.packages), given.processor)
        packages = [first, {name: renumbered(env, path) for name, path in first.items()}]
        base = given.base
        if base is None and names != ["lint"]:
            base = env.path("base")
            print("debootstrap: some minutes", flush=True)
            tree.debootstrap(env, base, given.mirror, processor)
        for name in names:
            print(f"== {name}", flush=True)
            began = time.monotonic()
            try:
                STORIES[name](env=env, base=tree.Base(base, processor), packages=packages,
                              keep=given.keep)
                print(f"ok   {name} ({time.monotonic() - began:.0f} s)", flush=True)
            except harness.Skipped as why:
                print(f"skip {name}: {why}", flush=True)
                skipped.append(name)
            except Exception as why:  # pylint: disable=broad-except
                failed.append(name)
                print(f"FAIL {name}: {type(why).__name__}: {why}\n{env.logs()}", flush=True)
    finally:
        if given.keep:
            print(f"kept: {env.tmp}")
        env.close(given.keep)
    return failed, skipped


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--packages", required=True, help="where our packages are")
    options.add_argument("--processor", required=True, help="theirs, as Debian calls it")
    options.add_argument("--emulator", help="a static qemu-user for it, if it is another")
    options.add_argument("--base", help="a tree of debootstrap (default: a new one)")
    options.add_argument("--mirror", default=tree.MIRROR, help="where debootstrap gets it")
    options.add_argument("--keep", action="store_true", help="keep the trees, say where")
    options.add_argument("stories", nargs="*", metavar="STORY", help=", ".join(STORIES))
    given = options.parse_args()
    if os.geteuid() != 0:
        print("needs root: chroot, namespaces, debootstrap", file=sys.stderr)
        return 2
    there = [name for name in STORIES if name not in BOOTED or not given.emulator]
    names = given.stories or there
    unknown = [name for name in names if name not in there]
    if unknown:
        print(f"no story {unknown[0]}; there are: {', '.join(there)}", file=sys.stderr)
        return 2
    if given.emulator and names != ["lint"] and not foreign.is_possible():
        return 2
    harness.adopt_orphans()
    failed, skipped = run(names, given)
    print(f"package: {len(names) - len(failed) - len(skipped)} passed, {len(failed)} failed, "
          f"{len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
