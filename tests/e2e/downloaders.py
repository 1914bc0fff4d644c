"""Programs that fetch files, through the endpoint: curl, wget, aria2."""
from spool import *

SIZE = (24 << 20) + 12345


def start(s, script=""):
    o = s.origin(script)
    return o, s.spoolfs(mount=False), o.url(f"/gen/{SIZE}/1.mp4")


def works(s, what, *args):
    p = s.run([str(a) for a in args])
    equal(p.returncode, 0, f"{what}: {p.stderr[-2000:]}")
    return p.stdout


def is_whole(path, what):
    equal(sha256(path), gen_sha256(SIZE, 1), what)


@case
def curl(s):
    "curl: a file, a part and its rest, many ranges, a time, all from one fetch"
    need("curl")
    o, d, url = start(s)
    out = s.file("curl")
    works(s, "curl", "curl", "-sSf", "-o", out, d.url(url))
    is_whole(out, "curl")
    before = o.stats()["requests"]
    os.truncate(out, 5000001)
    works(s, "curl -C", "curl", "-sSf", "-C", "-", "-o", out, d.url(url))
    is_whole(out, "what curl -C - completes")
    want = gen(SIZE, 1, 1, SIZE - 70000)
    part = s.file("part")
    works(s, "curl -r", "curl", "-sSf", "-r", "-70000", "-o", part, d.url(url))
    ok(read(part) == want, "the last bytes")
    parts = works(s, "curl -r, several", "curl", "-sSf", "-r", "0-9,100-199",
                  "-o", part, "-w", "%{http_code} %{content_type}",
                  d.url(url))
    ok(parts.startswith("206 multipart/byteranges"), parts)
    for off, length in ((0, 10), (100, 100)):
        ok(gen(SIZE, 1, 1, off, length) in read(part), f"bytes at {off}")
    head = works(s, "curl -I", "curl", "-sSfI", d.url(url))
    ok(f"content-length: {SIZE}\n" in head.lower(), f"HEAD: {head}")
    status = works(s, "curl -z", "curl", "-sS", "-z", out, "-o",
                   s.file("unused"), "-w", "%{http_code}", "-R", d.url(url))
    equal(status, "304", "not changed since")
    equal(o.stats()["requests"], before, "requests after the first")
    o.fetched_once(SIZE)


@case
def wget(s):
    "wget: a file, its rest, and nothing when it has it already"
    need("wget")
    o, d, url = start(s)
    folder = s.folder("wget")
    base = ["wget", "-nv", "--no-config", "--no-hsts", "-P", folder]
    works(s, "wget", *base, d.url(url))
    path = f"{folder}/1.mp4"
    is_whole(path, "wget")
    os.truncate(path, 3 << 20)
    works(s, "wget -c", *base, "-c", d.url(url))
    is_whole(path, "what wget -c completes")
    before = os.stat(path)
    p = s.run([*base, "-N", d.url(url)])
    equal(p.returncode, 0, f"wget -N: {p.stderr}")
    is_whole(path, "wget -N")
    equal(os.stat(path).st_ino, before.st_ino, "it has it, and leaves it")
    o.fetched_once(SIZE)


@case
def aria2(s):
    "aria2, sixteen ranges at once of a cold file: each byte is fetched once"
    need("aria2c")
    o, d, url = start(s, "* rate=4M\n")
    folder = s.folder("aria2")
    works(s, "aria2c", "aria2c", "-q", "--no-conf", "-x16", "-s16", "-k1M",
          "--min-split-size=1M", "--file-allocation=none", "-d", folder,
          d.url(url))
    is_whole(f"{folder}/1.mp4", "aria2")
    o.fetched_once(SIZE)


main()
