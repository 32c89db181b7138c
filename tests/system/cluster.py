"""cluster.py -- a real two-node corosync cluster with an arbiter, in hosts of its own.

    cluster = Cluster(env, arbiter="ours", node="stock")   # either may be None: no arbiter
    cluster.boot()
    cluster.cut_cluster_link()
    cluster.settle(...)

Arbiter and node daemons are run by the adapters, so any mix of ours and the packaged ones goes.
Every node's corosync is watched all the time (quorum_watch.py). It knows no expectation.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import shutil
import signal
import sys
import time

from harness import Failed, wait_for
from partitions import Partitions, Report

HERE = os.path.dirname(os.path.abspath(__file__))
ADAPTERS = os.path.join(HERE, "adapters")
PORT = 5403
CA_FILE = "/etc/corosync/qnetd/nssdb/qnetd-cacert.crt"
SERVICE, CLUSTER = "service", "cluster"
ARBITER_ADDRESS = "198.51.100.2"
ADAPTER_OF = {"qnetd": {"ours": "qnetd", "stock": "stock-qnetd"},
              "qdevice": {"ours": "qdevice", "stock": "stock-qdevice"}}

CONFIGURATION = """totem {{
  version: 2
  cluster_name: {name}
  config_version: 1
  transport: knet
  ip_version: ipv4
  crypto_cipher: none
  crypto_hash: none
  token: {token}
}}
nodelist {{
  node {{
    name: nodeA
    nodeid: 1
    ring0_addr: 192.0.2.11
  }}
  node {{
    name: nodeB
    nodeid: 2
    ring0_addr: 192.0.2.12
  }}
}}
quorum {{
  provider: corosync_votequorum
{device}}}
logging {{
  to_stderr: no
  to_syslog: no
  to_logfile: yes
  logfile: /var/log/corosync.log
  timestamp: hires
}}
"""

DEVICE = """  device {{
    model: net
    votes: 1
    timeout: {timeout}
    sync_timeout: {sync_timeout}
    net {{
      host: {arbiter}
      tls: on
      algorithm: ffsplit
      tie_breaker: lowest
    }}
  }}
