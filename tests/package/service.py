"""service.py -- starts what a unit of the tree says, as its user, and waits for READY=1.

Reads the installed unit, so that a wrong path, user, directory or type in it is seen. The sandbox
around it is a matter of the kernel and the service manager, and not tried here.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import shlex
import signal
import socket

import harness

UNITS = "/lib/systemd/system"


class Unit:
    """The settings of the section Service: {name: [values]}."""

    def __init__(self, tree, name):
        self.tree, self.settings = tree, {}
        with open(tree.path(f"{UNITS}/{name}"), encoding="utf-8") as file:
            for line in file:
                key, equals, value = line.strip().partition("=")
                if equals and not key.startswith("#"):
                    self.settings.setdefault(key, []).append(value)

    def one(self, key, default=None):
        return self.settings.get(key, [default])[-1]

    def environment(self):
        """The variables of EnvironmentFile=-PATH, which need not exist."""
        variables = {}
        path = self.tree.path(self.one("EnvironmentFile", "-").lstrip("-"))
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    key, equals, value = line.strip().partition("=")
                    if equals and not key.startswith("#"):
                        variables[key] = " ".join(shlex.split(value))
        return variables

    def command(self):
        """ExecStart's words; $NAME is as many words as its value has."""
        variables, words = self.environment(), []
        for word in self.one("ExecStart").split():
            words += variables.get(word[1:], "").split() if word[0] == "$" else [word]
        return words


class Service:
    def __init__(self, tree, name):
        self.tree, self.name = tree, name

    def start(self):
        tree, unit = self.tree, Unit(self.tree, self.name)
        assert unit.one("Type") == "notify", unit.settings
        user = unit.one("User", "root")
        for key, parent in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
            if unit.one(key):
                tree.run("mkdir", "-p", f"{parent}/{unit.one(key)}")
                tree.run("chmod", unit.one(key + "Mode"), f"{parent}/{unit.one(key)}")
                tree.run("chown", f"{user}:{user}", f"{parent}/{unit.one(key)}")
        for before in unit.settings.get("ExecStartPre", []):
            assert before.startswith("+"), "as root, whatever the user is: " + before
            tree.run(*before[1:].split())
        notify = tree.path("/tmp/notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(notify)
            os.chmod(notify, 0o777)
            listener.settimeout(20)
            self.process = tree.env.spawn(
                tree.words(["NOTIFY_SOCKET=/tmp/notify", "setpriv", f"--reuid={user}",
                            f"--regid={user}", "--init-groups", "--no-new-privs",
                            "--inh-caps=-all", "--bounding-set=-all", *unit.command()]),
                name=f"{tree.name}-{self.name}")
            try:
                assert listener.recv(100) == b"READY=1"
            except TimeoutError as late:
                raise harness.Failed(f"{self.name} is not ready: {self.process.log()}") from late
            finally:
                os.unlink(notify)
        return self

    def main_pid(self):
        return harness.children_of(self.process.pid)[0]

    def stop(self):
        """As the service manager does: SIGTERM, and the status must be 0."""
        os.kill(self.main_pid(), signal.SIGTERM)
        status = self.process.wait(20)
        assert status == 0, (status, self.process.log())
