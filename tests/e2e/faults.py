"""Origins that misbehave: what readers and clients see, and never a wrong
byte. Each case runs through the mount and through HTTP, with a file each, so
that both meet the fault cold; afterwards the daemon must be well and serve
another file."""
from spool import *

MB = 1000000
# What a failed HTTP transfer is seen as.
CUT = "cut"


def script_for(rules):
    """The rules, once for each front's file."""
    rules = [rules] if isinstance(rules, str) else rules
    return "".join(f"/{front}.mp4 {rule}\n" for front in ("m", "h")
                   for rule in rules)


def by_mount(d, url):
    """Bytes read, and how it ended: None or an errno."""
    data = b""
    try:
        with open(d.path(url), "rb", buffering=0) as f:
            while True:
                piece = f.read(1 << 17)
                if not piece:
                    return data, None
                data += piece
    except OSError as error:
        return data, error.errno


def by_http(d, url):
    """Bytes received, and how it ended: None, a status other than 200, or
    CUT."""
    try:
        r = fetch(d.url(url))
    except http.client.IncompleteRead as short:
        return short.partial, CUT
    except (ConnectionError, http.client.HTTPException):
        return b"", CUT
    return (r.body, None) if r.status == 200 else (b"", r.status)


class Fault:
    """An origin with a fault, a daemon, and what came through it."""

    def __init__(self, s, rules, want, **options):
        self.s, self.want = s, want
        options.setdefault("read_timeout", "8")
        options.setdefault("stall_timeout", "4")
        self.o = s.origin(script_for(rules))
        self.d = s.spoolfs(options=options)

    def results(self):
        for front, act in (("m", by_mount), ("h", by_http)):
            data, end = act(self.d, self.o.url(f"/{front}.mp4"))
            if isinstance(end, int) and front == "m":
                end = errno.errorcode[end]
            ok(data == self.want[:len(data)],
               f"{front}: a wrong byte within {len(data)}")
            yield front, data, end

    def right(self):
        """All of it, on both fronts, and again from the cache."""
        for _ in range(2):
            for front, data, end in self.results():
                equal((len(data), end), (len(self.want), None),
                      f"{front}: bytes and end")
        self.well()
        return self

    def fails(self, errnos, statuses):
        """An error of these, whatever right bytes came before."""
        for front, data, end in self.results():
            one_of(end, errnos.split() if front == "m" else statuses,
                   f"{front}: the end, after {len(data)} bytes")
        self.well()
        return self

    def right_or_fails(self, errnos, statuses):
        for front, data, end in self.results():
            if end is None:
                equal(len(data), len(self.want), f"{front}: bytes")
            else:
                one_of(end, errnos.split() if front == "m" else statuses,
                       f"{front}: the end, after {len(data)} bytes")
            note(f"{front}: {len(data)} bytes, {end or 'whole'}")
        self.well()
        return self

    def well(self):
        """Others are served, by the same process."""
        url = self.o.url("/gen/70000/77.mp4")
        equal(read(self.d.path(url)), gen(70000, 77), "another file")
        ok(process_state(self.d.pid) not in ("", "Z"), "the daemon lives")


def generated(rules, size=3 * MB):
    rules = [rules] if isinstance(rules, str) else rules
    return [f"gen={size}/1 {rule}" for rule in rules], gen(size, 1)


def fault(s, rules, size=3 * MB, **options):
    return Fault(s, *generated(rules, size), **options)


# ---- ranges and lengths ----------------------------------------------------

@case
def ignores_range(s):
    "an origin that ignores Range: right bytes, from the head and the tail"
    for mode in ("ignore", "off"):
        f = fault(s, f"ranges={mode}")
        tail = f.o.url("/m.mp4")
        equal(pread(f.d.path(tail), 1000, 2999000), f.want[-1000:], "tail")
        r = fetch(f.d.url(f.o.url("/h.mp4")),
                  headers={"Range": "bytes=2000000-2000999"})
        equal((r.status, r.body), (206, f.want[2000000:2001000]), "a part")
        f.right()
        at_most(f.o.sent("/m.mp4") + f.o.sent("/h.mp4"), 5 * 3 * MB,
                "bytes sent")


