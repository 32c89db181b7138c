"""quorum_watch.py -- says in JSON lines what this host's corosync tells its clients about quorum.

    quorum_watch.py NODE_ID

It is one more client of libquorum, whose notifications are what a cluster file system or a resource
manager acts on, and asks libvotequorum for the counts in between. Each change is a line with the
monotonic time `t`, and `gap`: how long before that it looked last, so how old the news may be. It
ends with its corosync, and starts waiting for one when there is none yet.
"""
# SPDX-License-Identifier: BSD-3-Clause
import ctypes
import json
import select
import sys
import time

OK, TRY_AGAIN = 1, 6
TRACK_CURRENT_AND_CHANGES = 1 | 2
DISPATCH_ALL = 2
FLAG_DEVICE_ALIVE, FLAG_DEVICE_VOTES = 128, 256
PAUSE_MS = 10

Handle = ctypes.c_uint64
Notification = ctypes.CFUNCTYPE(None, Handle, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_uint32,
                                ctypes.POINTER(ctypes.c_uint32))


class Callbacks(ctypes.Structure):
    _fields_ = [("notification", Notification)]


class Information(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint) for name in (
        "node_id", "state", "votes", "expected_of_node", "expected", "total", "quorum", "flags",
        "device_votes")] + [("device_name", ctypes.c_char * 255)]


class Ended(Exception):
    """corosync does not answer any more."""


def must(status):
    if status != OK:
        raise Ended(f"status {status}")


class Watch:
    def __init__(self, node_id):
        self.node_id = node_id
        self.quorum_library = ctypes.CDLL("libquorum.so.5")
        self.vote_library = ctypes.CDLL("libvotequorum.so.8")
        self.quorum_handle, self.vote_handle = Handle(), Handle()
        self.callbacks = Callbacks(Notification(self.notified))
        self.state = {"up": False, "quorate": False, "members": [], "votes": 0, "expected": 0,
                      "vote": False}
        self.looked = time.monotonic()

    def tell(self, **news):
        if any(self.state.get(key) != value for key, value in news.items()):
            self.state.update(news)
            now = time.monotonic()
            print(json.dumps({"t": now, "gap": now - self.looked, **self.state}), flush=True)

    def notified(self, _handle, quorate, _ring, count, members):
        self.tell(up=True, quorate=bool(quorate), members=sorted(members[i] for i in range(count)))

    def connect(self):
        kind = ctypes.c_uint32()
        if self.quorum_library.quorum_initialize(ctypes.byref(self.quorum_handle),
                                                 ctypes.byref(self.callbacks),
                                                 ctypes.byref(kind)) != OK:
            return False
        if self.vote_library.votequorum_initialize(ctypes.byref(self.vote_handle), None) != OK:
            self.quorum_library.quorum_finalize(self.quorum_handle)
            return False
        return True

    def count(self):
        found = Information()
        status = self.vote_library.votequorum_getinfo(
            self.vote_handle, ctypes.c_uint(self.node_id), ctypes.byref(found))
        if status == TRY_AGAIN:
            return
        must(status)
        counted = FLAG_DEVICE_ALIVE | FLAG_DEVICE_VOTES
        self.tell(votes=found.total, expected=found.expected,
                  vote=found.flags & counted == counted)

    def follow(self):
        file = ctypes.c_int()
        must(self.quorum_library.quorum_fd_get(self.quorum_handle, ctypes.byref(file)))
        must(self.quorum_library.quorum_trackstart(
            self.quorum_handle, ctypes.c_uint(TRACK_CURRENT_AND_CHANGES)))
        poll = select.poll()
        poll.register(file.value, select.POLLIN)
        while True:
            for _, what in poll.poll(PAUSE_MS):
                if what & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
                    raise Ended("the connection was closed")
            status = self.quorum_library.quorum_dispatch(self.quorum_handle,
                                                         ctypes.c_int(DISPATCH_ALL))
            if status != TRY_AGAIN:
                must(status)
            self.count()
            self.looked = time.monotonic()


def main():
    watch = Watch(int(sys.argv[1]))
    while not watch.connect():
        time.sleep(0.02)
    try:
        watch.follow()
    except Ended:
        watch.tell(up=False, quorate=False, members=[], votes=0, vote=False)


if __name__ == "__main__":
    main()
