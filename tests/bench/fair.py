"""Goal 5: sixty-four readers of as many cold files behind one link, and whether
one who waits is served before what is fetched ahead."""
import statistics
import threading
import time

import peers
import web
from lab import MB, MIB, Column, Table
from reading import read_for, reader
from tap import wait_for

COLUMNS = [Column("rate", "MB/s, together"),
           Column("least", "least ÷ mean", 2),
           Column("most", "most ÷ mean", 2),
           Column("none", "got nothing")]
SIZE, LINK = 256 * MIB, "link=200MB delay=20ms"
LATENCY = [Column("alone", "ms, link idle", 1),
           Column("beside", "ms, link full", 1)]


def fair(targets, seconds):
    """What each of them gets, all reading for so long."""
    got = [0] * len(targets)
    over = threading.Event()

    def run(n):
        r = reader(targets[n])
        for piece in r.blocks():
            got[n] += piece
            if over.is_set():
                break
        r.close()

    threads = [threading.Thread(target=run, args=(n,), daemon=True)
               for n in range(len(targets))]
    begin = time.monotonic()
    for t in threads:
        t.start()
    time.sleep(seconds)		# the measurement
    sample, took = list(got), time.monotonic() - begin
    over.set()
    for t in threads:
        t.join()
    mean = sum(sample) / len(sample)
    return {"rate": sum(sample) / took / MB, "least": min(sample) / mean,
            "most": max(sample) / mean, "none": sample.count(0)}


def ours(lab, peer, origin, count, seconds):
    with peer(lab.sandbox, origin.base) as p:
        return fair([p.target(f"{n}.bin") for n in range(1, count + 1)],
                    seconds)


def latency(r, part):
    """Of reads all over the first or the second half of a file."""
    found = []
    for n in range(12):
        off = (part * 32 + n * 2 + 1) * (SIZE // 64)
        begin = time.monotonic()
        r.pread(64 << 10, off)
        found.append(time.monotonic() - begin)
    return statistics.median(found) * 1000


def play(target):
    try:
        read_for(target, 3)
    except OSError:		# a peer that does not live through it
        pass


def urgent(lab, peer, origin):
    """Random reads of one file while another is played and filled."""
    with peer(lab.sandbox, origin.base) as p:
        r = reader(p.target("1.bin"))
        alone = latency(r, 0)
        player = threading.Thread(target=play, args=(p.target("2.bin"),),
                                  daemon=True)
        player.start()
        wait_for(lambda: origin.sent(f"/gen/{SIZE}/2.bin") > 16 * MIB,
                 "the other one to play")
        beside = latency(r, 1)
        r.close()
        player.join()
        return {"alone": alone, "beside": beside}


def bench(lab):
    count, seconds = 64, lab.size(4, 2)
    origin = web.crowd(lab, SIZE, count, LINK)
    table = Table("fair", f"{count} readers of {count} cold files, {LINK}",
                  COLUMNS)
    row = lambda p: (p.name, lambda: ours(lab, p, origin, count, seconds))
    several = [p for p in lab.peers if p is not peers.Nbdkit]
    lab.run(table, [row(p) for p in peers.OURS],
            [row(p) for p in several] +
            [("floor: the origin", lambda: fair(
                [f"{origin.base}{n}.bin" for n in range(1, count + 1)],
                seconds))])
    table.print()
    for p in peers.OURS:
        table.goal(5, f"{p.name}, {count} files: least ÷ mean ≥ 0.8",
                   table.median(p.name, "least"), lambda x: x >= 0.8)
        table.goal(5, f"{p.name}, {count} files: most ÷ mean ≤ 1.2",
                   table.median(p.name, "most"), lambda x: x <= 1.2)
    table = Table("fair", "a random read of 64 KiB while another file is "
                  f"played as fast as it comes, {LINK}", LATENCY)
    row = lambda p: (p.name, lambda: urgent(lab, p, origin))
    lab.run(table, [row(p) for p in peers.OURS], [row(p) for p in several])
    table.print()
