"""harness.py -- what a system test is given: real programs, conditions to poll, a clean end.

A test is a function `test_*(env)` in tests/system/test_*.py. It passes when it returns, fails when
it raises, and is skipped (aloud) when it calls env.skip() or needs what this machine does not give.
Everything that it starts is ended by process id, whatever happens; its folder is removed. The
harness knows nothing of what the programs do. Hosts of their own (namespaces) are in hosts.py.
"""
# SPDX-License-Identifier: BSD-3-Clause
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Skipped(Exception):
    """This test cannot run here; the text says why."""


class Failed(AssertionError):
    """What a test expected did not come to pass."""


#: Processes and mounts of their own, which end with whoever started them.
OWN_PROCESSES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                 "--kill-child")


def adopt_orphans():
    """From now on what our children leave behind becomes our child, so that we can end it."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent():
    """For the time between fork and exec: the kernel ends this process when its parent dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_for(condition, seconds, what, pause=0.02):
    """Polls until condition() is true and returns its value; fails with `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(pause)


def children_of(pid):
    """Process ids of the direct children, of all threads."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def end_descendants(of, spare=()):
    """Kills everything below a process, by id, until nothing is left; reaps what is our own."""
    while True:
        pids = [pid for pid in children_of(of) if pid not in spare]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)  # Its children come to us, and are next.
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass


class Process:
    """A program that a test has started. Its output goes to a file which log() reads."""

    def __init__(self, popen, name, log_path):
        self.popen = popen
        self.name = name
        self.log_path = log_path

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def says(self, text, seconds=10):
        """Waits until the text stands in the output; fails at once if the program ends before."""
        def seen():
            ended = not self.alive()  # Asked first: what was said before the end counts.
            if text in self.log():
                return True
            if ended:
                raise Failed(f"{self.name} ended with {self.popen.returncode}, without {text!r}")
            return False
        wait_for(seen, seconds, f"{self.name} says {text!r}")
        return self

    def send(self, line):
        """Writes one line to the program's standard input (spawn with stdin=True)."""
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def wait(self, seconds=10):
        """The exit status; fails if the program goes on."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{self.name} had not ended after {seconds} s") from late

    def stop(self, seconds=10):
        """SIGTERM; the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """SIGKILL, as a power cut for one program."""
        self.signal(signal.SIGKILL)
        self.popen.wait()


class Env:
    """One test's world. Not to be shared between tests."""

    def __init__(self, bin_dir, name="test"):
        self.bin = os.path.abspath(bin_dir)
        self.tmp = tempfile.mkdtemp(prefix="castvote-")  # Short: a socket's path has 107 bytes.
        os.chmod(self.tmp, 0o755)
        self.name = name
        self.processes = []
        self._cleanups = []

    # -- what this machine must have ---------------------------------------------------------

    def skip(self, reason):
        raise Skipped(reason)

    def need_root(self):
        if os.geteuid() != 0:
            self.skip("needs root")

    def need_program(self, name):
        """The path of a program of this machine, or the test is skipped."""
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if path is None:
            self.skip(f"needs {name}, which is not installed (./dev setup)")
        return path

    def need_namespaces(self):
        self.need_root()
        probe = subprocess.run(["unshare", "--net", "--mount", "--uts", "--ipc", "true"],
                               capture_output=True, text=True, check=False)
        if probe.returncode != 0:
            self.skip("namespaces are not permitted here: " + probe.stderr.strip())

    # -- programs ----------------------------------------------------------------------------

    def program(self, name):
        """The path of one of our own programs; a missing one is a failure, not a skip."""
        path = os.path.join(self.bin, name)
        if not os.access(path, os.X_OK):
            raise Failed(f"{path} is not there: ./dev build")
        return path

    def path(self, *parts):
        return os.path.join(self.tmp, *parts)

    def spawn(self, argv, name=None, stdin=False, env=None):
        """Starts a program in the background; its output goes to <tmp>/<name>.log.

        Only from the test's own thread: the program ends with the thread that started it.
        """
        name = name or os.path.basename(argv[0])
        taken = {process.name for process in self.processes}
        unique = next(n for n in [name] + [f"{name}-{i}" for i in range(2, 1000)] if n not in taken)
        log_path = self.path(unique + ".log")
        with open(log_path, "ab") as log:
            popen = subprocess.Popen(
                [str(word) for word in argv], cwd=self.tmp, stdout=log, stderr=log,
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                env={**os.environ, **(env or {})}, preexec_fn=die_with_parent)
        process = Process(popen, unique, log_path)
        self.processes.append(process)
        return process

    def run(self, argv, seconds=30, check=True, stdin=None, env=None):
        """Runs a program to its end; a CompletedProcess with text. A status other than 0 fails."""
        argv = [str(word) for word in argv]
        try:
            done = subprocess.run(argv, cwd=self.tmp, capture_output=True, text=True, input=stdin,
                                  stdin=subprocess.DEVNULL if stdin is None else None,
                                  env={**os.environ, **(env or {})}, timeout=seconds, check=False)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{' '.join(argv)} had not ended after {seconds} s") from late
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(argv)} ended with {done.returncode}:\n"
                         f"{done.stdout}{done.stderr}")
        return done

    # -- conditions --------------------------------------------------------------------------

    wait_for = staticmethod(wait_for)

    def free_port(self):
        """A TCP port of loopback that nobody uses at this moment."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def listening(self, port, seconds=10):
        """Waits until something accepts connections on a port of loopback."""
        def accepts():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            except OSError:
                return False
        wait_for(accepts, seconds, f"something listens on port {port}")

    # -- hosts and the end -------------------------------------------------------------------

    def world(self):
        """Hosts with a network of their own (hosts.py); skipped aloud where that cannot be."""
        import hosts  # Only for the tests that want it.
        self.need_namespaces()
        for program in ("ip", "nft", "nsenter"):
            self.need_program(program)
        world = hosts.World(self)
        self.at_end(world.close)
        return world

    def at_end(self, call):
        self._cleanups.append(call)

    def logs(self, lines=40):
        """The last lines of everything that the test's programs said, for a failure's report."""
        told = []
        for process in self.processes:
            tail = process.log().splitlines()[-lines:]
            if tail:
                told += [f"--- {process.name}"] + tail
        return "\n".join(told)

    def close(self, keep=False, spare=()):
        """spare: process ids of another Env, which goes on."""
        for process in self.processes:
            if process.popen.stdin:
                try:
                    process.popen.stdin.close()
                except BrokenPipeError:
                    pass
            process.kill()
        failure = None
        for call in reversed(self._cleanups):
            try:
                call()
            except (AssertionError, OSError) as why:
                failure = failure or why
        end_descendants(os.getpid(), spare)
        if not keep:
            shutil.rmtree(self.tmp, ignore_errors=True)
        if failure:
            raise failure
