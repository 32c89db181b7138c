"""single.py -- the image of the one-file arbiter, started and used as its own settings say (root).

    single.py --image FILE --processor NAME --bin DIR [--under PROGRAM]

DIR has the programs of a node. The image is unpacked and run here, without a container's run time:
in namespaces of its own, with nothing but the image's files (read-only), /proc and the volume, as
the image's user. What it says of user, volume, command and health check is taken from it. --under
starts a foreign processor's file.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tarfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), "system")]

import harness  # noqa: E402

#: What an image must say it is for.
PLATFORMS = {"amd64": ("amd64", None), "arm64": ("arm64", None), "armhf": ("arm", "v7")}
PATIENCE = 240  # seconds: an emulator on a busy machine makes keys for long
MOUNTS = """set -e
ip link set lo up
mount --bind "$1" "$1"
mount --bind "$2" "$1$3"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
user=${4%:*} group=${4#*:} root=$1
shift 4
exec env -i PATH=/bin unshare --root="$root" --wd=/ --setgid "$group" --setuid "$user" -- "$@"
"""


class Image:
    """What docker's archive of it holds."""

    def __init__(self, env, file):
        self.env, self.root = env, env.path("root")
        with tarfile.open(file) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            about = json.load(archive.extractfile(manifest["Config"]))
            self.platform = (about["architecture"], about.get("variant"))
            self.settings = about["config"]
            for layer in manifest["Layers"]:
                with tarfile.open(fileobj=archive.extractfile(layer)) as tree:
                    tree.extractall(self.root, numeric_owner=True)
        os.makedirs(os.path.join(self.root, "proc"))
        self.volume = list(self.settings["Volumes"])[0]

    def inside(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def new_volume(self, name):
        """An empty one, made like the place it is put at, as container tools do."""
        place, made = os.stat(self.inside(self.volume)), self.env.path(name)
        os.mkdir(made)
        os.chmod(made, place.st_mode)
        os.chown(made, place.st_uid, place.st_gid)
        return made


class Container:
    def __init__(self, image, volume, under=(), command=None):
        self.image, self.env, self.under = image, image.env, list(under)
        self.volume = volume
        words = image.settings["Entrypoint"] + (command or image.settings["Cmd"])
        self.process = self.env.spawn(
            [*harness.OWN_PROCESSES, "--net", "--ipc", "--uts", "sh", "-c", MOUNTS, "sh",
             image.root, volume, image.volume, image.settings["User"],
             *self.under, *words], name="container")

    def pid(self):
        return harness.children_of(self.process.pid)[0]

    def run(self, *words, check=True):
        """What `exec` of a container's run time does."""
        user, group = self.image.settings["User"].split(":")
        return self.env.run(["nsenter", "--target", self.pid(), "--mount", "--pid", "--net",
                             "--ipc", "--root", "--wd", "--setgid", group, "--setuid", user,
                             *self.under, *words], check=check)

    def program(self, name, *words):
        return self.run(*self.image.settings["Entrypoint"], name, *words)

    def is_healthy(self):
        kind, *words = self.image.settings["Healthcheck"]["Test"]
        assert kind == "CMD", "there is no shell"
        return self.run(*words, check=False).returncode == 0

    def wait(self):
        self.env.wait_for(lambda: harness.children_of(self.process.pid) and self.is_healthy(),
                          PATIENCE, "it is healthy", pause=1 if self.under else 0.05)
        return self

    def stop(self):
        os.kill(self.pid(), signal.SIGTERM)
        assert self.process.wait(20) == 0, self.process.log()

    def holders(self):
        known = json.loads(self.program("qnetd-tool", "status", "--json").stdout)["clusters"]
        return {cluster["name"]: [holder["node_id"] for holder in cluster["holders"]]
                for cluster in known}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def enrol(container, cluster):
    """A node's certificates; the folder they are in."""
    env, folder = container.env, container.env.path("node")
    qcert, signed = env.program("qcert"), os.path.join(container.volume, "nssdb")
    env.run([qcert, "import", "--dir", folder, "--ca", f"{signed}/qnetd-cacert.crt"])
    env.run([qcert, "request", "--dir", folder, "--cluster", cluster])
    shutil.copy(f"{folder}/qdevice-net-node.crq", container.volume)
    os.chmod(f"{container.volume}/qdevice-net-node.crq", 0o644)
    container.program("qcert", "sign", "--cluster", cluster, "--request",
                      f"{container.image.volume}/qdevice-net-node.crq")
    env.run([qcert, "import", "--dir", folder, "--certificate", f"{signed}/cluster-{cluster}.crt"])
    return folder


def vote(container, cluster, certificates):
    env = container.env
    node = env.spawn(["nsenter", "--target", container.pid(), "--net",
                      env.program("qdevice-client"), "--provider", "stdio", "--node-id", "1",
                      "--nodes", "1,2", "--cluster", cluster, "--arbiter", "127.0.0.1", "--tls",
                      "required", "--certificates", certificates, "--timeout", "1250",
                      "--sync-timeout", "4000"], name="node", stdin=True)
    node.send(json.dumps({"ring": {"node": 1, "seq": 8}, "members": [1]}))
    env.wait_for(lambda: container.holders() == {cluster: [1]}, PATIENCE, "node 1 has the vote",
                 pause=0.5)
    return node


def story(env, file, processor, under):
    image = Image(env, file)
    assert image.platform == PLATFORMS[processor], image.platform
    if under:
        shutil.copy(under, image.inside("/under"))
        under = ["/under"]
    user = image.settings["User"].split(":")[0]
    assert user.isdigit() and user != "0", "not root, and no user database is there"
    volume = image.new_volume("volume")

    began = time.monotonic()
    container = Container(image, volume, under).wait()
    print(f"healthy with an empty volume after {time.monotonic() - began:.2f} s", flush=True)
    status = f"/proc/{container.pid()}/status"
    with open(status, encoding="ascii") as lines:
        assert f"Uid:\t{user}\t{user}\t{user}\t{user}\n" in lines, status
    authority = digest(f"{volume}/nssdb/qnetd-cacert.crt")
    for name in ("qnetd", "qnetd-tool", "qcert"):
        assert container.program(name, "--version").stdout.startswith(f"{name} ")
        assert f"Usage: {name} " in container.program(name, "--help").stdout
    assert "Connected clusters" in container.program("corosync-qnetd-tool", "-s").stdout
    node = vote(container, "alpha", enrol(container, "alpha"))
    print(container.program("qnetd-tool", "status").stdout, flush=True)

    container.stop()
    node.signal(signal.SIGTERM)
    container = Container(image, volume, under).wait()
    assert digest(f"{volume}/nssdb/qnetd-cacert.crt") == authority, "the same authority"
    assert list(container.holders()) == ["alpha"] or not container.holders(), container.holders()
    container.stop()

    alone = Container(image, image.new_volume("another"), under, ["qnetd-tool", "status"])
    assert alone.process.wait(20) == 3, "no arbiter: not healthy"
    by_name = Container(image, volume, under, ["qnetd", "--listen", "localhost"])
    assert by_name.process.wait(20) == 4 and "wants it as a number" in by_name.process.log()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--image", required=True, help="an archive that packaging/single.py made")
    options.add_argument("--processor", required=True, help="the image's, as Debian calls it")
    options.add_argument("--bin", required=True, help="where the programs of a node are")
    options.add_argument("--under", default=(), help="a static qemu-user for the image's processor")
    given = options.parse_args()
    if os.geteuid() != 0:
        print("needs root: chroot, namespaces", file=sys.stderr)
        return 2
    harness.adopt_orphans()
    env = harness.Env(given.bin, "single")
    try:
        story(env, given.image, given.processor, given.under)
    except (AssertionError, OSError) as why:
        print(f"FAIL single: {why}\n{env.logs()}")
        return 1
    finally:
        env.close()
    print("ok   single")
    return 0


if __name__ == "__main__":
    sys.exit(main())
