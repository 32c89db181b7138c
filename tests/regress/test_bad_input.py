"""test_bad_input.py -- what the stock arbiter dies of, leaks at or mixes up, sent to ours.

Each case stands in docs/compatibility.md. Nothing but wrong input here; too much of it is the
business of test_bad_load.py.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import time

import peer
from arbiters import certify
from peer import Arbiter

REPEATS = 20000
GROWTH_MAX_KB = 8192
NAME = "alpha" * 320  # The stock arbiter keeps each message: 32 MB in the end.


def test_client_without_lists_harms_nobody(env):
    arbiter = Arbiter(env)
    one, two = arbiter.pair("alpha")
    bare = arbiter.peer().join("alpha", 3)
    two.close()  # The stock arbiter dies here: it looks at the lists of everybody who stays.
    assert one.is_served() and bare.is_served()
    bare.close()
    assert one.is_served()
    late = [arbiter.peer().join("beta", number) for number in (1, 2, 3)]
    late[0].lists([1, 2, 3], [1, 2, 3])
    late[1].close()  # None of those who stay but one has sent a list.
    assert late[0].is_served() and late[2].is_served()
    arbiter.serves()


def test_second_cluster_name_is_refused(env):
    arbiter = Arbiter(env)
    one, two = arbiter.pair("alpha")
    refused = one.preinit("beta")
    assert (refused.kind, refused.error) == (peer.SERVER_ERROR, 8), refused
    assert one.init(1).error == 17
    assert one.init(2).error == 17
    clusters = json.loads(arbiter.status())["clusters"]
    assert [cluster["name"] for cluster in clusters] == ["alpha"], clusters
    one.close()  # The stock arbiter dies here: it is in two lists and leaves one.
    assert two.is_served()
    arbiter.serves()


def test_refused_second_init_changes_nothing(env):
    arbiter = Arbiter(env)
    one, _ = arbiter.pair("alpha")
    before = json.loads(arbiter.status())["clusters"]
    assert one.init(5, ring=(5, 400), heartbeat=60000).error == 17
    after = json.loads(arbiter.status())["clusters"]
    assert facts(before) == facts(after), after
    # Number 5 is still free, number 1 is still taken.
    assert arbiter.peer().join("alpha", 5).is_served()
    again = arbiter.peer()
    again.preinit("alpha")
    assert again.init(1).error == 17
    one.membership([1, 2], (1, 12))
    assert one.until(peer.NODE_LIST_REPLY).ring == (1, 12)


def facts(clusters):
    """Who is connected and in which ring: what does not change by itself."""
    return [(cluster["name"], [(node["node_id"], node["ring"]) for node in cluster["nodes"]])
            for cluster in clusters]


def test_late_reply_does_not_count_for_the_next_vote(env):
    arbiter = Arbiter(env)
    nodes = [arbiter.peer().join("alpha", number) for number in (1, 2)]
    for one in nodes:
        one.lists([1, 2], [1, 2])
    winner, loser = nodes
    late = [one.until(peer.VOTE_INFO, vote=peer.ACK) for one in nodes]
    for one in nodes:
        one.quorum([1, 2], True)
    winner.membership([1], (1, 12))
    loser.membership([2], (2, 12))
    denied = loser.until(peer.VOTE_INFO, vote=peer.NACK)
    for one, first in zip(nodes, late):
        one.confirm(first)
    # The loser has not confirmed its NACK by that, and the winner not the ACK that is to come (at
    # the stock arbiter it never comes).
    assert loser.is_served() and votes_before_echo(winner) == []
    loser.confirm(denied)
    loser.quorum([2], False)
    # A while longer, since the loser had the vote for so short a time (safety.md R2s ii).
    granted = env.wait_for(lambda: loser.is_served() and votes_before_echo(winner), 30,
                           "the winner is told", pause=0.3)
    assert [(vote.vote, vote.ring) for vote in granted] == [(peer.ACK, (1, 12))], granted


def votes_before_echo(one):
    """The VOTE_INFO messages which stand before the answer to an echo."""
    one.send(peer.ECHO_REQUEST, number=778)
    votes = []
    while True:
        got = one.receive()
        if got.kind == peer.VOTE_INFO:
            votes.append(got)
        if got.kind == peer.ECHO_REPLY:
            return votes


def repeat(env, request, answer_kind):
    """Sends it very often on one connection and looks at the arbiter's memory."""
    arbiter = Arbiter(env)
    one = arbiter.peer()
    batch = 100

    def send(times):
        for _ in range(times // batch):
            one.raw(request * batch)
            for _ in range(batch):
                got = one.receive()
                assert got.kind == answer_kind, got

    send(REPEATS // 10)
    before = arbiter.resident_kb()
    send(REPEATS)
    growth = arbiter.resident_kb() - before
    assert growth < GROWTH_MAX_KB, f"{growth} KB more after {REPEATS} repeats"
    arbiter.serves()


def test_repeated_preinit_takes_no_memory(env):
    repeat(env, peer.message(peer.PREINIT, number=1, cluster=NAME), peer.PREINIT_REPLY)


def test_undecodable_messages_take_no_memory(env):
    wrong_vote = peer.option(19, b"\x09")
    repeat(env, peer.message(peer.PREINIT, wrong_vote, number=1, cluster=NAME),
           peer.SERVER_ERROR)


def test_unknown_messages_take_no_memory(env):
    repeat(env, peer.message(4711, peer.option(peer.NOBODY_KNOWS, b"x" * 300)), peer.SERVER_ERROR)


# -- idle, and never ready -----------------------------------------------------------------------

INIT_SECONDS = 1.5
WITHIN_SECONDS = 10  # Busy machines; the stock arbiter takes 180 s, or for ever.


def impatient(env, **more):
    return Arbiter(env, "--init-timeout", int(INIT_SECONDS * 1000), **more)


def test_idle_connection_before_init_is_closed(env):
    arbiter = impatient(env)
    idle, named, busy = (arbiter.peer() for _ in range(3))
    begin = time.monotonic()
    named.preinit("alpha")
    joined = arbiter.peer().join("alpha", 1)
    assert idle.is_closed_within(WITHIN_SECONDS) and named.is_closed_within(WITHIN_SECONDS)
    assert time.monotonic() - begin > INIT_SECONDS * 0.8, "closed before its time"

    def goes_on():
        try:
            busy.preinit("alpha")
            return False
        except (peer.Closed, BrokenPipeError, ConnectionResetError):
            return True
    env.wait_for(goes_on, WITHIN_SECONDS, "who says PREINIT for ever is closed, too")
    assert joined.is_served(), "after INIT the heartbeat counts"


def garbage(arbiter, first):
    """A connection that has said STARTTLS and then something that is no TLS."""
    one = arbiter.peer()
    one.preinit("alpha")
    one.send(peer.STARTTLS, number=2)
    one.raw(first)
    return one


def test_garbage_instead_of_a_tls_hello_is_closed(env):
    directory, node = certify(env, "ours", "alpha")
    arbiter = impatient(env, tls="on", certificates=directory)
    plain = garbage(arbiter, peer.message(peer.ECHO_REQUEST, number=1))
    nothing = garbage(arbiter, b"")
    half_a_hello = garbage(arbiter, b"\x16\x03\x01\x40\x00\x01\x00")
    slow = garbage(arbiter, b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03")
    for one in (plain, nothing, half_a_hello):
        assert one.is_closed_within(WITHIN_SECONDS), one

    def drips():
        try:
            slow.raw(b"\x00")
            return False
        except (BrokenPipeError, ConnectionResetError):
            return True
    env.wait_for(drips, WITHIN_SECONDS, "a hello that comes byte by byte is not waited for")
    good = arbiter.peer()
    good.preinit("alpha")
    good.start_tls(node)
    assert good.init(1).error == 0 and good.is_served()
