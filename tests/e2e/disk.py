"""The cache's disk: full, gone, damaged. Readers get right bytes from the
origin all the same, and nothing that is damaged is ever served."""
from spool import *

SIZE = 40 << 20


@case
def full(s):
    "a full disk ends keeping, not reading"
    cache = s.tmpfs("8m") + "/cache"
    os.mkdir(cache)
    o = s.origin()
    d = s.spoolfs(cache=cache)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    want = gen_sha256(SIZE, 1)
    equal(sha256(d.path(url)), want, "mount")
    equal(http_sha256(d.url(url)), (200, want, SIZE), "HTTP")
    for off in (0, 30 << 20, SIZE - 1000):
        equal(pread(d.path(url), 1000, off), gen(SIZE, 1, 1, off, 1000),
              f"at {off}")
    equal(read(d.path(o.url("/gen/99/2.mp4"))), gen(99, 2), "another file")
    d.unmount()
    d.restart()
    equal(sha256(d.path(url)), want, "after a restart")


@case
def read_only(s):
    "a cache folder that can't be written to at the start: refused, and why"
    disk = s.tmpfs("8m")
    d = s.spoolfs(cache=disk + "/cache")
    d.unmount()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for folder in ("cache", "none"):
        p = s.refused("-f", "-o", f"cache_dir={disk}/{folder},"
                      "http=127.0.0.1:0", s.folder("m"))
        ok("Read-only file system" in p.stderr, p.stderr)
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    d.restart()


@case
def removed(s):
    "the cache folder is removed under us"
    o = s.origin()
    d = s.spoolfs()
    one, two = (o.url(f"/gen/3M/{i}.mp4") for i in (1, 2))
    equal(sha256(d.path(one)), gen_sha256(3 << 20, 1), "before")
    shutil.rmtree(d.cache)
    equal(sha256(d.path(one)), gen_sha256(3 << 20, 1), "the old file")
    equal(sha256(d.path(two)), gen_sha256(3 << 20, 2), "a new file")
    equal(http_sha256(d.url(two))[1], gen_sha256(3 << 20, 2), "HTTP")


def damaged(s, damage):
    """Fill a cache, damage it while no daemon runs, read again; returns the
    origin and how much it had to send."""
    o = s.origin()
    d = s.spoolfs()
    size = 1 << 20
    path = f"/gen/{size}/1.mp4"
    equal(sha256(d.path(o.url(path))), gen_sha256(size, 1), "before")
    d.unmount()
    damage(os.path.join(d.cache, name_of(o.url(path))))
    o.reset()
    d.restart()
    equal(sha256(d.path(o.url(path))), gen_sha256(size, 1), "afterwards")
    equal(http_sha256(d.url(o.url(path)))[1], gen_sha256(size, 1), "HTTP")
    sent = o.sent(path)
    d.unmount()
    return sent


def rewrite(path, change):
    with open(path, "rb") as f:
        data = f.read()
    with open(path, "wb") as f:
        f.write(change(data))