@case
def quiet_ranges(s):
    "ranges that work although Accept-Ranges says none are used"
    f = fault(s, "ranges=quiet", 20 * MB, fill="none")
    for front in ("m", "h"):
        url = f.o.url(f"/{front}.mp4")
        if front == "m":
            got = pread(f.d.path(url), 1000, 19 * MB)
        else:
            got = fetch(f.d.url(url), headers={
                "Range": f"bytes={19 * MB}-{19 * MB + 999}"}).body
        equal(got, gen(20 * MB, 1, 1, 19 * MB, 1000), "tail")
        at_most(f.o.sent(f"/{front}.mp4"), 5 * MB, "bytes sent for it")


@case
def no_length(s):
    "no Content-Length, chunked or to the end of the connection"
    for how in ("length=chunked", "length=close"):
        fault(s, how).right()
        f = fault(s, how + " ranges=off").right()
        for front in ("m", "h"):
            equal(os.stat(f.d.path(f.o.url(f"/{front}.mp4"))).st_size,
                  len(f.want), "st_size, when it is known")


@case
def empty(s):
    "zero bytes, however they are said"
    for how in ("", "ranges=off", "length=chunked ranges=off",
                "length=close ranges=off"):
        f = fault(s, how, 0).right()
        equal(os.stat(f.d.path(f.o.url("/m.mp4"))).st_size, 0, "st_size")


@case
def unknown_total(s):
    "206 with * for a total"
    fault(s, "ranges=star").right()


@case
def wrong_start(s):
    "206 of another place: all is asked for instead"
    fault(s, ["ranges=wrong-start times=2", ""]).right()
    fault(s, "ranges=wrong-start").right()


@case
def wrong_total(s):
    "206 with another total every time"
    fault(s, "ranges=wrong-total").right_or_fails(
        "EIO ESTALE ETIMEDOUT", (502, 504, CUT))


@case
def no_content_range(s):
    "206 without Content-Range, or as multipart/byteranges"
    for mode in ("no-header", "multipart"):
        fault(s, f"ranges={mode}").right()


@case
def refuses_range(s):
    "416 for a range that is there"
    fault(s, "ranges=refuse").right()


@case
def short_and_long(s):
    "a 206 that brings less or more than it promises"
    for how in ("slice=-1000", "slice=+1000", "slice=-1000 length=+1000",
                "slice=+1000 length=-1000", "length=+1000", "length=-1000"):
        fault(s, how).right_or_fails("EIO ETIMEDOUT", (502, 504, CUT))


@case
def lies_about_length(s):
    "a 200 whose Content-Length lies"
    for how in ("ranges=off length=+1000", "ranges=off length=-1000"):
        size = 3 * MB
        f = fault(s, how)
        claimed = size + (1000 if "+" in how else -1000)
        for front, data, end in f.results():
            at_most(len(data), claimed, f"{front}: bytes")
            if "+" in how:
                one_of(end, ("EIO", "ETIMEDOUT", 502, 504, CUT),
                       f"{front}: what never comes is an error")
                at_most(len(data), size, f"{front}: right bytes alone")
        f.well()


@case
def head_refused(s):
    "HEAD refused"
    fault(s, "head=refuse").right()


@case
def encoded(s):
    "gzip although identity was asked for"
    for coding in ("gzip", "br"):
        fault(s, f'header="Content-Encoding: {coding}"').fails(
            "EIO", (502,))


