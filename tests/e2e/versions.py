"""Files that change at their origin while they are read, or are told apart badly:
never a byte of the wrong version. The content tells its version at each byte. The
table in tests/README.md is made of these cases."""
import threading
import traceback

from faulty import *
from spool import *

SIZE = 8 * MB
ASKED = "header=\"Cache-Control: no-cache\""	# always validated


class Script:
    """An origin's rules, a line a file, that can be changed one by one."""

    def __init__(self, o, rules):
        self.o, self.rules, self._lock = o, rules, threading.Lock()
        self._say()

    def _say(self):
        self.o.script("".join(f"{path} {rule}\n"
                              for path, rule in self.rules.items()))

    def put(self, path, rule):
        with self._lock:
            self.rules[path] = rule
            self._say()


def read_across(d, url, want, event):
    """Read through the mount, with an event after the first MiB: (bytes, how
    it ended, descriptor); they are those of `want`."""
    fd, got, end = os.open(d.path(url), os.O_RDONLY), b"", None
    try:
        while piece := os.read(fd, PIECE):
            got += piece
            if len(got) == 1 << 20:
                event()
    except OSError as error:
        end = errno.errorcode[error.errno]
    ok(got == want[:len(got)], f"{url}: the first version alone, in the mount")
    return len(got), end, fd


def get_across(d, url, want, event):
    """The same through HTTP: (bytes, None or CUT)."""
    got, end = b"", None
    connection = http.client.HTTPConnection(d.http, timeout=60)
    try:
        connection.request("GET", "/" + name_of(url))
        r = connection.getresponse()
        equal(r.status, 200, "status")
        got = r.read(1 << 20)
        event()
        while piece := r.read1(PIECE):
            got += piece
        end = CUT if r.length else None
    except (ConnectionError, http.client.HTTPException):
        end = CUT
    finally:
        connection.close()
    ok(got == want[:len(got)], f"{url}: the first version alone, by HTTP")
    ok(end or len(got) == len(want), f"{url}: {len(got)} bytes and no cut")
    return len(got), end


def becomes(d, url, want, timeout=20):
    """Sooner or later an open sees this, on both fronts."""
    for act in (by_mount, by_http):
        wait_for(lambda: act(d, url)[:2] == (want, None),
                 f"{url}: the new one, {act.__name__}", timeout)
    equal(os.stat(d.path(url)).st_size, len(want), "st_size")
    wait_for(lambda: kept(d, url).state == "whole", "the new one to be kept")
    check_kept(d, url, want)


def replace(s, rows, new):
    """Each file is replaced, by new(script, path), while it is read through
    the mount and, another one, by HTTP. rows: rules, and how the mount's
    reader may end. Then it is what new() says that it is."""
    o, one, problems = s.origin(), content(SIZE), []
    d = s.spoolfs(options={"read_timeout": "8", "max_connections": "64",
                           "fill": "none"})
    script = Script(o, {f"/{name}-{x}.mp4": rule
                        for name, (rule, _) in rows.items() for x in "mh"})

    def mount(path, ends):
        want = []
        count, end, fd = read_across(
            d, o.url(path), one, lambda: want.append(new(script, path)))
        try:
            one_of(end, ends, f"{path}: the end, after {count} bytes")
            ok(end or count == SIZE, f"{path}: {count} bytes and no error")
            equal(os.pread(fd, 1 << 20, 0), one[:1 << 20],
                  f"{path}: what the open one had")
            becomes(d, o.url(path), want[0])
            ok(os.stat(d.path(o.url(path))).st_ino != os.fstat(fd).st_ino,
               f"{path}: another inode")
        finally:
            os.close(fd)

    def http(path, ends):
        want = []
        get_across(d, o.url(path), one,
                   lambda: want.append(new(script, path)))
        becomes(d, o.url(path), want[0])

    def run(check, path, ends):
        try:
            check(path, ends)
        except Exception:
            problems.append(traceback.format_exc())

    threads = [threading.Thread(target=run, daemon=True, args=(
                   check, f"/{name}-{x}.mp4", ends))
               for name, (_, ends) in rows.items()
               for x, check in (("m", mount), ("h", http))]
    with Bystander(o, d, 8 + 4 * SLACK):
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        ok(not problems, "\n".join(problems))


def second(script, path):
    """The same size, other bytes."""
    script.o.version(path, 2)
    return content(SIZE, 1, 2)


def second_uncut(script, path):
    """The same, and answers are no longer cut: but the one under way."""
    script.put(path, script.rules[path].replace("drop=5MB", ""))
    return second(script, path)


@case
def changed(s):
    "a file replaced while it is read, whatever its validators: never a mixture"
    rule = f"gen={SIZE}/1 rate=8M"
    date = 'last-modified="Sat, 01 Jan 2022 00:00:00 GMT"'
    replace(s, {
        "strong": (rule, ["ESTALE"]),
        "if-range-ignored": (f"{rule} if-range=ignore", ["ESTALE"]),
        "same-date": (f"{rule} {date}", ["ESTALE"]),
        "weak": (f"{rule} etag=weak last-modified=none", ["ESTALE"]),
        "weak-same-date": (f"{rule} etag=weak {date}", ["ESTALE"]),
        "date": (f"{rule} etag=none", ["ESTALE"]),
    }, second)


