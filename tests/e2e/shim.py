"""shim: tests/shim.c, which shows one daemon another clock, another disk and
another kernel.

    shim = Shim(s, cache)
    d = shim.daemon(s, cache=cache)
    shim.fail(Shim.WRITE, errno.ENOSPC)
"""
import mmap
import os
import struct

from files import program
from tap import Skip

SHIM = program("SHIM", "tests/shim.so")


class Shim:
    """The machine as tests/shim.c shows it to one daemon."""
    WRITE, READ, SYNC, NAME, MAKE, REMOVE, BACKING = 1, 2, 4, 8, 16, 32, 64
    CUT, THREAD = 128, 256

    def __init__(self, s, folder=""):
        if not os.path.exists(SHIM):
            raise Skip(f"{SHIM} is not built")
        path = s.write("shim", bytes(16))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 16)
        self.env = {"LD_PRELOAD": SHIM, "SPOOL_SHIM": path,
                    "SPOOL_SHIM_DIR": folder,
                    "ASAN_OPTIONS": s.env["ASAN_OPTIONS"] +
                    ":verify_asan_link_order=0"}

    def daemon(self, s, **keys):
        old = dict(s.env)
        s.env.update(self.env)
        try:
            return s.spoolfs(**keys)
        finally:
            s.env.clear()
            s.env.update(old)

    def clock(self, seconds):
        self.map[0:8] = struct.pack("=q", seconds)

    def fail(self, how, error=0):
        self.map[8:16] = struct.pack("=Ii", 0, error)
        self.map[8:12] = struct.pack("=I", how)
