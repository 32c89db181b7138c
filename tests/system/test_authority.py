"""test_authority.py -- another certificate authority for the arbiter while it runs.

In three steps, with nodes that are renewed on the way: no connection breaks, no vote is lost, and
in the end the first authority is worth nothing. With stock nodes, too, by the packages' own tools.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json

from certs_hosts import ARBITER, NODE, NODE_TOOL, Host, begin, check_our_node, enrol, machine
from enrolment import Home, Invitation, daemon, get_the_vote, join, read

DONE, FAILED, USAGE, NOT_TAKEN_UP = 0, 1, 2, 3
REFUSED, HAS_CERTIFICATES = 4, 6
FOREIGN = "certificate not signed by our CA"


def rotate(env, home, step, *words, status=DONE):
    done = env.run([env.program("qcert"), "rotate", "--authority", step, "--json", "--dir",
                    home.directory, "--socket", home.socket, *words], check=False)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def renew(env, home, *nodes):
    """A new key and certificate for nodes that run, each by an invitation."""
    invitation = Invitation(home, "--more", "--nodes", len(nodes))
    for node in nodes:
        join(env, invitation.address, invitation.token, node, "--force")
    invitation.ends(0)


def holders(home):
    return {holder["node_id"] for cluster in home.status()["clusters"]
            for holder in cluster["holders"]}


def exchange(home):
    done = home.env.run([home.env.program("qcert"), "list", "--json", "--dir", home.directory])
    return json.loads(done.stdout)["exchange"]


class Watched:
    """An arbiter and two nodes that run: how often they have connected, and whether they had the
    vote all the time."""

    def __init__(self, env):
        self.home = Home(env, state=env.path("state")).start()
        invitation = Invitation(self.home, "--nodes", 3)
        for node in ("one", "two", "late"):
            join(env, invitation.address, invitation.token, node)
        invitation.ends(0)
        self.env, self.nodes = env, get_the_vote(env, self.home)
        self.connected = self.times()
        self.without = self.denials()

    def times(self):
        return [node.log().count('"connected"') for node in self.nodes]

    def denials(self):
        return [[line for line in node.log().splitlines()
                 if '"event":"vote"' in line and '"cast":false' in line] for node in self.nodes]

    def went_on(self):
        """Connected all the time, and the vote theirs."""
        assert self.times() == self.connected, [node.log() for node in self.nodes]
        self.kept_the_vote()

    def came_back(self):
        for node, times in zip(self.nodes, self.connected):
            self.env.wait_for(lambda node=node, times=times:
                              node.log().count('"connected"') > times, 20, "it is back")
        self.env.wait_for(lambda: holders(self.home) == {1, 2}, 20, "both have the vote")
        self.connected = self.times()
        self.kept_the_vote()

    def kept_the_vote(self):
        assert holders(self.home) == {1, 2}
        assert self.denials() == self.without, [node.log() for node in self.nodes]

    def reconnect(self):
        """By a restart of the arbiter, which our nodes' leases bridge."""
        self.home.daemon.stop()
        self.home.start()
        self.came_back()


