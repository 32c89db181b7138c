"""stdio_nodes.py -- an arbiter on loopback and node daemons whose corosync we play, without TLS.

For tests about clusters and their names, where neither certificates nor a real corosync matter.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json


class Arbiter:
    def __init__(self, env, state="none"):
        self.env = env
        self.port, self.socket = env.free_port(), env.path("arbiter.sock")
        self.state, self.starts = state, 0
        self.start()

    def start(self):
        self.starts += 1
        self.process = self.env.spawn(
            [self.env.program("qnetd"), "--listen", "127.0.0.1", "--port", self.port, "--tls",
             "off", "--socket", self.socket, "--lock-file", self.env.path("lock"),
             "--state", self.state, "--device-timeout", 1250], name=f"arbiter-{self.starts}")
        self.env.listening(self.port)
        self.process.says("ready")  # Its port is open a little before: what the start said is read.

    def tool(self, *words, **options):
        return self.env.run([self.env.program("qnetd-tool"), "--socket", self.socket, *words],
                            **options)

    def clusters(self):
        return json.loads(self.tool("status", "--json").stdout)["clusters"]

    def holders(self, name):
        """The nodes that may count the vote of a cluster."""
        return {holder["node_id"] for cluster in self.clusters() if cluster["name"] == name
                for holder in cluster["holders"]}

    def node(self, name, number, algorithm="ffsplit"):
        """A daemon of a cluster of two, which knows no ring yet."""
        taken = len(self.env.processes)
        return self.env.spawn(
            [self.env.program("qdevice-client"), "--provider", "stdio", "--node-id", number,
             "--nodes", "1,2", "--cluster", name, "--arbiter", "127.0.0.1", "--port", self.port,
             "--tls", "off", "--algorithm", algorithm, "--timeout", 1250, "--sync-timeout", 4000,
             "--socket", self.env.path(f"node-{taken}-{number}.sock")],
            name=f"node-{taken}-{number}", stdin=True)

    def pair(self, name, algorithm="ffsplit"):
        """Two daemons of one cluster, in one ring: {number: process}."""
        nodes = {number: self.node(name, number, algorithm) for number in (1, 2)}
        for node in nodes.values():
            ring(node, 1, 8, [1, 2])
        return nodes


def ring(process, node, seq, members):
    """Its corosync has formed this ring."""
    process.send(json.dumps({"ring": {"node": node, "seq": seq}, "members": members}))
