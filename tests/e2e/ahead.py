"""What is fetched ahead, and what is not: bytes and connections by the origin's
count."""
import random

from spool import *

SIZE = 1 << 30
FAR = "* delay=20ms rate=20MB\n"


def places(n, size):
    """n offsets, in pages, far from each other and from the end."""
    rng = random.Random(size)
    return [i * (SIZE >> 20) // (n + 1) * (1 << 20) +
            rng.randrange(64) * 4096 for i in rng.sample(range(1, n), n - 1)]


@case
def scattered(s):
    "reads all over a file cost little more than what is read, in one request"
    o = s.origin(FAR)
    d = s.spoolfs()
    for seed, size in enumerate((16 << 10, 64 << 10, 1 << 20), 1):
        path = f"/gen/{SIZE}/{seed}.mp4"
        fd = os.open(d.path(o.url(path)), os.O_RDONLY)
        offsets = places(25, size)
        for off in offsets:
            got = os.pread(fd, size, off)
            equal(len(got), size, f"length at {off}")
            equal(got[-4096:], gen(SIZE, seed, 1, off + size - 4096, 4096),
                  f"{size} at {off}")
        os.close(fd)
        wait_for(lambda: o.stats(path)["active"] == 0, "rest")
        sent = o.sent(path) / (len(offsets) * size)
        note(f"{size >> 10} KiB: {sent:.2f} of what was read")
        # The probe, and two places before it is seen what this is.
        at_most(sent, 1.5 if size < 65536 else 1.2, "bytes fetched")
        at_most(o.stats(path)["requests"], len(offsets) + 4, "requests")


@case
def ranges(s):
    "a closed range of HTTP costs what it is, in one request"
    o = s.origin(FAR)
    d = s.spoolfs()
    for seed, size in enumerate((1 << 10, 64 << 10, 300 << 10, 2 << 20), 1):
        path = f"/gen/{SIZE}/{seed}.mp4"
        offsets = places(8, size)
        for off in offsets:
            r = fetch(d.url(o.url(path)), headers={
                "Range": f"bytes={off}-{off + size - 1}"})
            equal(len(r.body), size, f"length at {off}")
            equal(r.body[-1000:], gen(SIZE, seed, 1, off + size - 1000, 1000),
                  f"{size} at {off}")
        wait_for(lambda: o.stats(path)["active"] == 0, "rest")
        equal(o.sent(path), 65536 + len(offsets) * size, "bytes fetched")
        equal(o.stats(path)["requests"], 1 + len(offsets), "requests")


def sequential(s, rules, seconds=3):
    """Read on for so long: MB/s of all and of the last third, requests at
    once."""
    o = s.origin(rules)
    d = s.spoolfs(options={"fill": "none"})
    path = f"/gen/{SIZE}/1.mp4"
    widest, off, marks = 0, 0, []
    begin = time.monotonic()
    with open(d.path(o.url(path)), "rb", buffering=0) as f:
        while time.monotonic() < begin + seconds and off < SIZE - (1 << 20):
            for _ in range(8):
                off += len(f.read(1 << 18))
            marks.append((time.monotonic(), off))
            widest = max(widest, o.stats(path)["active"])
        f.seek(off)
        equal(f.read(4096), gen(SIZE, 1, 1, off, 4096), "bytes")
    end, total = marks[-1]
    first = next(m for m in marks if m[0] > end - seconds / 3)
    rate = total / (end - begin) / 1e6
    last = (total - first[1]) / (end - first[0]) / 1e6
    note(f"{rate:.0f} MB/s, at last {last:.0f}, {widest} requests at once")
    return rate, last, widest


@case
def lanes(s):
    "connections are added where each brings more, and not where none does"
    _, rate, widest = sequential(s, "* delay=20ms rate=10MB\n")
    at_least(widest, 4, "requests at once")
    at_least(rate, 15 if SANITIZED else 25, "MB/s from 10 of each connection")
    rate, _, widest = sequential(s, "* delay=20ms link=10MB\n")
    at_most(widest, 10, "requests at once on a full line")
    at_least(rate, 6, "MB/s of its 10")


@case
def refused(s):
    "an origin that says 429 is left with few connections, and read on from"
    rate, _, widest = sequential(
        s, "* skip=5 times=1 status=429\n* delay=20ms rate=20MB\n", 2)
    at_most(widest, 4, "requests at once")
    at_least(rate, 10, "MB/s of one connection's 20")


main()