@case
def huge(s):
    "sizes past 2^32, 2^42, 2^53 and next to 2^63"
    for size in ((1 << 32) + 5, (1 << 42) + 5, (1 << 53) + 5, (1 << 63) - 1):
        o = s.origin()
        d = s.spoolfs(options={"fill": "none", "read_timeout": "5"})
        url = o.url(f"/gen/{size}/1.mp4")
        want = gen(size, 1, 1, size - 1000)
        equal(pread(d.path(url), 1000, 0), gen(size, 1, 1, 0, 1000),
              f"mount, head of {size}")
        equal(fetch(d.url(url), "HEAD")["Content-Length"], str(size),
              f"HEAD of {size}")
        equal(os.stat(d.path(url)).st_size, size, f"st_size {size}")
        r = fetch(d.url(url), headers={"Range": "bytes=-1000"})
        if size < 1 << 43:
            equal((r.status, r.body), (206, want), f"HTTP, tail of {size}")
            equal(pread(d.path(url), 1000, size - 1000), want,
                  f"mount, tail of {size}")
        else:			# past what the cache's file system takes
            ok(r.status == 502 or r.body == want, f"HTTP, tail of {size}")
            try:
                got = pread(d.path(url), 1000, size - 1000)
                equal(got, want, f"mount, tail of {size}")
            except OSError as error:
                one_of(error.errno, (errno.EFBIG, errno.EIO, errno.EINVAL),
                       f"mount, tail of {size}")
        equal(read(d.path(o.url("/gen/99/1.mp4"))), gen(99, 1), "another")


@case
def past_63_bits(s):
    "a size past 2^63 is an error or usable, but nothing breaks"
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": "5"})
    for size in (1 << 63, (1 << 64) - 1):
        url = o.url(f"/gen/{size}/1.mp4")
        try:
            equal(pread(d.path(url), 100, 0), gen(size, 1, 1, 0, 100), "head")
        except OSError as error:
            one_of(errno.errorcode[error.errno],
                   ("EIO", "EFBIG", "EOVERFLOW"), f"{size}")
    equal(read(d.path(o.url("/gen/99/1.mp4"))), gen(99, 1), "another file")


# ---- versions --------------------------------------------------------------

def change(s, rule, size=20 * MB):
    """Replace a file while it is half read, with each front; what has been
    read is version 1 to its last byte, and a new look sees version 2."""
    o = s.origin(script_for(f"gen={size}/1 {rule}"))
    d = s.spoolfs(options={"fill": "none", "read_timeout": "8"})
    two = gen_sha256(size, 1, 2)
    url = o.url("/m.mp4")
    got, end = b"", None
    with open(d.path(url), "rb", buffering=0) as f:
        try:
            while len(got) < size:
                got += f.read(1 << 17)
                if len(got) == 1 << 20:
                    o.version("/m.mp4", 2)
        except OSError as error:
            end = errno.errorcode[error.errno]
    equal(got[:len(got)], prefix(size, 1, len(got)), "version 1 alone")
    if len(got) < size:
        equal(end, "ESTALE", "the end of the old one")
    note(f"mount: {len(got)} bytes of version 1, {end}")
    wait_for(lambda: sha256_or_none(d.path(url)) == two, "version 2", 20)

    url = o.url("/h.mp4")
    c = Raw(d.http).get("/" + name_of(url))
    equal(c.head()[0], 200, "status")
    got = c.file.read(1 << 20)
    o.version("/h.mp4", 2)
    got += c.file.read()
    c.close()
    equal(got, prefix(size, 1, len(got)), "HTTP: version 1 alone")
    note(f"HTTP: {len(got)} bytes of version 1")
    wait_for(lambda: hashlib.sha256(by_http(d, url)[0]).hexdigest() == two,
             "version 2", 20)


def prefix(size, version, length):
    p = subprocess.run([ORIGIN, "--gen", f"{size}/1/{version}/0/{length}"],
                       stdout=subprocess.PIPE, check=True)
    return p.stdout


def sha256_or_none(path):
    try:
        return sha256(path)
    except OSError:
        return None


@case
def changed(s):
    "a file replaced while it is read: never a mixture"
    change(s, "rate=8M")


@case
def changed_if_range_ignored(s):
    "the same from an origin that ignores If-Range"
    change(s, "rate=8M if-range=ignore")


@case
def changed_weak(s):
    "the same with a weak ETag only, and with Last-Modified only"
    change(s, "rate=8M etag=weak last-modified=none")
    change(s, "rate=8M etag=none")


