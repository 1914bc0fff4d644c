"""Origins that fail: what a file reader and an HTTP client get, within what time,
and what is in the cache afterwards. The table in tests/README.md is made of these
cases, of those in lengths.py and versions.py, and of some in redirects.py and
secure.py."""
import threading
import urllib.request
from email.utils import formatdate

from faulty import *
from spool import *

# What ends in an error by the deadline: the errno tells the last reason.
LATE = "EIO ETIMEDOUT"


@case
def refusals(s):
    "404 and 410 are ENOENT, 401 and 403 EACCES, other 4xx EIO: at once"
    together(s, {
        "404": ("status=404", fails("ENOENT", 404, within=3)),
        "410": ("status=410", fails("ENOENT", 404, within=3)),
        "401": ("status=401", fails("EACCES", 403, within=3)),
        "403": ("status=403", fails("EACCES", 403, within=3)),
        "400": ("status=400", fails("EIO", 502, within=3)),
        "451": ("status=451", fails("EIO", 502, within=3)),
        "501": ("status=501", fails("EIO", 502, within=3)),
        "204": ("status=204", fails("EIO", 502, within=3)),
    }, slack=SLACK)


@case
def refused_later(s):
    "the same in mid-file: what is here is read, and kept"
    together(s, {
        str(status): (["times=1", f"status={status}"],
                      fails(name, CUT, kept="part", exactly=65536, within=3))
        for status, name in ((404, "ENOENT"), (410, "ENOENT"),
                             (401, "EACCES"), (403, "EACCES"), (400, "EIO"))
    }, slack=SLACK)


# A host that says 429 or 503 gets fewer connections for a while, so these
# statuses have hosts of their own.
STATUSES = ((408, 425, 500, 502, 504, 522), (429, 503))


@case
def transient(s):
    "statuses that pass: tried again until it works"
    for statuses in STATUSES:
        rows = {}
        for n in statuses:
            rows[f"{n}"] = ([f"status={n} times=2", ""], right())
            rows[f"{n}-later"] = (["times=1", f"status={n} times=2", ""],
                                  right())
        together(s, rows, size=MB, slack=SLACK)


@case
def retry_after(s):
    "Retry-After is honoured, in seconds and as a date"
    rows = {}
    for status in (429, 503):
        for name, value in (("seconds", "2"), ("date", formatdate(
                time.time() + 5, usegmt=True))):
            rows[f"{status}-{name}"] = (
                [f'status={status} times=1 header="Retry-After: {value}"',
                 ""], right())
    _, _, log = together(s, rows, size=MB, slack=SLACK)
    for name in rows:
        for front in "mh":
            a, b = [r["t"] for r in log
                    if r["path"] == f"/{name}-{front}.mp4"][:2]
            at_least(b - a, 2000 if "seconds" in name else 1500,
                     f"ms to the next request, {name}")


@case
def permanent(s):
    "what never passes is an error by the deadline, and is not asked often"
    unwell = {str(n): f"status={n}" for n in STATUSES[0]}
    unwell.update({"drop": "drop=before", "reset": "reset=before",
                   "silent": "stall=before"})
    busy = {str(n): f"status={n}" for n in STATUSES[1]}
    busy["hour"] = 'status=503 header="Retry-After: 3600"'
    for rules in unwell, busy:
        rows = {name: (rule, fails(LATE, 502, 504, within=3 + 3))
                for name, rule in rules.items()}
        rows.update({name + "-later": (["times=1", rule], fails(
                         LATE, CUT, kept="part", exactly=65536,
                         within=2 * 3 + 3))
                     for name, rule in rules.items()})
        o, _, _ = together(s, rows, size=MB, slack=SLACK, read_timeout="3",
                           stall_timeout="2")
        for name in rows:
            for front in "mh":
                at_most(o.stats(f"/{name}-{front}.mp4")["requests"], 30,
                        f"requests for {name}: it backs off")


