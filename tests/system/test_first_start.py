"""test_first_start.py -- an arbiter that begins with an empty folder."""
# SPDX-License-Identifier: BSD-3-Clause
import os


def start(env, folder, *more):
    return env.spawn([env.program("qnetd"), "--listen", "127.0.0.1", "--port", env.port,
                      "--certificates", os.path.join(folder, "nssdb"), "--state",
                      os.path.join(folder, "grants"), "--socket", os.path.join(folder, "socket"),
                      *more], name="arbiter")


def read(folder, name):
    with open(os.path.join(folder, "nssdb", name), "rb") as file:
        return file.read()


def test_it_makes_certificates_where_there_are_none_when_asked_to(env):
    folder, env.port = env.path("folder"), env.free_port()
    os.mkdir(folder)
    assert start(env, folder).wait(20) == 3, "it never makes a second authority unasked"
    for times in (1, 2):
        arbiter = start(env, folder, "--make-certificates")
        env.listening(env.port)
        if times == 1:
            made = read(folder, "ca.key"), read(folder, "server.pem")
        assert made == (read(folder, "ca.key"), read(folder, "server.pem")), "the same ones"
        assert (times == 1) == ("made certificates" in arbiter.log()), arbiter.log()
        arbiter.stop()
    env.run([env.program("qcert"), "show", "--dir", os.path.join(folder, "nssdb")])
