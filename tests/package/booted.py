"""booted.py -- a tree whose own systemd is process 1: units, their sandbox and restarts are real.

The machine's settings (/proc/sys) can only be read in it. It has a control group below ours, which
goes with it. Where the machine has no version 2 hierarchy that we may use, the story is skipped
aloud.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os

import harness
from tree import CLEAN, Tree

INSTALL = """set -e
mount -t proc proc "$1/proc"
shift
exec "$@"
"""
BOOT = """set -e
echo $$ > "$2/cgroup.procs"
root=$1 inside=$3
shift 3
exec unshare --mount --propagation private --pid --fork --kill-child --net --ipc --uts --cgroup \\
    sh -c "$inside" sh "$root" "$@"
"""
INSIDE = """set -e
mount --bind "$1" "$1"
cd "$1"
shift
while [ $# -gt 0 ]; do
    mkdir -p ".$2"
    mount --bind "$1" ".$2"
    shift 2
done
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in full null random tty urandom zero; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
mkdir -p .before
pivot_root . .before
umount -l /.before
rmdir /.before
exec env -i container=lxc PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --unit=multi-user.target
"""


def own_group():
    """Our folder in the hierarchy of version 2."""
    with open("/proc/mounts", encoding="ascii") as mounts:
        places = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
    with open("/proc/self/cgroup", encoding="ascii") as groups:
        paths = [line.strip()[3:] for line in groups if line.startswith("0::")]
    folder = os.path.join(places[0], paths[0].lstrip("/")) if places and paths else None
    if folder is None or not os.access(folder, os.W_OK):
        raise harness.Skipped("there is no cgroup hierarchy of version 2 that we may use")
    return folder


class Booted(Tree):
    def __init__(self, env, name, base, bind=()):
        """bind: a folder of the machine, and where in the tree it is seen, too."""
        self.bind = bind
        super().__init__(env, name, base)

    def hold(self):
        folder = own_group()
        env = self.env
        if not self.has("/lib/systemd/systemd"):
            env.run([*harness.OWN_PROCESSES, "sh", "-c", INSTALL, "sh", self.root, "chroot",
                     self.root, *CLEAN, "sh", "-c", "apt-get -q update && apt-get -q --yes install "
                     "--no-install-recommends systemd systemd-sysv iputils-ping"], seconds=900)
        with open(self.path("/etc/hosts"), "w", encoding="ascii") as file:
            file.write("127.0.0.1 localhost\n")
        self.group = os.path.join(folder, f"castvote-package-{os.getpid()}-{self.name}")
        os.mkdir(self.group)
        env.at_end(self.remove_group)
        self.holder = env.spawn(["sh", "-c", BOOT, "sh", self.root, self.group, INSIDE, *self.bind],
                                name=f"{self.name}-holder")
        env.wait_for(lambda: harness.children_of(self.holder.pid), 20, "process 1")
        self.pid = harness.children_of(self.holder.pid)[0]
        env.wait_for(lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip()
                     in ("running", "degraded"), 120, "the tree has booted", pause=1)

    def remove_group(self):
        """Everything in it has been killed with process 1."""
        self.env.wait_for(self.is_removed, 20, f"{self.group} is empty", pause=0.1)

    def is_removed(self):
        try:
            for folder, _, _ in os.walk(self.group, topdown=False):
                os.rmdir(folder)
        except OSError:
            return False
        return True

    def entered(self):
        return ["--cgroup", "--", *CLEAN]

    def main_pid(self, unit):
        """As the tree counts; 0 if it does not run."""
        return int(self.run("systemctl", "show", "--property=MainPID", "--value", unit).stdout)

    def host_pid(self, unit):
        """The same process as the machine counts."""
        inside = str(self.main_pid(unit))
        ours = os.stat(f"/proc/{self.pid}/ns/pid").st_ino
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
                    numbers = [line.split()[1:] for line in file if line.startswith("NSpid:")]
                if numbers[0][1:] == [inside] and os.stat(f"/proc/{pid}/ns/pid").st_ino == ours:
                    return int(pid)
            except OSError:
                continue
        raise harness.Failed(f"{unit} does not run")