@case
def changed_whole(s):
    "the same where all comes in one answer, which may be cut and asked again"
    rule = f"gen={SIZE}/1 rate=8M {ASKED}"
    none = "etag=none last-modified=none"
    replace(s, {
        "neither": (f"{rule} {none}", [None]),
        "no-ranges": (f"{rule} ranges=off", [None]),
        "no-ranges-cut": (f"{rule} ranges=off drop=5MB", ["ESTALE"]),
        "neither-cut": (f"{rule} ranges=off {none} drop=5MB", ["ESTALE"]),
        "no-length": (f"{rule} ranges=off length=chunked", [None]),
    }, second_uncut)


@case
def shrunk_and_grown(s):
    "a file that becomes shorter, longer or empty while it is read"
    rule = f"gen={SIZE}/1 rate=8M"
    sizes = {"shorter": SIZE // 2, "longer": SIZE + 5 * MB, "empty": 0}

    def resized(script, path):
        size = sizes[path[1:].split("-")[0]]
        script.put(path, script.rules[path].replace(
            f"gen={SIZE}/1", f"gen={size}/1 version=2"))
        return content(size, 1, 2)

    rows = {}
    for name in sizes:
        rows[name] = (rule, ["ESTALE"])
        rows[name + "-date"] = (f"{rule} etag=none", ["ESTALE"])
    replace(s, rows, resized)


@case
def gone_while_open(s):
    "404 while it is read: ENOENT or a cut, nothing is lost; back: it goes on"
    rule, one = f"gen={SIZE}/1 rate=8M {ASKED}", content(SIZE)
    o = s.origin()
    d = s.spoolfs(options={"fill": "none"})
    with Bystander(o, d, 30):
        paths = {"m": "/m.mp4", "h": "/h.mp4"}
        script = Script(o, {path: rule for path in paths.values()})
        gone = {x: lambda x=x: script.put(paths[x], "status=404") for x in "mh"}
        count, end, fd = read_across(d, o.url("/m.mp4"), one, gone["m"])
        equal(end, "ENOENT", "the end of the open one")
        equal(os.pread(fd, 1 << 20, 0), one[:1 << 20], "what it had")
        os.close(fd)
        _, end = get_across(d, o.url("/h.mp4"), one, gone["h"])
        equal(end, CUT, "the end by HTTP")
        before = {}
        for x in "mh":
            url = o.url(paths[x])
            equal(by_mount(d, url).end, "ENOENT", "a new open")
            equal(by_http(d, url).end, 404, "HTTP")
            wait_for(lambda: covers(kept(d, url).present, [(0, 1 << 20)]),
                     "what was read to be saved")
            before[x] = check_kept(d, url, one)
        o.reset()
        for x, path in paths.items():
            script.put(path, rule)
            wait_for(lambda: by_mount(d, o.url(path))[:2] == (one, None),
                     "it to be noticed that it is back")
            equal(by_http(d, o.url(path))[:2], (one, None), "HTTP")
            here = sum(end - start for start, end in before[x].present)
            # A validation may bring a piece.
            at_most(o.sent(path), SIZE - here + 65536 * 2, "bytes sent since")


@case
def gone_and_back(s):
    "404 at first, then there; there, then 404, then there: seen each time"
    o = s.origin()
    d = s.spoolfs()
    path, want = "/gen/100kB/1.mp4", content(100000)
    url = o.url(path)
    for there in (False, True, False, True):
        o.script(f"{path} " + (ASKED if there else "status=404") + "\n")
        end = (want, None) if there else (b"", "ENOENT")
        wait_for(lambda: by_mount(d, url)[:2] == end, f"there: {there}", 60)
        end = (want, None) if there else (b"", 404)
        wait_for(lambda: by_http(d, url)[:2] == end, f"there: {there}", 60)


@case
def changed_between(s):
    "a file replaced between two sessions is seen at the next open"
    o = s.origin(f"* {ASKED}\n")
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
def validators(s):
    "weak ETag, Last-Modified only, neither; If-Range never true"
    together(s, {
        "weak": ("etag=weak", right(within=4)),
        "date": ("etag=none", right(within=4)),
        "neither": ("etag=none last-modified=none", right(within=4)),
        "all-to-if-range": ("if-range=never", right(within=4)),
        "all-to-if-range-date": ("if-range=never etag=none", right(within=4)),
    }, slack=SLACK)


@case
def flapping(s):
    "an ETag that differs between the servers of a farm: no wrong byte"
    together(s, {
        "flap": ("etag=flap", right_after("ESTALE", CUT, opens=60)),
        "flap-all": ("etag=flap if-range=never",
                     right_after("ESTALE", CUT, opens=60)),
        "flap-no-ranges": ("etag=flap ranges=off", right(within=4)),
    }, slack=SLACK)


main()
