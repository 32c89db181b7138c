"""flow_hosts.py -- hosts as administration tools find them: sshd, scp, systemctl, /etc/pve.

Each host has a whole /etc, /root, /tmp, /run and /var/lib of its own and lets root in by ssh, on
port 22 of its own network. Its tools are ours under the stock names, or the packages'. There is no
systemd inside: a `systemctl` of a few lines starts and stops the two daemons.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import re

from cluster import ARBITER_ADDRESS, CONFIGURATION, DEVICE
from harness import wait_for
from hosts import PRIVATE

NODES = {"nodeA": "198.51.100.11", "nodeB": "198.51.100.12"}

SYSTEMCTL = """#!/bin/sh
# Stands for systemd's: starts and stops what the package's units start.
verb=$1; unit=${2%.service}; pid=/run/$unit.unit
case $verb in
enable) touch "/etc/corosync/$unit.enabled" ;;
disable) rm -f "/etc/corosync/$unit.enabled" ;;
start)
    mkdir -p -m 770 "/run/$unit"
    setsid "$unit" -f </dev/null >>"/var/log/$unit.log" 2>&1 &
    echo $! >"$pid"
    sleep 0.3
    kill -0 $! || tail "/var/log/$unit.log" ;;
stop)
    process=$(cat "$pid")
    kill "$process" 2>/dev/null
    while grep -qs '^State:.[^Z]' "/proc/$process/status"; do sleep 0.05; done ;;
*) exit 1 ;;
esac
"""

SSHD = """Port 22
HostKey /etc/ssh/host_key
PermitRootLogin yes
PermitEmptyPasswords yes
UsePAM no
Subsystem sftp internal-sftp
PidFile none
"""

SSH = "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"


def let_root_in(host):
    """root, with an empty password: ssh-copy-id is let in without asking."""
    host.write("/etc/ssh/sshd_config", SSHD)
    host.write("/etc/ssh/ssh_config", SSH)
    with open(host.path("/etc/shadow"), encoding="utf-8") as file:
        shadow = re.sub(r"(?m)^root:[^:]*:", "root::", file.read())
    host.write("/etc/shadow", shadow, mode=0o600)
    host.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/host_key"])


def name_hosts(host):
    host.write("/etc/hosts", "127.0.0.1 localhost\n" + f"{ARBITER_ADDRESS} arbiter\n" +
               "".join(f"{address} {node}\n" for node, address in NODES.items()))


class Flow:
    """Two nodes with a running corosync and no device yet, and an arbiter's host."""

    def __init__(self, env, arbiter, node, cluster="branch-17"):
        self.env = env
        self.cluster = cluster
        self.world = env.world()
        self.pve = env.path("pve")
        os.makedirs(self.pve)
        self.prepare()
        self.arbiter = self.host("arbiter", arbiter == "ours", service=ARBITER_ADDRESS)
        self.nodes = [self.host(name, node == "ours", cluster=f"192.0.2.{address[-2:]}",
                                service=address) for name, address in NODES.items()]
        for node_host in self.nodes:
            node_host.write("/etc/corosync/corosync.conf", self.configuration(device=False))
            self.start_corosync(node_host)
        wait_for(lambda: all(self.votes(host) == 2 for host in self.nodes), 20, "a cluster of two")

    def prepare(self):
        for program in ("corosync", "sshd", "ssh", "scp", "ssh-copy-id", "ssh-keygen"):
            self.env.need_program(program)
        self.tools = self.env.path("tools")
        os.makedirs(self.tools)
        self.write_tool("systemctl", SYSTEMCTL)

    def start_packaged_arbiter(self):
        """What installing the package and starting its service did."""
        self.at(self.arbiter, "corosync-qnetd-certutil -i && systemctl start corosync-qnetd")

    def clear_arbiter(self):
        """For tools that want to initialise it themselves. Here nothing is."""

    def write_tool(self, name, text):
        with open(os.path.join(self.tools, name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o755)

    def host(self, name, ours, **addresses):
        own_etc = self.env.path(name, "etc")
        os.makedirs(self.env.path(name))
        self.env.run(["cp", "-a", "/etc", own_etc])
        os.makedirs(os.path.join(own_etc, "pve"))
        for gone in ("corosync", "hosts", "ssh/ssh_config.d", "ssh/sshd_config.d"):
            self.env.run(["rm", "-rf", os.path.join(own_etc, gone)])
        os.makedirs(os.path.join(own_etc, "corosync"))
        own_state = self.env.path(name, "var/lib")
        os.makedirs(own_state)
        binds = [(own_etc, "/etc"), (own_state, "/var/lib"), (self.pve, "/etc/pve"),
                 (self.tools, "/usr/local/bin")]
        if ours:
            binds.append((self.env.bin, "/usr/local/sbin"))
        host = self.world.host(name, private=(*PRIVATE, "/root", "/tmp"), binds=binds, **addresses)
        name_hosts(host)
        let_root_in(host)
        host.run(["chmod", "1777", "/tmp"])
        host.run(["mkdir", "-p", "-m", "755", "/run/sshd", "/run/lock"])
        host.run(["mkdir", "-p", "-m", "700", "/root/.ssh"])
        host.spawn([self.env.need_program("sshd"), "-D", "-e", "-q"])
        wait_for(lambda: host.listens(22), 10, f"sshd of {name} listens")
        return host

    def start_corosync(self, host):
        os.makedirs(host.path("/etc/corosync/uidgid.d"))
        host.spawn(["corosync", "-f"])

    def configuration(self, device):
        section = DEVICE.format(arbiter=ARBITER_ADDRESS, timeout=2000, sync_timeout=4000)
        return CONFIGURATION.format(name=self.cluster, token=1000, device=section if device else "")

    def at(self, host, command, check=True, stdin=None):
        """A command line of an administrator at this host, as root's shell reads it."""
        return host.run(["env", "-i", "HOME=/root", "TERM=dumb",
                         "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "sh", "-c", command], check=check, stdin=stdin)

    def configure(self, device):
        """The section is in corosync.conf of all nodes, or is not, and corosync knows."""
        for host in self.nodes:
            host.write("/etc/corosync/corosync.conf", self.configuration(device))
        self.at(self.nodes[0], "corosync-cfgtool -R")

    def votes(self, host):
        said = self.at(host, "corosync-quorumtool -s", check=False).stdout
        found = re.search(r"^Total votes: +(\d+)", said, re.MULTILINE)
        return int(found[1]) if found and re.search(r"^Quorate: +Yes", said, re.MULTILINE) else 0

    def holds_its_third_vote(self):
        def is_whole():
            return all(self.votes(host) == 3 for host in self.nodes)
        wait_for(is_whole, 25, "three votes on both nodes")
        listed = self.at(self.arbiter, "corosync-qnetd-tool -l").stdout
        assert f'Cluster "{self.cluster}":' in listed, listed
        for address in NODES.values():
            assert address in listed, listed

    def has_two_votes_only(self):
        wait_for(lambda: all(self.votes(host) == 2 for host in self.nodes), 15,
                 "two votes on both nodes")
