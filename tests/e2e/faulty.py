"""faulty: origins with faults, and what must hold beside each of them.

    def wrong(s):
        together(s, {
            "wrong-start": ("ranges=wrong-start", right()),
            "gzip": ('header="Content-Encoding: gzip"',
                     fails("EIO", 502, kept="nothing", within=3)),
        })

A row is the rules of the scripted origin for one file, and the outcome. It is
tried with two files, one through the mount and one through HTTP, so that both
meet the fault cold. All rows go at once, for most of their time is waiting.

Whatever the outcome, meanwhile and afterwards: every byte is the one the origin
has there; every call ends by the deadline of a read; files that are here, and
others of the same origin, are served; it is the same process; and what was in
the cache and right is still there.
"""
import collections
import errno
import functools
import http.client
import os
import subprocess
import threading
import time
import traceback

from files import name_of, process_state
from servers import ORIGIN, gen
from tap import Failure, at_most, equal, note, ok, one_of, wait_for

MB = 1000000
# What a failed HTTP transfer is seen as, beside a status.
CUT = "cut"
PIECE = 1 << 17

Got = collections.namedtuple("Got", "data end longest took")
Kept = collections.namedtuple("Kept", "state generation present")


@functools.lru_cache(maxsize=32)
def content(size, seed=1, version=1):
    """As gen, but of any size at once."""
    return subprocess.run([ORIGIN, "--gen", f"{size}/{seed}/{version}"],
                          stdout=subprocess.PIPE, check=True).stdout


class _Clock:
    """How long calls take."""

    def __init__(self):
        self.begin, self.longest = time.monotonic(), 0

    def call(self, function, *args):
        begin = time.monotonic()
        try:
            return function(*args)
        finally:
            self.longest = max(self.longest, time.monotonic() - begin)

    def got(self, data, end):
        return Got(data, end, self.longest, time.monotonic() - self.begin)


def by_mount(d, url):
    """What a reader gets: bytes, and how it ended: None or an errno's name."""
    clock, data, fd = _Clock(), b"", -1
    try:
        fd = clock.call(os.open, d.path(url), os.O_RDONLY)
        while piece := clock.call(os.read, fd, PIECE):
            data += piece
    except OSError as error:
        return clock.got(data, errno.errorcode[error.errno])
    finally:
        if fd >= 0:
            os.close(fd)
    return clock.got(data, None)


def by_http(d, url):
    """What a client gets: bytes, and how it ended: None, a status other than
    200, or CUT."""
    clock, data = _Clock(), b""
    connection = http.client.HTTPConnection(d.http, timeout=120)
    try:
        connection.request("GET", "/" + name_of(url))
        r = clock.call(connection.getresponse)
        if r.status != 200:
            return clock.got(b"", r.status)
        while piece := clock.call(r.read1, PIECE):
            data += piece
        end = CUT if r.length else None
    except (ConnectionError, http.client.HTTPException):
        end = CUT
    finally:
        connection.close()
    return clock.got(data, end)


def kept(d, url):
    """What the cache folder has of a file: "whole", "part" or "nothing", the
    generation, and the pieces [start, end)."""
    base = os.path.join(d.cache, name_of(url))
    try:
        with open(base + ".meta") as f:
            rows = [line.rstrip("\n").partition(": ") for line in f]
    except FileNotFoundError:
        return Kept("nothing", None, [])
    one = {key: value for key, _, value in rows}
    present = [tuple(map(int, x.split("-"))) for key, _, value in rows
               if key == "present" for x in value.split()]
    size = one.get("size")
    whole = os.path.exists(base) and \
        present == ([(0, int(size))] if size != "0" else [])
    return Kept("whole" if whole else "part", one["generation"], present)


def becomes_kept(d, url, state):
    wait_for(lambda: kept(d, url).state == state,
             f"{url}: {state} in the cache")


def check_kept(d, url, want):
    """Every byte that the record says is there, is right."""
    base = os.path.join(d.cache, name_of(url))
    for _ in range(100):
        before = kept(d, url)
        try:
            with open(base if before.state == "whole" else base + ".part",
                      "rb") as f:
                for start, end in before.present:
                    f.seek(start)
                    if f.read(end - start) != want[start:end]:
                        break
                else:
                    return before
            # The data of that record, or already another version's?
            ok(kept(d, url) != before,
               f"{url}: [{start}, {end}) in the cache is right")
        except FileNotFoundError:
            if before.state == "nothing":
                return before
            time.sleep(0.01)	# finished, or another one, in between
    raise Failure(f"{url}: a record without data")


def covers(present, pieces):
    """Whether each of the pieces lies in one of `present`."""
    return all(any(a <= start and end <= b for a, b in present)
               for start, end in pieces)


