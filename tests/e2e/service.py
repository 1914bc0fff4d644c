"""A service: what a manager is told (sd_notify), its watchdog."""
from contextlib import contextmanager

from spool import *

PING = "WATCHDOG=1"


class Manager:
    """A service manager's end of NOTIFY_SOCKET.

    messages holds (time, text); on_ready() is called the moment that
    READY=1 arrives."""

    def __init__(self, sandbox, usec=None, abstract=False, on_ready=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"spool-{sandbox.mark}" if abstract else sandbox.file("notify")
        self.socket.bind("\0" + name if abstract else name)
        sandbox.env["NOTIFY_SOCKET"] = "@" + name if abstract else name
        for name in ("WATCHDOG_PID", "WATCHDOG_USEC"):
            sandbox.env.pop(name, None)
        if usec:
            sandbox.env["WATCHDOG_USEC"] = str(usec)
        self.on_ready = on_ready
        self.messages = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            text = self.socket.recv(65536).decode()
            if text == "READY=1" and self.on_ready:
                self.on_ready()
            self.messages.append((time.monotonic(), text))

    def texts(self):
        """What was said, but for the signs of life."""
        return [text for _, text in self.messages if text != PING]

    def pings(self):
        return [at for at, text in self.messages if text == PING]

    def wait(self, text):
        wait_for(lambda: text in self.texts(), text, 30 * SLACK)

    def wait_pings(self, n):
        """For n more of them."""
        n += len(self.pings())
        wait_for(lambda: len(self.pings()) >= n, "signs of life", 30 * SLACK)

    def silent(self, seconds):
        """True when no sign of life comes for so long. One that was on its
        way when this began does not count."""
        time.sleep(0.3)
        before = len(self.pings())
        time.sleep(seconds)
        return len(self.pings()) == before


def status_of(d):
    where = f"Mounted at {d.mnt}, serving" if d.mnt else "Serving"
    return f"STATUS={where} at http://{d.http}/"


@case
def tells(s):
    "READY=1 when mount and endpoint stand, STOPPING=1 at SIGTERM, no more"
    seen = []
    for mount in (True, False):
        # A datagram may take its time: look at what stood when it came.
        m = Manager(s, abstract=mount, on_ready=lambda: seen.append(mounts()))
        d = s.spoolfs(mount=mount)
        m.wait("READY=1")
        equal(m.texts(), [status_of(d), "READY=1"], "at the start")
        if mount:
            equal(seen[0].get(d.mnt), "fuse.spoolfs", "mounted at READY=1")
        equal(Raw(d.http).get("/").response().status, 200, "it answers")
        equal(d.terminate(), 0, "exit status")
        m.wait("STOPPING=1")
        equal(m.texts()[2:], ["STOPPING=1"], "at the end")
        equal(m.pings(), [], "signs of life without a watchdog")


@case
def unmounted(s):
    "STOPPING=1 when it is unmounted; no READY=1 where nothing stands"
    m = Manager(s)
    d = s.spoolfs()
    equal(d.unmount(), 0, "exit status")
    m.wait("STOPPING=1")
    m = Manager(s)
    s.refused("-f", "-o", f"cache_dir={s.write('file', 'x')}/c,http=off",
              s.folder("m"))
    equal(m.texts(), [], "said by one that failed")


@case
def line_break(s):
    "a line break in the name of the mount point adds nothing to the protocol"
    m = Manager(s)
    s.spoolfs(mnt=s.folder("a\nMAINPID=1"))
    m.wait("READY=1")
    ok("\n" not in m.texts()[0], f"one line: {m.texts()[0]!r}")


@case
def signs_of_life(s):
    "WATCHDOG=1 at half the interval, with a mount and without, idle or not"
    o = s.origin()
    for mount in (True, False):
        m = Manager(s, usec=1000000)
        d = s.spoolfs(mount=mount)
        m.wait_pings(3)
        equal(fetch(d.url(o.url("/gen/99/1.mp4"))).body, gen(99, 1), "bytes")
        m.wait_pings(3)
        took = m.pings()[5] - m.pings()[0]
        at_least(took, 5 * 0.4, "seconds for five intervals")
        equal(d.terminate(), 0, "exit status")
        m.wait("STOPPING=1")
        equal(m.messages[-1][1], "STOPPING=1", "the last word")


@case
def reloading(s):
    "RELOADING=1 and READY=1 around a look at the settings"
    m = Manager(s, usec=None)
    d = s.spoolfs(mount=False)
    m.wait("READY=1")
    os.kill(d.pid, signal.SIGHUP)
    m.wait("RELOADING=1")
    wait_for(lambda: [x for _, x in m.messages].count("READY=1") == 2,
             "READY=1 again", 20 * SLACK)


@case
def stopped(s):
    "no sign of life while the process is stopped, and again when it goes on"
    m = Manager(s, usec=200000)
    d = s.spoolfs()
    m.wait_pings(3)
    os.kill(d.pid, signal.SIGSTOP)
    try:
        ok(m.silent(1.5), "silence")
    finally:
        os.kill(d.pid, signal.SIGCONT)
    m.wait_pings(3)


@contextmanager
def thread_held(pid, name):
    """Hold one thread of a process, as a debugger does."""
    seize, interrupt, detach, wall = 0x4206, 0x4207, 17, 0x40000000
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                       ctypes.c_void_p]
    tid = next(int(path.split("/")[-2])
               for path in glob.glob(f"/proc/{pid}/task/*/comm")
               if open(path).read().strip() == name)
    if ptrace(seize, tid, None, None) < 0:
        raise Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    ptrace(interrupt, tid, None, None)
    os.waitpid(tid, wall)
    try:
        yield
    finally:
        ptrace(detach, tid, None, None)


