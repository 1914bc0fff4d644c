"""Data files that somebody else makes shorter while they are in use: what is
gone is fetched again, and the hole that a later write leaves is never served."""
from shim import Shim
from spool import *

SIZE = 8 << 20


def right(d, url, seed, off, length):
    equal(pread(d.path(url), length, off), gen(SIZE, seed, 1, off, length),
          f"at {off}, mount")
    r = fetch(d.url(url), headers={"Range": f"bytes={off}-{off + length - 1}"})
    equal((r.status, r.body), (206, gen(SIZE, seed, 1, off, length)),
          f"at {off}, HTTP")


def start(s, script="", **options):
    options.setdefault("fill", "none")
    o = s.origin(script)
    return o, s.spoolfs(options=options)


@case
def parts(s):
    "a .part is cut, and what comes then is written behind the end"
    for n, to in enumerate((0, 100, 4096, 70000, 1 << 20)):
        then = (SIZE - 70000, 4 << 20)[n % 2]
        o, d = start(s)
        url = o.url(f"/gen/{SIZE}/1.mp4")
        with open(d.path(url), "rb", buffering=0) as f:
            for off in (0, 1 << 20, SIZE - 4096, 6 << 20):
                equal(os.pread(f.fileno(), 4096, off),
                      gen(SIZE, 1, 1, off, 4096), f"at {off}, before")
            data = d.data(url)
            ok(data.endswith(".part"), data)
            os.truncate(data, to)
            equal(os.pread(f.fileno(), 70000, then),
                  gen(SIZE, 1, 1, then, 70000), "what was not here")
            for off in (0, 60000, 1 << 20, 6 << 20, SIZE - 4096):
                equal(os.pread(f.fileno(), 4096, off),
                      gen(SIZE, 1, 1, off, 4096),
                      f"cut to {to}: at {off}, open")
                right(d, url, 1, off, 4096)
        d.kill()		# the record must not claim what is gone
        d.restart()
        equal(sha256(d.path(url)), gen_sha256(SIZE, 1), "after a kill")
        equal(d.unmount(), 0, "exit status")


@case
def part_is_only_read(s):
    "a .part is cut, and what was here is read: fetched again"
    o, d = start(s)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    with open(d.path(url), "rb", buffering=0) as f:
        equal(os.pread(f.fileno(), 65536, 0), gen(SIZE, 1, 1, 0, 65536),
              "before")
        for n in range(3):	# again and again: at last another generation
            os.truncate(d.data(url), 1000 * n)
            for off in (0, 500, 30000):
                try:
                    equal(os.pread(f.fileno(), 4096, off),
                          gen(SIZE, 1, 1, off, 4096), f"cut {n}, at {off}")
                except OSError as error:
                    one_of((n > 0, error.errno), [(True, errno.ESTALE)],
                           f"cut {n}, at {off}")
                right(d, url, 1, off, 4096)
            wait_for(lambda: d.data(url), "another file")
    equal(sha256(d.path(url)), gen_sha256(SIZE, 1), "all of it")


@case
def at_the_worst_moment(s):
    "a .part is cut between a look at it and the write that follows"
    cache = s.folder("cache")
    shim = Shim(s, cache)
    o = s.origin()
    d = shim.daemon(s, cache=cache, options={"fill": "none"})
    url = o.url(f"/gen/{SIZE}/1.mp4")
    with open(d.path(url), "rb", buffering=0) as f:
        for off in (0, 1 << 20):
            equal(os.pread(f.fileno(), 65536, off),
                  gen(SIZE, 1, 1, off, 65536), f"at {off}, before")
        shim.fail(Shim.CUT)
        begin = time.monotonic()
        equal(os.pread(f.fileno(), 65536, 5 << 20),
              gen(SIZE, 1, 1, 5 << 20, 65536), "what was not here")
        at_most(time.monotonic() - begin, 10 * SLACK, "seconds")
        shim.fail(0)
        for off in (0, 1 << 20, 5 << 20, 6 << 20):
            equal(os.pread(f.fileno(), 65536, off),
                  gen(SIZE, 1, 1, off, 65536), f"at {off}, afterwards")
            right(d, url, 1, off, 65536)
    d.kill()
    d.restart()
    equal(sha256(d.path(url)), gen_sha256(SIZE, 1), "after a kill")


