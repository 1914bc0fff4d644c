"""Origins that are wrong about ranges and lengths, or have none: what a file
reader and an HTTP client get, and what is in the cache afterwards. The table in
tests/README.md is made of these cases."""
from faulty import *
from spool import *


def later(fault):
    """Rules: the probe is answered as it should be, every range after it is
    not."""
    return ["times=1", f"ranged=yes {fault}", ""]


@case
def no_ranges(s):
    "Range ignored, refused or answered wrongly: all of it is asked for instead"
    o, d, log = together(s, {
        "ignore": ("ranges=ignore", right(within=4)),
        "off": ("ranges=off", right(within=4)),
        "refuse": ("ranges=refuse", right(within=4)),
        "wrong-start": ("ranges=wrong-start", right(within=4)),
        "wrong-start-once": (["ranges=wrong-start times=1", ""],
                             right(within=4)),
        "no-content-range": ("ranges=no-header", right(within=4)),
        "multipart": ("ranges=multipart", right(within=4)),
        "part-in-a-200": ([r'ranged=yes ranges=ignore header="Content-Range: '
                           'bytes 0-65535/3000000"', ""], right(within=4)),
    }, slack=SLACK)
    for front in "mh":
        for name in ("ignore", "off"):
            at_most(o.stats(f"/{name}-{front}.mp4")["requests"], 2, name)
        for name in ("refuse", "wrong-start", "no-content-range", "multipart"):
            rows = [r.get("range") for r in log
                    if r["path"] == f"/{name}-{front}.mp4"]
            # Twice in all, when nobody reads at the moment it has begun.
            at_most(len(rows), 3, f"{name}: requests")
            equal(rows[1:], [None] * len(rows[1:]), f"{name}: without Range")


@case
def no_ranges_later(s):
    "the same where ranges have worked: three tries, then all of it"
    together(s, {
        "refuse": (later("ranges=refuse"), right()),
        "wrong-start": (later("ranges=wrong-start"), right()),
        "no-content-range": (later("ranges=no-header"), right()),
        "multipart": (later("ranges=multipart"), right()),
        "once": (["times=1", "ranges=no-header times=1", ""], right()),
    }, slack=SLACK)


@case
def bad_moment(s):
    "one bad range among good ones does not cost the whole file"
    size = 40 * MB
    o = s.origin(f"/film.mp4 gen={size}/1 times=1\n"
                 f"/film.mp4 gen={size}/1 ranges=multipart times=1\n"
                 f"/film.mp4 gen={size}/1\n")
    d = s.spoolfs(options={"fill": "none"})
    path = d.path(o.url("/film.mp4"))
    for off in (0, 20 * MB, size - 1000):
        equal(pread(path, 1000, off), gen(size, 1, 1, off, 1000), f"at {off}")
    ok(all(r["range"] for r in o.log()), "ranges alone were asked for")
    at_most(o.sent("/film.mp4"), 10 * MB, "bytes sent")


@case
def nothing_to_be_had(s):
    "neither ranges nor the whole are any good: an error, at once"
    together(s, {
        "no-content-range": (["ranged=yes ranges=no-header",
                              'header="Content-Encoding: gzip"'],
                             fails("EIO", 502, within=3)),
        "206-to-all": (["ranged=yes ranges=multipart", "status=206"],
                       fails("EIO", 502, within=3)),
    }, slack=SLACK)


@case
def unknown_total(s):
    "206 with * for a total, with and without a validator"
    together(s, {
        "star": ("ranges=star", right(within=4)),
        "star-none": ("ranges=star etag=none last-modified=none",
                      right(within=4)),
    }, slack=SLACK)


@case
def wrong_total(s):
    "206 with another total: ESTALE or a cut, then another open has all of it"
    together(s, {
        "always": ("ranges=wrong-total", right_after("ESTALE", CUT)),
        "later": (later("ranges=wrong-total"), right()),
        "once": (["ranges=wrong-total times=1", ""],
                 right_after("ESTALE", CUT)),
    }, slack=SLACK)


@case
def tail_without_ranges(s):
    "an origin without ranges: the tail and a part first, at most twice the file"
    for mode in ("ignore", "off"):
        o = s.origin("".join(f"/{x}.mp4 gen=3MB/1 ranges={mode}\n"
                             for x in "mh"))
        d = s.spoolfs()
        want = content(3 * MB)
        equal(pread(d.path(o.url("/m.mp4")), 1000, 2999000), want[-1000:],
              "tail")
        r = fetch(d.url(o.url("/h.mp4")),
                  headers={"Range": "bytes=2000000-2000999"})
        equal((r.status, r.body), (206, want[2000000:2001000]), "a part")
        for front in "mh":
            at_most(o.sent(f"/{front}.mp4"), 2 * 3 * MB, "bytes sent")


