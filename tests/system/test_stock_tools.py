"""test_stock_tools.py -- daemons and tools speak field for field as the packaged ones do.

The packaged pair lives through a scenario and its tools' output is recorded; then ours does, until
it says the same or time is up. Both kinds of tools ask both kinds of daemons. Left out is what
differs from run to run (times, ports, ring numbers), and of a vote the message that brought it:
which one it is depends on when the others reported (docs/compatibility.md).
"""
# SPDX-License-Identifier: BSD-3-Clause
import difflib
import os
import re
import socket
import stat

import cluster as clusters
from cluster import Cluster
from harness import Env, Failed, wait_for
import peer
from peer import Peer

NODE_SOCKET = "/run/corosync-qdevice/corosync-qdevice.sock"
CONFIGURATION = "/etc/corosync/corosync.conf"
ARBITER_SOCKET = "/run/corosync-qnetd/corosync-qnetd.sock"
HEURISTICS = """    heuristics {{
      mode: on
      interval: 1000
      timeout: 1000
      sync_timeout: 1000
      exec_fine: /bin/true
    }}
  }}
"""
DEVICE = clusters.DEVICE[:clusters.DEVICE.rindex("  }}")] + HEURISTICS
ARBITER_QUESTIONS = ("-s", "-sv", "-l", "-lv", "-lv -c castvote", "-l -c nobody", "-ls", "-sl -v",
                     "-v -c x -s", "-lv more words")
