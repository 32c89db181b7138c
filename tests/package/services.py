"""services.py -- the story of a node and an arbiter under a real systemd, from stock to ours.
"""
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import time

from booted import Booted
from stories import CA, OURS, STOCK, apt, enrol, show, step, versions, version_of

CONFIGURATION = """
totem {
    version: 2
    cluster_name: alpha
    transport: udpu
}
nodelist {
    node {
        ring0_addr: 127.0.0.1
        name: node1
        nodeid: 1
    }
    node {
        ring0_addr: 127.0.0.2
        name: node2
        nodeid: 2
    }
}
quorum {
    provider: corosync_votequorum
    device {
        model: net
        votes: 1
        timeout: 1250
        sync_timeout: 4000
        net {
            host: localhost
            algorithm: ffsplit
            tls: required
        }
        heuristics {
            mode: on
            exec_ping: /bin/ping -c 1 -W 1 127.0.0.1
            exec_processes: /usr/bin/test -r /proc/1/cgroup
        }
    }
}
"""


def has_vote(tree):
    """corosync's node 1 works by the arbiter's vote: node 2 was never there."""
    said = tree.run("corosync-quorumtool", "-s", check=False).stdout
    return "Quorate:          Yes" in said and "A,V,NMW" in said


def wait_for_vote(tree):
    tree.env.wait_for(lambda: has_vote(tree), 90, "corosync counts the vote", pause=1)
    show(tree, "corosync-quorumtool", "-s", check=False)


def sandbox(tree, unit):
    """What the kernel says of a running service: {field: value}."""
    with open(f"/proc/{tree.host_pid(unit)}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: fields[name].split()[0] for name in ("Uid", "CapEff", "CapBnd", "NoNewPrivs",
                                                       "Seccomp")}


def set_up_stock(tree):
    step("stock packages, corosync with a device, a node that works by the vote")
    tree.apt("update")
    apt(tree, "install", "--no-install-recommends", *STOCK)
    with open(tree.path("/etc/corosync/corosync.conf"), "w", encoding="ascii") as file:
        file.write(CONFIGURATION)
    enrol(tree, "alpha")
    tree.run("systemctl", "restart", "corosync")
    tree.run("systemctl", "enable", "--now", "corosync-qdevice")
    wait_for_vote(tree)


