"""test_rotate.py -- a new certificate for the arbiter while it runs, and warnings before an end.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import ssl

import peer
from enrolment import Home, Invitation, daemon, get_the_vote, join

NOT_TAKEN_UP = 3


def rotate(env, home, status=0):
    done = env.run([env.program("qcert"), "rotate", "--json", "--dir", home.directory, "--socket",
                    home.socket], check=False)
    assert done.returncode == status, done
    return json.loads(done.stdout)


def shown(env, home):
    """The certificate with which the arbiter comes to a handshake, as PEM."""
    one = peer.Peer(home.port)
    one.preinit("alpha")
    one.start_tls(env.path("one", "nssdb"))
    with one.socket as secured:
        return ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True))


def stored(home):
    with open(os.path.join(home.directory, "server.pem"), encoding="utf-8") as file:
        return file.read()


def test_the_arbiter_gets_a_new_certificate_and_no_node_loses_the_vote(env):
    home = Home(env).start()
    invitation = Invitation(home)
    for node in ("one", "two"):
        join(env, invitation.address, invitation.token, node)
    invitation.ends(0)
    nodes = get_the_vote(env, home)
    before = stored(home)
    assert shown(env, home) == before
    said = [node.log().count('connected"') for node in nodes]
    told = rotate(env, home)
    assert told["arbiter"] == "taken_up" and told["arbiter_says"].endswith("ended: 0"), told
    after = stored(home)
    assert after != before and shown(env, home) == after, "new connections get the new one"
    for node, times in zip(nodes, said):
        assert node.log().count('connected"') == times, node.log()
    holders = {holder["node_id"] for cluster in home.status()["clusters"]
               for holder in cluster["holders"]}
    assert holders == {1, 2}, holders
    # Who comes back is served by the new one, also after a restart.
    nodes[0].stop()
    daemon(env, home, "one", 1).says('"connected"')
    home.daemon.stop()
    assert rotate(env, home, NOT_TAKEN_UP)["arbiter"] == "no_answer"
    home.start()
    assert shown(env, home) == stored(home) != after


def test_who_expires_is_told_long_before(env):
    home = Home(env)
    invitation = Invitation(home, "--nodes", 1, "--listen", f"127.0.0.1:{env.free_port()}")
    join(env, invitation.address, invitation.token, "one")
    invitation.ends(0)
    listing = [env.program("qcert"), "list", "--dir", home.directory]
    assert "EXPIRE" not in env.run(listing).stdout
    file = os.path.join(home.directory, "register.json")
    with open(file, encoding="utf-8") as text:
        register = json.load(text)
    end = env.run(["date", "-u", "-d", "+100 days", "+%Y-%m-%d %H:%M:%S UTC"]).stdout.strip()
    register["certificates"][-1]["not_after"] = end
    with open(file, "w", encoding="utf-8") as text:
        json.dump(register, text)
    assert "EXPIRES in" in env.run(listing).stdout
    assert home.listed()[-1]["days_left"] in (99, 100)
