"""cross.py -- builds for another processor, in a Debian tree that has its compiler and libraries.

The tree is debootstrap's, with Debian's cross-compiler and, by multiarch, the libraries of the
other processor; it stays in build/cross/PROCESSOR, and this machine gets no foreign package. What
has to run there (programs print their manual pages) does so under the tree's qemu-user.
"""
# SPDX-License-Identifier: BSD-3-Clause
import dataclasses
import os
import re
import shutil
import subprocess

from build import ROOT, commit_time, read

MIRROR = "http://deb.debian.org/debian"
SOURCES = "/castvote"  # where the tree sees this repository


@dataclasses.dataclass(frozen=True)
class Processor:
    triplet: str
    cpu: str  # as CMake and qemu call it


PROCESSORS = {"arm64": Processor("aarch64-linux-gnu", "aarch64"),
              "armhf": Processor("arm-linux-gnueabihf", "arm")}
MOUNTS = """set -e
mount -t proc proc "$1/proc"
mkdir -p "$1$3"
mount --bind "$2" "$1$3"
root=$1 place=$3
shift 3
exec env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive \\
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" unshare --root="$root" --wd="$place" -- "$@"
"""


def tree_of(processor):
    return os.path.join(ROOT, "build", "cross", processor)


def emulator(processor):
    """A static qemu-user, as this machine sees it."""
    return os.path.join(tree_of(processor), "usr", "bin", emulator_name(processor))


def emulator_name(processor):
    return f"qemu-{PROCESSORS[processor].cpu}-static"


def enter(processor, *argv, capture=False):
    """Runs a command in the tree, in the repository; its output if it is captured."""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNTS, "sh",
         tree_of(processor), ROOT, SOURCES, *argv],
        stdout=subprocess.PIPE if capture else None, text=True, check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(commit_time())})
    if done.returncode != 0:
        raise SystemExit(f"in build/cross/{processor}: {' '.join(argv)}: {done.returncode}")
    return done.stdout


def listed(*groups):
    """The packages of these groups of packages.txt."""
    lines = [line.split() for line in read("packages.txt").splitlines()]
    return sorted({line[1] for line in lines if line and line[0] in groups})


def wanted_in(processor):
    """What the tree has, by the names of packages.txt."""
    compiler = f"g++-{PROCESSORS[processor].triplet}"
    return [name for name in listed("build", "foreign")
            if name == compiler or not name.startswith("g++")]


def for_the_tree(processor, names):
    """Tools are this processor's, libraries the other's; what fits all is not named for one."""
    shown = enter(processor, "apt-cache", "show", "--no-all-versions", *names, capture=True)
    for_all = {re.search(r"^Package: (\S+)$", entry, re.MULTILINE).group(1)
               for entry in shown.split("\n\n") if "\nArchitecture: all\n" in entry}
    return [f"{name}:{processor}" if name.endswith("-dev") and name not in for_all else name
            for name in names]


def prepare(processor):
    """Makes the tree, or brings it to what packages.txt asks for now."""
    tree, names = tree_of(processor), wanted_in(processor)
    stamp = os.path.join(tree, "castvote-has")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read().split() == names:
                return
    else:
        shutil.rmtree(tree, ignore_errors=True)  # what was begun and never ready
        os.makedirs(tree)
        subprocess.run(["debootstrap", "--variant=minbase", "bookworm", tree, MIRROR], check=True)
        enter(processor, "dpkg", "--add-architecture", processor)
    enter(processor, "apt-get", "-q", "update")
    enter(processor, "apt-get", "-q", "--yes", "install", "--no-install-recommends",
          *for_the_tree(processor, names))
    with open(stamp, "w", encoding="utf-8") as file:
        file.write("\n".join(names))


def build(preset, processor):
    """The folder of the programs."""
    known, folder = PROCESSORS[processor], f"build/{preset}-{processor}"
    prepare(processor)
    finds = ("env", f"PKG_CONFIG_LIBDIR=/usr/lib/{known.triplet}/pkgconfig:/usr/share/pkgconfig")
    if not os.path.exists(os.path.join(ROOT, folder, "build.ninja")):
        settings = {"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": known.cpu,
                    "CMAKE_CXX_COMPILER": f"{known.triplet}-g++",
                    "CMAKE_CXX_FLAGS": "-Wno-psabi",  # all of it is built by one compiler
                    "CMAKE_CROSSCOMPILING_EMULATOR": f"/usr/bin/{emulator_name(processor)}"}
        enter(processor, *finds, "cmake", "--preset", preset, "-B", folder,
              *[f"-D{name}={value}" for name, value in settings.items()])
    enter(processor, *finds, "cmake", "--build", folder)
    return os.path.join(ROOT, folder, "bin")


def package(processor, programs, out):
    """build.py, where the libraries are that the packages will depend on."""
    def seen(path):
        return os.path.join(SOURCES, os.path.relpath(path, ROOT))

    os.makedirs(out, exist_ok=True)
    enter(processor, "python3", "packaging/build.py", "--bin", seen(programs), "--out", seen(out),
          "--processor", processor)