@case
def bad_records(s):
    "a damaged record is not believed"
    def flip(at):
        return lambda data: (data[:at] + bytes([data[at] ^ 1]) +
                             data[at + 1:])

    for what, change in (
            ("empty", lambda data: b""),
            ("half of it", lambda data: data[:len(data) // 2]),
            ("without its last byte", lambda data: data[:-1]),
            ("more of it", lambda data: data + b"x"),
            ("a bit at 40", flip(40)), ("a bit at 100", flip(100)),
            ("junk", lambda data: os.urandom(len(data)))):
        sent = damaged(s, lambda base: rewrite(base + ".meta", change))
        at_least(sent, 1 << 20, f"bytes fetched again: {what}")


@case
def bad_data(s):
    "data that is shorter than its record, or gone, is fetched again"
    for what, change in (
            ("shorter", lambda base: os.truncate(base, 1000)),
            ("empty", lambda base: os.truncate(base, 0)),
            ("gone", os.unlink)):
        at_least(damaged(s, change), (1 << 20) - 1000,
                 f"bytes fetched again: {what}")


@case
def every_cut(s):
    "records cut at every byte, and damaged all over: not one is believed"
    size = 3000
    o = s.origin()
    d = s.spoolfs(options={"log_level": "error"})
    first = o.url(f"/gen/{size}/1.mp4?0000")
    meta = os.path.join(d.cache, name_of(first)) + ".meta"
    equal(read(d.path(first)), gen(size, 1), "before")
    wait_for(lambda: os.path.exists(meta), "its record")
    length = os.path.getsize(meta)
    damage = [lambda x, at=at: x[:at] for at in range(length)]
    # tests/unit/record flips every bit.
    damage += [lambda x, at=at: x[:at] + bytes([x[at] ^ 1 << at % 8]) +
               x[at + 1:] for at in range(0, length, 9)]
    urls = [o.url(f"/gen/{size}/1.mp4?{n:04}") for n in range(len(damage))]
    for url in urls[1:]:
        fetch(d.url(url))
    d.unmount()
    for url, change in zip(urls, damage):
        rewrite(os.path.join(d.cache, name_of(url)) + ".meta", change)
        # What an unchecked record would serve.
        rewrite(os.path.join(d.cache, name_of(url)), lambda x: b"?" * size)
    d.restart()
    for url in urls:
        equal(read(d.path(url)), gen(size, 1), url)
    note(f"{length} bytes, {len(urls)} records")


def fnv(data):
    total = 0xcbf29ce484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return total


@case
def other_format(s):
    "a record of an unknown format version is left alone"
    o = s.origin()
    d = s.spoolfs()
    url = o.url("/gen/1M/1.mp4")
    equal(sha256(d.path(url)), gen_sha256(1 << 20, 1), "before")
    d.unmount()
    base = os.path.join(d.cache, name_of(url))
    with open(base + ".meta", "rb") as f:
        record = f.read()
    text, _, last = record.rpartition(b"checksum: ")
    equal(last, b"%016x\n" % fnv(text), "the checksum is FNV-1a")
    text = text.replace(b"spoolfs-meta 2\n", b"spoolfs-meta 999\n", 1)
    strange = text + b"checksum: %016x\n" % fnv(text)
    with open(base + ".meta", "wb") as f:
        f.write(strange)
    kept = sha256(base)
    d.restart()
    equal(sha256(d.path(url)), gen_sha256(1 << 20, 1), "served all the same")
    d.unmount()
    with open(base + ".meta", "rb") as f:
        equal(f.read(), strange, "the record")
    equal(sha256(base), kept, "the data")


@case
def another_url(s):
    "a record that is another URL's is not believed"
    o = s.origin()
    d = s.spoolfs()
    a, b = (o.url(f"/gen/1M/{i}.mp4") for i in (1, 2))
    for url in (a, b):
        sha256(d.path(url))
    d.unmount()
    for end in ("", ".meta"):
        os.replace(os.path.join(d.cache, name_of(b)) + end,
                   os.path.join(d.cache, name_of(a)) + end)
    d.restart()
    equal(sha256(d.path(a)), gen_sha256(1 << 20, 1), "its own bytes")
    equal(sha256(d.path(b)), gen_sha256(1 << 20, 2), "the other's too")


@case
def locked(s):
    "one daemon a cache folder, also through another path; freed by kill -9"
    d = s.spoolfs()
    os.symlink(d.cache, f"{s.dir}/alias")
    for path in (d.cache, f"{s.dir}/alias"):
        p = s.refused("-o", f"cache_dir={path},http=127.0.0.1:0",
                      s.folder("m"))
        ok(str(d.pid) in p.stderr or "use" in p.stderr, p.stderr)
    d.kill()
    d.restart()


main()