NODE_QUESTIONS = ("-s", "-sv", "-vs", "-s more words")
RUN_TO_RUN = ((r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME"), (r"(Ring ID:\t\t)\S+", r"\1RING"),
              (r"(Client address:.*):\d+", r"\1:PORT"),
              (r"(Vote:\t\t\t)[\w ]+ \(", r"\1SOMETHING ("))


def masked(text):
    for pattern, instead in RUN_TO_RUN:
        text = re.sub(pattern, instead, text)
    return text


def ask(env, kind, host, program, arguments):
    path = env.program(program) if kind == "ours" else program
    done = host.run([path, *arguments.split()], check=False, seconds=10)
    return f"{program} {arguments}: status {done.returncode}\n{masked(done.stdout)}{done.stderr}"


def everything(cluster, kind):
    """What the tools of a kind say about arbiter and nodes."""
    told = [ask(cluster.env, kind, cluster.arbiter, "corosync-qnetd-tool", question)
            for question in ARBITER_QUESTIONS]
    for node in cluster.nodes.values():
        told += [ask(cluster.env, kind, node.host, "corosync-qdevice-tool", question)
                 for question in NODE_QUESTIONS]
    return "".join(told)


def difference(wanted, text, kind):
    return "\n".join(difflib.unified_diff(
        wanted.splitlines(), text.splitlines(), "the packaged ones", f"ours, {kind} tools",
        lineterm="", n=1))


# A node of ours that has lost its arbiter lets a vote that is not needed run out, without a "no".
LEFT_TO_RUN_OUT = re.compile(r"(?m)^(Last poll call|Poll timer running):.*$")


def first_group(found):
    return found.group(1)


def same(cluster, wanted, place):
    """Until both kinds of tools say what is wanted."""
    last = {}
    hidden = LEFT_TO_RUN_OUT if place.startswith("the arbiter") else re.compile("(?!)")
    wanted = hidden.sub(first_group, wanted)

    def said():
        for kind in ("stock", "ours"):
            last[kind] = hidden.sub(first_group, everything(cluster, kind))
        return all(text == wanted for text in last.values())
    try:
        wait_for(said, 20, "daemons and tools say what the packaged ones said")
    except Failed as failed:
        differences = "".join(difference(wanted, text, kind) for kind, text in last.items())
        raise Failed(f"{failed}:\n{differences}") from failed


def nodes_say(cluster, *texts):
    status = {number: cluster.status(number) for number in cluster.nodes}
    return all(text in status[number] for number in status for text in texts)


def answer(host, path, request):
    """What a socket says to these bytes, whatever they are."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(host.path(path))
        told = b""
        try:
            client.sendall(request)
            while part := client.recv(65536):
                told += part
        except ConnectionResetError:
            pass  # the packaged ones have not read all of what is too long
        return masked(told.decode())


def answers(cluster):
    """To requests that the tools do not send, by arbiter and node."""
    requests = [
        b"foo bar\n", b"\n", b"\r\n", b" \t\f\v\n", b"STATUS Verbose\n", b"status nonsense\n",
        b"status\rshutdown\n", b"status \nshutdown\n", b"\tstatus\tverbose \x0bmore\n",
        b'"status"\n', b"st\\atus\n", b"'status'\n", b"x" * 4095 + b"\n", b"x" * 5000 + b"\n",
        b"list\n", b"list verbose cluster castvote\n", b"list nonsense verbose\n",
        b'LIST Cluster "cast\\vote" VERBOSE\n', b'list cluster "cast\\"vote"\n',
        b'list cluster "castvote\n', b'list cluster ""\n', b"list cluster\n",
        b"list cluster x\n"]
    return "".join(f"{where} {request[:40]!r}: {answer(host, path, request)}\n"
                   for where, host, path in (("arbiter", cluster.arbiter, ARBITER_SOCKET),
                                             ("node", cluster.nodes[1].host, NODE_SOCKET))
                   for request in requests)


def files(cluster):
    """What the node's daemon keeps in its run folder, and whether the pid is its own."""
    node = cluster.nodes[1]
    folder = node.host.path("/run/corosync-qdevice")
    told = [f"{entry} {stat.filemode(os.stat(os.path.join(folder, entry)).st_mode)}"
            for entry in sorted(os.listdir(folder))]
    with open(os.path.join(folder, "corosync-qdevice.pid"), encoding="ascii") as file:
        return told + [file.read().replace(str(node.daemon.pid), "its own")]


def places(cluster):
    """Lives through the scenario; its places by name, each when all has come to rest there."""
    yield "nothing runs"
    cluster.boot()
    cluster.wait(lambda: nodes_say(cluster, "Echo reply received", "(regular: Pass"), 20, "rest")
    yield "all is well"
    # A data centre in corosync.conf is text to corosync, and none to the daemons.
    for node in cluster.nodes.values():
        with open(node.host.path(CONFIGURATION), encoding="utf-8") as file:
            text = file.read()
        node.host.write(CONFIGURATION, text.replace("mode: on", "mode: sync").replace(
            "config_version: 1", "config_version: 2").replace(
                "nodeid: 2", "nodeid: 2\n    datacenterid: 9"))
    cluster.nodes[1].host.run(["corosync-cfgtool", "-R"], seconds=10)
    cluster.wait(lambda: nodes_say(cluster, "Enabled only on sync"), 10, "the change is known")
    yield "reloaded"
    cluster.cut_cluster_link()
    cluster.wait(lambda: "(NACK)" in cluster.status(), 10, "a node was refused")
    cluster.wait(lambda: "timer running:\tYes\n" in cluster.status(2), 10, "it says so")
    cluster.wait(lambda: not cluster.partitions.now(2).quorate, 10, "it stops")
    cluster.wait(lambda: "Node ID = 2, State = dead" in cluster.status(1), 10, "the other goes on")
    yield "split"
    cluster.heal()
    cluster.wait(lambda: all(cluster.is_whole(number) for number in cluster.nodes), 15, "healed")
    cluster.world.isolate(cluster.arbiter)
    cluster.wait(lambda: nodes_say(cluster, "State:\t\t\tConnecting\n"), 20, "no arbiter")
    cluster.wait(lambda: cluster.status() == "", 20, "and it misses them")
    yield "the arbiter is silent"
    cluster.arbiter_daemon.kill()
    cluster.heal()
    cluster.wait(lambda: nodes_say(cluster, "State:\t\t\tConnect failed\n"), 20, "nobody is there")
    yield "the arbiter is gone"


def test_tools_and_daemons_speak_as_the_packaged_ones(env):
    recorder = Env(env.bin, "packaged")
    try:
        packaged = Cluster(recorder, arbiter="stock", node="stock", device=DEVICE)
        wanted, wanted_answers, wanted_files = {}, "", []
        for place in places(packaged):
            wanted[place] = everything(packaged, "stock")
            if place == "all is well":
                wanted_answers = answers(packaged)
                wanted_files = files(packaged)
    finally:
        recorder.close()
    cluster = Cluster(env, arbiter="ours", node="ours", device=DEVICE)
    for place in places(cluster):
        same(cluster, wanted[place], place)
        if place == "all is well":
            ours = answers(cluster)
            assert ours == wanted_answers, difference(wanted_answers, ours, "no")
            assert files(cluster) == wanted_files, (files(cluster), wanted_files)
    assert len(wanted) == 6


TOOL_LINES = ("", "-h", "-x", "-p", "-s", "-sv", "-H", "-s -p /nowhere/at.sock",
              "-s -p /etc/passwd", "-s -p /tmp",
              "-s -p " + "a" * 200, "words", "--help", "-s --verbose", "-c", "-l",
              "-l -c x", "-s -h", "-hs", "-sx", "-s -- -l")
DAEMON_LINES = ("-h", "-x", "-S", "-f -S nope=1", "-f -S max_cs_try_again=0", "-hf", "--help",
                "-f -S master_wins=perhaps", "-S ipc_max_clients=1,nope=2", "-d -S =,nope=1 -h")


def test_command_lines_are_understood_as_the_packaged_ones_do(env):
    """Without a daemon or corosync: usage, complaints, where they go, and exit statuses."""
    for programs, lines in ((("corosync-qnetd-tool", "corosync-qdevice-tool"), TOOL_LINES),
                            (("corosync-qdevice", "corosync-qnetd"), DAEMON_LINES)):
        for program in programs:
            packaged = env.need_program(program)
            for arguments in [line.split() for line in lines] + [["-s", "-p", ""]]:
                if program == "corosync-qnetd" and "-S" in arguments and "-h" not in arguments:
                    continue  # settings of the other daemon
                if program.endswith("tool") or "" not in arguments:
                    said = [env.run([path, *arguments], check=False)
                            for path in (packaged, env.program(program))]
                    stock, ours = [
                        (done.returncode, done.stdout, done.stderr.replace(path, program))
                        for done, path in zip(said, (packaged, env.program(program)))]
                    assert ours == stock, f"{program} {arguments}:\n{stock}\n{ours}"


class Served:
    """An arbiter of a kind on loopback, without TLS, and its packaged tool."""

    def __init__(self, env, kind):
        self.env, self.port = env, env.free_port()
        self.socket = env.path(kind + ".sock")
        program = env.program("corosync-qnetd") if kind == "ours" else "corosync-qnetd"
        env.spawn([program, "-f", "-4", "-s", "off", "-l", "127.0.0.1", "-p", self.port, "-m", "9",
                   "-S", f"lock_file={env.path(kind + '.pid')},local_socket_file={self.socket}"],
                  name=kind)
        env.listening(self.port)

    def join(self, cluster, number, algorithm=1, tie_breaker=(1, 0), configured=(), members=()):
        one = Peer(self.port)
        one.preinit(cluster)
        one.send(peer.INIT, number=3, node=number, ring=(number, 8), heartbeat=60000,
                 algorithm=algorithm, tie_breaker=tie_breaker)
        assert one.until(peer.INIT_REPLY).error == 0
        if configured:
            one.send(peer.NODE_LIST, number=4, list_type=peer.CONFIG, nodes=configured)
        if members:
            one.membership(members, (number, 8))
        return one

    def says(self):
        """Without the votes: for clients without lists they differ (docs/compatibility.md)."""
        questions = [["-s"], ["-sv"], ["-l"], ["-lv"], *(
            ["-lv", "-c", name] for name in ("alpha", "Alpha", NAME, "", "gone"))]
        told = "".join(masked(done.stdout).replace(str(self.port), "OWN_PORT") + done.stderr
                       for done in (self.env.run(["corosync-qnetd-tool", "-p", self.socket, *words])
                                    for words in questions))
        return re.sub(r" +Vote:.*\n", "", told)


NAME = 'a "quoted\\name" of ours'


def test_lists_of_several_clusters_are_those_of_the_packaged_arbiter(env):
    for program in ("corosync-qnetd", "corosync-qnetd-tool"):
        env.need_program(program)
    stock, ours = Served(env, "stock"), Served(env, "ours")

    def both(step):
        return [step(stock), step(ours)]

    def compare():
        wanted = stock.says()
        try:
            wait_for(lambda: ours.says() == wanted, 5, "the same is said")
        except Failed as failed:
            raise Failed(f"{failed}\n{difference(wanted, ours.says(), 'packaged')}") from failed
        return wanted

    compare()
    beta = both(lambda arbiter: arbiter.join("beta", 4294967295, tie_breaker=(3, 7)))
    kept = [beta, both(lambda arbiter: arbiter.join("beta", 2, tie_breaker=(3, 7)))]
    compare()
    for number in (300, 10, 9):
        kept.append(both(lambda arbiter, number=number: arbiter.join(
            "alpha", number, algorithm=3, tie_breaker=(2, 0), configured=(9, 10, 300))))
    compare()
    kept.append(both(lambda arbiter: arbiter.join(NAME, 1, algorithm=2, configured=(1, 2))))
    kept.append(both(lambda arbiter: Peer(arbiter.port)))  # says nothing yet: a client without more
    assert "Connected clients:\t\t7\nConnected clusters:\t\t3\n" in compare()
    for one in beta:
        one.close()
    wait_for(lambda: "Connected clients:\t\t6\n" in stock.says(), 5, "one is gone")
    compare()
    for one in kept[1]:
        one.close()
    wait_for(lambda: "beta" not in stock.says(), 5, "its cluster, too")
    compare()
    kept.append(both(lambda arbiter: arbiter.join("beta", 1)))
    assert compare().index('"alpha"') < stock.says().index('"beta"')
