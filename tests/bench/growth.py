"""Goal 8: what a read and a received byte cost does not grow with the file, its
ranges, the cache or those who wait. Costs are CPU time of the daemon."""
import os
import random
import re
import statistics
import subprocess
import time

import peers
from files import blocked_readers
from hits import LOAD
from lab import MIB, Column, Table
from reading import FileReader
from spool import name_of
from tap import wait_for

BLOCK = 4096
PIECE = 64 * MIB	# what is received at a time
COLUMNS = [Column("read", "CPU µs, a read", 1), Column("wait", "it takes µs"),
           Column("received", "CPU ms, a MiB received", 2)]
FLAT = 1.5	# times the first cost counts as flat


def resident(pid, kind="RssAnon"):
    """Bytes of memory; those that are no file's unless kind is VmRSS."""
    with open(f"/proc/{pid}/status") as f:
        found = re.search(rf"^{kind}:\s+(\d+)", f.read(), re.M)
    return int(found[1]) * 1024


def read_cost(p, r, places):
    pid, took = p.daemon.pid, []
    before = peers.cpu_ns(pid)
    for off in places:
        begin = time.monotonic()
        if r.pread(BLOCK, off) != BLOCK:
            raise OSError("short read")
        took.append(time.monotonic() - begin)
    return {"read": (peers.cpu_ns(pid) - before) / len(places) / 1000,
            "wait": statistics.median(took) * 1e6}


def receive_cost(p, r, off):
    before, got = peers.cpu_ns(p.daemon.pid), 0
    for n in r.blocks(off):
        got += n
        if got >= PIECE:
            break
    spent = peers.cpu_ns(p.daemon.pid) - before
    return {"received": spent / 1e6 / (got / MIB)}


