"""test_join_says_what_is_next.py -- the commands that follow `qcert join` work in their order.

A node daemon ends where corosync knows of no device, so corosync is told of it before.
"""
# SPDX-License-Identifier: BSD-3-Clause
from enrolment import Home, Invitation, join


def test_corosync_is_reloaded_before_the_daemon_starts(env):
    invitation = Invitation(Home(env).start(), "--nodes", 1)
    said = join(env, invitation.address, invitation.token, "one", "--apply").stdout
    reload, start = said.find("corosync-cfgtool -R"), said.find("systemctl enable --now")
    assert 0 < reload < start, said
