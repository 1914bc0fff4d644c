"""Goal 7: scans: ffprobe of many films, far and near, the head and the tail of
many files.

The limit is ffprobe on the URL, and asking for the two ranges. Each file is
looked at by all contenders in turn, each with an origin of its own."""
import os
import statistics
import time

import peers
from files import need
from lab import MB, Column, Table
from players import film
from reading import reader
from scattered import at_rest

CONDITIONS = "delay=10ms rate=20MB"
NEAR = "delay=1ms"
PROBE, ENDS = "ffprobe on the URL", "the two ranges"
LENGTH = 64 << 10
COLUMNS = [Column("time", "ms a file", 1, ratio=True),
           Column("bytes", "kB a file", ratio=True),
           Column("late", "kB a file, the second after"),
           Column("requests", "requests a file", 1)]


def probe(lab, target):
    p = lab.sandbox.run(["ffprobe", "-v", "error", "-show_entries",
                         "format=duration", "-of", "csv=p=0", target])
    if p.returncode or float(p.stdout) < 10:
        raise OSError(f"ffprobe: {p.stderr.strip()}")


def ends(lab, target):
    """What a thumbnailer reads."""
    r = reader(target)
    if r.pread(LENGTH, 0) != LENGTH or \
            r.pread(LENGTH, lab.film_size - LENGTH) != LENGTH:
        raise OSError("short read")
    r.close()


class Contender:
    """Somebody who looks at files, and an origin that nobody else asks."""

    def __init__(self, lab, name, root, conditions, peer=None):
        self.lab, self.name = lab, name
        self.origin = lab.sandbox.origin(f"* {conditions}\n", root=root)
        base = self.origin.url("/d/")
        self.peer = peer(lab.sandbox, base) if peer else None
        self.target = self.peer.target if peer else lambda n: base + n
        self.took = []

    def look(self, what, name):
        begin = time.monotonic()
        what(self.lab, self.target(name))
        self.took.append((time.monotonic() - begin) * 1000)

    def values(self):
        count, sent = len(self.took), self.origin.sent()
        time.sleep(1)		# what is fetched when nobody looks any more
        at_rest(self.origin)
        after = self.origin.stats()
        return {"time": statistics.mean(self.took), "bytes": sent / count / 1e3,
                "late": (after["sent"] - sent) / count / 1e3,
                "requests": after["requests"] / count}


def scan(lab, table, contenders, what, count):
    names = [f"{n}.mp4" for n in range(count)]
    for number, name in enumerate(names):
        turn = number % len(contenders)
        for c in contenders[turn:] + contenders[:turn]:
            if c.name in table.failed:
                continue
            try:
                c.look(what, name)
            except OSError as error:
                table.failed[c.name] = str(error)
    for c in contenders:
        if c.name not in table.failed:
            table.add(c.name, {0: c.values()})
    for c in contenders:
        if c.peer:
            with c.peer:
                pass
    table.print()


def library(lab, count):
    """So many names of one film, its index at the end."""
    www = lab.sandbox.folder("www")
    os.mkdir(f"{www}/d")
    film(lab.sandbox, f"{www}/film.mp4", 30)
    for n in range(count):
        os.link(f"{www}/film.mp4", f"{www}/d/{n}.mp4")
    lab.film_size = os.path.getsize(f"{www}/film.mp4")
    return www


def bench(lab):
    need("ffprobe", "ffmpeg")
    films = int(os.environ.get("BENCH_FILMS") or lab.size(50, 10))
    files = lab.size(200, 20)
    www = library(lab, max(films, files))
    for what, limit, count, title, conditions in (
            (probe, PROBE, films, f"ffprobe of {films} films", CONDITIONS),
            (probe, PROBE, films, f"ffprobe of {films} films, near", NEAR),
            (ends, ENDS, files, f"64 KiB of head and tail of {files} files",
             CONDITIONS)):
        table = Table("scan", f"{title}; {conditions}", COLUMNS, limit)
        line = [Contender(lab, p.name, www, conditions, p) for p in peers.OURS]
        line.insert(1, Contender(lab, limit, www, conditions))
        line += [Contender(lab, p.name, www, conditions, p) for p in lab.peers
                 if p is peers.NginxSlice]
        scan(lab, table, line, what, count)
        if what is probe:
            probed = table.median(PROBE, "bytes")
        for p in peers.OURS:
            pulled = table.median(p.name, "bytes")
            late = table.median(p.name, "late")
            table.goal(7, f"{title}: {p.name}: time ÷ {limit} ≤ 1.1",
                       table.ratio(p.name, "time"), lambda x: x <= 1.1)
            table.goal(7, f"{title}: {p.name}: bytes ÷ ffprobe's ≤ 1.2",
                       pulled and probed and pulled / probed,
                       lambda x: x <= 1.2)
            table.goal(7, f"{title}: {p.name}: fetched afterwards, kB = 0",
                       late, lambda x: x < 1, "{:.0f}")