@case
def quiet_ranges(s):
    "ranges that work although Accept-Ranges says none are used"
    size = 20 * MB
    o = s.origin("".join(f"/{x}.mp4 gen={size}/1 ranges=quiet\n"
                         for x in "mh"))
    d = s.spoolfs(options={"fill": "none"})
    got = {"m": pread(d.path(o.url("/m.mp4")), 1000, 19 * MB),
           "h": fetch(d.url(o.url("/h.mp4")), headers={
               "Range": f"bytes={19 * MB}-{19 * MB + 999}"}).body}
    for front in "mh":
        equal(got[front], gen(size, 1, 1, 19 * MB, 1000), "tail")
        at_most(o.sent(f"/{front}.mp4"), 5 * MB, "bytes sent for it")
        becomes_kept(d, o.url(f"/{front}.mp4"), "part")


@case
def no_length(s):
    "no Content-Length, chunked or to the end of the connection"
    o, d, _ = together(s, {
        "chunked": ("length=chunked", right(within=4)),
        "close": ("length=close", right(within=4)),
        "chunked-all": ("length=chunked ranges=off", right(within=4)),
        "close-all": ("length=close ranges=off", right(within=4)),
        "chunked-cut": (["length=chunked ranges=off drop=1MB times=1",
                         "length=chunked ranges=off"], right()),
        "part-cut": ("length=close drop=1MB", right()),
    }, slack=SLACK)
    for name in ("chunked-all", "close-all", "chunked-cut"):
        for front in "mh":
            url = o.url(f"/{name}-{front}.mp4")
            equal(os.stat(d.path(url)).st_size, 3 * MB,
                  "st_size, when it is known")


@case
def empty(s):
    "zero bytes, however they are said"
    o, d, _ = together(s, {
        "plain": ("", right(within=4)),
        "off": ("ranges=off", right(within=4)),
        "chunked": ("length=chunked ranges=off", right(within=4)),
        "close": ("length=close ranges=off", right(within=4)),
    }, size=0, slack=SLACK)
    for name in ("plain", "off", "chunked", "close"):
        equal(os.stat(d.path(o.url(f"/{name}-m.mp4"))).st_size, 0, "st_size")


@case
def part_lies(s):
    "a 206 that brings less or more than it promises"
    together(s, {
        # by its headers: their word is worth nothing
        "shorter": ("ranged=yes slice=-1000", fails("EIO", 502, within=3)),
        "longer": ("ranged=yes slice=+1000", fails("EIO", 502, within=3)),
        "length-less": ("ranged=yes length=-1000",
                        fails("EIO", 502, within=3)),
        "length-more": ("ranged=yes length=+1000",
                        fails("EIO", 502, within=3)),
        # by its body
        "short-body": (["ranged=yes slice=-1000 length=+1000 times=4", ""],
                       right()),
        "long-body": ("ranged=yes slice=+1000 length=-1000", right(within=4)),
    }, slack=SLACK)


def shorter_by(less):
    """The whole file is said to be shorter, and so it is here."""
    def check(f):
        f.want = f.want[:-less]
        right(within=4)(f)
    return check


@case
def whole_lies(s):
    "a 200 whose Content-Length lies: no byte beyond it, no end before it"
    together(s, {
        "more": ("ranges=off length=+1000",
                 fails("EIO ETIMEDOUT", CUT, kept="part", exactly=3 * MB)),
        "less": ("ranges=off length=-1000", shorter_by(1000)),
        "cut-once": (["ranges=off drop=1MB times=1", "ranges=off"], right()),
        "cut": ("ranges=off drop=1MB",
                fails("EIO ETIMEDOUT", CUT, kept="part", exactly=MB)),
    }, slack=SLACK, read_timeout="4")


@case
def head_refused(s):
    "HEAD refused: nobody asks"
    o, _, log = together(s, {"head": ("head=refuse", right(within=4))},
                         slack=SLACK)
    ok(all(r["method"] == "GET" for r in log), "GET alone")


@case
def encoded(s):
    "gzip or br although identity was asked for"
    rows = {}
    for coding in ("gzip", "br"):
        for name, rule in (("part", ""), ("whole", "ranges=off")):
            rows[f"{coding}-{name}"] = (
                f'{rule} header="Content-Encoding: {coding}"',
                fails("EIO", 502, within=3))
    _, _, log = together(s, rows, slack=SLACK)
    for r in log:
        if r["path"].startswith(("/gzip", "/br")):
            ok(["Accept-Encoding", "identity"] in r["headers"],
               "identity was asked for")


@case
def huge(s):
    "sizes past 2^32, 2^42, 2^53 and next to 2^63"
    o = s.origin()
    d = s.spoolfs(options={"fill": "none", "read_timeout": "5"})
    for size in ((1 << 32) + 5, (1 << 42) + 5, (1 << 53) + 5, (1 << 63) - 1):
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
        becomes_kept(d, url, "part")
        equal(read(d.path(o.url("/gen/99/1.mp4"))), gen(99, 1), "another")


@case
def past_63_bits(s):
    "a size past 2^63 is an error, and nothing breaks"
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": "5"})
    for size in (1 << 63, (1 << 64) - 1):
        url = o.url(f"/gen/{size}/1.mp4")
        fails_with(errno.EIO, f"mount, {size}", pread, d.path(url), 100, 0)
        equal(fetch(d.url(url)).status, 502, f"HTTP, {size}")
        equal(kept(d, url).state, "nothing", "in the cache")
    equal(read(d.path(o.url("/gen/99/1.mp4"))), gen(99, 1), "another file")


main()