def check_running(tree, version):
    """Both services run our programs, sandboxed, and under both names."""
    assert versions(tree, OURS) == [version] * 2
    for unit in OURS:
        stock = unit.replace("castvote", "corosync")
        assert tree.main_pid(unit) == tree.main_pid(stock) != 0, unit
        assert os.readlink(f"/proc/{tree.host_pid(unit)}/exe").endswith(
            "/qnetd" if unit == "castvote-qnetd" else "/qdevice-client")
        print(f"   {unit}: {sandbox(tree, unit)}")
        assert tree.run("systemctl", "is-enabled", unit).stdout == "enabled\n"
    daemon = tree.run("id", "-u", "coroqnetd").stdout.strip()
    assert sandbox(tree, "castvote-qnetd") == {
        "Uid": daemon, "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
    assert sandbox(tree, "castvote-qdevice") == {
        "Uid": "0", "CapEff": "0000000000002000", "CapBnd": "0000000000002000", "NoNewPrivs": "1",
        "Seccomp": "2"}


def is_active(tree, unit):
    return tree.run("systemctl", "is-active", unit, check=False).stdout == "active\n"


def restarts(tree, unit, how):
    """The service is another process soon after, and ready."""
    before = tree.main_pid(unit)
    how(before)
    tree.env.wait_for(lambda: tree.main_pid(unit) not in (0, before) and is_active(tree, unit), 30,
                      f"{unit} is back", 0.5)


def processes(tree, unit):
    """All of a service's, main process or not, as the tree counts."""
    group = tree.run("systemctl", "show", "--property=ControlGroup", "--value", unit).stdout.strip()
    if not group:
        return []
    return tree.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs", check=False).stdout.split()


def taken_back(tree):
    """How often the guardian had to act."""
    return tree.run("journalctl", "--quiet", "--no-pager").stdout.count("its vote was taken back")


def check_guardian(tree):
    """It takes the vote of a killed daemon back, and keeps nobody from stopping the service."""
    unit = "castvote-qdevice"
    assert len(processes(tree, unit)) == 2, "the daemon and its guardian"
    before = taken_back(tree)
    restarts(tree, unit, lambda pid: tree.run("kill", "-9", str(pid)))
    tree.env.wait_for(lambda: taken_back(tree) == before + 1, 10, "its vote was taken back")
    wait_for_vote(tree)
    for verb in ("restart", "stop"):
        began = time.monotonic()
        tree.run("systemctl", verb, unit)
        assert time.monotonic() - began < 20, f"{verb} waits for nothing"
    assert not processes(tree, unit), "nothing is left of it"
    assert taken_back(tree) == before + 1, "who stops in order has withdrawn its vote"
    tree.run("systemctl", "start", unit)
    wait_for_vote(tree)


def check_watchdog(tree):
    """A daemon that hangs is restarted: here sooner than the units have it."""
    for unit, seconds in (("castvote-qnetd", "10s"), ("castvote-qdevice", "1min")):
        shown = tree.run("systemctl", "show", "--property=WatchdogUSec", "--value", unit).stdout
        assert shown == f"{seconds}\n", shown
        folder = tree.path(f"/etc/systemd/system/{unit}.service.d")
        os.makedirs(folder)
        with open(os.path.join(folder, "soon.conf"), "w", encoding="ascii") as file:
            file.write("[Service]\nWatchdogSec=3\n")
    tree.run("systemctl", "daemon-reload")
    tree.run("systemctl", "restart", *OURS)
    wait_for_vote(tree)
    pids = [tree.main_pid(unit) for unit in OURS]
    time.sleep(6)
    assert pids == [tree.main_pid(unit) for unit in OURS], "who works is left alone"
    before = taken_back(tree)
    for unit in OURS:
        restarts(tree, unit, lambda pid: tree.run("kill", "-STOP", str(pid)))
    tree.env.wait_for(lambda: taken_back(tree) == before + 1, 10, "the guardian has outlived it")
    wait_for_vote(tree)


def check_exposure(tree):
    """systemd's own mark for the sandbox, from 0 to 10."""
    for unit in OURS:
        said = tree.run("systemd-analyze", "security", "--no-pager", unit, check=False).stdout
        mark = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert mark and float(mark.group(1)) <= 2.0, said
        print(f"   {unit}: exposure {mark.group(1)}")


def services(env, base, packages, **_):
    first, second = packages
    tree = Booted(env, "services", base)
    set_up_stock(tree)
    authority = tree.digest(CA)

    step("install over running stock daemons")
    apt(tree, "install", "--no-install-recommends", *[tree.bring(first[name]) for name in OURS])
    wait_for_vote(tree)
    check_running(tree, version_of(first[OURS[0]]))
    assert tree.digest(CA) == authority
    device = show(tree, "corosync-qdevice-tool", "-sv").stdout
    assert "Heuristics result:\tPass" in device, device

    step("upgrade restarts both")
    pids = [tree.main_pid(unit) for unit in OURS]
    apt(tree, "install", *[tree.bring(second[name]) for name in OURS])
    check_running(tree, version_of(second[OURS[0]]))
    assert not set(pids) & {tree.main_pid(unit) for unit in OURS}, "both are new"
    wait_for_vote(tree)
    known = json.loads(tree.run("qnetd-tool", "status", "--json").stdout)["clusters"]
    assert [cluster["name"] for cluster in known] == ["alpha"], known

    step("they come back whatever ends them; the stock names enable and disable")
    restarts(tree, "castvote-qnetd", lambda pid: tree.run("kill", "-9", str(pid)))
    restarts(tree, "castvote-qnetd", lambda _: tree.run("corosync-qnetd-tool", "-H"))
    check_guardian(tree)
    check_watchdog(tree)
    check_exposure(tree)
    for unit in STOCK:
        tree.run("systemctl", "disable", unit)
        ours = unit.replace("corosync", "castvote")
        assert tree.run("systemctl", "is-enabled", ours, check=False).stdout == "disabled\n"
        tree.run("systemctl", "enable", unit)
        assert tree.run("systemctl", "is-enabled", ours).stdout == "enabled\n"

    step("purge ends both")
    apt(tree, "purge", *OURS)
    for unit in OURS:
        assert tree.run("systemctl", "is-active", unit, check=False).stdout == "inactive\n"
    listed = tree.run("corosync-quorumtool", "-s", check=False).stdout
    assert "Qdevice" not in listed, listed
