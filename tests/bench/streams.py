"""Goal 3: how many connections a sequential read of a cold file comes to, on
origins where more of them pay, where they do not, and where there may not be
more than four."""
import threading

import peers
import web
from lab import MB, MIB, Column, Table
from reading import read_for

SECONDS = 4
ORIGINS = [
    ("20 MB/s each", "delay=50ms rate=20MB", "", None),
    ("20 MB/s in all", "delay=50ms link=20MB", "", 20),
    ("20 MB/s each, 429 to the fifth", "delay=50ms rate=20MB",
     '/d/1.bin busy=4 status=429 header="Retry-After: 1"\n', 80),
]
COLUMNS = [Column("start", "MB/s, 0-2 s"), Column("at2", "1.5-2 s"),
           Column("later", "2-4 s"),
           Column("connections", "connections, 3-4 s", 1),
           Column("refused", "429s"), Column("late", "of them after 2 s")]


class Watch:
    """Counts what is under way at an origin while something runs."""

    def __init__(self, origin, step=0.05):
        self.origin, self.step, self.counts = origin, step, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(self.step):
            self.counts.append(self.origin.stats("/d/1.bin")["active"])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def refused(origin, begin=0):
    return sum(1 for r in origin.log("/d/1.bin")
               if r["status"] == 429 and r["t"] >= begin)


def stream(lab, peer, origin):
    with peer(lab.sandbox, origin.base) as p:
        origin.reset()
        with Watch(origin) as watch:
            marks = read_for(p.target("1.bin"), SECONDS)
        first = min(r["t"] for r in origin.log("/d/1.bin"))
        last = watch.counts[-max(1, len(watch.counts) // SECONDS):]
        return {"start": marks[19] / 2 / MB,
                "at2": (marks[19] - marks[14]) / 0.5 / MB,
                "later": (marks[39] - marks[19]) / 2 / MB,
                "connections": sum(last) / len(last),
                "refused": refused(origin),
                "late": refused(origin, first + 2000)}


def bench(lab):
    size = 2048 * MIB
    table = Table("streams", "a sequential read of a cold file, 50 ms away",
                  COLUMNS)
    run, others = [], []
    for title, conditions, rules, _ in ORIGINS:
        origin = web.scripted(lab, [size], conditions, rules)
        row = lambda p, o=origin: (f"{title}: {p.name}",
                                   lambda: stream(lab, p, o))
        run += [row(p) for p in peers.OURS]
        if not others:
            others = [row(p) for p in lab.peers]
    lab.run(table, run, others, share=SECONDS * 2)
    table.order.sort(key=lambda n: [o[0] for o in ORIGINS].index(
        n.split(": ")[0]))
    table.print()
    for p in peers.OURS:
        name = f"{ORIGINS[0][0]}: {p.name}"
        table.goal(3, f"{name}: after 2 s ≥ 160 MB/s",
                   table.median(name, "at2"), lambda x: x >= 160, "{:.0f}")
        name = f"{ORIGINS[1][0]}: {p.name}"
        table.goal(3, f"{name}: connections at the end ≤ 2",
                   table.median(name, "connections"), lambda x: x <= 2,
                   "{:.1f}")
        name = f"{ORIGINS[2][0]}: {p.name}"
        table.goal(3, f"{name}: 429s after the first 2 s ≤ 2",
                   table.median(name, "late"), lambda x: x <= 2, "{:.0f}")
        table.goal(3, f"{name}: connections at the end ≤ 2",
                   table.median(name, "connections"), lambda x: x <= 2,
                   "{:.1f}")
