"""A soak: mixed readers on an origin whose files change and whose faults
change with them, in a cache too small for them, while the daemon is stopped,
terminated and killed.

    make soak				900 seconds
    SOAK_SECONDS=60 make soak
    SOAK_SEED=...			the dice of an earlier run

The first third restarts the daemon every few seconds; the rest is one life,
whose memory, descriptors and threads are sampled and must be flat. What must
hold all the time is in e2e/load.py: no wrong byte, no two versions in one
open, no call past its deadline. Besides: the daemon dies only when killed and
ends with 0 when terminated, the cache takes no more than its limit and what is
in use, and when the origin is well again every file can be read within a
minute.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "e2e"))
from statistics import median	# noqa: E402

from load import File, Load	# noqa: E402
from spool import *		# noqa: E402

SECONDS = int(os.environ.get("SOAK_SECONDS", "900"))
SEED = int(os.environ.get("SOAK_SEED", "0")) or random.randrange(1, 1 << 32)
SIZE = 12 << 20
FILES = [File(f"/gen/{SIZE}/{n}.mp4", SIZE, n) for n in range(1, 11)]
CACHE_SIZE = 30 << 20	# a quarter of them
DEADLINE = 6
NO_CACHE = 'header="Cache-Control: no-cache"'

# What may be wrong with a file. None says anything false about its size or lets
# the end of a connection mean the end of the file, and all leave it a
# validator, so that a reader can always be told the truth.
FAULTS = [
    "delay=400ms", "rate=200k", "rate=20k", "drop=1M", "drop=70000",
    "reset=300000", "drop=before times=6", "reset=before times=6",
    "stall=100000 times=6", "stall=before times=3", "wall=5M times=20",
    "status=503 times=6", "status=500", "status=403", "status=404",
    'status=429 times=4 header="Retry-After: 1"', "ranges=off",
    "ranges=ignore", "ranges=quiet", "ranges=star", "ranges=wrong-start",
    "ranges=no-header", "ranges=multipart", "ranges=refuse", "length=chunked",
    "slice=+1000", "slice=-1000", "if-range=ignore",
    "if-range=never", "conditional=ignore", "etag=weak", "etag=none",
    "etag=flap", "interim=3", "junk=200x100", "junk=endlessx1000 times=4",
    'header="Content-Encoding: gzip"', "head=refuse", "close=yes",
]
# What readers may be told meanwhile.
TOLERATED = ["EIO", "ETIMEDOUT", "EHOSTUNREACH", "ESTALE", "ENOENT", "EACCES",
             "cut", "status 502", "status 504", "status 404", "status 403"]


class Farm:
    """The origin: each file with its version and, perhaps, a fault."""

    def __init__(self, s, dice):
        self.s, self.dice = s, dice
        self.versions = {f.path: 1 for f in FILES}
        self.faults = {}
        self.o = s.origin()

    def text(self):
        lines = []
        for i, f in enumerate(FILES):
            plain = f"{f.path} version={self.versions[f.path]} link=6M"
            plain += f" {NO_CACHE}" if i % 2 else ""
            if f.path in self.faults:
                lines.append(f"{plain} {self.faults[f.path]}")
            lines.append(plain)
        return "\n".join(lines) + "\n"

    def apply(self):
        self.o.script(self.text())
        self.o.release()

    def turn(self, load):
        """Another version of some file, other faults."""
        file = self.dice.choice(FILES)
        load.versions = max(load.versions, self.versions[file.path] + 1)
        self.versions[file.path] += 1
        self.faults = {f.path: self.dice.choice(FAULTS)
                       for f in FILES if self.dice.random() < 0.6}
        self.apply()

    def well(self):
        self.faults = {}
        self.apply()

    def away(self, seconds):
        """Switched off for a while; comes back as it was."""
        self.o.stop()
        time.sleep(seconds)
        script = self.s.write("script", self.text())
        if "--script" not in self.o._args:
            self.o._args += ["--script", script]
        self.o.start()


class Samples:
    """Memory, descriptors and threads of one life, once a second."""

    def __init__(self):
        self.rows = []

    def take(self, d):
        self.rows.append((d.resident(), d.fds(), d.threads()))

    def flat(self):
        """The last third is not above the second third."""
        third = len(self.rows) // 3
        if not third:
            return
        for n, name, unit, slack in ((0, "MiB resident", 1 << 20,
                                      (8 if not SANITIZED else 100) << 20),
                                     (1, "descriptors", 1, 24),
                                     (2, "threads", 1, 4)):
            values = [r[n] for r in self.rows]
            before = median(values[third:2 * third])
            after = median(values[2 * third:])
            note(f"{name}: {before / unit:.0f} in the middle, "
                 f"{after / unit:.0f} at the end, {max(values) / unit:.0f} "
                 "at most")
            if third >= 30:
                at_most(after, before + slack, f"growth of {name}")


class Room:
    """What the cache folder takes: the limit, and what the daemon has open. A
    file may be a moment late to go: its close is seen a second later."""

    def __init__(self, load):
        self.load, self.since, self.most = load, None, 0
        self.seen = set()

    def take(self, d):
        try:
            over = self._taken(d) - CACHE_SIZE - self._open(d)
        except OSError:			# it is being restarted
            return
        now = time.monotonic()
        self.most = max(self.most, over)
        if over <= 0:
            self.since = None
        self.since = self.since if over <= 0 or self.since else now
        ok(not self.since or now - self.since < 10 * SLACK,
           f"{over} bytes more than there should be, for 10 seconds")

    def count(self, d):
        """Of this life; once."""
        if d.err not in self.seen:
            self.seen.add(d.err)
            self.load.counts["evicted"] += sum(
                int(n) for n in re.findall(r"evicted (\d+) files", d.log()))
        self.since = None

    def _open(self, d):
        found = {}
        for fd in os.listdir(f"/proc/{d.pid}/fd"):
            try:
                path = os.readlink(f"/proc/{d.pid}/fd/{fd}")
                if path.startswith(d.cache + "/http") and \
                        not path.endswith(" (deleted)"):
                    st = os.stat(f"/proc/{d.pid}/fd/{fd}")
                    found[st.st_ino] = st.st_blocks * 512
            except FileNotFoundError:
                pass
        return sum(found.values())

    def _taken(self, d):
        total = 0
        for folder, _, names in os.walk(d.cache + "/http"):
            for name in names:
                try:
                    st = os.lstat(os.path.join(folder, name))
                    total += st.st_blocks * 512
                except FileNotFoundError:
                    pass
        return total


def rested(s, farm, d, load):
    """The origin is well: every file can be read, in its newest version if
    it says that it must be asked for."""
    farm.well()
    for i, file in enumerate(FILES):
        def right():
            off = farm.dice.randrange(SIZE - 1000)
            try:
                data = pread(d.path(farm.o.url(file.path)), 1000, off)
            except OSError:
                return False
            versions = range(1, load.versions + 1)
            if i % 2:
                versions = [farm.versions[file.path]]
            return data in [gen(SIZE, file.seed, v, off, 1000)
                            for v in versions]
        wait_for(right, f"{file.path} when the origin is well again",
                 60 * SLACK)


def restart(d, load, dice, room):
    how = dice.choice(("SIGTERM", "kill -9", "kill -9, stale mount"))
    load.down()
    if how == "SIGTERM":
        equal(d.terminate(), 0, "exit status")
    else:
        os.kill(d.pid, signal.SIGKILL)
        d._reap()
        d.killed = True
        if "stale" not in how:
            subprocess.run(["fusermount3", "-u", "-z", d.mnt], check=True)
    room.count(d)
    d.restart()
    load.up()
    load.counts[how] += 1


def live(farm, d, load, until, room, samples):
    """Faults and versions change; the daemon lives on."""
    dice, pid = farm.dice, d.pid
    while time.monotonic() < until:
        farm.turn(load)
        what = dice.random()
        if what < 0.1:
            farm.away(dice.uniform(0.5, 3))
            load.counts["origin away"] += 1
        elif what < 0.2:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(dice.uniform(0.1, 2))
            os.kill(pid, signal.SIGCONT)
            load.counts["SIGSTOP"] += 1
        elif what < 0.6:
            try:
                os.unlink(d.path(farm.o.url(dice.choice(FILES).path)))
                load.counts["rm"] += 1
            except OSError as error:
                one_of(error.errno, (errno.ENOENT, errno.EACCES), "rm")
        for _ in range(dice.randrange(1, 8)):
            time.sleep(1)	# the length of it is what is asked for
            ok(process_state(pid) not in ("", "Z"),
               f"the daemon lives: {d.log()[-2000:]}")
            room.take(d)
            if samples:
                samples.take(d)
        load.check()


@case(limit=SECONDS + 300 * SLACK)
def soak(s):
    "readers, faults, versions and restarts for as long as was asked for"
    note(f"{SECONDS} seconds, SOAK_SEED={SEED}")
    if SANITIZED:		# or memory that was freed looks like growth
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
            s.env[name] += ":quarantine_size_mb=8" if "ASAN" in name else ""
    dice = random.Random(SEED)
    farm = Farm(s, dice)
    farm.apply()
    d = s.spoolfs(options={"read_timeout": DEADLINE, "stall_timeout": 2,
                           "connect_timeout": 2, "log_level": "info",
                           "cache_size": CACHE_SIZE})
    # An open may look a name up and ask for facts: two deadlines.
    load = Load(s, d, FILES, limit=2 * DEADLINE + 8 + 2 * SLACK,
                tolerated=TOLERATED)
    load.origin_url = farm.o.url("")
    begin = time.monotonic()
    samples, room = Samples(), Room(load)
    try:
        load.start(SEED)
        while time.monotonic() < begin + SECONDS / 3:
            live(farm, d, load, time.monotonic() + dice.uniform(1, 15), room,
                 None)
            restart(d, load, dice, room)
        rested(s, farm, d, load)
        while time.monotonic() < begin + SECONDS:
            live(farm, d, load, min(begin + SECONDS,
                                    time.monotonic() + 60), room, samples)
            rested(s, farm, d, load)
        load.stop()
    finally:
        load.end()
        room.count(d)
        note(f"{load.counts['bytes'] >> 20} MiB read and right; " +
             ", ".join(f"{n} {what}" for what, n in
                       sorted(load.counts.items()) if what != "bytes") +
             f"; the slowest call took {load.slowest:.1f} s; versions up to "
             f"{load.versions}; at most {room.most >> 20} MiB too many for a "
             "moment")
    at_least(load.counts["evicted"], SECONDS // 20, "files evicted")
    samples.flat()


main()
