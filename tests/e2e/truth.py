"""Acceptance 7: rm, du, ls -ls and getfattr tell the truth, all along."""
from spool import *

SIZE = 40 << 20


def attributes(s, path):
    """getfattr -d as a dict."""
    need("getfattr")
    p = s.run(["getfattr", "-d", "--absolute-names", path])
    equal(p.returncode, 0, f"getfattr: {p.stderr}")
    return dict(re.findall(r'^([\w.]+)="(.*)"$', p.stdout, re.M))


def parse_ranges(text):
    """[(start, end)], half open."""
    found = [tuple(map(int, x.split("-"))) for x in text.split()]
    return [(a, b + 1) for a, b in found]


def command(s, *args):
    p = s.run(args)
    equal(p.returncode, 0, f"{' '.join(args)}: {p.stderr}")
    return p.stdout


def check_truth(s, d, url, version=1):
    """All of them agree with each other and with the disk; the number of
    bytes that are here."""
    path = d.path(url)
    at = attributes(s, path)
    here = int(at["user.spoolfs.cached"])
    ranges = parse_ranges(at["user.spoolfs.ranges"])
    equal(sum(b - a for a, b in ranges), here, "sum of the ranges")
    ok(all(x[1] < y[0] for x, y in zip(ranges, ranges[1:])),
       "ranges are disjoint")
    st = os.stat(path)
    equal(st.st_size, SIZE, "st_size")
    equal(st.st_blocks, (here + 511) // 512, "st_blocks")
    blocks, _, _, _, _, size = command(s, "ls", "-ls", path).split()[:6]
    equal(int(size), SIZE, "ls -ls: size")
    equal(int(blocks), (st.st_blocks * 512 + 1023) // 1024, "ls -ls: blocks")
    equal(int(command(s, "du", "-B1", path).split()[0]), st.st_blocks * 512,
          "du")
    # What is said to be here is on the disk, and right.
    with open(d.data(url), "rb") as f:
        for a, b in ranges:
            for off in {a, (a + b) // 2, max(a, b - 4096)}:
                length = min(4096, b - off)
                equal(os.pread(f.fileno(), length, off),
                      gen(SIZE, 1, version, off, length),
                      f"on disk at {off}")
    equal(at["user.xdg.origin.url"], url, "origin's URL")
    equal(at["user.mime_type"], "video/mp4", "media type")
    state = "complete" if here == SIZE else "partial"
    equal(at["user.spoolfs.state"], state, "state")
    return here


@case
def during(s):
    "they agree while it is partial, downloading and complete"
    o = s.origin(f"/film.mp4 gen={SIZE}/1\n")
    url = o.url("/film.mp4")
    d = s.spoolfs(options={"fill": "none"})
    path = d.path(url)
    equal(pread(path, 4096, 0), gen(SIZE, 1, 1, 0, 4096), "head")
    equal(pread(path, 4096, 30 << 20), gen(SIZE, 1, 1, 30 << 20, 4096),
          "in the middle")

    def rest():
        """No request is under way, and so nothing changes."""
        wait_for(lambda: o.stats()["active"] == 0, "rest")
        before = os.stat(path).st_blocks
        return before
    wait_for(lambda: rest() == rest(), "rest")
    here = wait_for(lambda: steady(s, d, url), "the same twice")
    at_least(here, 8192, "what was read is here")
    at_most(here, SIZE // 2, "no more than read-ahead is here")
    etag = fetch(o.url("/film.mp4"), "HEAD")["ETag"]
    got = attributes(s, path)["user.spoolfs.etag"]
    equal(got.replace("\\", ""), etag, "etag")
    equal(sha256(path), gen_sha256(SIZE, 1), "all of it")
    equal(check_truth(s, d, url), SIZE, "complete")
    equal(os.path.getsize(os.path.join(d.cache, name_of(url))), SIZE,
          "an ordinary file in the cache")


def steady(s, d, url):
    """As check_truth, or None when bytes came meanwhile."""
    before = os.stat(d.path(url)).st_blocks
    try:
        here = check_truth(s, d, url)
    except Failure:
        if os.stat(d.path(url)).st_blocks == before:
            raise
        return None
    return here


@case
def growing(s):
    "st_blocks grows as it downloads and is never ahead of the origin"
    o = s.origin(f"/film.mp4 gen={SIZE}/1 rate=10M\n")
    url = o.url("/film.mp4")
    # The origin writes down a piece of 64 KiB after it has gone out, each
    # connection one.
    d = s.spoolfs(options={"max_connections": 4})
    reader = s.popen(["cat", d.path(url)], stdout=subprocess.DEVNULL)
    seen = []
    while reader.poll() is None:
        here = os.stat(d.path(url)).st_blocks * 512
        at_most(here, o.sent("/film.mp4") + 4 * 65536 + 512,
                "not ahead of the origin")
        at_least(here, seen[-1] if seen else 0, "it does not shrink")
        seen.append(here)
    equal(reader.returncode, 0, "cat")
    at_least(len(set(seen)), 10, "different values seen")
    equal(check_truth(s, d, url), SIZE, "complete")


@case
def modified(s):
    "mtime is the origin's Last-Modified, mode is read-only, one owner"
    from email.utils import parsedate_to_datetime
    o = s.origin(f"/film.mp4 gen={SIZE}/1\n")
    d = s.spoolfs()
    st = os.stat(d.path(o.url("/film.mp4")))
    date = fetch(o.url("/film.mp4"), "HEAD")["Last-Modified"]
    equal(st.st_mtime, parsedate_to_datetime(date).timestamp(), "mtime")
    ok(stat.S_ISREG(st.st_mode) and not st.st_mode & 0o222, "mode")
    equal((st.st_uid, st.st_gid), (os.getuid(), os.getgid()), "owner")


@case
def removed(s):
    "rm drops it from the cache and nothing else; it can be had again"
    o = s.origin()
    keep, gone = o.url("/gen/1M/1.mp4"), o.url("/gen/1M/2.mp4")
    d = s.spoolfs()
    for url, seed in ((keep, 1), (gone, 2)):
        equal(sha256(d.path(url)), gen_sha256(1 << 20, seed), "cold")
    folder = os.path.dirname(d.path(keep))
    equal(sorted(os.listdir(folder)), ["1.mp4", "2.mp4"], "listed")
    command(s, "rm", d.path(gone))
    equal(os.listdir(folder), ["1.mp4"], "listed after rm")
    equal(d.data(gone), None, "its data has gone")
    left = [f for _, _, files in os.walk(d.cache) for f in files
            if f.startswith("2.mp4")]
    equal(left, [], "nothing of it is left in the cache folder")
    o.reset()
    equal(sha256(d.path(keep)), gen_sha256(1 << 20, 1), "the other one")
    equal(o.stats()["requests"], 0, "from the cache")
    equal(sha256(d.path(gone)), gen_sha256(1 << 20, 2), "again")
    at_least(o.sent("/gen/1M/2.mp4"), 1 << 20, "from the origin")
    fails_with(errno.ENOENT, "rm of what is not cached", os.unlink,
               d.path(o.url("/gen/1M/3.mp4")))


@case
def removed_in_use(s):
    "rm while it is read: the reader goes on, the cache has nothing"
    o = s.origin(f"/film.mp4 gen={SIZE}/1 rate=20M\n")
    url = o.url("/film.mp4")
    d = s.spoolfs()
    digest = hashlib.sha256()
    with open(d.path(url), "rb", buffering=0) as f:
        digest.update(f.read(1 << 20))
        os.unlink(d.path(url))
        for piece in iter(lambda: f.read(1 << 20), b""):
            digest.update(piece)
    equal(digest.hexdigest(), gen_sha256(SIZE, 1), "what the reader got")
    wait_for(lambda: d.data(url) is None, "nothing in the cache")
    equal(sha256(d.path(url)), gen_sha256(SIZE, 1), "and again")


@case
def listing(s):
    "listing shows what is cached; du and rm -r of a folder work"
    o = s.origin()
    d = s.spoolfs()
    names = ["1.mp4", "2.mp4", "b c.mp4"]
    o.script("/a/*/b%20c.mp4 gen=1M/1\n/a/* gen=1M/1\n")
    for name in names:
        read(d.path(o.url(f"/a/b/{name}".replace(" ", "%20"))))
    top = d.path(o.url("/a"))
    equal(sorted(os.listdir(d.mnt)), ["http", "https"], "the root")
    equal(os.listdir(os.path.join(d.mnt, "http")),
          [f"127.0.0.1:{o.port}"], "hosts")
    equal(os.listdir(top), ["b"], "a folder")
    equal(sorted(os.listdir(top + "/b")), names, "files, decoded")
    total = int(command(s, "du", "-s", "-B1", top).split()[0])
    ok(3 << 20 <= total <= (3 << 20) + 65536, f"du -s: {total}")
    o.reset()
    command(s, "find", d.mnt, "-type", "f", "-size", "+1k")
    equal(o.stats()["requests"], 0, "find asks the origin nothing")
    command(s, "rm", "-r", top + "/b")
    equal(os.listdir(d.path(o.url("/"))), [], "nothing is left")


@case
def statfs(s):
    "df tells of the cache's file system"
    d = s.spoolfs()
    a, b = os.statvfs(d.mnt), os.statvfs(d.cache)
    equal(a.f_blocks * a.f_frsize, b.f_blocks * b.f_frsize, "size")
    at_most(abs(a.f_bavail * a.f_frsize - b.f_bavail * b.f_frsize), 1 << 30,
            "free")


@case
def at_once(s):
    "what a read has brought is in st_blocks at once"
    o = s.origin(f"/film.mp4 gen={SIZE}/1\n")
    d = s.spoolfs(options={"fill": "none"})
    path = d.path(o.url("/film.mp4"))
    for off in (0, 20 << 20, 10 << 20):
        before = os.stat(path).st_blocks
        with open(path, "rb", buffering=0) as f:
            os.pread(f.fileno(), 100000, off)
            at_least((os.fstat(f.fileno()).st_blocks - before + 1) * 512, 100000
                     - (65536 if off == 0 else 0), f"grown by the read at {off}")


main()