def test_another_authority_and_no_node_loses_the_vote(env):
    watched = Watched(env)
    home = watched.home
    old = [read(env, node, "nssdb", "cluster.pem") for node in ("one", "two")]

    told = rotate(env, home, "begin")
    assert told["arbiter"] == "taken_up" and not told["was_done"], told
    assert told["arbiter_says"].endswith("ended: 0"), told
    assert rotate(env, home, "begin")["was_done"]
    assert exchange(home) == "begun"
    watched.went_on()
    watched.reconnect()
    # Three would be left behind, all at one address; then one.
    left = rotate(env, home, "switch", status=FAILED)["left_behind"]
    assert [(one["cluster"], len(one["serials"]), one["renewed"]) for one in left] == \
        [("alpha", 3, 0)], left
    renew(env, home, "one", "two")
    assert rotate(env, home, "switch", status=FAILED)["left_behind"][0]["renewed"] == 2
    assert [read(env, node, "nssdb", "cluster.pem") for node in ("one", "two")] != old
    assert read(env, "one", "nssdb", "ca.pem").count(b"BEGIN CERTIFICATE") == 2
    watched.went_on()
    watched.reconnect()
    for node in watched.nodes:
        assert "new certificates in" in node.log(), "taken up without a restart of the daemon"

    told = rotate(env, home, "switch", "--force")
    assert told["arbiter"] == "taken_up" and told["arbiter_says"].endswith("ended: 0"), told
    assert len(told["left_behind"]) == 1 and exchange(home) == "switched"
    watched.went_on()
    watched.reconnect()
    renew(env, home, "two")
    assert read(env, "two", "nssdb", "ca.pem").count(b"BEGIN CERTIFICATE") == 1
    watched.went_on()

    assert rotate(env, home, "finish", "--force")["arbiter_says"].endswith("ended: 0")
    assert rotate(env, home, "finish")["was_done"]
    assert exchange(home) == "none"
    watched.went_on()
    watched.reconnect()
    # Who was left behind does not take the arbiter for it, nor is it taken.
    for node in watched.nodes:
        node.stop()
    late = daemon(env, home, "late", 1)
    late.says(FOREIGN)
    assert FOREIGN not in home.daemon.log(), home.daemon.log()
    with open(env.path("late", "nssdb", "ca.pem"), "ab") as file:
        file.write(read(env, "arbiter", "qnetd-cacert.crt"))
    home.daemon.says(FOREIGN)


def test_who_has_new_files_and_an_old_connection_is_back_before_its_lease_ends(env):
    watched = Watched(env)
    home = watched.home
    rotate(env, home, "begin")
    renew(env, home, "one", "two")
    env.run([env.program("qcert"), "revoke", "--dir", home.directory, "--socket", home.socket,
             "105"])  # the third one is in nobody's use
    rotate(env, home, "switch")
    watched.went_on()
    told = rotate(env, home, "finish")
    assert told["arbiter_says"].endswith("ended: 2") and not told["left_behind"], told
    assert home.daemon.log().count("reason=authority_dropped") == 2, home.daemon.log()
    watched.came_back()


def test_steps_that_cannot_be_taken(env):
    home = Home(env)
    rotate(env, home, "switch", status=FAILED)
    assert rotate(env, home, "finish", status=NOT_TAKEN_UP)["was_done"]
    assert rotate(env, home, "begin", status=NOT_TAKEN_UP)["arbiter"] == "no_answer"
    assert "begin first" not in json.dumps(rotate(env, home, "finish", status=FAILED))
    home.start()
    assert rotate(env, home, "switch")["arbiter"] == "taken_up"
    for words in (["--authority", "back"], ["--force"]):
        done = env.run([env.program("qcert"), "rotate", "--dir", home.directory, *words],
                       check=False)
        assert done.returncode == USAGE, done


def test_an_invitation_from_before_the_switch_uses_up_no_place(env):
    home = Home(env).start()
    invitation = Invitation(home, "--nodes", 1)
    rotate(env, home, "begin")
    rotate(env, home, "switch")
    done = join(env, invitation.address, invitation.token, "one", check=False)
    assert done.returncode == REFUSED and "exchanged" in done.stderr, done
    assert invitation.events("refused")[0]["code"] == "other_authority"
    assert not invitation.events("issued") and home.listed() == []


