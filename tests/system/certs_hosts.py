"""certs_hosts.py -- hosts for the tests of certificates, and what outsiders say about the result.

Each host has an /etc/corosync and a /tmp of its own, bound over the machine's in a mount namespace
that lives as long as one command; no daemon runs. Judges are openssl and NSS's own tools.
"""
# SPDX-License-Identifier: BSD-3-Clause
import hashlib
import json
import os
import re
import stat

ARBITER = "/etc/corosync/qnetd/nssdb"
NODE = "/etc/corosync/qdevice/net/nssdb"
ARBITER_TOOL = "corosync-qnetd-certutil"
NODE_TOOL = "corosync-qdevice-net-certutil"
STORED = re.compile(r"^Certificate( request)? stored in (.+)$", re.MULTILINE)

#: Our programs may lie under /tmp, which is about to be covered; so they come along.
ENTER = """mount --bind "$2" "$1/tmp/bin" && mount --bind "$1/etc" /etc/corosync &&
           mount --rbind "$1/tmp" /tmp && shift 2 && exec "$@" """


class Host:
    """A machine whose certificate tools are ours or the packages'."""

    def __init__(self, env, name, ours):
        self.env = env
        self.root = env.path(name)
        for folder in ("etc/qnetd", "tmp/bin"):
            os.makedirs(os.path.join(self.root, folder))
        self.belongs_to(ours)

    def belongs_to(self, ours):
        """Installs our tools, or the packages'."""
        self.ours = ours
        for tool in (ARBITER_TOOL, NODE_TOOL):
            place = self.run("sh", "-c", f"command -v {tool}").stdout
            assert place.startswith("/tmp/bin/" if ours else "/usr/"), place

    def words(self, argv):
        """A command line that runs another one on this host."""
        path = ("/tmp/bin:" if self.ours else "") + "/usr/sbin:/usr/bin:/sbin:/bin"
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh",
                self.root, self.env.bin, "env", f"PATH={path}"] + list(argv)

    def run(self, *argv, check=True):
        return self.env.run(self.words(argv), check=check)

    def status(self, *argv):
        return self.run(*argv, check=False).returncode

    def path(self, inside):
        """Where a file of this host lies for the machine."""
        for folder, prefix in (("etc", "/etc/corosync"), ("tmp", "/tmp")):
            if inside.startswith(prefix + "/"):
                return os.path.join(self.root, folder, inside[len(prefix) + 1:])
        raise ValueError(inside)

    def has(self, inside):
        return os.path.exists(self.path(inside))

    def read(self, inside):
        with open(self.path(inside), "rb") as file:
            return file.read()

    def write(self, inside, content):
        with open(self.path(inside), "wb") as file:
            file.write(content)

    def mode(self, inside):
        return stat.S_IMODE(os.stat(self.path(inside)).st_mode)


def machine(env):
    """Skips, aloud, where the stock tools or mount namespaces are missing."""
    env.need_namespaces()
    for program in ("certutil", "pk12util", "openssl", "unshare"):
        env.need_program(program)
    for program in ("/usr/bin/" + ARBITER_TOOL, "/usr/sbin/" + NODE_TOOL):
        if not os.access(program, os.X_OK):
            env.skip(f"needs {program}, which is not installed (./dev setup)")
    if not os.path.isdir("/etc/corosync"):
        env.skip("needs a folder /etc/corosync to bind over")
    env.program("qcert")


def stored_in(done):
    """The file that an administration tool would read: the last line that matches."""
    matches = STORED.findall(done.stdout)
    assert matches, done.stdout + done.stderr
    return matches[-1][1]


def begin(arbiter, nodes):
    """A CA at the arbiter, known to the nodes, as pvecm does it."""
    done = arbiter.run(ARBITER_TOOL, "-i")
    exported = f"{ARBITER}/qnetd-cacert.crt"
    assert done.stdout.splitlines()[-1] == f"QNetd CA certificate is exported as {exported}"
    for node in nodes:
        node.write("/tmp/ca.crt", arbiter.read(exported))
        node.run(NODE_TOOL, "-i", "-c", "/tmp/ca.crt")


def enrol(arbiter, nodes, cluster):
    """Request, signature, and the same key on all nodes, in the order of pvecm."""
    done = nodes[0].run(NODE_TOOL, "-r", "-n", cluster)
    request = stored_in(done)
    assert request == f"{NODE}/qdevice-net-node.crq"
    assert done.stdout.splitlines() == ["Creating new certificate request",
                                        f"Certificate request stored in {request}"]
    arbiter.write("/tmp/qdevice-net-node.crq", nodes[0].read(request))
    certificate = stored_in(arbiter.run(ARBITER_TOOL, "-s", "-c", "/tmp/qdevice-net-node.crq",
                                        "-n", cluster))
    assert certificate == f"{ARBITER}/cluster-{cluster}.crt"
    take_certificate(arbiter, nodes, cluster)


