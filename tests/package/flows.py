"""flows.py -- the story of every way to set a device up, in whole machines.

Each is a tree with an sshd and a systemd, into which apt has installed what its role needs: ours or
the stock packages. They are joined by a switch of the system tests, and the flows of
tests/system/test_flows.py are played in them to the letter; then ours by invitation.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import time

import harness
import test_flows
from booted import Booted, own_group
from cluster import ARBITER_ADDRESS
from flow_hosts import Flow, let_root_in, name_hosts
from hosts import Host
from stories import apt, step
from tree import Base, Tree

NEEDS = {"arbiter": [], "node": ["corosync"]}
OURS = {"arbiter": "castvote-qnetd", "node": "castvote-qdevice"}
STOCK = {"arbiter": "corosync-qnetd", "node": "corosync-qdevice"}


class Machine(Host):
    """A booted tree."""

    def __init__(self, env, name, base, bind):  # pylint: disable=super-init-not-called
        self.env, self.name, self.addresses = env, name, {}
        self.tree = Booted(env, name, base, bind)
        self.holder = self.tree.holder

    def path(self, path):
        return self.tree.path(path)

    def inside(self, argv):
        return self.tree.words(argv)

    def run_in_network(self, argv):
        return self.env.run(["nsenter", "--target", self.tree.pid, "--net", "--", *argv])

    def close(self):
        self.tree.release()


class TreeFlow(Flow):
    def __init__(self, env, bases, arbiter, node):
        self.bases = bases
        self.is_stock_arbiter = arbiter == "stock"
        super().__init__(env, arbiter, node)

    def prepare(self):
        pass

    def host(self, name, ours, **addresses):
        role = "arbiter" if name == "arbiter" else "node"
        bind = (self.pve, "/etc/pve") if role == "node" else ()
        machine = Machine(self.env, name, self.bases[role, ours], bind)
        self.world.add(machine, **addresses)
        name_hosts(machine)
        let_root_in(machine)
        machine.run(["systemctl", "restart", "ssh"])
        return machine

    def start_corosync(self, host):
        self.at(host, "systemctl start corosync")

    def at(self, host, command, check=True, stdin=None):
        """It is told, but for what only looks."""
        if "quorumtool" not in command:
            print(f"   {host.name}# {command}", flush=True)
        return super().at(host, command, check=check, stdin=stdin)

    def start_packaged_arbiter(self):
        """It runs since the machine has booted."""
        self.at(self.arbiter, "systemctl is-active corosync-qnetd")

    def clear_arbiter(self):
        """`pcs qdevice destroy net`: pcs wants to have made everything itself."""
        self.at(self.arbiter, "systemctl disable corosync-qnetd && systemctl stop corosync-qnetd")
        self.at(self.arbiter, f"rm -rf {test_flows.QNETD}")
        if self.is_stock_arbiter:
            # Its tool gives what root makes to whom this folder belongs to; only Debian's package
            # script, which has run already, sees to the daemon's user.
            self.at(self.arbiter, "chgrp coroqnetd /etc/corosync/qnetd")


# -- by invitation: no root shell leads to the arbiter ---------------------------------------------

def invite(flow):
    """The command to be given to the nodes."""
    invitation = flow.arbiter.spawn(["qcert", "invite", "--json", "--cluster", flow.cluster,
                                     "--address", ARBITER_ADDRESS], "invite")
    invitation.says('"waiting"', 20)
    return json.loads(invitation.log().splitlines()[0])["command"]


def invited(flow):
    command = invite(flow)
    for node in flow.nodes:
        flow.at(node, command + " --apply")
    flow.at(flow.nodes[0], "corosync-cfgtool -R")
    for node in flow.nodes:
        flow.at(node, "systemctl enable --now corosync-qdevice")
    flow.holds_its_third_vote()


def invited_at_once(flow):
    test_flows.trust_among_nodes(flow)
    flow.at(flow.nodes[0], invite(flow) + " --apply --cluster-wide")
    flow.at(flow.nodes[0], "corosync-cfgtool -R")
    test_flows.everywhere(flow, "systemctl enable --now corosync-qdevice")
    flow.holds_its_third_vote()


# -- the story -------------------------------------------------------------------------------------

def prepared(env, base, role, package):
    """A machine with its packages, to be copied."""
    tree = Tree(env, f"{role}-{os.path.basename(package).split('_')[0]}", base)
    tree.apt("update")
    tree.apt("install", "--no-install-recommends", "systemd", "systemd-sysv", "openssh-server",
             "openssh-client", *NEEDS[role])
    if role == "node":
        tree.run("systemctl", "disable", "corosync")  # It has no cluster yet.
    inside = tree.bring(package) if os.path.isfile(package) else package
    apt(tree, "install", "--no-install-recommends", inside)
    tree.release()
    return Base(tree.root, None)


def play(env, bases, flow, arbiter, node, keep):
    name = f"{flow.__name__}: arbiter {arbiter}, nodes {node}"
    step(name)
    began = time.monotonic()
    own = harness.Env(env.bin, "flow")
    try:
        host = TreeFlow(own, bases, arbiter, node)
        flow(host)
        print(host.at(host.nodes[0], "corosync-quorumtool -s").stdout)
        print(host.at(host.arbiter, "corosync-qnetd-tool -l").stdout, flush=True)
    except Exception:
        print(own.logs() + (f"\nkept: {own.tmp}" if keep else ""))
        own.close(keep, spare=[process.pid for process in env.processes])
        raise
    own.close(spare=[process.pid for process in env.processes])
    print(f"   ok   {name} ({time.monotonic() - began:.0f} s)", flush=True)


def flows(env, base, packages, keep):
    own_group()
    for program in ("ip", "nft", "nsenter"):
        env.need_program(program)
    step("machines with the packages: ours and stock, arbiter and node")
    bases = {(role, is_ours): prepared(env, base, role, packages[0][OURS[role]] if is_ours
                                       else STOCK[role])
             for role in NEEDS for is_ours in (True, False)}
    for flow in test_flows.FLOWS:
        for mix in test_flows.MIXES:
            play(env, bases, flow, *mix, keep)
    for flow in (invited, invited_at_once):
        play(env, bases, flow, "ours", "ours", keep)
