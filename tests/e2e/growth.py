"""What is done a thousand times leaves nothing behind: descriptors, threads,
memory."""
import collections
import random

from spool import *

SIZE = 300000
LANES = 4	# of faults, which wait: divides their number
# Faults that are over soon; what is read is right or an error.
FAULTS = ["", "drop=100000", "reset=100000", "status=404", "status=403",
          "ranges=ignore", "ranges=off", "ranges=no-header", "length=chunked",
          "ranges=star", "etag=flap", "slice=-1000", "ranges=multipart",
          "drop=before times=2", "redirect=/other.mp4",
          'header="Content-Encoding: gzip"']
# Resident memory may move by so much: arenas of threads, caches of libraries.
SLACK_MEMORY = 3 << 20


def one(o, d, dice, n, seen):
    """Open, read, seek, read, close, the same through HTTP, and forget."""
    url = o.url(f"/f{n % len(FAULTS)}.mp4")
    places = [0, dice.randrange(SIZE - 1000), dice.randrange(SIZE - 1000)]
    try:
        with open(d.path(url), "rb", buffering=0) as f:
            for off in places:
                data = read_exactly(f.fileno(), 1000, off)
                equal(data, gen(SIZE, 1, 1, off, 1000), f"{url} at {off}")
                seen["right"] += 1
    except OSError as error:
        seen[errno.errorcode[error.errno]] += 1
    off = places[1]
    c = Raw(d.http).get("/" + name_of(url), Range=f"bytes={off}-")
    try:
        status, _ = c.head()
        if status == 206:
            data = c.file.read(1000)
            equal(data, gen(SIZE, 1, 1, off, len(data)), f"{url}, HTTP")
    finally:
        c.close()		# in mid-body, mostly
    try:
        os.unlink(d.path(url))
    except OSError:
        pass


def figures(d):
    return d.fds(), d.threads(), d.resident()


def side_by_side(act, times, lanes):
    """act(n) for n below times, in lanes that share no file."""
    problems = []

    def lane(first):
        try:
            for n in range(first, times, lanes):
                act(n)
        except BaseException as error:
            problems.append(error)
    threads = [threading.Thread(target=lane, args=(n,)) for n in range(lanes)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for error in problems:
        raise error


def repeat(s, act, times, lanes=1):
    """act(n) until all has settled, and then `times` times, measured."""
    side_by_side(act, times // 3, lanes)
    before = figures(s.daemons[0])
    side_by_side(act, times, lanes)
    d = s.daemons[0]
    wait_for(lambda: d.fds() <= before[0] + 8, "descriptors to be closed", 20)
    after = figures(d)
    for (name, unit), a, b in zip((("descriptors", 1), ("threads", 1),
                                   ("KiB", 1024)), before, after):
        note(f"{name}: {a // unit}, then {b // unit}")
    at_most(after[1], before[1] + 2, "threads")
    if not SANITIZED:		# they keep what was freed
        at_most(after[2], before[2] + SLACK_MEMORY, "resident memory")


@case(limit=300)
def faults(s):
    "a thousand times open, read, seek, fault, close: no growth"
    dice = random.Random(1)
    o = s.origin(f"/other.mp4 gen={SIZE}/1\n" + "".join(
        f"/f{i}.mp4 {fault}\n/f{i}.mp4 gen={SIZE}/1\n"
        if "times" in fault or "status" in fault or "redirect" in fault else
        f"/f{i}.mp4 gen={SIZE}/1 {fault}\n"
        for i, fault in enumerate(FAULTS)))
    d = s.spoolfs(options={"read_timeout": 3, "stall_timeout": 1,
                           "log_level": "error"})
    seen = collections.Counter()
    repeat(s, lambda n: one(o, d, dice, n, seen), 1000,
           LANES)
    note(dict(seen))


@case(limit=300)
def names(s):
    "a thousand names that do not exist, looked up and asked for: no growth"
    o = s.origin("* status=404\n")
    d = s.spoolfs(options={"log_level": "error"})
    count = iter(range(1 << 30))

    def missing(n):
        name = f"/{next(count)}/x.mp4"
        fails_with(errno.ENOENT, name, os.stat, d.path(o.url(name)))
        equal(fetch(d.url(o.url(name + "4"))).status, 404, "HTTP")
    repeat(s, missing, 1000)


@case(limit=300)
def clients(s):
    "a thousand clients that leave in the middle of a request: no growth"
    o = s.origin(f"/x.mp4 gen={SIZE}/1\n/late.mp4 delay=50ms gen={SIZE}/1\n")
    d = s.spoolfs(mount=False, options={"log_level": "error"})
    requests = ["", "GE", "GET / HTTP/1.1\r\nHost: ", "\0\0",
                f"GET /{name_of(o.url('/x.mp4'))} HTTP/1.1\r\n"
                "Host: 127.0.0.1\r\n\r\n",
                f"GET /{name_of(o.url('/late.mp4'))} HTTP/1.1\r\n"
                "Host: 127.0.0.1\r\n\r\n"]

    def leave(n):
        c = Raw(d.http).send(requests[n % len(requests)])
        if n % 4 == 0 and n % len(requests) == 4:
            c.file.read(100)
        c.close()
    repeat(s, leave, 1000)


main()