@case
def drops(s):
    "a connection dropped every MiB, or reset: it goes on where it was"
    size = 12 * MB
    o, d, _ = together(s, {"drop": ("drop=1M", right()),
                           "reset": ("reset=1M", right())},
                       size=size, slack=SLACK)
    for name in ("drop", "reset"):
        for front in "mh":
            at_most(o.sent(f"/{name}-{front}.mp4"), size * 1.3,
                    f"bytes sent, {name}")
        # A closed range is asked for in one request, however fast the reader.
        path = f"/{name}.mp4"
        o.script(f"{path} {name}=1M gen={size}/1\n")
        r = fetch(d.url(o.url(path)),
                  headers={"Range": f"bytes=0-{size - 2}"})
        equal((r.status, r.body), (206, gen(size, 1, 1, 0, size - 1)), name)
        ok(any(r["path"] == path and r["end"] == name for r in o.log()),
           f"{name}: it took place")


@case
def drops_early(s):
    "dropped or reset after the headers, after a byte, before the headers"
    together(s, {how.replace("=", "-"): ([f"{how} times=2", ""], right())
                 for how in ("drop=0", "drop=1", "drop=before", "reset=0",
                             "reset=1", "reset=before")},
             size=MB, slack=SLACK)


@case
def stalls(s):
    "a stall: another request goes on from there; for ever: ETIMEDOUT, a cut"
    together(s, {
        "once": (["stall=1MB times=1", ""], right()),
        "ahead": (["stall=before times=1", ""], right()),
        "wall": ("wall=1MB", fails("ETIMEDOUT", CUT, kept="part", exactly=MB,
                                   within=2 * 4 + 4)),
        "for-ever": ("stall=before", fails("ETIMEDOUT", 504, within=4 + 4)),
    }, slack=SLACK, read_timeout="4", stall_timeout="1")


@case
def slow(s):
    "a late answer and a drip of bytes"
    together(s, {"late": ("delay=1500ms", right()),
                 "drip": ("delay=500ms rate=1 gen=6/1", right())},
             size=6, slack=SLACK)


@case
def drips(s):
    "a byte a second of a large file: by the deadline, what has come"
    size = 3 * MB
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": "4"})
    want = content(size)
    with Bystander(o, d, 8 * SLACK):
        o.script(f"/m.mp4 gen={size}/1 rate=1\n/h.mp4 gen={size}/1 rate=1\n")
        fd = os.open(d.path(o.url("/m.mp4")), os.O_RDONLY)
        begin = time.monotonic()
        try:
            got = os.pread(fd, 100000, 0)
            at_least(len(got), 1, "bytes")
            ok(got == want[:len(got)], "right bytes")
        except OSError as error:
            equal(error.errno, errno.ETIMEDOUT, "mount")
        at_most(time.monotonic() - begin, 4 + 4 * SLACK, "seconds in the read")
        os.close(fd)
        c = Raw(d.http).get("/" + name_of(o.url("/h.mp4")))
        equal(c.head()[0], 200, "HTTP")
        equal(c.file.read(3), want[:3], "bytes as they come")
        c.close()
        for x in "mh":
            becomes_kept(d, o.url(f"/{x}.mp4"), "part")
            check_kept(d, o.url(f"/{x}.mp4"), want)


@case
def headers(s):
    "1xx ahead of the answer, many headers; too many, too long, without end"
    rows = {name: (rule, fails("EIO", 502, within=4)) for name, rule in (
        ("many", "junk=10000x100"), ("endless", "junk=endlessx100"),
        ("interim", "interim=endless"))}
    # curl calls that a lack of memory.
    rows["long"] = ("junk=1x1M", fails("EIO", 502, within=4 + 4))
    rows["fine"] = ("interim=5 junk=300x60", right(within=4))
    together(s, rows, size=MB, slack=SLACK, read_timeout="4")


@case
def strange_headers(s):
    "header values with control bytes and beyond ASCII, and nonsense"
    rows = {name: (f"header={rule}", fails("EIO", 502, within=4))
            for name, rule in (
                ("short", '"Content-Length: 5"'),
                ("two-lengths", '"Content-Length: 1000000" '
                 'header="Content-Length: 7"'),
                ("bad-range", '"Content-Range: bytes x-y/z"'),
                ("nul", r'"X: a\x00b"'))}
    rows["odd"] = (r'header="X-A: \xff\x01\t" header="X-B:" '
                   r'header="Content-Disposition: \"\\\""', right(within=4))
    together(s, rows, size=MB, slack=SLACK)


