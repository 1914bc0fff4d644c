"""Passthrough: complete files are read by the kernel, where it can be had, and
everything else is as without."""
import mmap
import random
import threading

from shim import Shim
from spool import *

SIZE = 1 << 20
WANT = gen(SIZE, 1)


def need_passthrough(s):
    need_fuse()
    if os.getuid():
        raise Skip("not root")
    version = tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))
    if version < (6, 9):
        raise Skip("the kernel is older than 6.9")
    if s.run(["stat", "-f", "-c%T", s.dir]).stdout.strip() in ("overlayfs",
                                                               "ecryptfs"):
        raise Skip("TMPDIR is on a stacked file system")


def start(s, o, shim=None, **keys):
    """A daemon with a file that is complete, and its URL."""
    url = o.url(f"/gen/{SIZE}/1.mp4")
    d = shim.daemon(s, **keys) if shim else s.spoolfs(**keys)
    equal(sha256(d.path(url)), gen_sha256(SIZE, 1), "cold")
    settled(d, url)
    return d, url


def settled(d, url):
    """Nobody has it open any more, to the daemon's knowledge."""
    wait_for(lambda: mode(d, url) is None, "the last close")


def mode(d, url):
    """How the file is read that is open; None when it isn't."""
    try:
        return os.getxattr(d.path(url), "user.spoolfs.mode").decode()
    except OSError as error:
        equal(error.errno, errno.ENODATA, "errno of getxattr")
        return None


def right(fd, what, seed=1, version=1):
    want = WANT if (seed, version) == (1, 1) else gen(SIZE, seed, version)
    equal(read_exactly(fd, SIZE, 0), want, what)


class Opened:
    """with Opened(path) as fd"""

    def __init__(self, path, flags=0):
        self.fd = os.open(path, os.O_RDONLY | flags)

    def __enter__(self):
        return self.fd

    def __exit__(self, *_):
        os.close(self.fd)


@case(limit=30)
def without_the_daemon(s):
    "a complete file is read, mapped and sent while the daemon is stopped"
    need_passthrough(s)
    d, url = start(s, s.origin())
    with Opened(d.path(url)) as fd, open(s.file("copy"), "w+b") as copy:
        equal(mode(d, url), "passthrough", "mode")
        # Made now: for its length Python asks the daemon.
        maps = [mmap.mmap(fd, SIZE, kind, mmap.PROT_READ)
                for kind in (mmap.MAP_SHARED, mmap.MAP_PRIVATE)]
        os.kill(d.pid, signal.SIGSTOP)
        try:
            right(fd, "read")
            for m in maps:
                equal(m[:], WANT, "mapped")
            equal(os.sendfile(copy.fileno(), fd, 0, SIZE), SIZE, "sent")
            right(copy.fileno(), "sent")
        finally:
            os.kill(d.pid, signal.SIGCONT)
        for m in maps:
            m.close()


@case
def modes(s):
    "partial: direct; complete: passthrough, beside those who came earlier"
    need_passthrough(s)
    o = s.origin()
    d = s.spoolfs()
    url = o.url(f"/gen/{SIZE}/1.mp4")
    equal(mode(d, url), None, "nobody")
    with Opened(d.path(url)) as early:
        equal(mode(d, url), "direct", "partial")
        right(early, "cold")
        equal(mode(d, url), "direct", "for as long as it is open")
        with Opened(d.path(url)) as late:
            equal(mode(d, url), "passthrough", "complete")
            for fd in (early, late):
                right(fd, "warm")
        wait_for(lambda: mode(d, url) == "direct", "the late one's end")
        right(early, "and on")
    settled(d, url)
    d.unmount()
    d.restart()
    with Opened(d.path(url)):
        equal(mode(d, url), "passthrough", "after a restart")


@case
def switched_off(s):
    "passthrough=no: the kernel's cache"
    d, url = start(s, s.origin(), options={"passthrough": "no"})
    with Opened(d.path(url)) as fd:
        equal(mode(d, url), "cached", "mode")
        right(fd, "bytes")


def pipes(d):
    count = 0
    for f in glob.glob(f"/proc/{d.pid}/fd/*"):
        try:
            count += os.readlink(f).startswith("pipe:")
        except OSError:		# closed since
            pass
    return count


@case
def spliced(s):
    "passthrough=no: large answers are spliced, as root from further ahead"
    size = 3 * SIZE + 4321	# no end of a page
    want = gen(size, 2)
    o = s.origin()
    d = s.spoolfs(options={"passthrough": "no"})
    path = d.path(o.url(f"/gen/{size}/2.mp4"))
    equal(sha256(path), gen_sha256(size, 2), "cold")
    d.unmount()
    d.restart()		# the kernel has none of it
    st = os.stat(d.mnt)
    ahead = "/sys/class/bdi/{}:{}/read_ahead_kb".format(
        os.major(st.st_dev), os.minor(st.st_dev))
    before = pipes(d)
    with Opened(path) as fd:
        for off in (size - 5000, 2 * SIZE + 77, 0, SIZE - 4096):
            n = 700001
            equal(os.pread(fd, n, off), want[off:off + n], f"bytes at {off}")
    ok(pipes(d) > before, "a pipe was used")
    equal(sha256(path), gen_sha256(size, 2), "all of it")
    if os.access(ahead, os.W_OK):
        with open(ahead) as f:
            equal(int(f.read()), 512, "KiB read ahead")