def take_certificate(arbiter, nodes, cluster):
    certificate = f"cluster-{cluster}.crt"
    nodes[0].write(f"{NODE}/{certificate}", arbiter.read(f"{ARBITER}/{certificate}"))
    bundle = stored_in(nodes[0].run(NODE_TOOL, "-M", "-c", f"{NODE}/{certificate}"))
    assert bundle == f"{NODE}/qdevice-net-node.p12"
    assert nodes[0].mode(bundle) == 0o600
    for node in nodes:  # The first one, too: pvecm does so.
        node.write("/tmp/node.p12", nodes[0].read(bundle))
        node.run(NODE_TOOL, "-m", "-c", "/tmp/node.p12")


# -- what the outside says about the result ------------------------------------------------------

def openssl_verifies(env, ca, certificate, purpose, form):
    """At security level 2, as our daemons will."""
    env.run(["openssl", "verify", "-auth_level", "2", "-purpose", purpose, "-CAfile", ca,
             "-no-CApath", "-no-CAstore", as_pem(env, certificate, form)])


def as_pem(env, certificate, form):
    pem = env.path("as.pem")
    env.run(["openssl", "x509", "-in", certificate, "-inform", form, "-out", pem])
    return pem


def subject(env, certificate, form):
    return env.run(["openssl", "x509", "-in", certificate, "-inform", form, "-noout", "-subject",
                    "-nameopt", "RFC2253"]).stdout.strip()


def check_arbiter(env, arbiter, cluster):
    ca = arbiter.path(f"{ARBITER}/qnetd-cacert.crt")
    signed = arbiter.path(f"{ARBITER}/cluster-{cluster}.crt")
    openssl_verifies(env, ca, signed, "sslclient", "der")
    assert subject(env, signed, "der") == f"subject=CN={cluster}"
    server = env.path("server.pem")
    if arbiter.ours:
        server = arbiter.path(f"{ARBITER}/server.pem")
        env.run(["openssl", "pkey", "-in", arbiter.path(f"{ARBITER}/server.key"), "-check",
                 "-noout"])
    else:
        arbiter.run("sh", "-c",
                    f"certutil -L -d sql:{ARBITER} -n 'QNetd Cert' -a > /tmp/server.pem")
        server = arbiter.path("/tmp/server.pem")
    openssl_verifies(env, ca, server, "sslserver", "pem")
    assert subject(env, server, "pem") == "subject=CN=Qnetd Server"
    return ca


def public_key(env, *words):
    return env.run(["openssl"] + list(words)).stdout


def check_our_node(env, node, ca):
    certificate = node.path(f"{NODE}/cluster.pem")
    key = node.path(f"{NODE}/cluster.key")
    openssl_verifies(env, ca, certificate, "sslclient", "pem")
    assert public_key(env, "x509", "-in", certificate, "-noout", "-pubkey") == \
        public_key(env, "pkey", "-in", key, "-pubout")
    assert node.mode(f"{NODE}/cluster.key") == 0o600
    assert node.has(f"{NODE}/pkcs11.txt") and not node.has(f"{NODE}/cert9.db")
    shown = json.loads(node.run("qcert", "show", "--dir", NODE, "--json").stdout)
    verdict = shown["directories"][0]["verdict"]
    assert verdict == {"usable": True, "warnings": []}, verdict


def check_stock_node(node):
    listed = node.run("certutil", "-L", "-d", f"sql:{NODE}").stdout
    assert re.search(r"^Cluster Cert +u,u,u$", listed, re.MULTILINE), listed
    assert re.search(r"^QNet CA +CT,c,c$", listed, re.MULTILINE), listed
    node.run("certutil", "-V", "-d", f"sql:{NODE}", "-n", "Cluster Cert", "-u", "C")


def check_bundle(node):
    """NSS reads the file: key and certificate under the name a stock node looks for."""
    listed = node.run("pk12util", "-l", f"{NODE}/qdevice-net-node.p12", "-W", "").stdout
    names = []
    for part in re.split(r"^(?=Key|Certificate)", listed, flags=re.MULTILINE):
        name = re.search(r"Friendly Name: (.+)$", part, re.MULTILINE)
        if name:
            names.append((re.match("Key|Certificate", part).group(), name.group(1)))
    assert sorted(names) == [("Certificate", "Cluster Cert"), ("Certificate", "QNet CA"),
                             ("Key", "Cluster Cert")], (names, listed)


def digests(on, folder):
    """Name -> digest of every file in a folder of a host."""
    place = os.path.dirname(on.path(folder + "/x"))
    return {name: hashlib.sha256(on.read(f"{folder}/{name}")).hexdigest()
            for name in sorted(os.listdir(place))}
