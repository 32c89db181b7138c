"""single.py -- the arbiter as one static file, and an image of a container made of it.

    single.py --bin DIR [--out DIR] [--processor NAME]

DIR is where the static build is. Leaves castvote-arbiter_VERSION_PROCESSOR, and beside it the same
with .image.tar: what `podman load` and `docker load` read. The image holds the file, its
names, and nothing else; it runs as a user of its own, and writes to one volume only.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os
import shutil
import subprocess
import sys

from build import ROOT, commit_time, project_version

MEGABYTES_MOST = 10
FILE = "/castvote-arbiter"
NAMES = ("qnetd", "qnetd-tool", "qcert", "corosync-qnetd", "corosync-qnetd-tool",
         "corosync-qnetd-certutil")
#: Processors that images call otherwise than Debian: name and variant.
PLATFORMS = {"armhf": ("arm", "v7")}
USER = 5403  # As good as any, and easy to remember: the port's number.
VOLUME = "/var/lib/castvote"
#: Where the programs look by default: all of it is in the volume.
LINKS = {"/etc/corosync/qnetd": VOLUME, "/run/corosync-qnetd": VOLUME, "/var/run": "/run"}


def copy(program, to):
    shutil.copy2(program, to)
    size = os.path.getsize(to)
    if size > MEGABYTES_MOST * 1000 * 1000:
        raise SystemExit(f"{to}: {size} bytes, more than {MEGABYTES_MOST} MB")
    headers = subprocess.run(["readelf", "--program-headers", "--wide", to], capture_output=True,
                             text=True, check=True).stdout
    if "INTERP" in headers or "DYNAMIC" in headers:
        raise SystemExit(f"{to} is not static")
    return size


def put_together(tree, program):
    """The image's root."""
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("bin", VOLUME.lstrip("/"), "etc/corosync", "run"):
        os.makedirs(os.path.join(tree, folder))
    shutil.copy2(program, tree + FILE)
    for name in NAMES:
        os.symlink(FILE, os.path.join(tree, "bin", name))
    for link, target in LINKS.items():
        os.symlink(target, tree + link)
    os.chmod(tree + VOLUME, 0o700)  # A new volume is made like the place it is put at.


def image(tree, out, version, processor, seconds):
    """The archive at `out`. The work of buildah stays below its folder."""
    work = out + ".work"
    store = ["buildah", "--root", os.path.join(work, "root"), "--runroot",
             os.path.join(work, "run"), "--storage-driver", "vfs"]
    quiet = {**os.environ, "BUILDAH_FORMAT": "docker"}  # Only that one knows health checks.

    def buildah(*argv):
        done = subprocess.run([*store, *argv], env=quiet, capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            raise SystemExit(f"buildah {argv[0]}: {done.stderr}")
        return done.stdout.strip()

    name, variant = PLATFORMS.get(processor, (processor, ""))
    platform = ["--arch", name, *(["--variant", variant] if variant else [])]
    container = buildah("from", *platform, "scratch")
    try:
        buildah("copy", container, tree, "/")  # As root's, all of it.
        place = os.path.dirname(VOLUME)
        buildah("copy", "--chown", f"{USER}:{USER}", container, tree + place, place)
        buildah("config", *platform, "--user", f"{USER}:{USER}", "--volume", VOLUME,
                "--port", "5403", "--env", "PATH=/bin", "--entrypoint", f'["{FILE}"]',
                "--cmd", "qnetd --make-certificates",
                "--healthcheck", f"CMD {FILE} qnetd-tool status", "--healthcheck-interval", "30s",
                "--label", "org.opencontainers.image.title=castvote-arbiter",
                "--label", f"org.opencontainers.image.version={version}",
                "--label", "org.opencontainers.image.licenses=BSD-3-Clause", container)
        if os.path.exists(out):
            os.unlink(out)
        buildah("commit", "--quiet", "--timestamp", str(seconds), container,
                f"docker-archive:{out}:localhost/castvote-arbiter:{version}")
    finally:
        buildah("rm", container)
        shutil.rmtree(work, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bin", required=True, help="where the static program is")
    options.add_argument("--out", default=os.path.join(ROOT, "build", "package"))
    options.add_argument("--processor", default="amd64", help="as Debian calls it")
    given = options.parse_args()
    out, version = os.path.abspath(given.out), project_version()
    os.makedirs(out, exist_ok=True)
    file = os.path.join(out, f"castvote-arbiter_{version}_{given.processor}")
    print(f"{os.path.relpath(file)}: "
          f"{copy(os.path.join(given.bin, 'castvote-arbiter'), file)} bytes")
    if os.geteuid() != 0:
        print("no image: its volume belongs to a user of its own, and so it is made by root")
        return 0
    tree = os.path.join(out, "image")
    put_together(tree, file)
    image(tree, file + ".image.tar", version, given.processor, commit_time())
    shutil.rmtree(tree)
    print(f"{os.path.relpath(file)}.image.tar: {os.path.getsize(file + '.image.tar')} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
