"""cmap_probe.py -- connects to corosync's cmap, and asks it for a key at each line of its input.

Prints `connected`, then for each line the answer's result code and how many seconds it took.
"""
# SPDX-License-Identifier: BSD-3-Clause
import ctypes
import sys
import time

CS_OK = 1
KEY = b"totem.cluster_name"


def main():
    cmap = ctypes.CDLL("libcmap.so.4")
    handle = ctypes.c_uint64()
    result = cmap.cmap_initialize(ctypes.byref(handle))
    if result != CS_OK:
        sys.exit(f"cmap_initialize: {result}")
    print("connected", flush=True)
    for _ in sys.stdin:
        text = ctypes.c_char_p()
        begin = time.monotonic()
        result = cmap.cmap_get_string(handle, KEY, ctypes.byref(text))
        print(f"{result} after {time.monotonic() - begin:.2f} s", flush=True)


main()