@case
def not_root(s):
    "an ordinary user has the kernel's cache, and the mount of fusermount3"
    need_fuse()
    if os.getuid():
        raise Skip("not root already: the other tests are this one")
    o = s.origin()
    url = o.url(f"/gen/{SIZE}/1.mp4")
    top = s.folder("nobody")
    os.chmod(s.dir, 0o711)
    os.chown(top, 65534, 65534)
    look = s.write("look.py", f"""
import hashlib, os, sys
path = sys.argv[1]
for _ in range(2):
    with open(path, "rb", buffering=0) as f:
        print(hashlib.sha256(f.readall()).hexdigest(),
              os.getxattr(path, "user.spoolfs.mode").decode())
""")
    os.chmod(look, 0o644)
    user = {"user": 65534, "group": 65534, "extra_groups": [],
            "cwd": "/", "env": dict(s.env, HOME=top)}
    for name in ("m", "cache"):
        os.mkdir(f"{top}/{name}")
        os.chown(f"{top}/{name}", 65534, 65534)
    program = s.write("spoolfs", open(SPOOLFS, "rb").read())
    os.chmod(program, 0o755)
    if s.run(["test", "-x", program], **user).returncode:
        raise Skip("an ordinary user can't reach the folder for tests")
    p = s.popen([program, "-f", "-o", f"cache_dir={top}/cache,http=off",
                 f"{top}/m"], stderr=subprocess.PIPE, text=True, **user)
    wait_for(lambda: p.poll() is not None or
             mounts().get(f"{top}/m") == "fuse.spoolfs", "the mount")
    if p.poll() is not None:
        raise Skip(f"an ordinary user can't mount here: {p.stderr.read()}")
    q = s.run(["python3", look, f"{top}/m/{name_of(url)}"], **user)
    want = gen_sha256(SIZE, 1)
    equal(q.stdout, f"{want} direct\n{want} cached\n", f"{q.stderr}")
    with open("/proc/self/mounts") as f:
        row = next(r for r in f if f" {top}/m " in r)
    ok("user_id=65534,group_id=65534" in row, row)
    q = s.run(["fusermount3", "-u", f"{top}/m"], **user)
    equal(q.returncode, 0, f"fusermount3 -u: {q.stderr}")
    equal(p.wait(20 * SLACK), 0, "exit status")


@case
def stacked(s):
    "a cache on a stacked file system: the kernel's cache, said once"
    need_passthrough(s)
    lower, upper, work, cache = map(s.folder, ("lower", "upper", "work", "c"))
    p = s.run(["mount", "-t", "overlay", "overlay", cache, "-o",
               f"lowerdir={lower},upperdir={upper},workdir={work}"])
    if p.returncode:
        raise Skip(f"overlay: {p.stderr}")
    o = s.origin()
    d, url = start(s, o, cache=cache)
    other = o.url(f"/gen/{SIZE}/2.mp4")
    read(d.path(other))
    for n, at in ((1, url), (2, other)):
        with Opened(d.path(at)) as fd:
            equal(mode(d, at), "cached", "mode")
            right(fd, "bytes", n)
    equal(d.log().count("no passthrough"), 1, "lines about it")
    ok("stacked" in d.log(), "that say why")


@case
def one_mode_an_inode(s):
    "an inode that is open in a mode is opened in no other, whatever changes"
    need_passthrough(s)
    shim = Shim(s)
    d, url = start(s, s.origin(), shim)
    for now, then, want in ((shim.BACKING, 0, "cached"),
                            (0, shim.BACKING, "passthrough")):
        shim.fail(now)
        with Opened(d.path(url)) as first:
            equal(mode(d, url), want, "mode of the first")
            shim.fail(then)
            for _ in range(3):
                with Opened(d.path(url)) as second:
                    equal(mode(d, url), want, "mode of the next")
                    right(second, f"{want}: next")
            right(first, f"{want}: first")
        settled(d, url)


