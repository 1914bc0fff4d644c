"""Goal 3: random reads of a cold file from an origin with latency, then, no
setting changed, a sequential read of the same file.

The limit of a random read is one request on a warm connection to the origin;
of the sequential one, what the link gives to as many connections as one likes.
"""
import random
import statistics
import threading
import time

import peers
import web
from lab import MB, MIB, Column, Table
from reading import UrlReader, read_for, reader

LIMIT = "a warm connection"
LENGTH, COUNT = 64 << 10, 50
CONDITIONS = "delay=50ms rate=20MB"
COLUMNS = [Column("median", "median ms", 1, ratio=True),
           Column("worst", "worst"),
           Column("pulled", "MB pulled", 1, ratio=True),
           Column("again", "requests again"),
           Column("start", "then MB/s, 0-2 s"),
           Column("at2", "1.5-2 s")]


def offsets(size):
    dice = random.Random(4)
    return [dice.randrange(0, size - LENGTH) & ~4095 for _ in range(COUNT)]


def latencies(r, places):
    found = []
    for off in places:
        begin = time.monotonic()
        if r.pread(LENGTH, off) != LENGTH:
            raise OSError("short read")
        found.append((time.monotonic() - begin) * 1000)
    return {"median": statistics.median(found), "worst": max(found)}


def at_rest(origin, seconds=2):
    """What is under way is over, or goes on for so long that it counts."""
    deadline = time.monotonic() + seconds
    while origin.stats()["active"] and time.monotonic() < deadline:
        time.sleep(0.02)


def rates(marks, step=0.1):
    return {"start": marks[19] / 2 / MB,
            "at2": (marks[19] - marks[14]) / 0.5 / MB}


def scattered(lab, peer, origin, size):
    with peer(lab.sandbox, origin.base) as p:
        origin.reset()
        r = reader(p.target("1.bin"))
        before = origin.sent()
        values = latencies(r, offsets(size))
        at_rest(origin)
        values["pulled"] = (origin.sent() - before) / MB
        requests = origin.stats()["requests"]
        latencies(r, offsets(size))
        values["again"] = origin.stats()["requests"] - requests
        r.close()
        try:
            values.update(rates(read_for(p.target("1.bin"), 2)))
        except OSError:		# some peers do not live to see it
            if peer in peers.OURS:
                raise
        return values


def limit(origin, size):
    r = UrlReader(origin.base + "1.bin")
    r.pread(1, 0)
    values = latencies(r, offsets(size))
    r.close()
    values["pulled"] = LENGTH * COUNT / MB
    return values


def link(origin, size, connections=16):
    """What so many connections bring, from the first byte asked for."""
    totals = [[] for _ in range(connections)]

    def run(n):
        totals[n] = read_for(origin.base + "1.bin", 2,
                             off=size // connections * n)

    threads = [threading.Thread(target=run, args=(n,), daemon=True)
               for n in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return rates([sum(x) for x in zip(*totals)])


def bench(lab):
    size = 1024 * MIB
    origin = web.scripted(lab, [size], CONDITIONS)
    table = Table("random", f"{COUNT} random reads of 64 KiB, cold, and then "
                  f"sequentially; {CONDITIONS}", COLUMNS, LIMIT)
    run = [(p.name, lambda p=p: scattered(lab, p, origin, size))
           for p in peers.OURS]
    run.insert(1, (LIMIT, lambda: limit(origin, size)))
    others = [(p.name, lambda p=p: scattered(lab, p, origin, size))
              for p in lab.peers]
    others.append(("floor: 16 connections, not kept",
                   lambda: link(origin, size)))
    lab.run(table, run, others, share=10)
    table.print()
    for p in peers.OURS:
        table.goal(3, f"{p.name}: median ÷ a request ≤ 1.1",
                   table.ratio(p.name, "median"), lambda x: x <= 1.1)
        table.goal(3, f"{p.name}: pulled ÷ read ≤ 1.3",
                   table.ratio(p.name, "pulled"), lambda x: x <= 1.3)
        table.goal(3, f"{p.name}: requests for the same again = 0",
                   table.median(p.name, "again"), lambda x: x == 0, "{:.0f}")
        table.goal(3, f"{p.name}: sequential after 2 s ≥ 160 MB/s",
                   table.median(p.name, "at2"), lambda x: x >= 160,
                   "{:.0f}")