@case
def stuck_engine(s):
    "no sign of life while the engine is stuck, though all else goes on"
    o = s.origin()
    url = o.url("/gen/100kB/1.mp4")
    for mount in (True, False):
        m = Manager(s, usec=200000)
        d = s.spoolfs(mount=mount)
        equal(fetch(d.url(url)).body, gen(100000, 1), "bytes")
        m.wait_pings(3)
        with thread_held(d.pid, "engine"):
            ok(m.silent(2), "silence")
            wait_for(lambda: "no sign of life" in d.log(), "a line in the log",
                     20 * SLACK)
            equal(fetch(d.url(url)).body, gen(100000, 1), "a warm file")
        m.wait_pings(3)
        ok("alive again" in d.log(), "said in the log")


@case
def meant_for_another(s):
    "a watchdog that is not for us, or makes no sense, is none"
    for usec, pid in ((100000, "1"), ("soon", None), ("-1", None), ("0", None),
                      (str(2 ** 64), None)):
        m = Manager(s, usec=usec)
        if pid:
            s.env["WATCHDOG_PID"] = pid
        d = s.spoolfs(mount=False)
        m.wait("READY=1")
        ok(m.silent(0.5), f"silence, WATCHDOG_USEC={usec} WATCHDOG_PID={pid}")
        equal(d.terminate(), 0, "exit status")
    m = Manager(s, usec=100000)
    d = s.spoolfs(mount=False)
    m.wait_pings(1)
    equal(d.terminate(), 0, "exit status")


@case
def meant_for_us(s):
    "WATCHDOG_PID names us"
    m = Manager(s, usec=100000)
    mnt = s.folder("m")
    p = s.popen(["sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh", SPOOLFS, "-f",
                 "-o", f"cache_dir={s.file('cache')},http=off", mnt])
    m.wait_pings(2)
    p.terminate()
    equal(p.wait(20 * SLACK), 0, "exit status")


@case
def nobody_listens(s):
    "a NOTIFY_SOCKET that is not there is said and is no reason to end"
    for path in (s.file("nothing"), "/" + "x" * 200, ""):
        s.env["NOTIFY_SOCKET"] = path
        d = s.spoolfs(mount=False)
        equal(d.terminate(), 0, "exit status")
        if path.endswith("nothing"):
            ok("NOTIFY_SOCKET" in d.log(), "said")


@case
def fstab_file(s):
    "entries of an fstab: mount by mount point, mount -a twice, umount"
    need_fuse()
    need("mount.fuse3")
    if os.getuid():
        raise Skip("not root")
    o = s.origin("/top/film.mp4 body=film\n")
    with fuse_type() as kind:
        from_file(s, o, kind)


def from_file(s, o, kind):
    sources = "spoolfs", o.url("/top/")
    paths = f"http/127.0.0.1:{o.port}/top/film.mp4", "film.mp4"
    mnts = s.folder("m"), s.folder("a b")
    caches = s.file("c1"), s.file("c2")
    fstab = s.write("fstab", "".join(
        f"{source} {mnt} {kind} allow_other,nosuid,nodev,_netdev,"
        f"http=off,cache_dir={cache} 0 0\n".replace("a b", r"a\040b")
        for source, mnt, cache in zip(sources, mnts, caches)))
    for command in (["mount", "-T", fstab, mnts[0]],
                    ["mount", "-a", "-T", fstab], ["mount", "-a", "-T", fstab]):
        # Not here: a source that exists in the working folder is a path.
        p = s.run(command, cwd=s.dir)
        equal((p.returncode, p.stderr), (0, ""), " ".join(command))
    for source, path, mnt, cache in zip(sources, paths, mnts, caches):
        with open("/proc/self/mounts") as f:
            mounted = [row.split() for row in f if f" {mnt} ".replace(
                "a b", r"a\040b") in row]
        equal(len(mounted), 1, f"{mnt} is mounted once")
        equal(mounted[0][0], source, "its source")
        ok({"nosuid", "nodev"} <= set(mounted[0][3].split(",")), mounted[0][3])
        equal(read(f"{mnt}/{path}"), b"film", f"bytes, {source}")
        with open(f"{cache}/lock") as f:
            pid = int(re.search(r"pid=(\d+)", f.read()).group(1))
        p = s.run(["umount", mnt])
        equal(p.returncode, 0, f"umount: {p.stderr}")
        ok(wait_exit(pid, 20 * SLACK), "it ends")


main()
