"""seeds.py -- writes the seeds of the fuzz corpus: recorded messages and golden scenarios as input.

    seeds.py [--build DIR]    rewrites tests/fuzz/corpus/*/seed-*; other files there are left alone

Few of them are kept: what our own lies below say (mutants are killed by them), and of the rest as
few as reach every edge of the code that all of them reach. DIR, build/fuzz unless given, has the
programs that know (`./dev fuzz`).

What a target makes of its bytes stands at its top (framer.cpp, decoder.cpp, session.cpp,
arbiter.cpp, node.cpp); this file must say the same. A command of a scenario that has no bytes there
(`status`, rules that are off) is left out: a seed is where fuzzing begins, not a test of its own.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
CORPUS = os.path.join(HERE, "corpus")
TARGETS = ("framer", "decoder", "session", "arbiter", "node")
ALGORITHMS = {"test": 0, "ffsplit": 1, "2nodelms": 2, "lms": 3}


SEEDS = {target: {} for target in TARGETS}


def write(target, name, data):
    SEEDS[target][f"seed-{name}"] = bytes(data)


def words_of(line):
    """(command, plain words, {key: value})"""
    command, *rest = line.split()
    return (command, [word for word in rest if "=" not in word],
            dict(word.split("=", 1) for word in rest if "=" in word))


def commands_of(path):
    """The commands of a golden scenario: each block up to its dashed line."""
    with open(path, encoding="utf-8") as file:
        for block in file.read().split("\n\n"):
            for line in block.split("\n"):
                if line.startswith("----"):
                    break
                if line and not line.startswith("#"):
                    yield words_of(line)


def mask(text):
    return sum(1 << (int(word) - 1) for word in text.split(",") if int(word) <= 6) if text else 0


def milliseconds(text):
    return int(text[:-2]) if text.endswith("ms") else int(text[:-1]) * 1000


# -- messages -----------------------------------------------------------------------------------

def wire_seeds():
    with open(os.path.join(TESTS, "data", "wire-vectors.json"), encoding="utf-8") as file:
        data = json.load(file)
    shortest = {}
    for one in data["vectors"]:
        raw = bytes.fromhex(one["hex"])
        options = tuple(sorted({option["option"] for option in one["decoded"].get("options", [])}))
        key = (raw[1], options)
        if key not in shortest or len(raw) < len(shortest[key]):
            shortest[key] = raw
    for number, raw in enumerate(shortest[key] for key in sorted(shortest)):
        write("decoder", f"{number:02}", bytes([raw[1]]) + raw[6:])
    bad = [bytes.fromhex(one["hex"]) for one in data["malformed"] if one.get("hex")]
    for number, story in enumerate(data["sessions"]):
        sent = [bytes.fromhex(step["send"]) for step in story["steps"] if "send" in step]
        write("framer", f"session-{number:02}", bytes([255, number]) + b"".join(sent)[:2000])
        write("session", f"session-{number:02}", session_of(sent[:12]))
        init = next((raw for raw in sent if raw[1] == 3), b"")
        good = bad[number * 11:number * 11 + 11]
        write("framer", f"bad-{number:02}", bytes([number * 8, 3]) + b"".join(good)[:2000])
        write("session", f"bad-{number:02}", session_of([init] + good))
    write_client_reactions(data)


def write_client_reactions(data):
    """What a server may say that is wrong, to a node which is connected."""
    frames = [bytes.fromhex(one["server_sends"]) for one in data["client_reactions"]
              if set(one.get("server_sends", "x")) <= set("0123456789abcdef")]
    for number, raw in enumerate(frame for frame in frames if 6 < len(frame) < 255):
        write("node", f"reaction-{number:02}",
              bytes([1, 0, 0, 0, 4, 9, 14, 0, 14, 0, 4, 0, 10, raw[1], len(raw) - 6]) + raw[6:])


def session_of(frames):
    """One hostile connection: PREINIT, STARTTLS, then the frames, each a record of its own."""
    data = [0]
    preinit = bytes.fromhex("00000000000e0000000400000001" "000100027831")
    starttls = bytes.fromhex("0002000000080000000400000002")
    for raw in [preinit, starttls, *frames]:
        if 0 < len(raw) < 256:
            data += [3, len(raw), *raw]
    return data


# -- the arbiter's scenarios ----------------------------------------------------------------------

class ArbiterSeed:
    def __init__(self):
        self.data = [0]
        self.clients = {}
        self.silent = set()

    def ring(self, text):
        node, seq = (int(part, 16) for part in text.split("."))
        return (node - 1) & 7 | (seq // 4 & 31) << 3

    def deed(self, client, code, *arguments):
        self.data += [self.clients[client] << 5 | code, *arguments]

    def present(self, client, keys):
        return mask(keys["members"]) if "members" in keys else 1 << self.clients[client]

    def membership(self, client, ring, keys):
        heuristics = {"": 0, "pass": 2, "fail": 1}[keys.get("heuristics", "")] << 6
        self.deed(client, 3, mask(keys.get("members", "")) | heuristics, self.ring(ring))

    def connect(self, plain, keys):
        client = plain[0]
        self.clients[client] = min(int(keys["node"]), 6) - 1
        tie = {"lowest": 0, "highest": 1}.get(keys.get("tie", "lowest"), 2)
        heartbeat = {"2s": 16, "20s": 32}.get(keys.get("heartbeat"), 0)
        algorithm = ALGORITHMS[keys.get("algorithm", "ffsplit")] ^ 1
        ours = 128 if "lease" in keys else 0
        self.deed(client, 0, algorithm | tie << 2 | heartbeat | ours, self.ring(keys["ring"]))
        if keys.get("keep-active") == "on":
            self.deed(client, 9, 3)
        if ours:
            self.say(client, {"timeout": "10s", "sync-timeout": "23s", **keys})
        if "config" in keys:
            self.deed(client, 1, mask(keys["config"]))
            self.membership(client, keys["ring"], keys)
            self.deed(client, 4, self.present(client, keys))

    def say(self, client, keys):
        """The private options; lease, timeout, sync-timeout, grant, released, keeps."""
        spans = ("lease", "timeout", "sync-timeout")
        values = [milliseconds(keys[key]) // 100 if key in keys else None for key in spans]
        values += [int(keys[key]) if key in keys else None for key in ("grant", "released")]
        values.append(self.ring(keys["keeps"]) if "keeps" in keys else None)
        present = sum(1 << i for i, value in enumerate(values) if value is not None)
        self.deed(client, 19, present, *(min(v, 255) for v in values if v is not None))

    def restart(self, down, finds):
        found = ("its-record", "record-of-another-boot", "nothing", "older-copy").index(finds)
        self.data += [20, min(milliseconds(down) // 100, 63) << 2 | found]
        self.silent.clear()

    def settings(self, keys):
        failover = ("stock", "fast", "strict").index(keys.get("failover", "stock"))
        state = {"none": 0, "kept": 32, "new": 32 | 64}[keys.get("state", "none")]
        self.data[0] |= (keys.get("started") == "now") << 2 | failover << 3 | state

    def wait(self, text):
        left = (milliseconds(text) + 2400) // 2500
        echoing = sum(1 << number for name, number in self.clients.items()
                      if name not in self.silent)
        while left > 0:
            self.data += [17, min(left, 31), echoing]
            left -= 31

    def take(self, command, plain, keys):
        if command == "connect":
            self.connect(plain, keys)
        elif command == "ring":
            self.membership(plain[0], plain[1], keys)
        elif command == "config":
            self.deed(plain[0], 2, mask(plain[1]))
        elif command == "quorum":
            self.deed(plain[0], 4, (64 if plain[1] == "quorate" else 0) |
                      self.present(plain[0], keys))
        elif command == "heuristics":
            self.deed(plain[0], 7, plain[1] == "fail")
        elif command == "reply":
            for client in plain:
                self.deed(client, 5)
        elif command == "heartbeat":
            self.deed(plain[0], 9, 4 | min(milliseconds(plain[1]) // 1000, 31) << 3)
        elif command == "silent":
            self.silent |= set(plain)
        elif command == "close":
            causes = {"fin": 0, "reset": 1, "queue-full": 2, "tls": 3}
            self.deed(plain[0], 8, causes[plain[1]])
            self.silent.discard(plain[0])
        elif command == "wait":
            self.wait(plain[0])
        elif command == "release":
            self.data += [18, int(plain[0]) - 1]
        elif command == "stall":
            self.data += [16, min(milliseconds(plain[0]) // 100, 255)]
        elif command == "settings":
            self.settings(keys)
        elif command == "say":
            self.say(plain[0], keys)
        elif command == "leave":
            self.say(plain[0], {"released": "1"})
        elif command == "heard":
            self.silent -= set(plain)
        elif command == "restart":
            self.restart(plain[0], keys.get("finds", "its-record"))
        elif command == "store":
            self.data += [21, {"slow": 0, "works": 1, "writes": 2 | 1 << 2, "copied": 3}[plain[0]]]


# What no golden scenario does with the private options (docs/protocol.md 15): lies and nonsense.
# `say` is SET_OPTION, `store writes` the first write that waits; an `older-copy` is what
# `store copied` saw. 25500ms is a number that no daemon means (private_options.hpp).
OURS = """connect A node=1 ring=1.8 config=1,2 members=1,2 lease=3s
connect B node=2 ring=1.8 config=1,2 members=1,2 lease=3s
wait 10s
reply A B
"""
STOCK = OURS.replace(" lease=3s", "")
SPLIT = """ring A 1.c members=1
ring B 2.c members=2
wait 3s
reply A B
wait 10s
reply A B
"""
LIES = {
    # Who knows no private options, or has no lease, gives no vote back, neither its own ...
    "leased-by-a-stock-node": STOCK + "say B lease=3s timeout=10s\nsay B released=1\n",
    "released-by-a-stock-node": STOCK + "say B released=1\nclose B reset\nring A 1.4 members=1\n"
                                "wait 10s\nreply A\n",
    "released-without-a-lease": OURS.replace(" lease=3s", " lease=20s") + "say B released=1\n"
                                "close B reset\nring A 1.4 members=1\nwait 10s\nreply A\n",
    # ... nor another's.
    "released-by-the-loser": OURS + SPLIT + "say B released=1\nclose A reset\nwait 10s\n"
                             "ring B 2.10 members=2\nwait 10s\nreply B\n",
    "released-twice": OURS + "say B released=1\nsay B released=1\nsay B released=2\nring B 2.c "
                      "members=2\nwait 3s\nreply B\nsay A released=1\nwait 20s\nreply B\n",
    "released-and-voted-on": OURS + SPLIT + "say A released=1\nreply A\nring A 1.c members=1\n"
                             "wait 3s\nreply A B\nwait 10s\nreply A B\n",
    "lease-too-long": OURS.replace("lease=3s", "lease=16100ms") +
                      "say A lease=20s timeout=1s\nsay A lease=3s\n" + SPLIT,
    "lease-of-nothing": OURS + "say A lease=0s timeout=0s\nsay A lease=100ms timeout=25500ms\n"
                        "say B lease=25500ms timeout=10s\n" + SPLIT,
    # What is said later holds from the next vote on.
    "lease-shortened": OURS + "say A lease=100ms timeout=100ms\nsilent A\nring B 2.4 members=2\n"
                       "wait 5s\nreply B\nwait 10s\nreply B\n",
    "timeout-shortened": OURS + "say A timeout=100ms\nring A 1.8 members=1,2\nsilent A\n"
                         "close A reset\nring B 2.4 members=2\nwait 5s\nreply B\nwait 10s\n",
    "keeps-another-ring": "connect A node=1 ring=1.8 config=1,2 members=1,2 lease=3s keeps=1.4\n"
                          "wait 3s\nreply A\nwait 8s\nreply A\n",
    "keeps-after-the-nack": OURS + SPLIT + "say B lease=3s timeout=10s keeps=2.c\nwait 3s\n"
                            "close A fin\nring B 2.c members=2\nreply B\nwait 20s\nreply B\n",
    "restarted-in-a-split": "settings state=kept\n" + OURS + SPLIT + "restart 200ms\n"
                            "connect B node=2 ring=2.c config=1,2 members=2 lease=3s keeps=2.c\n"
                            "wait 5s\nreply B\nwait 5s\nreply B\n",
    "restarted-before-the-write": "settings state=kept\nstore slow\n" + OURS + "store writes\n"
                                  "reply A B\n" + SPLIT + "restart 200ms finds=record-of-another-"
                                  "boot\nconnect B node=2 ring=2.c config=1,2 members=2\nwait 20s\n"
                                  "store works\nreply B\nwait 20s\nreply B\n",
    "older-copy": "settings state=kept\n" + OURS + "store copied\n" + SPLIT + "restart 1s "
                  "finds=older-copy\nconnect B node=2 ring=2.c config=1,2 members=2 lease=3s "
                  "grant=9\nwait 12s\nreply B\nwait 20s\nreply B\n",
    "grant-invented": "settings state=new\n" + OURS + "say A grant=255\nsay B grant=240\n" + SPLIT +
                      "say A grant=7\nrestart 200ms\nconnect A node=1 ring=1.c config=1,2 "
                      "members=1 lease=3s grant=200 keeps=1.c\nwait 30s\nreply A\n",
}


# -- the node's scenarios -------------------------------------------------------------------------

class NodeSeed:
    votes = {"ACK": 0, "NACK": 1, "ASK_LATER": 2, "WAIT_FOR_REPLY": 3, "NO_CHANGE": 4}

    def __init__(self):
        self.data = [1, 0, 0]

    def vote(self, kind, vote):
        low = next(low for low in range(16) if (kind * 16 + low) % 5 == self.votes[vote])
        self.data += [11, kind * 16 + low]

    def settings(self, keys):
        algorithm = ALGORITHMS[keys.get("algorithm", "ffsplit")]
        self.data[0] = (algorithm | (keys.get("wait-for-all") == "on") << 2 |
                        (keys.get("timeout") == "2s") << 3 | 16)
        self.data[1] = {"on": 1, "required": 2}.get(keys.get("tls"), 0)
        self.data[2] = {"on": 1, "sync": 2}.get(keys.get("heuristics"), 0)

    def wait(self, text):
        for _ in range(min(milliseconds(text) // 1000, 60)):
            self.data += [5, 50, 14, 3, 14, 3]  # a second, and two answers

    def take(self, command, plain, keys):
        simple = {"tcp": [9], "preinit-reply": [14, 0], "tls-done": [14, 0], "wake": [13],
                  "init-reply": [14, 0], "stop": [12, 0xf2], "provider-lost": [12, 0xf0],
                  "accept": [9, 14, 0, 14, 0, 4, 0], "error": [10, 5, 6, 0, 6, 0, 2, 0, 8]}
        if command == "settings":
            self.settings(keys)
        elif command in simple:
            self.data += simple[command]
        elif command == "ring":
            members = [int(word) for word in keys.get("members", "1").split(",")]
            self.data += [0, sum(1 << node for node in members if 2 <= node <= 4)]
        elif command == "quorum":
            self.data += [1, (plain[0] == "quorate") | 1 << 2 | 2 << 4]
        elif command == "flag":
            self.data += [2, plain[0] == "on"]
        elif command == "config":
            self.data += [3, 3]
        elif command == "heuristics":
            self.data += [4, {"pass": 1, "fail": 2}[plain[0]]]
        elif command == "vote":
            self.vote(0, plain[0])
        elif command == "list-reply":
            self.vote(1, plain[0])
        elif command == "lost":
            causes = {"connect-failed": 0, "fin": 1, "reset": 2, "queue-full": 3, "tls": 4}
            self.data += [7, causes[plain[0]]]
        elif command == "freeze":
            self.data += [6, min(milliseconds(plain[0]) // 100, 255)]
        elif command == "wait":
            self.wait(plain[0])


def scenario_seeds(target, folder, seed):
    for path in sorted(glob.glob(os.path.join(TESTS, "golden", folder, "*.txt"))):
        one = seed()
        for command, plain, keys in commands_of(path):
            one.take(command, plain, keys)
        write(target, os.path.basename(path)[:-len(".txt")], one.data)


def lie_seeds():
    for name, text in LIES.items():
        one = ArbiterSeed()
        for line in text.splitlines():
            one.take(*words_of(line))
        write("arbiter", f"said-{name}", one.data)


# -- what is kept ---------------------------------------------------------------------------------

def put(folder, name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def needed(target, program, is_kept):
    """The seeds to keep: those which is_kept names, and who reach what they and finds do not."""
    seeds = SEEDS[target]
    with tempfile.TemporaryDirectory() as folder:
        kept, offered = os.path.join(folder, "kept"), os.path.join(folder, "offered")
        os.mkdir(kept)
        os.mkdir(offered)
        for path in glob.glob(os.path.join(CORPUS, target, "*")):
            if not os.path.basename(path).startswith("seed-"):
                with open(path, "rb") as file:
                    put(kept, os.path.basename(path), file.read())
        for name, data in seeds.items():
            put(kept if is_kept(name) else offered, name, data)
        done = subprocess.run([program, "-set_cover_merge=1", "-use_counters=0", kept, offered],
                              capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            sys.exit(f"seeds.py: {program} ends with {done.returncode}:\n{done.stderr[-2000:]}")
        chosen = set(os.listdir(kept))  # libFuzzer names what it takes by its hash
    return {name: data for name, data in seeds.items()
            if name in chosen or hashlib.sha1(data).hexdigest() in chosen}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--build", default=os.path.join(os.path.dirname(TESTS), "build", "fuzz"))
    build = options.parse_args().build
    wire_seeds()
    scenario_seeds("arbiter", "qnetd", ArbiterSeed)
    lie_seeds()
    scenario_seeds("node", "qdevice", NodeSeed)
    for target in TARGETS:
        program = os.path.join(build, "tests", f"fuzz_{target}")
        if not os.path.exists(program):
            sys.exit(f"seeds.py: no {program}: ./dev fuzz --seconds 1")
        seeds = needed(target, program, lambda name: name.startswith("seed-said-"))
        print(f"{target}: {len(seeds)} of {len(SEEDS[target])} kept")
        for old in glob.glob(os.path.join(CORPUS, target, "seed-*")):
            os.remove(old)
        for name, data in seeds.items():
            put(os.path.join(CORPUS, target), name, data)


if __name__ == "__main__":
    main()
