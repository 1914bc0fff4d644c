"""kill -9 at random moments of a mixed load: no wrong byte, and nothing that
was downloaded two seconds before is downloaded again.

    tests/e2e/kills.py			6 kills
    KILLS=200 tests/e2e/kills.py	as many as make check-kills does
    KILLS_SEED=... 			the dice of an earlier run
"""
import random

from load import File, Load
from spool import *

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILLS_SEED", "0")) or random.randrange(1, 1 << 32)
LINK = 8 << 20			# bytes a second, all requests together
SIZE = 24 << 20
# Of a request that was cut short some bytes have left the origin and never
# reached the daemon; of one under way some are between the two.
IN_SOCKETS = 256 << 10


class Ranges:
    """A set of places, as disjoint sorted [start, end)."""

    def __init__(self):
        self.all = []

    def add(self, a, b):
        if a >= b:
            return
        near = [r for r in self.all if r[0] <= b and r[1] >= a]
        self.all = sorted([r for r in self.all if r not in near] +
                          [(min([a] + [r[0] for r in near]),
                            max([b] + [r[1] for r in near]))])

    def common(self, a, b):
        return sum(max(0, min(b, y) - max(a, x)) for x, y in self.all)


class Ledger:
    """What has come from the origin, and since when."""

    def __init__(self, o):
        self.o = o
        self.ever, self.safe = {}, {}	# path: Ranges
        self._samples = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _rows(self):
        rows = []
        for r in self.o.log():
            start = range_start(r) if r["status"] == 206 else 0
            rows.append((r["path"], start, start + r["sent"]))
        return rows

    def _sample(self):
        while not self._ended.wait(0.1):
            with self._lock:
                rows = self._rows()
                self._samples.append((time.monotonic(), rows))

    def life_over(self, killed):
        """The daemon was killed at this time. (bytes of this life that were
        safe before, that had come before at all)."""
        wait_for(lambda: self.o.stats()["active"] == 0, "transfers to end")
        with self._lock:
            rows = self._rows()
            old = [r for t, r in self._samples if t <= killed - 2.0]
            self._samples = []
            self.o.reset()
        bad = again = 0
        for path, a, b in rows:
            bad += self._of(self.safe, path).common(a, b)
            again += self._of(self.ever, path).common(a, b)
        for path, a, b in rows:
            self._of(self.ever, path).add(a, b)
        for path, a, b in old[-1] if old else ():
            self._of(self.safe, path).add(a, b - IN_SOCKETS)
        return bad, again

    @staticmethod
    def _of(sets, path):
        return sets.setdefault(path, Ranges())

    def stop(self):
        self._ended.set()
        self._thread.join()


def whole(d, url):
    try:
        return os.stat(d.path(url)).st_blocks * 512 >= SIZE
    except OSError:
        return False


class Shelf:
    """The files that are read: one that is complete gives its place to a
    new one, so that there is always something to download."""

    def __init__(self, load, o, d):
        self.load, self.o, self.d = load, o, d
        self.next = 1
        self.finished = []
        while len(load.files) < 4:
            load.files.append(self._new())

    def _new(self):
        n, self.next = self.next, self.next + 1
        return File(f"/gen/{SIZE}/{n}.mp4", SIZE, n)

    def turn(self):
        for i, file in enumerate(self.load.files[:4]):
            if whole(self.d, self.o.url(file.path)):
                self.finished.append(file)
                self.load.files[i] = self._new()
        # One finished file stays in use; older ones have to go some day.
        self.load.files[4:] = self.finished[-1:]
        while len(self.finished) > 8:
            self._drop(self.finished.pop(0))

    def _drop(self, file):
        path = self.d.path(self.o.url(file.path))
        equal(sha256(path), gen_sha256(SIZE, file.seed), file.path)
        os.unlink(path)


def kill(d, stale):
    """kill -9; its mount point is cleaned up, or left for the next one."""
    os.kill(d.pid, signal.SIGKILL)
    killed = time.monotonic()
    d._reap()
    d.killed = True
    if not stale:
        subprocess.run(["fusermount3", "-u", "-z", d.mnt], check=True)
    return killed


@case(limit=60 * SLACK + KILLS * 6 * SLACK)
def kills(s):
    "kill -9 at random moments of a mixed load: right bytes, 2 s lost at most"
    note(f"{KILLS} kills, KILLS_SEED={SEED}")
    dice = random.Random(SEED)
    o = s.origin(f"* link={LINK}\n")
    d = s.spoolfs()
    load = Load(s, d, [], limit=40 * SLACK)
    load.origin_url = o.url("")
    shelf = Shelf(load, o, d)
    ledger = Ledger(o)
    try:
        load.start(SEED)
        kill_and_kill(o, d, load, shelf, ledger, dice)
    finally:
        ledger.stop()
        load.end()


def kill_and_kill(o, d, load, shelf, ledger, dice):
    worst = total = 0
    for n in range(KILLS):
        # The moment is what is random: not a wait for anything.
        time.sleep(dice.uniform(0.05, 3.5))
        load.check()
        load.down()
        bad, again = ledger.life_over(kill(d, stale=n % 2))
        worst, total = max(worst, again), total + again
        at_most(bad, 0, f"kill {n}: bytes of more than 2 s ago that were "
                "fetched again afterwards")
        d.restart()
        shelf.turn()
        load.up()
    wait_for(lambda: load.problems or
             any(whole(d, o.url(f.path)) for f in load.files[:4]),
             "a file to become whole after the last kill", 60 * SLACK)
    load.stop()
    for file in load.files + shelf.finished:
        equal(sha256(d.path(o.url(file.path))),
              gen_sha256(SIZE, file.seed), file.path)
    note(f"{load.counts['bytes'] >> 20} MiB were read and right in "
         f"{load.counts['reads']} reads and {load.counts['answers']} answers, "
         f"{load.counts['cut short']} were cut short; at most "
         f"{worst / LINK:.2f} s of downloading was done again after a kill, "
         f"{total / LINK / KILLS:.2f} s on average")
    at_most(worst, 2 * LINK + (1 << 20), "bytes that came again after a kill")


main()