@case
def changed_without_ranges(s):
    "the same from an origin without ranges that drops"
    o_rule = "ranges=off drop=5MB rate=8M"
    size = 8 * MB
    o = s.origin(f"/m.mp4 gen={size}/1 {o_rule}\n")
    d = s.spoolfs(options={"read_timeout": "6"})
    url = o.url("/m.mp4")
    got, end = b"", None
    try:
        with open(d.path(url), "rb", buffering=0) as f:
            while len(got) < size:
                got += f.read(1 << 17)
                if len(got) == 1 << 20:
                    o.version("/m.mp4", 2)
    except OSError as error:
        end = errno.errorcode[error.errno]
    equal(got, prefix(size, 1, len(got)), "version 1 alone")
    one_of(end, ("ESTALE", "EIO", "ETIMEDOUT"), "the end of it")


@case
def changed_between(s):
    "a file replaced between two sessions is seen at the next open"
    o = s.origin('* header="Cache-Control: no-cache"\n')
    d = s.spoolfs()
    path = "/gen/100kB/1.mp4"
    url = o.url(path)
    equal(read(d.path(url)), gen(100000, 1), "version 1")
    before = os.stat(d.path(url))
    o.version(path, 2)
    wait_for(lambda: read(d.path(url)) == gen(100000, 1, 2),
             "version 2 to be seen", 10)
    equal(fetch(d.url(url)).body, gen(100000, 1, 2), "HTTP")
    ok(os.stat(d.path(url)).st_ino != before.st_ino, "another inode")
    d.unmount()
    o.version(path, 3)
    d.restart()
    wait_for(lambda: read(d.path(url)) == gen(100000, 1, 3),
             "version 3 after a restart", 10)


@case
def gone_and_back(s):
    "a file that goes (404) and comes back"
    o = s.origin('* header="Cache-Control: no-cache"\n')
    d = s.spoolfs()
    path = "/gen/100kB/1.mp4"
    url = o.url(path)
    o.script(f"{path} status=404\n")
    fails_with(errno.ENOENT, "not there", read, d.path(url))
    o.script('* header="Cache-Control: no-cache"\n')
    wait_for(lambda: sha256_or_none(d.path(url)) == gen_sha256(100000, 1),
             "it to be noticed", 60)


@case
def weak_and_none(s):
    "weak ETag, Last-Modified only, neither"
    for how in ("etag=weak", "etag=none", "etag=none last-modified=none"):
        fault(s, how).right()


@case
def flapping(s):
    "an ETag that differs between the servers of a farm: no wrong byte"
    fault(s, "etag=flap").right_or_fails("EIO ESTALE ETIMEDOUT",
                                         (502, 504, CUT))


# ---- failures --------------------------------------------------------------

@case
def refusals(s):
    "404 and 410 are ENOENT, 401 and 403 EACCES"
    for status, name, codes in ((404, "ENOENT", (404,)),
                                (410, "ENOENT", (404, 410)),
                                (401, "EACCES", (401, 403)),
                                (403, "EACCES", (403,))):
        fault(s, f"status={status}").fails(name, codes)


@case
def transient(s):
    "statuses that pass: retried until it works"
    for status in (408, 425, 429, 500, 502, 503, 504):
        fault(s, [f"status={status} times=2", ""], MB).right()


@case
def retry_after(s):
    "Retry-After is honoured, in seconds and as a date"
    from email.utils import formatdate
    for value, at_least_ms in (("2", 2000), (None, 1500)):
        value = value or formatdate(time.time() + 4, usegmt=True)
        f = fault(s, [f'status=503 times=1 header="Retry-After: {value}"',
                      ""], MB)
        equal(by_mount(f.d, f.o.url("/m.mp4")), (f.want, None), "bytes")
        rows = f.o.log("/m.mp4")
        at_least(rows[1]["t"] - rows[0]["t"], at_least_ms,
                 "ms to the next request")


