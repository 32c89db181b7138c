"""hosts.py -- whole machines in miniature: hosts made of namespaces, joined by a switch of our own.

Each host has its own network, host name, IPC, /dev/shm and copies of the folders that corosync
and its companions use. The switch is one more network namespace with a bridge per network; links
are cut inside of it, silently, so that no end of a connection is told. Nothing outside is touched:
no interface, rule or mount of the machine changes, and all vanishes with the last process inside.

    world = env.world()
    a = world.host("nodeA", cluster="192.0.2.11", service="198.51.100.11")
    b = world.host("nodeB", cluster="192.0.2.12", service="198.51.100.12")
    world.cut(a, b, "cluster")
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import subprocess

from harness import Failed, die_with_parent

#: Folders of which each host has its own copy, empty at first, where the machine has them at all.
PRIVATE = ("/etc/corosync", "/run", "/var/lib/corosync", "/var/log")

#: Runs inside the fresh namespaces: arrange them, say so, and hold them until our end of stdin.
HOLD = """
name=$1; shift
while [ $# -gt 0 ]; do mount --bind "$1" "$2"; shift 2; done
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
hostname "$name" 2>/dev/null || echo "$name" >/proc/sys/kernel/hostname
ip link set lo up
echo ready
exec cat
"""


class Host:
    """One machine in miniature. It is given its own paths; path() says where they really are."""

    def __init__(self, env, name, private=PRIVATE, binds=()):
        """binds: (folder of the test's, what it stands for in the host); the private ones after."""
        self.env = env
        self.name = name
        self.addresses = {}
        self.dir = env.path(name)
        os.makedirs(self.dir, exist_ok=True)
        binds = [path for pair in binds for path in pair]
        for target in private:
            if os.path.isdir(target):
                own = self.path(target)
                os.makedirs(own, exist_ok=True)
                binds += [own, target]
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--ipc", "--propagation", "private",
             "sh", "-euc", HOLD, "hold", name, *binds],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        if self.holder.stdout.readline() != b"ready\n":
            raise Failed(f"the namespaces of host {name} could not be arranged")

    def path(self, path):
        """Where a path below one of the private folders lies for the test."""
        return os.path.join(self.dir, path.lstrip("/"))

    def write(self, path, text, mode=0o644):
        """Writes a file below one of the private folders."""
        real = self.path(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(real, mode)
        return path

    def inside(self, argv):
        """The same command, run in this host. Its working directory is /.

        The root (-r) is named as well: entering the mounts alone leads out of a chroot, to files
        that are not ours.
        """
        return ["nsenter", "-t", self.holder.pid, "-n", "-m", "-u", "-i", "-r", "--", *argv]

    def run(self, argv, **options):
        return self.env.run(self.inside(argv), **options)

    def run_in_network(self, argv):
        """A program of the machine, in the host's network."""
        return self.run(argv)

    def spawn(self, argv, name=None, **options):
        name = name or os.path.basename(str(argv[0]))
        return self.env.spawn(self.inside(argv), name=f"{self.name}-{name}", **options)

    def listens(self, port):
        """Does something in this host listen on the TCP port?"""
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{self.holder.pid}/net/{table}", encoding="ascii") as rows:
                for row in list(rows)[1:]:
                    local, state = row.split()[1], row.split()[3]
                    if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                        return True
        return False

    def close(self):
        self.holder.stdin.close()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class World:
    """The hosts of one test and the switch between them."""

    def __init__(self, env):
        self.env = env
        self.hosts = {}
        self.networks = set()
        self.losses = set()  # (address that sends, address that shall not receive)
        self.switch = Host(env, "switch", private=())

    def host(self, name, private=PRIVATE, binds=(), **addresses):
        """A new host with one interface per network: host("nodeA", cluster="192.0.2.11")."""
        return self.add(Host(self.env, name, private, binds), **addresses)

    def add(self, host, **addresses):
        """The same for one that is there: whatever has a Host's name, addresses, run_in_network and
        close."""
        self.hosts[host.name] = host
        for network, address in addresses.items():
            self._plug(host, network, address)
        return host

    def _plug(self, host, network, address):
        if network not in self.networks:
            self.switch.run(["ip", "link", "add", "br-" + network, "type", "bridge",
                             "stp_state", "0", "mcast_snooping", "0"])
            self.switch.run(["ip", "link", "set", "br-" + network, "up"])
            self.networks.add(network)
        port = self._port(host, network)
        host.run_in_network(["ip", "link", "add", network, "type", "veth",
                             "peer", "name", port, "netns", self.switch.holder.pid])
        self.switch.run(["ip", "link", "set", port, "master", "br-" + network, "up"])
        host.run_in_network(["ip", "address", "add", address + "/24", "dev", network])
        host.run_in_network(["ip", "link", "set", network, "up"])
        host.addresses[network] = address

    def _port(self, host, network):
        """The switch's side of a cable; an interface's name has 15 characters."""
        return f"{list(self.hosts).index(host.name)}.{network}"[:15]

    # -- links -------------------------------------------------------------------------------

    def cut(self, one, other, network=None, oneway=False):
        """Loses every packet from one to the other (and back), on one network or on all common."""
        self.losses |= self._pairs(one, other, network, oneway)
        self._load_losses()

    def heal(self, one, other, network=None):
        self.losses -= self._pairs(one, other, network, oneway=False)
        self._load_losses()

    def isolate(self, host):
        """Loses every packet between this host and all others."""
        for other in self.hosts.values():
            if other is not host:
                self.losses |= self._pairs(host, other, None, oneway=False)
        self._load_losses()

    def heal_all(self):
        self.losses.clear()
        self._load_losses()

    def unplug(self, host, network):
        """Pulls the cable: the host's own interface sees its carrier go."""
        self.switch.run(["ip", "link", "set", self._port(host, network), "down"])

    def plug(self, host, network):
        self.switch.run(["ip", "link", "set", self._port(host, network), "up"])

    @staticmethod
    def _pairs(one, other, network, oneway):
        networks = [network] if network else sorted(set(one.addresses) & set(other.addresses))
        pairs = {(one.addresses[net], other.addresses[net]) for net in networks}
        return pairs if oneway else pairs | {(to, sender) for sender, to in pairs}

    def _load_losses(self):
        """The whole rule set at once, so that a cut is one instant."""
        rules = "".join(f"    ip saddr {sender} ip daddr {to} drop\n"
                        for sender, to in sorted(self.losses))
        self.switch.run(["nft", "-f", "-"], stdin=(
            "table bridge castvote\ndelete table bridge castvote\ntable bridge castvote {\n"
            "  chain forward {\n    type filter hook forward priority 0; policy accept;\n"
            f"{rules}  }}\n}}\n"))

    def close(self):
        for host in [*self.hosts.values(), self.switch]:
            host.close()