"""


class Node:
    """One cluster node: its host, its daemons, and who listens to them."""

    def __init__(self, number, host):
        self.number = number
        self.host = host
        self.corosync = self.daemon = self.watch = None
        self.read = 0  # bytes of the watch's output that were taken already


class Cluster:
    def __init__(self, env, arbiter="ours", node="ours", name="castvote", token=1000,
                 timeout=2000, sync_timeout=4000, device=DEVICE):
        for program in ("corosync", "corosync-quorumtool", "setpriv"):
            env.need_program(program)
        for kind, what in ((arbiter, "corosync-qnetd"), (node, "corosync-qdevice")):
            if kind == "stock":
                env.need_program(what)
        self.env = env
        self.name = name
        self.device = device  # the section of corosync.conf
        self.kinds = {"qnetd": arbiter, "qdevice": node}
        self.timers = {"token": token, "timeout": timeout, "sync_timeout": sync_timeout}
        self.world = env.world()
        self.arbiter = self.world.host("arbiter", service=ARBITER_ADDRESS)
        self.arbiter_daemon = None
        self.nodes = {number: Node(number, self.world.host(
            "node" + letter, cluster=f"192.0.2.{10 + number}", service=f"198.51.100.{10 + number}"))
            for number, letter in ((1, "A"), (2, "B"))}
        self.partitions = Partitions(self.nodes)
        self.exchange = env.path("exchange")
        os.makedirs(self.exchange)

    # -- adapters ----------------------------------------------------------------------------

    def _adapter(self, program):
        return os.path.join(ADAPTERS, ADAPTER_OF[program][self.kinds[program]])

    def _environment(self, name=None):
        return {"LAB_CLUSTER": name or self.name, "LAB_PORT": str(PORT), "LAB_DEBUG": "0",
                "LAB_EXCHANGE": self.exchange, "CASTVOTE_BIN": self.env.bin}

    def verb(self, host, program, *words, name=None, **options):
        return host.run([self._adapter(program), *words], env=self._environment(name), **options)

    def certify(self, numbers=(1, 2), name=None, signer=None, trust=None):
        """CA and cluster certificate for these nodes, as an administrator would do it.

        `signer` signs and `trust` is believed in the arbiter's place, each a host with a CA of its
        own (another_ca); `name` stands in the certificate in place of the cluster's. All three make
        what must be refused.
        """
        hosts = [self.nodes[number].host for number in numbers]
        if not os.path.exists(self.arbiter.path(CA_FILE)):
            self.verb(self.arbiter, "qnetd", "certs", "init")
        shutil.copy((trust or self.arbiter).path(CA_FILE), self.exchange)
        for host in hosts:
            self.verb(host, "qdevice", "certs", "import-ca")
        self.verb(hosts[0], "qdevice", "certs", "request", name=name)
        self.verb(signer or self.arbiter, "qnetd", "certs", "sign", name=name)
        self.verb(hosts[0], "qdevice", "certs", "import-cert", name=name)
        for host in hosts:
            self.verb(host, "qdevice", "certs", "import-p12", name=name)

    def another_ca(self):
        """One more host that could be an arbiter, with a CA that nobody here trusts."""
        host = self.world.host("another")
        self.verb(host, "qnetd", "certs", "init")
        return host

    def status(self, number=None):
        """What the tool of the arbiter, or of a node, prints."""
        host = self.nodes[number].host if number else self.arbiter
        return self.verb(host, "qdevice" if number else "qnetd", "status", check=False,
                         seconds=5).stdout

    # -- daemons -----------------------------------------------------------------------------

    def boot(self):
        """Everything up, and the cluster in one piece with all its votes."""
        if self.kinds["qnetd"]:
            self.certify()
            self.start_arbiter()
        for number in self.nodes:
            self.start_node(number)
        votes = 3 if self.kinds["qnetd"] else 2
        self.wait(lambda: all(self.is_whole(number, votes) for number in self.nodes), 30,
                  f"both nodes in one partition with {votes} votes")

    def is_whole(self, number, votes=3):
        report = self.partitions.now(number)
        return report.counts() and report.members == (1, 2) and report.votes == votes

    def start_arbiter(self):
        os.makedirs(self.arbiter.path("/run/corosync-qnetd"), mode=0o770, exist_ok=True)
        self.arbiter_daemon = self.arbiter.spawn([self._adapter("qnetd"), "start"], name="qnetd",
                                                 env=self._environment())
        wait_for(lambda: self.arbiter.listens(PORT), 10, "the arbiter listens")

    def restart_arbiter(self):
        """kill -9, and a new start at once."""
        self.arbiter_daemon.kill()
        self.start_arbiter()

    def start_node(self, number):
        self.start_corosync(number)
        if self.kinds["qdevice"] and self.kinds["qnetd"]:
            self.start_daemon(number)

    def start_corosync(self, number):
        node = self.nodes[number]
        device = self.device.format(arbiter=ARBITER_ADDRESS, **self.timers)
        node.host.write("/etc/corosync/corosync.conf", CONFIGURATION.format(
            name=self.name, device=device if self.kinds["qnetd"] else "", **self.timers))
        os.makedirs(node.host.path("/etc/corosync/uidgid.d"), exist_ok=True)
        node.corosync = node.host.spawn(["corosync", "-f"])
        node.watch = node.host.spawn([sys.executable, os.path.join(HERE, "quorum_watch.py"),
                                      str(number)], name="watch")
        node.read = 0
        self.wait(lambda: self.partitions.now(number).up, 15, f"corosync of node {number} is up")

    def start_daemon(self, number):
        node = self.nodes[number]
        os.makedirs(node.host.path("/run/corosync-qdevice"), mode=0o770, exist_ok=True)
        node.daemon = node.host.spawn([self._adapter("qdevice"), "start"], name="qdevice",
                                      env=self._environment())

    # -- faults ------------------------------------------------------------------------------

    def cut_cluster_link(self):
        self.world.cut(self.nodes[1].host, self.nodes[2].host, CLUSTER)

    def cut_service_link(self, number):
        """This node reaches nobody any more on the service network: not the arbiter either."""
        for host in (self.arbiter, *(n.host for n in self.nodes.values() if n.number != number)):
            self.world.cut(self.nodes[number].host, host, SERVICE)

    def heal(self):
        self.world.heal_all()

    def power_off(self, number):
        """No packet more, then no process more: nobody is told anything."""
        node = self.nodes[number]
        self.world.isolate(node.host)
        running = [p for p in (node.daemon, node.corosync, node.watch) if p and p.alive()]
        for process in running:
            process.signal(signal.SIGKILL)
        for process in running:
            process.kill()
        self.take_news()
        self.partitions.take(number, Report(t=time.monotonic(), up=False))
        node.watch = None

    # -- what the nodes say ------------------------------------------------------------------

    def take_news(self):
        """Reads what the watches have written, and fails at once on double quorum."""
        looked = time.monotonic()
        for node in self.nodes.values():
            if not node.watch:
                continue
            with open(node.watch.log_path, encoding="utf-8", errors="replace") as file:
                file.seek(node.read)
                new = file.read()
            whole = new[:new.rfind("\n") + 1]
            node.read += len(whole.encode())
            for line in whole.splitlines():
                if not line.startswith("{"):
                    raise Failed(f"the watch of node {node.number} says: {line}")
                said = json.loads(line)
                said["members"] = tuple(said["members"])
                self.partitions.take(node.number, Report(**said))
        # News may stand in a file only now that was true before: judge the past alone.
        self.partitions.check(looked - 0.1)

    def wait(self, condition, seconds, what):
        def met():
            self.take_news()
            for node in self.nodes.values():
                if node.watch and not node.watch.alive():
                    raise Failed(f"corosync of node {node.number} has ended")
            return condition()
        try:
            return wait_for(met, seconds, what)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.describe()}") from failed

    def hold(self, condition, seconds, what):
        """Waits, and fails if the condition does not last."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.take_news()
            if not condition():
                raise Failed(f"it did not last: {what}\n{self.describe()}")
            time.sleep(0.02)

    def describe(self):
        return "\n".join(f"node {number} says: {self.partitions.now(number)}"
                         for number in self.nodes)

    def quorumtool(self, number):
        return self.nodes[number].host.run(["corosync-quorumtool", "-s"], check=False,
                                           seconds=10).stdout
