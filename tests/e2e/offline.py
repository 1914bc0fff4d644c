"""Acceptance 5: what is complete is served without its origin."""
from spool import *


def ls(s, path):
    """(allocated KiB, size) by ls -ls."""
    p = s.run(["ls", "-ls", path])
    equal(p.returncode, 0, f"ls -ls: {p.stderr}")
    fields = p.stdout.split()
    return int(fields[0]), int(fields[5])


def goes_offline(s, origin, url, size, digest, detach):
    d = s.spoolfs(detach=detach)
    equal(sha256(d.path(url)), digest, "cold")
    before = os.stat(d.path(url))
    equal(d.unmount(), 0, "exit status")
    origin.stop()
    d.restart()
    equal(sha256(d.path(url)), digest, "offline, path")
    equal(http_sha256(d.url(url)), (200, digest, size), "offline, URL")
    blocks, length = ls(s, d.path(url))
    equal(length, size, "ls -ls: size")
    at_least(blocks * 1024, size, "ls -ls: allocated")
    after = os.stat(d.path(url))
    equal((after.st_size, after.st_mtime), (before.st_size, before.st_mtime),
          "size and mtime")
    folder = os.path.dirname(d.path(url))
    ok(os.path.basename(url) in os.listdir(folder), "it is listed")
    return d


@case
def nginx(s):
    "nginx gone, daemon restarted: path, URL and ls -ls show a whole file"
    www = s.folder("www")
    size = (5 << 20) + 123
    s.write(f"{www}/film.mp4", os.urandom(size))
    os.utime(f"{www}/film.mp4", (1e9, 1e9))
    n = s.nginx(www)
    goes_offline(s, n, n.url("/film.mp4"), size, sha256(f"{www}/film.mp4"),
                 detach=True)


@case
def stale(s):
    "the same for an answer that was stale at once"
    size = 1 << 20
    o = s.origin('* header="Cache-Control: max-age=0"\n')
    goes_offline(s, o, o.url(f"/gen/{size}/1.mp4"), size,
                 gen_sha256(size, 1), detach=False)


@case
def no_validators(s):
    "the same for a file without ETag and Last-Modified"
    size = 1 << 20
    o = s.origin("* etag=none last-modified=none\n")
    goes_offline(s, o, o.url(f"/gen/{size}/1.mp4"), size,
                 gen_sha256(size, 1), detach=False)


@case
def empty(s):
    "an empty file is complete"
    o = s.origin()
    goes_offline(s, o, o.url("/gen/0/1.mp4"), 0, gen_sha256(0, 1),
                 detach=False)


@case
def holes(s):
    "of an incomplete file the bytes that are here, and an error for holes"
    size = 20 << 20
    o = s.origin()
    d = s.spoolfs(options={"fill": "none", "read_timeout": "3"})
    url = o.url(f"/gen/{size}/1.mp4")
    equal(pread(d.path(url), 65536, 0), gen(size, 1, 1, 0, 65536), "head")
    d.unmount()
    o.stop()
    d.restart()
    equal(pread(d.path(url), 65536, 0), gen(size, 1, 1, 0, 65536),
          "head, offline")
    equal(os.stat(d.path(url)).st_size, size, "st_size")
    fails_with((errno.EHOSTUNREACH, errno.ETIMEDOUT), "a hole",
               pread, d.path(url), 65536, size - 65536)
    r = fetch(d.url(url), headers={"Range": "bytes=0-65535"})
    equal((r.status, r.body), (206, gen(size, 1, 1, 0, 65536)), "HTTP")
    r = fetch(d.url(url), headers={"Range": f"bytes={size - 10}-"})
    one_of(r.status, (502, 504), "HTTP, a hole")


@case
def back(s):
    "an origin that comes back is used again by the same daemon"
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": "3"})
    url = o.url("/gen/1M/1.mp4")
    o.stop()
    fails_with((errno.EHOSTUNREACH, errno.ETIMEDOUT), "origin gone",
               read, d.path(url))
    o.start()
    wait_for(lambda: sha256_or_none(d.path(url)) == gen_sha256(1 << 20, 1),
             "the origin to be noticed", 60)


@case
def by_choice(s):
    "offline = yes: nothing is asked, what is here serves, the rest fails at once"
    o = s.origin("/strict.bin gen=1M/2 header=\"Cache-Control: no-cache\"\n"
                 "/slow.bin times=1 gen=100M/3\n"
                 "/slow.bin gen=100M/3 stall=0\n"
                 "/* gen=1M/1\n")
    d = s.spoolfs(ini="fill = all\n")
    ini = d.args[d.args.index("-c") + 1]
    kept, strict, slow = (d.path(o.url(f"/{name}.bin"))
                          for name in ("kept", "strict", "slow"))
    equal(sha256(kept), gen_sha256(1 << 20, 1), "kept")
    equal(sha256(strict), gen_sha256(1 << 20, 2), "strict")
    with open(slow, "rb", buffering=0) as f:
        equal(f.read(1000), gen(100 << 20, 3, 1, 0, 1000), "a download")
        waiting = s.popen(["dd", f"if={slow}", "of=/dev/null", "bs=1M",
                           "skip=90", "count=1"], stderr=subprocess.DEVNULL)
        wait_for(lambda: blocked_readers(waiting.pid), "it to wait")
        s.write(ini, "fill = all\noffline = yes\n")
        os.kill(d.pid, signal.SIGHUP)
        equal(waiting.wait(10 * SLACK), 1, "who waits is told")
        wait_for(lambda: o.stats()["active"] == 0, "downloads to end")
        asked = o.stats()["requests"]
        equal(pread(slow, 1000, 0), gen(100 << 20, 3, 1, 0, 1000), "a part")
        fails_with(errno.EHOSTUNREACH, "a hole", pread, slow, 1000, 90 << 20)
    equal(sha256(strict), gen_sha256(1 << 20, 2), "also what must be confirmed")
    r = fetch(d.url(o.url("/strict.bin")))
    equal((r.status, len(r.body), r["X-Cache"]), (200, 1 << 20, "OFFLINE"),
          "HTTP")
    fails_with(errno.EHOSTUNREACH, "what was never seen", read,
               d.path(o.url("/other.bin")))
    equal(fetch(d.url(o.url("/third.bin"))).status, 502, "HTTP, never seen")
    equal(o.stats()["requests"], asked, "nothing was asked")
    s.write(ini, "fill = all\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: sha256_or_none(d.path(o.url("/other.bin"))) ==
             gen_sha256(1 << 20, 1), "the way back", 20 * SLACK)


def sha256_or_none(path):
    try:
        return sha256(path)
    except OSError:
        return None


main()