@case
def crowd(s):
    "many open and close at once while passthrough comes and goes: no EIO"
    need_passthrough(s)
    shim = Shim(s)
    d, url = start(s, s.origin(), shim)
    seen, problems = set(), []

    def reader(n):
        try:
            for k in range(40):
                shim.fail(random.choice((0, shim.BACKING)))
                with Opened(d.path(url)) as fd:
                    off = (n * 40 + k) * 4000 % (SIZE - 5000)
                    equal(os.pread(fd, 5000, off), WANT[off:off + 5000],
                          f"at {off}")
                    seen.add(mode(d, url))
        except (OSError, Failure) as error:
            problems.append(error)

    threads = [threading.Thread(target=reader, args=[n]) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(problems, [], "problems")
    note(f"seen: {seen}")
    settled(d, url)


@case
def removed(s):
    "rm of a file in use: its readers and mappings go on, the next is new"
    need_passthrough(s)
    d, url = start(s, s.origin())
    with Opened(d.path(url)) as old:
        inode = os.fstat(old).st_ino
        mapped = mmap.mmap(old, SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        os.unlink(d.path(url))
        equal(d.data(url), None, "in the cache")
        with Opened(d.path(url)) as new:
            right(new, "the new one")
            ok(os.fstat(new).st_ino != inode, "another inode")
            right(old, "the old one")
    equal(mapped[:], WANT, "mapped, after the close")
    mapped.close()


@case
def another_version(s):
    "a new version at the origin: the old one is read on, the new one opened"
    need_passthrough(s)
    o = s.origin('* header="Cache-Control: no-cache"\n')
    d, url = start(s, o)
    with Opened(d.path(url)) as old:
        equal(mode(d, url), "passthrough", "the old one's mode")
        o.version(f"/gen/{SIZE}/1.mp4", 2)
        with Opened(d.path(url)) as new:
            right(new, "new", 1, 2)
            right(old, "old", 1, 1)
        wait_for(lambda: mode(d, url) is None, "its close")
        with Opened(d.path(url)) as new:
            equal(mode(d, url), "passthrough", "the new one's mode")
            right(new, "new", 1, 2)
            right(old, "old", 1, 1)


@case
def without_any_daemon(s):
    "kill -9 of the daemon: who has a complete file open reads on"
    need_passthrough(s)
    d, url = start(s, s.origin())
    with Opened(d.path(url)) as fd:
        d.kill()
        right(fd, "after kill -9")
        fails_with(errno.ENOTCONN, "all else", os.fstat, fd)


@case
def attributes(s):
    "size, blocks, times, mode and inode are the mount's, not the cache file's"
    need_passthrough(s)
    d, url = start(s, s.origin())

    def look(fd):
        st = os.fstat(fd)
        return (st.st_size, st.st_blocks, st.st_mtime, st.st_atime,
                st.st_ctime, st.st_mode, st.st_ino, st.st_uid)
    with Opened(d.path(url)) as fd:
        before = look(fd)
        right(fd, "bytes")
        equal(look(fd), before, "after reading")
        equal(before[:2], (SIZE, SIZE // 512), "size and blocks")
        equal(before[2], before[3], "times")


@case
def uncached_reads(s):
    "O_DIRECT as on any other file of the mount: nothing has to be aligned"
    need_passthrough(s)
    d, url = start(s, s.origin())
    with Opened(d.path(url), os.O_DIRECT) as fd:
        equal(mode(d, url), "direct", "mode")
        buf = bytearray(5001)
        equal(os.preadv(fd, [memoryview(buf)[1:]], 777), 5000, "length")
        equal(bytes(buf[1:]), WANT[777:5777], "bytes")
        with Opened(d.path(url)) as other:
            equal(mode(d, url), "passthrough", "beside it")
            right(other, "beside it")


@case
def longer(s):
    "a data file that somebody made longer is not read by the kernel"
    need_passthrough(s)
    o = s.origin()
    d = s.spoolfs()
    url = o.url(f"/gen/{SIZE}/1.mp4")
    with Opened(d.path(url)) as early:	# or it would be dropped
        right(early, "cold")
        with open(d.whole(url), "ab") as f:
            f.write(b"more")
        with Opened(d.path(url)) as fd:
            equal(mode(d, url), "cached", "mode")
            equal(read_exactly(fd, SIZE + 100, 0), WANT, "bytes")


@case
def given_back(s):
    "the last close lets go of the data: rm makes room again"
    need_passthrough(s)
    cache = s.tmpfs("20m")
    o = s.origin()

    def free():
        st = os.statvfs(cache)
        return st.f_bfree * st.f_frsize
    d, url = start(s, o, cache=cache)
    for _ in range(3):
        with Opened(d.path(url)) as a, Opened(d.path(url)) as b:
            equal(mode(d, url), "passthrough", "mode")
            right(a, "one")
            right(b, "the other")
    os.unlink(d.path(url))
    wait_for(lambda: free() > (20 << 20) - SIZE // 2, "room")


@case
def same_mount(s):
    "the mount looks as it does without passthrough"
    need_passthrough(s)

    def look(value, extra):
        d = s.spoolfs(options={"passthrough": value}, args=extra)
        with open("/proc/self/mountinfo") as f:
            row = next(r.split() for r in f if f" {d.mnt} " in r)
        equal(d.unmount(), 0, "exit status")
        return row[5:6] + row[row.index("-"):]
    for extra in ([], ["-o", "ro,noexec,noatime,allow_other,suid,dev,"
                       "default_permissions,fsname=a b,max_read=65536"]):
        equal(look("auto", extra), look("no", extra), f"mount, {extra}")


main()
