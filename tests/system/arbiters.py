"""arbiters.py -- what the packaged arbiter and ours need to run side by side: certificates.

Each kind makes its own with its own tool. The packaged one writes to /etc/corosync and is given an
own one, in namespaces of its own (root).
"""
# SPDX-License-Identifier: BSD-3-Clause
import os

from hosts import Host

CERTIFICATES = "/etc/corosync/qnetd/nssdb"
STOCK_ADAPTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "adapters", "stock-qnetd")


class StockCertificates:
    """CA and certificates of the packaged arbiter, made by its own tool."""

    def __init__(self, env, cluster, exchange):
        self.host = Host(env, "stock")
        env.at_end(self.host.close)
        self.environment = {"LAB_CLUSTER": cluster, "LAB_EXCHANGE": exchange}
        self.directory = self.host.path(CERTIFICATES)

    def verb(self, word):
        self.host.run([STOCK_ADAPTER, "certs", word], env=self.environment)

    def init(self):
        self.verb("init")

    def sign(self):
        self.verb("sign")


class OurCertificates:
    """The same of ours."""

    def __init__(self, env, cluster, exchange):
        self.cluster = cluster
        self.qcert = lambda *words: env.run([env.program("qcert"), *words])
        self.directory = env.path("ours")
        self.exchange = exchange

    def init(self):
        self.qcert("init", "--dir", self.directory)
        os.link(os.path.join(self.directory, "qnetd-cacert.crt"),
                os.path.join(self.exchange, "qnetd-cacert.crt"))

    def sign(self):
        request = os.path.join(self.exchange, "qdevice-net-node.crq")
        self.qcert("sign", "--dir", self.directory, "--cluster", self.cluster, "--request",
                   request)
        signed = f"cluster-{self.cluster}.crt"
        os.link(os.path.join(self.directory, signed), os.path.join(self.exchange, signed))


def certify(env, kind, cluster):
    """Certificates for an arbiter and a cluster of it: (the arbiter's directory, a node's)."""
    exchange, node = env.path(kind + "-exchange"), env.path(kind + "-node")
    os.makedirs(exchange)
    arbiter = {"stock": StockCertificates, "ours": OurCertificates}[kind](
        env, cluster, exchange)
    qcert = env.program("qcert")
    arbiter.init()
    env.run([qcert, "import", "--dir", node, "--ca", os.path.join(exchange, "qnetd-cacert.crt")])
    env.run([qcert, "request", "--dir", node, "--cluster", cluster])
    os.link(os.path.join(node, "qdevice-net-node.crq"),
            os.path.join(exchange, "qdevice-net-node.crq"))
    arbiter.sign()
    env.run([qcert, "import", "--dir", node, "--certificate",
             os.path.join(exchange, f"cluster-{cluster}.crt")])
    return arbiter.directory, node
