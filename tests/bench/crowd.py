"""Five hundred clients that take cold files as slowly as they come, all of one
file and each its own: what somebody waits who asks for what is here."""
import selectors
import socket
import threading
import urllib.parse

import peers
from hits import LENGTH, ranges
from lab import MIB, Column, Table
from reading import read_all

COUNT, ASKING = 500, 4
SIZE = 256 * MIB	# more than comes in the time
COLUMNS = [Column("alone", "p99 ms, nobody else", 2),
           Column("one", f"p99 ms, {COUNT} of one file", 2),
           Column("many", f"p99 ms, {COUNT} files", 2),
           Column("rate", "MB/s to the crowd"),
           Column("memory", "MiB of memory, at most")]


class Crowd:
    """One thread takes what comes for all of them."""

    def __init__(self, urls):
        self.selector, self.got = selectors.DefaultSelector(), 0
        self.over = threading.Event()
        for url in urls:
            parts = urllib.parse.urlsplit(url)
            s = socket.create_connection((parts.hostname, parts.port), 30)
            s.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}"
                      "\r\n\r\n".encode())
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.over.is_set():
            for key, _ in self.selector.select(0.1):
                piece = len(key.fileobj.recv(1 << 16))
                self.got += piece
                if not piece:
                    self.selector.unregister(key.fileobj)

    def end(self):
        self.over.set()
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def beside(lab, peer, seconds):
    # A link each, so that what has to be carried is the same.
    origin = lab.sandbox.origin("/warm.bin gen=8M/1\n"
                                f"/one.bin gen={SIZE}/2 link=100kB\n"
                                "* link=50MB\n")
    origin.base = origin.url("/")
    values = {}
    with peer(lab.sandbox, origin.base) as p:
        warm = p.target("warm.bin")
        read_all(warm)
        p99 = lambda: ranges(lab, warm, 8 * MIB, ASKING,
                             seconds)[f"p99_{ASKING}"]
        values["alone"] = p99()
        for key, names in (
                ("one", ["one.bin"] * COUNT),
                ("many", [f"gen/{SIZE}/{n}.bin" for n in range(COUNT)])):
            crowd = Crowd([p.target(name) for name in names])
            try:
                values[key] = p99()
            finally:
                crowd.end()
        values["rate"] = crowd.got / seconds / 1e6
        values["memory"] = p.memory() / MIB
    origin.stop()
    return values


def bench(lab):
    seconds = lab.size(2, 0.5)
    table = Table("crowd", f"{ASKING} connections ask for {LENGTH >> 10} KiB "
                  f"of what is here beside {COUNT} clients of what is not",
                  COLUMNS)
    p = peers.OursHttp
    lab.run(table, [(p.name, lambda: beside(lab, p, seconds))])
    table.print()
