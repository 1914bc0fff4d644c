"""A cache disk that is full or goes away: reading goes on, what is kept is true,
nobody else is hurt."""
from spool import *

SIZE = 24 << 20		# more than fits in memory


def small_disk(s, size):
    """A file system of its own for the cache."""
    need_root()
    path = s.folder("disk")
    s.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path])
    ok(os.path.ismount(path), "a small file system")
    return path


def need_root():
    if os.geteuid():
        raise Skip("mounting a file system needs root")


def check_both(d, url, size=SIZE, seed=1):
    equal(sha256(d.path(url)), gen_sha256(size, seed), "through the mount")
    equal(http_sha256(d.url(url))[1], gen_sha256(size, seed), "through HTTP")


@case
def full(s):
    "a full disk: every byte is served, none is kept that is not there"
    o = s.origin(f"/film.mp4 gen={SIZE}/1\n/small.mp4 gen=1000/2\n")
    disk = small_disk(s, "4M")
    d = s.spoolfs(options={"cache_dir": disk})
    try:
        url = o.url("/film.mp4")
        check_both(d, url)
        equal(pread(d.path(o.url("/small.mp4")), 1000, 0),
              gen(1000, 2, 1, 0, 1000), "another file")
        here = os.stat(d.path(url)).st_blocks * 512
        at_most(here, 4 << 20, "what is said to be here")
        for off in (0, 5 << 20, SIZE - 100000, 12345678):
            equal(pread(d.path(url), 100000, off),
                  gen(SIZE, 1, 1, off, 100000), f"at {off}")
        d.unmount()
        d.wait_end()
        text = open(os.path.join(disk, name_of(url)) + ".meta").read()
        kept = [tuple(map(int, r.split("-"))) for line in text.splitlines()
                if line.startswith("present: ")
                for r in line[9:].split()]
        with open(os.path.join(disk, name_of(url)) + ".part", "rb") as f:
            for a, b in kept:
                equal(os.pread(f.fileno(), b - a, a),
                      gen(SIZE, 1, 1, a, b - a), f"kept {a}-{b}")
    finally:
        s.run(["umount", "-l", disk])


@case
def space_again(s):
    "a disk that has space again keeps again"
    o = s.origin(f"/film.mp4 gen=3000000/1\n")
    disk = small_disk(s, "4M")
    ballast = os.path.join(disk, "ballast")
    with open(ballast, "wb") as f:
        f.write(bytes(3500000))
    d = s.spoolfs(options={"cache_dir": os.path.join(disk, "cache"),
                           "read_timeout": 60})
    try:
        url = o.url("/film.mp4")
        equal(sha256(d.path(url)), gen_sha256(3000000, 1), "full")
        os.remove(ballast)
        wait_for(lambda: sha256(d.path(url)) == gen_sha256(3000000, 1) and
                 "complete" == os.getxattr(d.path(url),
                                           "user.spoolfs.state").decode(),
                 "kept", 60)
    finally:
        s.run(["umount", "-l", disk])


@case
def taken_away(s):
    "the cache folder is removed under the daemon: it serves on"
    o = s.origin(f"/film.mp4 gen={SIZE}/1\n/other.mp4 gen={SIZE}/1\n")
    d = s.spoolfs()
    equal(pread(d.path(o.url("/film.mp4")), 1000, 0),
          gen(SIZE, 1, 1, 0, 1000), "before")
    shutil.rmtree(d.cache)
    check_both(d, o.url("/film.mp4"))
    check_both(d, o.url("/other.mp4"))


main()
