"""foreign.py -- another processor's tree: what runs in it does so under qemu-user.

The kernel is told so in a user namespace of the tree's own, which has a binfmt_misc of its own
(Linux 6.7 or later): nothing is registered on this machine, and all is gone with the namespace.
"""
# SPDX-License-Identifier: BSD-3-Clause
import dataclasses
import os
import re
import sys

#: Class and machine in the header of an ELF file.
ELF = {"arm64": (2, 0xb7), "armhf": (1, 0x28)}
#: What a tree has in /dev: in a user namespace nobody makes these.
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9),
           "tty": (5, 0), "console": (5, 1), "ptmx": (5, 2)}
#: As many users as Debian's numbers need, each itself.
USERS = "0 0 65536"


def is_possible():
    """If not, it is said why, and what to do."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    is_new = (int(release.group(1)), int(release.group(2))) >= (6, 7)
    if not is_new:
        print("another processor's packages are tried under Linux 6.7 or later, in namespaces of "
              "their own: on Debian 12, linux-image of bookworm-backports", file=sys.stderr)
    return is_new


@dataclasses.dataclass(frozen=True)
class Processor:
    name: str  # as Debian calls it
    emulator: str  # a static qemu-user

    def registration(self):
        """The line for binfmt_misc; the kernel opens the emulator when it reads it (F)."""
        bits, machine = ELF[self.name]
        magic = b"\x7fELF" + bytes([bits, 1, 1]) + bytes(9) + bytes([2, 0, machine, 0])
        mask = b"\xff" * 7 + b"\x00" + b"\xff" * 8 + b"\xfe\xff\xff\xff"  # programs and libraries
        escaped = ["".join(f"\\x{byte:02x}" for byte in part) for part in (magic, mask)]
        return ":".join(["", f"castvote-{self.name}", "M", "", *escaped, self.emulator, "F"])


def user_namespace(env, name):
    """A process that keeps a new one, in which root is root."""
    keeper = env.spawn(["unshare", "--user", "sh", "-c", "echo held; exec sleep infinity"],
                       name=f"{name}-users")
    keeper.says("held")
    for kind in ("uid", "gid"):
        with open(f"/proc/{keeper.pid}/{kind}_map", "w", encoding="ascii") as file:
            file.write(USERS)
    return keeper


def make_devices(folder):
    os.makedirs(folder, exist_ok=True)
    for name, (major, minor) in DEVICES.items():
        path = os.path.join(folder, name)
        if not os.path.lexists(path):
            os.mknod(path, 0o666 | 0o020000, os.makedev(major, minor))
            os.chmod(path, 0o666)


if __name__ == "__main__":
    sys.exit(0 if is_possible() else 2)