@case
def permanent(s):
    "what never passes is an error by the deadline, not a hang"
    for how in ("status=500", "status=503", "drop=before", "reset=before"):
        begin = time.monotonic()
        f = fault(s, how, MB, read_timeout="3").fails("EIO ETIMEDOUT",
                                                      (502, 504))
        took = time.monotonic() - begin
        at_most(took, 2 * 3 + 10 * SLACK, f"seconds for {how}")
        for front in ("m", "h"):
            at_most(f.o.stats(f"/{front}.mp4")["requests"], 20,
                    f"requests for {how}: it backs off")


@case
def drops(s):
    "a connection dropped every MiB, or reset: it goes on where it was"
    for how in ("drop=1M", "reset=1M"):
        f = fault(s, how, 12 * MB).right()
        for front in ("m", "h"):
            sent = f.o.sent(f"/{front}.mp4")
            at_most(sent, int(12 * MB * 1.3), f"bytes sent, {how}")


@case
def drops_early(s):
    "dropped after the headers, after one byte, before the headers"
    for how in ("drop=0 times=2", "drop=1 times=2", "reset=0 times=2",
                "drop=before times=2", "reset=before times=2"):
        fault(s, [how, ""], MB).right()


@case
def drops_without_ranges(s):
    "dropped once by an origin without ranges: begun again, nothing doubled"
    fault(s, ["ranges=off drop=1MB times=1", "ranges=off"]).right()


@case
def stalls(s):
    "a stall in mid-body: another request goes on from there"
    fault(s, ["stall=1MB times=1", ""], stall_timeout="1").right()


@case
def slow(s):
    "a late answer and a drip of bytes"
    fault(s, "delay=1500ms rate=20", 40).right()


@case
def interim(s):
    "1xx ahead of the answer; many headers; too many headers"
    fault(s, "interim=5 junk=300x60", MB).right()
    for how in ("junk=10000x100", "junk=1x1M", "junk=endlessx100",
                "interim=endless"):
        fault(s, how, MB, read_timeout="4").fails("EIO EMSGSIZE ETIMEDOUT",
                                                  (502, 504))


@case
def strange_headers(s):
    "header values with control bytes and beyond ASCII"
    fault(s, r'header="X-A: \xff\x01\t" header="X-B:" '
          r'header="Content-Disposition: \"\\\""', MB).right()
    for how in (r'header="Content-Length: 5"',
                r'header="Content-Length: 3000000" '
                r'header="Content-Length: 7"',
                r'header="Content-Range: bytes x-y/z"',
                r'header="no colon here"', r'header="X: a\x00b"'):
        fault(s, how, MB).right_or_fails("EIO ETIMEDOUT", (502, 504, CUT))


@case
def injected(s):
    "what an origin says can't add headers to our answers"
    f = Fault(s, r'body=x etag="\"a\rInjected: 1\"" '
              r'header="Content-Type: video/mp4\rInjected: 2"', b"x")
    try:
        r = fetch(f.d.url(f.o.url("/h.mp4")))
        equal(r["Injected"], None, "an injected header")
        ok(r.status in (200, 502), f"status {r.status}")
    finally:
        f.well()


@case
def unreachable(s):
    "refused, unknown and silent hosts"
    d = s.spoolfs(options={"read_timeout": "6", "connect_timeout": "2"})
    closed = f"http://127.0.0.1:{free_port()}/x.mp4"
    unknown = "http://no-such-host.invalid/x.mp4"
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
    hole = f"http://127.0.0.1:{silent.getsockname()[1]}/x.mp4"
    for url, names, codes in (
            (closed, "EHOSTUNREACH", (502,)),
            (unknown, "EHOSTUNREACH ETIMEDOUT", (502, 504)),
            (hole, "ETIMEDOUT EHOSTUNREACH", (502, 504))):
        begin = time.monotonic()
        _, end = by_mount(d, url)
        one_of(errno.errorcode.get(end), names.split(), f"mount, {url}")
        _, end = by_http(d, url)
        one_of(end, codes, f"HTTP, {url}")
        at_most(time.monotonic() - begin, 12 + 6 * SLACK, f"seconds, {url}")
    for c in held:
        c.close()
    silent.close()


main()
