"""tree.py -- a Debian tree to install into: debootstrap's, with processes and a network of its own.

Nothing outside of the tree is touched: what runs in it is chrooted and sees its own processes and
mounts, which all end with the test. apt uses the machine's network, everything else one that has
only a loopback. There is no service manager in it: service.py does what a unit says; booted.py has
a tree with one.
"""
# SPDX-License-Identifier: BSD-3-Clause
import dataclasses
import hashlib
import os
import shutil
import stat
import subprocess

import foreign
import harness

MIRROR = "http://deb.debian.org/debian"
EMULATE = """set -e
if [ -n "$2" ]; then
    mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    printf %s "$2" >/proc/sys/fs/binfmt_misc/register
fi
"""
HOLD = EMULATE + """
mount -t proc proc "$1/proc"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount -t tmpfs tmpfs "$1/dev/shm"
ip link set lo up
echo held
exec sleep infinity
"""
CLEAN = ["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb",
         "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]

#: What every package leaves, wherever it comes from: books, caches, logs, and system users.
BOOKS = ("etc/group", "etc/gshadow", "etc/ld.so.cache", "etc/passwd", "etc/shadow", "etc/subgid",
         "etc/subuid", "proc", "dev", "run", "tmp", "var/cache", "var/lib/apt", "var/lib/dpkg",
         "var/log", "var/lib/systemd/deb-systemd-helper-enabled",
         "var/lib/systemd/deb-systemd-helper-masked")


SECOND_STAGE = EMULATE + """
exec chroot "$1" /debootstrap/debootstrap --second-stage
"""


@dataclasses.dataclass(frozen=True)
class Base:
    """What trees are copies of."""
    folder: str
    processor: foreign.Processor | None  # another one than this machine's


def debootstrap(env, folder, mirror, processor):
    """A minimal bookworm."""
    log = env.path("debootstrap.log")

    def run(*argv):
        with open(log, "a", encoding="utf-8") as file:
            done = subprocess.run(argv, stdout=file, stderr=file, check=False)
        if done.returncode != 0:
            with open(log, encoding="utf-8") as file:
                raise harness.Failed("debootstrap: " + "".join(file.readlines()[-20:]))

    begin = ["debootstrap", "--variant=minbase"]
    if processor is None:
        run(*begin, "bookworm", folder, mirror)
        return
    run(*begin, "--foreign", "--arch", processor.name, "bookworm", folder, mirror)
    foreign.make_devices(os.path.join(folder, "dev"))
    users = foreign.user_namespace(env, "debootstrap")
    run("nsenter", "--target", str(users.pid), "--user", "--", *harness.OWN_PROCESSES, *CLEAN,
        "container=lxc",  # it makes no devices then
        "sh", "-c", SECOND_STAGE, "sh", folder, processor.registration())
    users.kill()


class Tree:
    def __init__(self, env, name, base):
        self.env, self.name, self.processor = env, name, base.processor
        self.root = env.path(name)
        env.run(["cp", "-a", "--reflink=auto", base.folder, self.root], seconds=600)
        shutil.copy("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        with open(self.path("/etc/dpkg/dpkg.cfg.d/unsafe"), "w", encoding="ascii") as file:
            file.write("force-unsafe-io\n")  # No power will fail here.
        self.hold()

    def hold(self):
        """Starts what keeps the tree's namespaces, and leaves its process id in self.pid."""
        env, name = self.env, self.name
        users, registration = [], ""
        if self.processor:
            keeper = foreign.user_namespace(env, name)
            users = ["nsenter", "--target", keeper.pid, "--user", "--"]
            registration = self.processor.registration()
        self.holder = env.spawn(
            [*users, *harness.OWN_PROCESSES, "--net", "--ipc", "--uts", "sh", "-c", HOLD, "sh",
             self.root, registration], name=f"{name}-holder")
        self.holder.says("held", 60)
        self.pid = harness.children_of(self.holder.pid)[0]

    def release(self):
        """Everything in it ends; its files stay."""
        self.holder.kill()

    def path(self, inside):
        """Where a file of the tree lies for the machine."""
        return os.path.join(self.root, inside.lstrip("/"))

    def has(self, inside):
        return os.path.lexists(self.path(inside))

    def digest(self, inside):
        with open(self.path(inside), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def words(self, argv, network=False):
        """The command line that runs another one in the tree."""
        own = [] if network else ["--net"]
        own += ["--user"] if self.processor else []
        return ["nsenter", "--target", self.pid, "--mount", "--pid", "--ipc", "--uts", *own,
                *self.entered(), *argv]

    def entered(self):
        """What follows nsenter's namespaces."""
        return ["--", "chroot", self.root, *CLEAN]

    def run(self, *argv, check=True, seconds=120):
        return self.env.run(self.words(argv), seconds=seconds, check=check)

    def apt(self, *argv):
        """apt-get, with the machine's network; what it and the packages' scripts have said."""
        done = self.env.run(self.words(["apt-get", "-q", "--yes", "-o", "Dpkg::Use-Pty=0", *argv],
                                       network=True), seconds=900)
        return done.stdout + done.stderr

    def bring(self, file):
        """A file of the machine, put where the tree's apt finds it; its path there."""
        inside = "/tmp/" + os.path.basename(file)
        shutil.copy(file, self.path(inside))
        os.chmod(self.path(inside), 0o644)
        return inside

    def installed(self, package):
        """The version, or "" if it is not installed."""
        done = self.run("dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", package,
                        check=False)
        state, _, version = done.stdout.partition(" ")
        return version if state == "installed" else ""

    def snapshot(self):
        """{path: what it is} of all that packages are to keep in order."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            here = "" if inside == "." else inside + "/"
            folders[:] = [name for name in folders if here + name not in BOOKS]
            for name in folders + names:
                if here + name not in BOOKS and not (here + name).rstrip("-") in BOOKS:
                    found[here + name] = describe(os.path.join(folder, name))
        return found


def describe(path):
    status = os.lstat(path)
    kind = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return f"{kind} -> {os.readlink(path)}"
    if not stat.S_ISREG(status.st_mode):
        return kind
    with open(path, "rb") as file:
        return f"{kind} {hashlib.sha256(file.read()).hexdigest()}"


def differences(before, after):
    """One line for each path that came, went or changed."""
    return ([f"left behind: /{path}" for path in sorted(set(after) - set(before))]
            + [f"gone: /{path}" for path in sorted(set(before) - set(after))]
            + [f"changed: /{path}: {before[path]} is {after[path]}"
               for path in sorted(set(before) & set(after)) if before[path] != after[path]])