class Bystander:
    """Reads files that have no fault while others do, through both fronts: one
    that is here, and ever new ones."""

    def __init__(self, o, d, patience):
        self.o, self.d, self.patience = o, d, patience
        self.problem, self.rounds = None, 0
        self.warm = o.url("/gen/70000/77.mp4")
        self.want = content(70000, 77)
        for act in (by_mount, by_http):
            self._look(act, self.warm, self.want)
        becomes_kept(d, self.warm, "whole")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _look(self, act, url, want):
        got = act(self.d, url)
        ok((got.data, got.end) == (want, None),
           f"another file, {url}: {len(got.data)} bytes, {got.end}")
        at_most(got.took, self.patience, f"seconds for another file, {url}")

    def _run(self):
        try:
            while not self.rounds or not self._over.wait(0.2):
                self.rounds += 1
                cold = self.o.url(f"/gen/5000/{100 + self.rounds}.mp4")
                # Not content(): the end of a child interrupts blocked reads,
                # which Python then begins anew.
                want = gen(5000, 100 + self.rounds)
                for act in (by_mount, by_http):
                    self._look(act, self.warm, self.want)
                    self._look(act, cold, want)
        except Exception as problem:
            self.problem = problem

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        """It was served all the time; by this process; and is still here."""
        self._over.set()
        self._thread.join()
        if failed:
            return
        if self.problem:
            raise self.problem
        ok(process_state(self.d.pid) not in ("", "Z"), "the daemon lives")
        equal(kept(self.d, self.warm).state, "whole", "another file is kept")
        self.o.script("* status=500\n")
        self._look(by_mount, self.warm, self.want)


class Fault:
    """One row through one front: its file at an origin, what comes of it."""

    def __init__(self, o, d, name, front, want, patience, slack):
        self.o, self.d, self.want = o, d, want
        self.act = by_mount if front == "m" else by_http
        self.name = f"{name}-{front}"
        self.url = o.url(f"/{self.name}.mp4")
        self.patience, self.slack = patience, slack
        self.before = None

    def read(self):
        """All of it, once."""
        got = self.act(self.d, self.url)
        ok(got.data == self.want[:len(got.data)],
           f"{self.name}: a wrong byte within {len(got.data)}")
        at_most(got.longest, self.patience, f"{self.name}: seconds in a call")
        self.check()
        return got

    def check(self):
        """What is in the cache is right, and what was there still is."""
        now, before = check_kept(self.d, self.url, self.want), self.before
        if before and before.generation == now.generation:
            ok(covers(now.present, before.present),
               f"{self.name}: {before.present} were in the cache, "
               f"{now.present} are")
        self.before = now

    def ends_in(self, got, errnos, statuses):
        one_of(got.end, errnos.split() if self.act is by_mount else statuses,
               f"{self.name}: the end, after {len(got.data)} bytes")

    def is_kept(self, state):
        wait_for(lambda: kept(self.d, self.url).state == state,
                 f"{self.name}: {state} in the cache", 5 * self.slack)
        self.check()


# ---- outcomes --------------------------------------------------------------

def right(kept="whole", within=None):
    """All of it, and again; then it is in the cache."""
    def check(f):
        for _ in range(2):
            got = f.read()
            equal((len(got.data), got.end), (len(f.want), None),
                  f"{f.name}: bytes and end")
            if within:
                at_most(got.took, within * f.slack, f"{f.name}: seconds")
        f.is_kept(kept)
    return check


def fails(errnos, *statuses, kept="nothing", within=None, exactly=None):
    """An error of these, after whatever right bytes (exactly: so many)."""
    def check(f):
        got = f.read()
        f.ends_in(got, errnos, statuses)
        if exactly is not None:
            equal(len(got.data), exactly, f"{f.name}: bytes")
        if within:
            at_most(got.took, within * f.slack,
                    f"{f.name}: seconds to {got.end}")
        f.is_kept(kept)
    return check


def right_after(errnos, *statuses, opens=4):
    """An open may end in one of these, after right bytes; but one of so many
    brings all."""
    def check(f):
        ends = []
        got = f.read()
        while got.end is not None and len(ends) < opens:
            f.ends_in(got, errnos, statuses)
            ends.append(got.end)
            got = f.read()
        equal((len(got.data), got.end), (len(f.want), None),
              f"{f.name}: bytes and end after {ends}")
        f.is_kept("whole")
        note(f"{f.name}: {ends}, then all of it")
    return check


def together(s, rows, size=3 * MB, slack=1, **options):
    """All rows, on both fronts, at once, with one daemon and one origin.
    Returns these and the origin's log."""
    options.setdefault("read_timeout", "8")
    options.setdefault("stall_timeout", "4")
    options.setdefault("max_connections", "64")
    patience = int(options["read_timeout"]) + 4 * slack
    o, d = s.origin(), s.spoolfs(options=options)
    script, threads, problems = "", [], []

    def run(outcome, fault):
        try:
            outcome(fault)
        except Failure as problem:
            problems.append(str(problem))
        except Exception:
            problems.append(f"{fault.name}: {traceback.format_exc()}")

    for name, row in rows.items():
        rules, outcome = row
        for front in "mh":
            for rule in [rules] if isinstance(rules, str) else rules:
                if "body=" not in rule and "gen=" not in rule:
                    rule += f" gen={size}/1"
                script += f"/{name}-{front}.mp4 {rule}\n"
            fault = Fault(o, d, name, front, content(size), patience, slack)
            threads.append(threading.Thread(target=run, args=(outcome, fault),
                                            daemon=True))
    with Bystander(o, d, patience):
        o.script(script)
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        ok(not problems, "; ".join(problems))
        log = o.log()
    return o, d, log