def some(count, places):
    """count of them, by chance, of a thousand all over these places: what is
    touched at all shall not grow."""
    few = places[::max(1, len(places) // 1000)]
    dice = random.Random(8)
    return [few[dice.randrange(len(few))] for _ in range(count)]


# ---- ranges ----------------------------------------------------------------

def checksum(text):
    value = 0xcbf29ce484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return f"{value:016x}"


def set_present(meta, spans):
    """Have a record say that these ranges are here."""
    with open(meta) as f:
        text = f.read()
    text = re.sub(r"^(present|checksum): .*\n", "", text, flags=re.M)
    for at in range(0, len(spans), 4):
        text += "present: " + " ".join(f"{a}-{b}" for a, b in
                                       spans[at:at + 4]) + "\n"
    with open(meta, "w") as f:
        f.write(text + f"checksum: {checksum(text)}\n")


def ranges(lab, origin, count):
    """A file with so many, of one block, with one block between two."""
    size = 1024 * MIB
    p = peers.Ours(lab.sandbox, origin.url(f"/gen/{size}/"))
    with p:
        r = FileReader(p.target("1.bin"))
        r.pread(BLOCK, 0)
        r.close()
        p.stop()
        meta = os.path.join(p.cache, name_of(p.base) + "1.bin.meta")
        set_present(meta, [(2 * n * BLOCK, (2 * n + 1) * BLOCK)
                           for n in range(count)])
        p.start()
        r = FileReader(p.target("1.bin"))
        before = origin.stats()["requests"]
        values = read_cost(p, r, some(
            lab.size(20000, 1000), range(0, 2 * count * BLOCK, 2 * BLOCK)))
        if origin.stats()["requests"] != before:
            raise OSError("what the record says is here is not")
        values.update(receive_cost(p, r, size - 2 * PIECE))
        r.close()
    return values


# ---- the file's size -------------------------------------------------------

def sizes(lab, origin, size):
    with peers.Ours(lab.sandbox, origin.url(f"/gen/{size}/")) as p:
        r = FileReader(p.target("1.bin"))
        base = size // 2 & ~(MIB - 1)
        values = receive_cost(p, r, base)
        values.update(read_cost(p, r, some(
            lab.size(20000, 1000), range(base, base + PIECE, BLOCK))))
        r.close()
    return values


# ---- the cache -------------------------------------------------------------

def entries(lab, origin, count):
    base = origin.url(f"/gen/{BLOCK}/")
    with peers.Ours(lab.sandbox, base) as p:
        FileReader(p.target("1.bin")).close()
        r = FileReader(p.target("1.bin"))
        r.pread(BLOCK, 0)
        r.close()
        p.stop()
        subprocess.run([LOAD, "entries", os.path.join(p.cache, name_of(base)),
                        str(count)], check=True)
        before = origin.stats()["requests"]
        begin = time.monotonic()
        p.start()
        values = {"start": time.monotonic() - begin,
                  "memory": resident(p.daemon.pid, "VmRSS") / MIB}
        values.update(open_cost(p, lab.size(2000, 500), count))
        if origin.stats()["requests"] != before:
            raise OSError("what the records say is here is not")
        big = FileReader(p.target("1.bin").replace(f"/{BLOCK}/",
                                                   f"/{2 * PIECE}/"))
        values.update(receive_cost(p, big, 0))
        big.close()
    return values


def open_cost(p, times, count):
    """Open, read a block of, and close files of the cache, once each."""
    pid, took = p.daemon.pid, []
    before = peers.cpu_ns(pid)
    for n in random.Random(8).sample(range(1, count + 1), times):
        begin = time.monotonic()
        r = FileReader(p.target(f"{n}.bin"))
        if r.pread(BLOCK, 0) != BLOCK:
            raise OSError("short read")
        r.close()
        took.append(time.monotonic() - begin)
    return {"read": (peers.cpu_ns(pid) - before) / times / 1000,
            "wait": statistics.median(took) * 1e6}


# ---- who waits -------------------------------------------------------------

def parked(lab, origin, count):
    size = 256 * MIB
    base = origin.url(f"/gen/{size}/")
    with peers.Ours(lab.sandbox, base) as p:
        warm = FileReader(p.target("1.bin"))
        receive_cost(p, warm, 0)
        before, held = resident(p.daemon.pid), None
        if count:
            held = lab.sandbox.popen(
                [LOAD, "park", p.target("stalled.bin").replace(
                    f"/gen/{size}/", "/"), str(count)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if held.stdout.readline() != b"reading\n":
                raise OSError("load does not park")
            wait_for(lambda: blocked_readers(held.pid) >= count,
                     "all to wait", 20)
        memory = resident(p.daemon.pid) - before
        values = read_cost(p, warm, some(
            lab.size(20000, 1000), range(0, PIECE, BLOCK)))
        values.update(receive_cost(p, warm, size // 2))
        if count:
            values["memory"] = memory / count / 1024
            held.kill()
            held.wait()
            held.stdout.close()
            held.stdin.close()
        warm.close()
    return values


def curve(lab, title, function, steps, unit, columns=COLUMNS):
    table = Table("growth", title, columns)
    names = {n: f"{n:,}{unit}".replace(",", " ") for n in steps}
    lab.run(table, [(names[n], lambda n=n: function(n)) for n in steps],
            share=4)
    table.print()
    for key, what in (("read", "a read"), ("received", "a MiB received")):
        table.goal(8, f"{title}: {what}, last ÷ first ≤ {FLAT}",
                   table.ratio(names[steps[-1]], key, names[steps[0]]),
                   lambda x: x <= FLAT)
    return table, names


def bench(lab):
    origin = lab.sandbox.origin("/stalled.bin gen=256M/9 wall=1M\n")
    curve(lab, "ranges present in the file",
          lambda n: ranges(lab, origin, n), [1000, 10000, 100000], "")
    curve(lab, "size of the file",
          lambda n: sizes(lab, origin, n * MIB), [128, 1 << 14, 1 << 20],
          " MiB")
    steps = [2000, lab.size(200000, 20000)]
    table, names = curve(
        lab, "files in the cache (read: with open and close)",
        lambda n: entries(lab, origin, n), steps, "",
        COLUMNS + [Column("start", "start, s", 2),
                   Column("memory", "RSS then, MiB", 1)])
    table.goal(8, "RSS at the start < 15 MB",
               table.median(names[steps[-1]], "memory"), lambda x: x < 15,
               "{:.1f}")
    table, names = curve(
        lab, "readers that wait", lambda n: parked(lab, origin, n),
        [0, 600, 6000], "",
        COLUMNS + [Column("memory", "KiB each", 2)])
    table.goal(8, "memory of a waiting reader ≤ 1 KiB",
               table.median(names[6000], "memory"), lambda x: x <= 1)