@case
def while_it_comes(s):
    "a .part is cut twice while it is downloaded by two readers"
    o, d = start(s, "* rate=6M\n", fill="all")
    for n in range(2):
        url = o.url(f"/gen/{SIZE}/{n}.mp4")
        client = Raw(d.http).get("/" + name_of(url))
        equal(client.head()[0], 200, "status")
        got = []
        with open(d.path(url), "rb", buffering=0) as f:
            # Once at a moment of its own, once beside others.
            for off in (n * 300000, n * 300000 + (2 << 20)):
                equal(read_exactly(f.fileno(), 65536, off),
                      gen(SIZE, n, 1, off, 65536), f"at {off}, before")
                path = d.data(url)
                if path:
                    os.truncate(path, n * 100000)
                try:
                    for at in (0, off, SIZE - 65536, off + 65536):
                        equal(read_exactly(f.fileno(), 65536, at),
                              gen(SIZE, n, 1, at, 65536), f"at {at}")
                    got.append("right")
                except OSError as error:
                    got.append(errno.errorcode[error.errno])
                    one_of(error.errno, (errno.ESTALE, errno.EIO), "error")
        body = client.file.read(SIZE)
        equal(body, gen(SIZE, n, 1, 0, len(body)), "HTTP: whole or cut")
        client.close()
        note(f"file {n}: {got}, HTTP {len(body)} of {SIZE}")
        equal(sha256(d.path(url)), gen_sha256(SIZE, n), f"file {n}, a new open")


@case
def whole_file(s):
    "a complete file is cut while it is in use: a new open has all of it"
    o, d = start(s)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    want = gen_sha256(SIZE, 1)
    for first in ("mount", "HTTP", "old"):
        equal(sha256(d.path(url)), want, "before")
        d.whole(url)
        with open(d.path(url), "rb", buffering=0) as f:
            equal(os.pread(f.fileno(), 10, 0), gen(SIZE, 1, 1, 0, 10), "open")
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            os.truncate(d.data(url), 5 << 20)
            if first == "mount":
                equal(sha256(d.path(url)), want, "the next open")
            elif first == "HTTP":
                equal(http_sha256(d.url(url)), (200, want, SIZE), "HTTP")
            for off, here in ((0, True), (5 << 20, False), (7 << 20, False)):
                try:
                    data = os.pread(f.fileno(), 4096, off)
                    # The kernel reads a whole file itself, where it may.
                    if here or data:
                        equal(data, gen(SIZE, 1, 1, off, 4096), f"at {off}")
                except OSError as error:
                    one_of((here, error.errno), [(False, errno.ESTALE),
                                                 (False, errno.EIO)],
                           f"at {off}")
            equal(sha256(d.path(url)), want, f"{first}: mount")
            equal(http_sha256(d.url(url)), (200, want, SIZE), f"{first}: HTTP")
    d.unmount()
    d.restart()
    equal(sha256(d.path(url)), want, "after a restart")


@case
def in_mid_body(s):
    "a complete file is cut behind what a paused client has read: a clean cut"
    size = 16 << 20
    o = s.origin()
    d = s.spoolfs(mount=False)
    url = o.url(f"/gen/{size}/1.mp4")
    equal(http_sha256(d.url(url))[1], gen_sha256(size, 1), "before")
    d.whole(url)
    clients = [Raw(d.http, 20).get("/" + name_of(url)) for _ in range(4)]
    for c in clients:
        equal(c.head()[0], 200, "status")
    begin = cpu_seconds(d.pid)
    at = 100000
    os.truncate(d.data(url), at)
    for c in clients:
        body = c.file.read(size)
        ok(len(body) < size, "cut")
        equal(body[:at], gen(size, 1, 1, 0, at), "bytes before the cut")
        # The kernel sends the file's own pages, and blanks what is cut off of
        # those that no client has taken yet.
        blank = body[at:].count(0) - gen(size, 1, 1, at,
                                         len(body) - at).count(0)
        note(f"{len(body)} bytes, {blank} of them blanked")
        c.close()
    equal(http_sha256(d.url(url))[1], gen_sha256(size, 1), "the next one")
    note(f"{cpu_seconds(d.pid) - begin:.1f} s of processor time")


main()
