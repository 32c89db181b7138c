"""test_harness.py -- the harness is tested too: cuts cut, and nothing stays behind.

A system test that cannot fail, or leaves a daemon behind, is worse than none.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import sys

import harness

ECHO_SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 7000))
while True:
    peer, _ = server.accept()
    peer.sendall(b"here")
    peer.close()
"""

ECHO_CLIENT = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 7000), timeout=float(sys.argv[2]))
sys.exit(peer.recv(4) != b"here")
"""


def hears(host, address, seconds):
    return host.run([sys.executable, "-c", ECHO_CLIENT, address, seconds],
                    check=False).returncode == 0


def two_hosts(env):
    world = env.world()
    one = world.host("one", cluster="192.0.2.1", service="198.51.100.1")
    two = world.host("two", cluster="192.0.2.2", service="198.51.100.2")
    two.spawn([sys.executable, "-c", ECHO_SERVER], name="server")
    env.wait_for(lambda: two.listens(7000), 10, "the server of host two listens")
    return world, one, two


def test_a_cut_link_is_silent_and_heals(env):
    world, one, two = two_hosts(env)
    assert hears(one, "192.0.2.2", 5) and hears(one, "198.51.100.2", 5)
    world.cut(one, two, "cluster")
    assert not hears(one, "192.0.2.2", 0.5)
    assert hears(one, "198.51.100.2", 5), "the other network works on"
    world.cut(one, two)
    assert not hears(one, "198.51.100.2", 0.5)
    world.heal(one, two)
    assert hears(one, "192.0.2.2", 5) and hears(one, "198.51.100.2", 5)


def test_a_pulled_cable_is_noticed_and_comes_back(env):
    world, one, two = two_hosts(env)
    world.unplug(two, "service")
    env.wait_for(lambda: "NO-CARRIER" in two.run(["ip", "link", "show", "service"]).stdout, 5,
                 "host two sees its carrier go")
    assert not hears(one, "198.51.100.2", 0.5)
    world.plug(two, "service")
    env.wait_for(lambda: hears(one, "198.51.100.2", 1), 10, "the cable carries again")


def test_hosts_have_their_own_files_and_name(env):
    world = env.world()
    one = world.host("one")
    two = world.host("two")
    one.write("/run/castvote-test", "one")
    assert one.run(["cat", "/run/castvote-test"]).stdout == "one"
    assert two.run(["cat", "/run/castvote-test"], check=False).returncode != 0
    assert not os.path.exists("/run/castvote-test")
    assert two.run(["uname", "-n"]).stdout == "two\n"


def test_nothing_stays_behind(env):
    inner = harness.Env(env.bin, "inner")
    sleeper = inner.spawn(["sleep", "600"])
    # A daemon leaves its parent's family; it must be ended all the same.
    inner.run(["sh", "-c", "(setsid sleep 601 >/dev/null 2>&1 & echo $! >daemon)"])
    with open(inner.path("daemon"), encoding="ascii") as file:
        daemon = int(file.read())
    assert os.path.exists(f"/proc/{daemon}")
    inner.close()
    assert not sleeper.alive()
    assert not os.path.exists(f"/proc/{daemon}")
    assert not os.path.exists(inner.tmp)


def test_wait_for_gives_up(env):
    try:
        env.wait_for(lambda: False, 0.1, "the impossible")
    except harness.Failed as failed:
        assert "the impossible" in str(failed)
    else:
        raise harness.Failed("wait_for waited for the impossible and found it")