def test_a_certificate_that_is_worth_nothing_is_not_taken_for_one(env):
    home = Home(env).start()
    first = Invitation(home, "--nodes", 1)
    join(env, first.address, first.token, "one")
    first.ends(0)
    assert register(env)[-1]["stored"] == "yes"
    rotate(env, home, "begin")
    env.run([env.program("qcert"), "import", "--dir", env.path("one", "nssdb"), "--add", "--ca",
             env.path("arbiter", "qnetd-cacert-next.crt")])
    assert "already" in join(env, first.address, first.token, "one").stdout
    rotate(env, home, "switch", "--force")
    again = Invitation(home, "--more", "--nodes", 1)
    done = join(env, again.address, again.token, "one", check=False)
    assert done.returncode == HAS_CERTIFICATES and "exchanged" in done.stderr, done
    join(env, again.address, again.token, "one", "--force")
    assert "already" in join(env, again.address, again.token, "one").stdout


def register(env):
    return json.loads(read(env, "arbiter", "register.json"))["certificates"]


def test_stock_nodes_are_told_of_both_and_get_a_new_certificate(env):
    """The packages' database, by certutil alone, and nodes of ours beside it."""
    machine(env)
    arbiter = Host(env, "arbiter", True)
    nodes = [Host(env, "first", True), Host(env, "stock", False)]
    begin(arbiter, nodes)
    enrol(arbiter, nodes, "mixed")
    step = ["qcert", "rotate", "--socket", "/tmp/none", "--authority"]
    assert arbiter.status(*step, "begin") == NOT_TAKEN_UP
    ours, stock = nodes
    ours.write("/tmp/next.crt", arbiter.read(f"{ARBITER}/qnetd-cacert-next.crt"))
    assert ours.status(NODE_TOOL, "-i", "-c", "/tmp/next.crt") == FAILED
    ours.run("qcert", "import", "--ca", "/tmp/next.crt", "--add")
    stock.write("/tmp/next.crt", arbiter.read(f"{ARBITER}/qnetd-cacert-next.crt"))
    stock.run("certutil", "-A", "-d", f"sql:{NODE}", "-n", "QNet CA next", "-t", "CT,c,c", "-a",
              "-i", "/tmp/next.crt")
    enrol(arbiter, nodes, "mixed")  # the stock flow goes on meanwhile
    before = [verified(stock, arbiter.read(f"{ARBITER}/server.pem"))]
    assert arbiter.status(*step, "switch") == FAILED, "they are signed by hand"
    assert arbiter.status(*step, "switch", "--force") == NOT_TAKEN_UP
    before.append(verified(stock, arbiter.read(f"{ARBITER}/server.pem")))
    assert before == [0, 0], "the stock node takes the arbiter for it before and after"
    enrol(arbiter, nodes, "mixed")
    stock.run("certutil", "-V", "-d", f"sql:{NODE}", "-n", "Cluster Cert", "-u", "C")
    assert arbiter.status(*step, "finish") == FAILED, "two old ones for one new"
    listed = json.loads(arbiter.run("qcert", "list", "--json").stdout)["certificates"]
    old = [one["serial"] for one in listed if one.get("authority") == "101"
           and one["use"] == "cluster"]
    arbiter.status("qcert", "revoke", "--socket", "/tmp/none", old[0])
    assert arbiter.status(*step, "finish") == NOT_TAKEN_UP
    ours.write("/tmp/ca.crt", arbiter.read(f"{ARBITER}/qnetd-cacert.crt"))
    ours.run("qcert", "import", "--ca", "/tmp/ca.crt")
    ca = env.path("ca.pem")
    env.run(["openssl", "x509", "-in", arbiter.path(f"{ARBITER}/qnetd-cacert.crt"), "-out", ca])
    check_our_node(env, ours, ca)


def verified(node, server):
    """What NSS says of this server certificate in a stock node's database."""
    node.write("/tmp/server.pem", server)
    node.run("certutil", "-A", "-d", f"sql:{NODE}", "-n", "arbiter", "-t", ",,", "-a", "-i",
             "/tmp/server.pem")
    status = node.status("certutil", "-V", "-d", f"sql:{NODE}", "-n", "arbiter", "-u", "V")
    node.run("certutil", "-D", "-d", f"sql:{NODE}", "-n", "arbiter")
    return status
