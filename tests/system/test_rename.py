"""test_rename.py -- a cluster gets another name, and stays one cluster with one vote.

Its nodes come by the new name one after the other, with the certificates of the old one.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import signal
import socket
import threading

from enrolment import Home, Invitation, daemon, get_the_vote, join
from stdio_nodes import ring

DONE, FAILED, USAGE, NOT_TAKEN_UP, NO_CERTIFICATES = 0, 1, 2, 3, 3


def qcert(env, home, verb, *words, status=DONE):
    done = env.run([env.program("qcert"), verb, "--json", "--dir", home.directory, "--socket",
                    home.socket, *words], check=False)
    assert done.returncode == status, done
    return json.loads(done.stdout) if done.stdout else {}


def joined(home, *nodes, cluster="alpha"):
    invitation = Invitation(home, "--nodes", len(nodes), cluster=cluster)
    for node in nodes:
        join(home.env, invitation.address, invitation.token, node, cluster=cluster)
    invitation.ends(0)


def write_names(home, *renamings):
    path = os.path.join(home.directory, "names.json")
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({"version": 1, "renamed": [{"was": was, "is": is_now, "renamed_at": "x"}
                                             for was, is_now in renamings]}, file)
    os.rename(path + ".new", path)


def names(home):
    with open(os.path.join(home.directory, "names.json"), encoding="utf-8") as file:
        return [(one["was"], one["is"]) for one in json.load(file)["renamed"]]


def seen(home):
    """{name: (nodes, holders)} of what the arbiter knows."""
    return {cluster["name"]: ({node["node_id"] for node in cluster["nodes"]},
                              {holder["node_id"] for holder in cluster["holders"]})
            for cluster in home.status()["clusters"]}


def acked(home):
    return {node["node_id"] for cluster in home.status()["clusters"]
            for node in cluster["nodes"] if node["last_ack_or_nack"] == "ack"}


def test_a_cluster_is_renamed_node_by_node_and_has_one_vote(env):
    home = Home(env).start("--shards", 4)
    joined(home, "one", "two")
    one, two = get_the_vote(env, home)
    told = qcert(env, home, "rename", "alpha", "beta")
    assert told["arbiter"] == "taken_up" and not told["already"], told
    assert seen(home) == {"beta": ({1, 2}, {1, 2})}, "nobody had to leave"
    assert home.status()["clusters"][0]["renamed_from"] == ["alpha"]
    text = env.run([env.program("qnetd-tool"), "--socket", home.socket, "list", "--cluster",
                    "alpha"]).stdout
    assert 'Cluster "beta":' in text and 'Renamed from:\t"alpha"' in text, text
    # The second node has the new name first; its certificate names the old one.
    assert two.stop() == 0
    ring(one, 1, 12, [1])
    two = daemon(env, home, "two", 2, cluster="beta", at=(1, 16, [1, 2]))
    ring(one, 1, 16, [1, 2])
    env.wait_for(lambda: seen(home) == {"beta": ({1, 2}, {1, 2})}, 30, "both names, one cluster")
    # A split in the middle of it: one half has the vote, the other is told no.
    ring(one, 1, 20, [1])
    ring(two, 2, 20, [2])
    env.wait_for(lambda: acked(home) == {1} and seen(home)["beta"][1] == {1}, 30, "one vote")
    assert home.daemon.log().count("was given the vote") >= 3, home.daemon.log()
    assert 'cluster "beta": node 2 joined' in home.daemon.log(), home.daemon.log()
    # Again, further, and back: the same cluster all the time.
    assert qcert(env, home, "rename", "alpha", "beta")["already"]
    for was, is_now in (("beta", "gamma"), ("gamma", "alpha")):
        qcert(env, home, "rename", was, is_now)
        assert seen(home) == {is_now: ({1, 2}, {1})}, seen(home)
    log = one.log() + two.log()
    assert "refused" not in log, log


def test_the_record_of_the_old_name_is_found_after_a_restart(env):
    home = Home(env)
    os.mkdir(env.path("state"))
    home.start(tls="off", state=env.path("state"))
    node = daemon(env, home, "one", 1, at=(1, 8, [1]), tls="off")
    env.wait_for(lambda: seen(home) == {"alpha": ({1}, {1})}, 30, "node 1 has the vote")
    qcert(env, home, "rename", "alpha", "beta")
    node.kill()
    home.daemon.kill()
    home.start(tls="off", state=env.path("state"))
    assert seen(home) == {"beta": (set(), {1})}, "the holder is known by the old name's record"
    daemon(env, home, "two", 2, cluster="beta", at=(2, 12, [2]), tls="off")
    home.daemon.says("reason=waiting_for_release")
    assert seen(home) == {"beta": ({2}, {1})}, seen(home)
    env.wait_for(lambda: seen(home) == {"beta": ({2}, {2})}, 60, "its time is over")


def test_what_is_not_renamed(env):
    home = Home(env).start()
    joined(home, "one")
    joined(home, "other", cluster="beta")
    for words, why in ((("nobody", "gamma"), "known here"), (("alpha", "beta"), "certificates of"),
                       (("alpha", "alpha"), "the same")):
        told = qcert(env, home, "rename", *words, status=FAILED)
        assert why in told["error"]["what"] and told["error"]["remedy"], told
    qcert(env, home, "rename", "alpha", status=USAGE)
    assert not os.path.exists(os.path.join(home.directory, "names.json"))
    # What the running arbiter cannot take up is withdrawn.
    key = os.path.join(home.directory, "server.key")
    os.rename(key, key + ".away")
    told = qcert(env, home, "rename", "alpha", "gamma", status=FAILED)
    assert "refuses it" in told["error"]["what"], told
    os.rename(key + ".away", key)
    assert not any("called_now" in one for one in home.listed()), home.listed()
    qcert(env, home, "rename", "alpha", "gamma")
    listed = {one["name"]: one.get("called_now") for one in home.listed()}
    assert listed == {"alpha": "gamma", "beta": None}, listed
    # The old name is taken; more nodes of the cluster are invited by the new one.
    told = qcert(env, home, "invite", "--cluster", "alpha", status=FAILED)
    assert 'called "gamma" now' in told["what"], told
    told = qcert(env, home, "invite", "--cluster", "gamma", status=FAILED)
    assert "--more" in told["remedy"], told
    invitation = Invitation(home, "--nodes", 1, "--more", cluster="gamma")
    join(env, invitation.address, invitation.token, "two", cluster="gamma")
    invitation.ends(0)
    owners = {one["owner"] for one in home.listed() if one["name"] != "beta"}
    assert len(owners) == 1, home.listed()
    daemon(env, home, "one", 1)
    daemon(env, home, "two", 2, cluster="gamma")
    env.wait_for(lambda: seen(home) == {"gamma": ({1, 2}, {1, 2})}, 30, "old and new certificates")
    # A damaged list changes nothing while the arbiter runs, and lets none start.
    with open(os.path.join(home.directory, "names.json"), "w", encoding="utf-8") as file:
        file.write("{")
    assert "damaged" in qcert(env, home, "rename", "alpha", "gamma", status=FAILED)["error"]["what"]
    assert set(seen(home)) == {"gamma"}
    home.daemon.stop()
    assert home.spawn().wait() == NO_CERTIFICATES


def test_a_name_that_is_in_use_is_not_taken_up(env):
    home = Home(env).start("--shards", 4, tls="off")
    daemon(env, home, "one", 1, tls="off")
    beta = daemon(env, home, "other", 1, cluster="beta", tls="off")
    env.wait_for(lambda: set(seen(home)) == {"alpha", "beta"}, 30, "two clusters")
    told = qcert(env, home, "rename", "alpha", "beta", status=FAILED)
    assert "knows a cluster" in told["error"]["what"], told
    # By hand, or in the moment between question and answer: the arbiter looks for itself.
    write_names(home, ("alpha", "beta"))
    told = qcert(env, home, "rename", "alpha", "beta", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "refused" and '"beta"' in told["arbiter_says"], told
    assert set(seen(home)) == {"alpha", "beta"}
    assert beta.stop() == 0
    env.wait_for(lambda: set(seen(home)) == {"alpha"}, 30, "it gave its vote back")
    assert qcert(env, home, "rename", "alpha", "beta")["arbiter"] == "taken_up"
    daemon(env, home, "other", 2, cluster="beta", tls="off")
    env.wait_for(lambda: seen(home) == {"beta": ({1, 2}, {1, 2})}, 30, "one cluster")


def test_names_differ_by_their_letters(env):
    """The certificate says alpha, corosync.conf Alpha: that is the arbiter's cluster."""
    home = Home(env).start("--shards", 4)
    joined(home, "one", "two")
    daemon(env, home, "one", 1, cluster="Alpha")
    env.wait_for(lambda: set(seen(home)) == {"Alpha"}, 20, "node 1 is there")
    told = qcert(env, home, "rename", "alpha", "beta", status=FAILED)
    assert 'say "Alpha"' in told["error"]["remedy"], told
    # By hand: the arbiter looks for itself.
    write_names(home, ("alpha", "beta"))
    told = qcert(env, home, "rename", "alpha", "beta", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "refused" and '"Alpha"' in told["arbiter_says"], told
    write_names(home)
    assert qcert(env, home, "rename", "Alpha", "beta")["arbiter"] == "taken_up"
    two = daemon(env, home, "two", 2, cluster="beta")
    env.wait_for(lambda: seen(home) == {"beta": ({1, 2}, {1, 2})}, 30, "one cluster")
    assert two.stop() == 0
    daemon(env, home, "two", 2, cluster="alpha")
    home.daemon.says('this differs from "Alpha", a name of a renamed cluster, only in case')
    assert set(seen(home)) == {"beta"}


def test_a_name_that_stands_apart_is_told_and_not_withdrawn(env):
    home = Home(env)
    os.mkdir(env.path("state"))
    home.start("--shards", 4, tls="off", state=env.path("state"))
    nodes = [daemon(env, home, "one", 1, at=(1, 8, [1]), tls="off"),
             daemon(env, home, "two", 2, cluster="beta", at=(2, 8, [2]), tls="off")]
    env.wait_for(lambda: seen(home) == {"alpha": ({1}, {1}), "beta": ({2}, {2})}, 30, "two votes")
    home.daemon.kill()
    for node in nodes:
        node.kill()
    write_names(home, ("alpha", "beta"))
    home.start("--shards", 4, tls="off", state=env.path("state"))
    told = qcert(env, home, "rename", "alpha", "beta", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "apart" and told["already"], told
    assert '"beta" is not yet one with' in told["arbiter_says"], told
    assert home.daemon.log().count('"beta" has a record of its own') == 1, home.daemon.log()
    # A further one is taken up, and told the same: the line stays.
    told = qcert(env, home, "rename", "beta", "gamma", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "apart" and not told["already"], told
    assert names(home) == [("alpha", "beta"), ("beta", "gamma")]
    done = env.run([env.program("qcert"), "rename", "--dir", home.directory, "--socket",
                    home.socket, "beta", "gamma"], check=False)
    assert done.returncode == NOT_TAKEN_UP and "repeat this command later" in done.stderr, done
    assert "Now change" not in done.stdout, done


def test_a_refused_list_holds_no_revocation_back(env):
    home = Home(env).start("--shards", 4)
    joined(home, "one", "two")
    joined(home, "other", cluster="beta")
    get_the_vote(env, home)
    daemon(env, home, "other", 1, cluster="beta")
    env.wait_for(lambda: set(seen(home)) == {"alpha", "beta"}, 20, "two clusters")
    write_names(home, ("alpha", "beta"))
    serials = {one["name"]: str(one["serial"]) for one in home.listed()}
    told = qcert(env, home, "revoke", serials["alpha"])
    assert told["arbiter"] == "taken_up", told
    assert "are not taken up" in told["arbiter_says"], told
    assert "connections ended: 1" in told["arbiter_says"], told
    assert len(seen(home)["alpha"][0]) == 1 and "beta" in seen(home)
    # One that cannot even be read does not, either.
    with open(os.path.join(home.directory, "names.json"), "w", encoding="utf-8") as file:
        file.write("{")
    told = qcert(env, home, "revoke", serials["beta"])
    assert "damaged" in told["arbiter_says"] and "ended: 1" in told["arbiter_says"], told


def test_reloads_wait_for_one_another(env):
    home = Home(env).start("--shards", 4, tls="off")
    for turn in range(20):
        write_names(home, *[(f"old{i}", f"new{i}") for i in range(turn + 1)])
        clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        for client in clients:
            client.connect(home.socket)
        for client in clients:
            client.sendall(b"reload\n")
        for client in clients:
            with client:
                answer = b"".join(iter(lambda c=client: c.recv(4096), b""))
            assert answer.startswith(b"OK\n"), (turn, answer)
    log = home.daemon.log()
    assert log.count("the names of renamed clusters are read again") == 20, log


def test_a_line_that_was_taken_up_after_all_is_written_back(env):
    """The arbiter refuses the list, somebody else asks it again, and it has taken it up."""
    home = Home(env)
    joined(home.start(), "one")
    home.daemon.stop()
    refused = b"Error\nThe names of renamed clusters are not taken up: \"beta\" stands for ...\n"
    for second, status, left in ((refused, NOT_TAKEN_UP, [("alpha", "beta")]),
                                 (b"OK\nCertificates are taken up\n", FAILED, [])):
        asked = []

        def arbiter(server, answers, heard):
            for answer in answers:
                with server.accept()[0] as client:
                    heard.append((client.recv(4096).split()[0], names(home)
                                  if os.path.exists(os.path.join(home.directory, "names.json"))
                                  else None))
                    client.sendall(answer)

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(home.socket)
            server.listen(4)
            thread = threading.Thread(
                target=arbiter, args=(server, [b"OK\n{}\n", refused, second], asked), daemon=True)
            thread.start()
            told = qcert(env, home, "rename", "alpha", "beta", status=status)
            thread.join(10)
        os.unlink(home.socket)
        assert [word for word, _ in asked] == [b"json", b"reload", b"reload"], asked
        assert asked[1][1] == [("alpha", "beta")] and asked[2][1] == [], asked
        assert names(home) == left, told
        write_names(home)


def test_a_list_that_is_written_while_the_arbiter_starts_is_not_missed(env):
    home = Home(env)
    joined(home.start(), "one", "two")
    home.daemon.stop()
    home.start_halfway()
    told = qcert(env, home, "rename", "alpha", "beta", status=NOT_TAKEN_UP)
    assert told["arbiter"] == "no_answer", told
    home.daemon.signal(signal.SIGCONT)
    home.daemon.says("the names of renamed clusters are read again")
    daemon(env, home, "one", 1)
    daemon(env, home, "two", 2, cluster="beta")
    env.wait_for(lambda: seen(home) == {"beta": ({1, 2}, {1, 2})}, 30, "one cluster")
