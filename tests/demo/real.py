"""real.py -- the demo's world with real corosync: two nodes and an arbiter in namespaces (root).

The cluster itself is that of the system tests (tests/system/cluster.py); here it only gets the
names and verbs of the story.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json

from cluster import Cluster
from harness import Failed
from words import sentences_of_list
from world import World


class Real(World):
    names = {1: "nodeA", 2: "nodeB"}
    settling_seconds = 3.5  # Two heartbeats of 1600 ms.

    def __init__(self, env, arbiter, node):
        self.env = env
        self.cluster = Cluster(env, arbiter=arbiter, node=node, name="demo")
        self.partitions = self.cluster.partitions
        self.off = set()

    def boot(self):
        self.cluster.boot()

    # -- verbs -------------------------------------------------------------------------------

    def cut(self):
        self.cluster.cut_cluster_link()

    def cut_service(self, number):
        self.cluster.cut_service_link(number)

    def heal(self):
        self.cluster.heal()

    def kill(self, number):
        self.off.add(number)
        self.cluster.power_off(number)

    def start_node(self, number):
        if number in self.off:
            self.cluster.start_node(number)
            self.off.discard(number)

    def restart_arbiter(self):
        self.cluster.restart_arbiter()

    # -- what they say -----------------------------------------------------------------------

    def check(self):
        self.cluster.take_news()
        daemons = {"the arbiter": self.cluster.arbiter_daemon}
        for number, node in self.cluster.nodes.items():
            if number not in self.off:
                daemons[f"corosync of {self.names[number]}"] = node.corosync
                daemons[f"the node daemon of {self.names[number]}"] = node.daemon
        for what, process in daemons.items():
            if process and not process.alive():
                raise Failed(f"{what} has ended by itself, status {process.popen.returncode}")

    def arbiter_process(self):
        return self.cluster.arbiter_daemon

    def arbiter_status(self):
        done = self.cluster.arbiter.run(
            [self.env.program("qnetd-tool"), "status", "--json"], seconds=5)
        return json.loads(done.stdout)

    def arbiter_says(self):
        if self.cluster.kinds["qnetd"] == "ours":
            return super().arbiter_says()
        return sentences_of_list(self.cluster.status(), self.names)

    def quorumtool(self, number):
        """The part of `corosync-quorumtool -s` about votes."""
        if number in self.off:
            return f"({self.names[number]} is off)"
        said = self.cluster.quorumtool(number)
        start = said.find("Votequorum information")
        return said[start:].rstrip() if start >= 0 else said.rstrip()