@case
def used_before(s):
    "what is no HTTP, on one of many connections that were used before: at once"
    o = s.origin(r'/nul.mp4 header="X: a\x00b" gen=1M/1' "\n* delay=300ms\n")
    d = s.spoolfs(options={"read_timeout": "8"})
    threads = [threading.Thread(target=fetch, args=(d.url(o.url(
        f"/gen/9/{n}.mp4")),)) for n in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    begin = time.monotonic()
    equal(fetch(d.url(o.url("/nul.mp4"))).status, 502, "status")
    at_most(time.monotonic() - begin, 4 * SLACK, "seconds")


@case
def injected(s):
    "what an origin says can't add headers to our answers"
    for line_end in (r"\r", r"\n", r"\r\n"):
        o = s.origin(rf'/*.mp4 body=x etag="\"a{line_end}Injected: 1\"" '
                     rf'header="Content-Type: video/mp4{line_end}Injected: 2"'
                     "\n")
        d = s.spoolfs()
        r = fetch(d.url(o.url("/h.mp4")))
        equal(r["Injected"], None, "an injected header")
        one_of((r.status, r.body[:1]), ((200, b"x"), (502, r.body[:1])),
               "HTTP")
        got = by_mount(d, o.url("/m.mp4"))
        one_of((got.data, got.end), ((b"x", None), (b"", "EIO")), "mount")


@case
def unreachable(s):
    "refused, unknown and silent hosts"
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": "6", "connect_timeout": "2"})
    # A listener whose backlog is full drops the next SYN.
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen(0)
    held = []
    for _ in range(3):
        c = socket.socket()
        c.setblocking(False)
        c.connect_ex(silent.getsockname())
        held.append(c)
    closed = f"http://127.0.0.1:{free_port()}/"
    hole = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    problems = []

    def look(act, url, ends):
        got = act(d, url)
        if got.end not in ends or got.took > 6 + 4 * SLACK or \
                kept(d, url).state != "nothing":
            problems.append(f"{url}: {got.end} after {got.took:.1f} s")

    threads = []
    for base, names, codes in (
            (closed, ("EHOSTUNREACH",), (502,)),
            ("http://no-such-host.invalid/", ("EHOSTUNREACH", "ETIMEDOUT"),
             (502, 504)),
            (hole, ("ETIMEDOUT", "EHOSTUNREACH"), (502, 504))):
        for x, act, ends in (("m", by_mount, names), ("h", by_http, codes)):
            threads.append(threading.Thread(target=look, daemon=True, args=(
                act, f"{base}{x}.mp4", ends)))
    with Bystander(o, d, 10 * SLACK):
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        equal(problems, [], "ends")
    for c in held:
        c.close()
    silent.close()


@case
def away(s):
    "an origin that goes away in mid-file and comes back within the deadline"
    size = 8 * MB
    rules = "".join(f"/{x}.mp4 gen={size}/1 rate=8M\n" for x in "mh")
    o = s.origin(rules)
    d = s.spoolfs(options={"read_timeout": "20"})
    got, started = {}, threading.Barrier(3)

    def look(x):
        with open(d.path(o.url("/m.mp4")), "rb", buffering=0) if x == "m" \
                else urllib.request.urlopen(d.url(o.url("/h.mp4"))) as f:
            data = f.read(MB)
            started.wait()
            while piece := f.read(PIECE):
                data += piece
            got[x] = data

    threads = [threading.Thread(target=look, args=(x,), daemon=True)
               for x in "mh"]
    for t in threads:
        t.start()
    started.wait()
    o.stop()
    wait_for(lambda: d.log().count("No route to host") >= 2,
             "both to find it gone")
    o.start()
    o.script(rules)
    for t in threads:
        t.join()
    for x in "mh":
        equal(got[x], content(size), f"{x}: bytes")
        at_most(o.sent(f"/{x}.mp4"), size - MB + 65536, "bytes sent since")
        becomes_kept(d, o.url(f"/{x}.mp4"), "whole")


main()
