"""Acceptance 1: what is read cold equals the origin's file, byte for byte."""
import random
from concurrent.futures import ThreadPoolExecutor

from spool import *


def by_program(s, path):
    """By the program that people use; for what is large by a faster one."""
    program = ["sha256sum"] if os.stat(path).st_size < 1 << 30 else \
        ["openssl", "dgst", "-sha256", "-r"]
    need(program[0])
    p = s.run([*program, path], timeout=300)
    equal(p.returncode, 0, f"{program} {path}: {p.stderr}")
    return p.stdout.split()[0]


def whole_files(s, sizes, make):
    www = s.folder("www")
    for size in sizes:
        make(f"{www}/f{size}.mp4", size)
    n = s.nginx(www)
    # A cache each, so that both fronts start cold.
    mount, endpoint = s.spoolfs(), s.spoolfs(mount=False)
    for size in sizes:
        url = n.url(f"/f{size}.mp4")
        with ThreadPoolExecutor() as pool:
            want = pool.submit(sha256, f"{www}/f{size}.mp4")
            got = pool.submit(http_sha256, endpoint.url(url), 300)
            equal(by_program(s, mount.path(url)), want.result(),
                  f"{size} bytes, mount")
            want = want.result()
            equal(got.result(), (200, want, size), f"{size} bytes, HTTP")
        equal(os.stat(mount.path(url)).st_size, size, "st_size")
        # And what one front has fetched is warm for the other.
        equal(http_sha256(mount.url(url), 300), (200, want, size),
              f"{size} bytes, HTTP, warm")


@case
def small(s):
    "cold sha256 of 0, 1, 65535, 65536, 65537 bytes through mount and HTTP"
    whole_files(s, [0, 1, 65535, 65536, 65537],
                lambda path, size: s.write(path, os.urandom(size)))


@case
def middle(s):
    "cold sha256 around the first window and past it"
    whole_files(s, [(1 << 20) - 1, (1 << 20) + 1, 5 * (1 << 20) + 4097],
                lambda path, size: s.write(path, os.urandom(size)))


@case(limit=900)
def big(s):
    "cold sha256 of more than 4 GiB, sparse, through mount and HTTP"
    # With a sanitizer that takes a minute and more, for what past_4_gib has.
    whole_files(s, [(1 << (28 if SANITIZED else 32)) + (3 << 20) + 5],
                sparse_file)


@case
def past_4_gib(s):
    "cold reads before, at and past 4 GiB and at the end"
    size = (1 << 32) + (3 << 20) + 5
    o = s.origin()
    mount, endpoint = s.spoolfs(), s.spoolfs(mount=False)
    url = o.url(f"/gen/{size}/1.mp4")
    for off in (0, (1 << 31) - 1000, (1 << 32) - 70000, (1 << 32) + 1,
                size - 100000):
        want = gen(size, 1, 1, off, 100000)
        equal(pread(mount.path(url), 100000, off), want, f"{off}, mount")
        got = fetch(endpoint.url(url),
                    headers={"Range": f"bytes={off}-{off + 99999}"})
        equal((got.status, got.body), (206, want), f"{off}, HTTP")
    equal(os.stat(mount.path(url)).st_size, size, "st_size")


@case(limit=300)
def random_offsets(s):
    "reads at 1000 random offsets, cold, equal the origin's bytes"
    size = 64 << 20
    www = s.folder("www")
    data = os.urandom(size)
    s.write(f"{www}/film.mp4", data)
    n = s.nginx(www)
    d = s.spoolfs()
    url = n.url("/film.mp4")
    seed = int.from_bytes(os.urandom(4), "little")
    note(f"seed {seed}")
    dice = random.Random(seed)
    c = Raw(d.http)
    fd = os.open(d.path(url), os.O_RDONLY)
    try:
        for i in range(1000):
            off = dice.randrange(size)
            length = min(1 << dice.randrange(17), size - off)
            want = data[off:off + length]
            if i % 2:
                got = read_exactly(fd, length, off)
            else:
                c.get("/" + name_of(url),
                      Range=f"bytes={off}-{off + length - 1}")
                r = c.response()
                equal(r.status, 206, f"status of [{off}, +{length})")
                got = r.body
            ok(got == want, f"read {i}: [{off}, +{length})")
        equal(os.pread(fd, 100, size), b"", "end of the file")
        equal(os.pread(fd, 100, size - 7), data[-7:], "the last bytes")
    finally:
        os.close(fd)
        c.close()


@case
def mapped(s):
    "a file that is here can be mapped, and mapped bytes are right"
    import mmap
    o = s.origin()
    d = s.spoolfs()
    path = d.path(o.url("/gen/300000/4.mp4"))
    want = gen(300000, 4)
    equal(read(path), want, "read")
    with open(path, "rb") as f, \
            mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE,
                      prot=mmap.PROT_READ) as m:
        equal(m[:], want, "mapped")


main()
