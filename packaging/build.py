"""build.py -- makes the Debian packages from programs that are built already.

    build.py --bin DIR [--out DIR] [--version VERSION] [--processor NAME]

What is packaged is what was built: of this machine's processor the release build, which the tests
run. The tree that debhelper wants (programs, the manual pages that they have printed, documents,
debian/) is put together below the output folder, where the packages land, too; it prints their
paths. The version is that of CMakeLists.txt unless another is given; the date that of the last
commit (or SOURCE_DATE_EPOCH), so that the same tree gives the same packages.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import email.utils
import glob
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HERE = os.path.join(ROOT, "packaging")
PROGRAMS = ("qnetd", "qnetd-tool", "qdevice-client", "qdevice-tool", "qcert")
UNITS = ("qnetd/systemd/castvote-qnetd.service",
         "qdevice-client/systemd/castvote-qdevice.service")


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def project_version():
    return re.search(r"project\(castvote VERSION (\S+)", read("CMakeLists.txt")).group(1)


def commit_time():
    """Seconds of the last commit; of the change log's file where there is no repository."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    asked = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True,
                           text=True, check=False)
    if asked.returncode == 0 and asked.stdout.strip():
        return int(asked.stdout)
    return int(os.stat(os.path.join(ROOT, "CHANGELOG.md")).st_mtime)


def changelog(version, seconds):
    """Debian's change log has one entry: what changed stands in CHANGELOG.md."""
    maintainer = re.search(r"^Maintainer: (.*)$", read("packaging", "debian", "control"),
                           re.MULTILINE).group(1)
    return (f"castvote ({version}) unstable; urgency=medium\n\n"
            "  * Version " + version + "; changelog.gz beside this file has the changes.\n\n"
            f" -- {maintainer}  {email.utils.formatdate(seconds)}\n")


def put_together(tree, programs, version, seconds):
    """debhelper's source tree, new every time."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(HERE, "debian"), os.path.join(tree, "debian"))
    os.makedirs(os.path.join(tree, "bin"))
    for program in PROGRAMS:
        shutil.copy2(os.path.join(programs, program), os.path.join(tree, "bin", program))
    for unit in UNITS:
        shutil.copy2(os.path.join(ROOT, unit), os.path.join(tree, "debian"))
    shutil.copytree(os.path.join(programs, os.pardir, "man"), os.path.join(tree, "man"))
    subprocess.run(["gzip", "-9n", "--keep", os.path.join(tree, "man", "qcert.8")], check=True)
    shutil.copytree(os.path.join(ROOT, "docs"), os.path.join(tree, "docs"))
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy2(os.path.join(ROOT, name), tree)
    with open(os.path.join(tree, "debian", "changelog"), "w", encoding="utf-8") as file:
        file.write(changelog(version, seconds))


def native():
    """This machine's processor."""
    asked = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True,
                           check=True)
    return asked.stdout.strip()


def build(programs, out, version, processor):
    """The paths of the packages."""
    seconds = commit_time()
    tree = os.path.join(out, "tree")
    put_together(tree, programs, version, seconds)
    for old in glob.glob(os.path.join(out, f"castvote-q*_{version}_{processor}.deb")):
        os.unlink(old)
    done = subprocess.run(
        ["dpkg-buildpackage", "--build=binary", "--no-sign", "--no-check-builddeps",
         "--host-arch", processor], cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds), "DH_QUIET": "1",
             "DEB_BUILD_OPTIONS": "noautodbgsym"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stdout + "dpkg-buildpackage failed")
    shutil.rmtree(tree)
    return sorted(glob.glob(os.path.join(out, f"castvote-q*_{version}_{processor}.deb")))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bin", required=True, help="where the programs are")
    options.add_argument("--out", default=os.path.join(ROOT, "build", "package"))
    options.add_argument("--version", default=project_version(),
                         help="of the packages (default: the project's)")
    options.add_argument("--processor", default=native(), help="as Debian calls it")
    given = options.parse_args()
    os.makedirs(given.out, exist_ok=True)
    for package in build(os.path.abspath(given.bin), os.path.abspath(given.out), given.version,
                         given.processor):
        print(f"{os.path.relpath(package)}: {os.path.getsize(package)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
