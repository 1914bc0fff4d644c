"""What the machine does to the daemon: no descriptors, no memory, a process
that is held, a clock that jumps, a disk that fails, an end in the middle of
everything. Readers see right bytes or an error; the daemon lives and is well
again when the machine is."""
import collections
import random
import resource
import threading

from load import File, Load
from shim import Shim
from spool import *

SIZE = 8 << 20
BIT = 300000
HELD = int(os.environ.get("HELD_SECONDS", "3"))	# how long it is stopped
# What readers may be told while there is nothing to work with.
SHORT = "EMFILE ENFILE ENOMEM EIO ETIMEDOUT EHOSTUNREACH EAGAIN".split()


def files(*seeds):
    return [File(f"/gen/{SIZE}/{n}.mp4", SIZE, n) for n in seeds]


def readers(s, o, d, seeds=(1, 2, 3), **keys):
    keys.setdefault("limit", 20 * SLACK)
    load = Load(s, d, files(*seeds), **keys)
    load.origin_url = o.url("")
    load.start(random.randrange(1 << 32))
    return load


def progress(load, more=4 << 20, timeout=30):
    """The readers get on."""
    goal = load.counts["bytes"] + more
    wait_for(lambda: load.problems or load.counts["bytes"] >= goal,
             "readers to get on", timeout * SLACK)
    load.check()


def right_or(names, what, want, function, *args):
    """Right bytes, or one of these errors. Returns the error's name."""
    try:
        equal(function(*args), want, what)
    except OSError as error:
        name = errno.errorcode.get(error.errno, str(error))
        one_of(name, names, what)
        return name
    return None


def both_work(o, d, seed):
    """A file nobody has asked for, through both fronts."""
    equal(read(d.path(o.url(f"/gen/70000/{seed}.mp4"))), gen(70000, seed),
          "a new file, mount")
    equal(fetch(d.url(o.url(f"/gen/70000/{seed + 1}.mp4"))).body,
          gen(70000, seed + 1), "a new file, HTTP")


def get_or_nothing(d, url, want):
    """A GET that is answered rightly, refused, cut or not answered for a
    while."""
    try:
        r = fetch(d.url(url), timeout=2)
    except (OSError, http.client.HTTPException):
        return
    if r.status == 200:
        equal(r.body, want, f"{url} through HTTP")
    else:
        one_of(r.status, (500, 502, 503, 504), f"status of {url}")


def prlimit(d, what, limit):
    """Returns what it was."""
    old = resource.prlimit(d.pid, what)
    resource.prlimit(d.pid, what, (limit, old[1]))
    return old[0]


# ---- resources -------------------------------------------------------------

@case
def descriptors(s):
    "no descriptor left: errors, what is open reads on, then all is well"
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": 3})
    warm = o.url("/gen/1M/1.mp4")
    want = gen(1 << 20, 1)
    equal(read(d.path(warm)), want, "before")
    client = Raw(d.http).get("/" + name_of(warm))
    equal(client.response().body, want, "a client, before")
    with open(d.path(warm), "rb", buffering=0) as f:
        used = set(map(int, os.listdir(f"/proc/{d.pid}/fd")))
        free = [n for n in range(1000) if n not in used]
        old = prlimit(d, resource.RLIMIT_NOFILE, free[1])	# one is left
        failed = []
        for seed in range(10, 40):
            if seed == 25:
                prlimit(d, resource.RLIMIT_NOFILE, free[0])
            url = o.url(f"/gen/70000/{seed}.mp4")
            failed.append(right_or(SHORT, f"file {seed}", gen(70000, seed),
                                   read, d.path(url)))
            equal(os.pread(f.fileno(), 1000, seed * 1000),
                  want[seed * 1000:][:1000], "what is open")
        note(f"{30 - failed.count(None)} of 30 opens failed: "
             f"{set(filter(None, failed))}")
        held = [socket.create_connection(d.http.split(":"), 5)
                for _ in range(10)]
        before = cpu_seconds(d.pid)
        time.sleep(1)		# what is measured
        at_most(cpu_seconds(d.pid) - before, 0.5 * SLACK,
                "processor time in a second without descriptors")
        for seed in (40, 41):
            get_or_nothing(d, o.url(f"/gen/70000/{seed}.mp4"),
                           gen(70000, seed))
        equal(client.get("/" + name_of(warm)).response().body, want,
              "the client that was there")
        for c in held:
            c.close()
        prlimit(d, resource.RLIMIT_NOFILE, old)
    client.close()
    both_work(o, d, 100)


def answer_or_cut(c, seed):
    """The status of the answer, or "cut"; the bytes that come are right."""
    try:
        status, headers = c.head()
        body = c.file.read(70000) if status == 200 else b""
    except (OSError, Failure):	# Failure: no status line
        return "cut"
    equal(body, gen(70000, seed, 1, 0, len(body)), "HTTP: bytes")
    return status


@case
def memory(s):
    "no memory to be had: errors or right bytes, no end; then all is well"
    if SANITIZED:
        raise Skip("sanitizers need memory")
    o = s.origin()
    d = s.spoolfs(options={"read_timeout": 1})
    warm = o.url("/gen/1M/1.mp4")
    want = gen(1 << 20, 1)
    equal(read(d.path(warm)), want, "before")
    # Less than is in use: nothing is taken away, no page is added. (Not
    # RLIMIT_AS: malloc has reserved space ahead.)
    old = prlimit(d, resource.RLIMIT_DATA, 1 << 20)
    seen, problems = collections.Counter(), []

    def look(name, seed, url, want):
        try:
            error = right_or(["ENOMEM", "ETIMEDOUT"], f"file {seed}", want,
                             read, d.path(url))
            seen[f"{name}: {error}"] += 1
        except (OSError, Failure) as e:
            problems.append(f"{name}, file {seed}: {e}")

    def crowd(seed):
        """As many as the mount has threads, and more."""
        threads = [threading.Thread(target=look, args=("warm", 1, warm, want))
                   for _ in range(40)]
        for t in threads:
            t.start()
        look("cold", seed, o.url(f"/gen/70000/{seed}.mp4"), gen(70000, seed))
        for t in threads:
            t.join()

    for seed in range(10, 14):
        crowd(seed)
    clients = []
    for seed in range(100, 300):
        c = Raw(d.http, 10)
        clients.append((c, seed))
        try:
            c.get("/" + name_of(o.url(f"/gen/70000/{seed}.mp4")))
        except OSError:
            pass		# closed as soon as accepted; seen below
    for c, seed in clients:
        answer = answer_or_cut(c, seed)
        one_of(answer, ("cut", 200, 503, 504), "HTTP")
        seen[f"HTTP: {answer}"] += 1
        c.close()
    crowd(14)
    prlimit(d, resource.RLIMIT_DATA, old)
    note(dict(seen))
    equal(problems, [], "problems")
    ok(seen["warm: None"], "somebody reads what is here")
    equal(read(d.path(warm)), want, "warm")
    both_work(o, d, 1000)


def memory_group(s, limit):
    """A control group of its own with a limit of memory."""
    for top, name in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                      ("/sys/fs/cgroup", "memory.max")):
        path = f"{top}/spoolfs-{os.path.basename(s.dir)}"
        try:
            os.mkdir(path)
        except OSError:
            continue
        try:
            with open(f"{path}/{name}", "w") as f:
                f.write(str(limit))
            return path
        except OSError:
            os.rmdir(path)
    raise Skip("no control group with a limit of memory")


@case
def address_space(s):
    "ulimit -v a little above what is in use: right bytes or ENOMEM"
    if SANITIZED:
        raise Skip("sanitizers need address space")
    o = s.origin("* link=20M\n")
    d = s.spoolfs(options={"read_timeout": 3})
    load = readers(s, o, d, tolerated=["ENOMEM", "ETIMEDOUT", "cut", "EMFILE",
                                       "status 503", "status 504",
                                       "ECONNRESET"])
    try:
        progress(load, 1 << 20)
        with open(f"/proc/{d.pid}/statm") as f:
            used = int(f.read().split()[0]) * resource.getpagesize()
        for more in (16 << 20, 0):
            old = prlimit(d, resource.RLIMIT_AS, used + more)
            progress(load, 1 << 20)
            for seed in range(10, 20):
                right_or(["ENOMEM", "ETIMEDOUT"], "a new file",
                         gen(70000, seed), read,
                         d.path(o.url(f"/gen/70000/{seed}.mp4")))
            prlimit(d, resource.RLIMIT_AS, old)
        load.stop()
    finally:
        load.end()
    note(dict(load.counts))
    both_work(o, d, 100)


@case
def file_size(s):
    "a limit of file sizes: what is behind it fails with EFBIG, all else is right"
    o = s.origin()
    d = s.spoolfs(options={"fill": "none"})
    big = o.url(f"/gen/{SIZE}/1.mp4")
    old = prlimit(d, resource.RLIMIT_FSIZE, 1 << 20)
    equal(pread(d.path(big), 1000, 100000), gen(SIZE, 1, 1, 100000, 1000),
          "before it")
    fails_with(errno.EFBIG, "behind it", pread, d.path(big), 1000, 4 << 20)
    equal(fetch(d.url(big), headers={"Range": "bytes=5000000-5000999"}).status,
          502, "behind it, HTTP")
    both_work(o, d, 50)
    prlimit(d, resource.RLIMIT_FSIZE, old)
    wait_for(lambda: not right_or(["EFBIG"], "all", gen(SIZE, 1), read,
                                  d.path(big)), "all to be read again")


@case
def small_machine(s):
    "48 MiB for all, disk cache included: a film of 300 MB reads right"
    limit = 48 << 20
    if SANITIZED:
        raise Skip("sanitizers need memory")
    group = memory_group(s, limit)
    try:
        o = s.origin()
        d = s.spoolfs()
        with open(f"{group}/cgroup.procs", "w") as f:
            f.write(str(d.pid))
        size = 300000000
        url = o.url(f"/gen/{size}/1.mp4")
        equal(sha256(d.path(url)), gen_sha256(size, 1), "cold, mount")
        equal(http_sha256(d.url(url))[1], gen_sha256(size, 1), "warm, HTTP")
        at_most(d.resident(), limit, "resident")
        equal(d.unmount(), 0, "exit status")
    finally:
        os.rmdir(group)


# ---- time ------------------------------------------------------------------

@case(limit=120 + 3 * HELD)
def held(s):
    "SIGSTOP past every deadline, then SIGCONT: readers go on"
    o = s.origin("* link=6M\n")
    d = s.spoolfs(options={"stall_timeout": 1, "read_timeout": 2,
                           "connect_timeout": 1, "fill": "none"})
    load = readers(s, o, d, tolerated=["ETIMEDOUT", "EIO", "status 504",
                                       "status 502", "cut"],
                   limit=20 * SLACK + 2 * HELD)	# one may meet both
    try:
        for _ in range(2):
            progress(load, 1 << 20)
            os.kill(d.pid, signal.SIGSTOP)
            time.sleep(HELD)	# the fault
            os.kill(d.pid, signal.SIGCONT)
            progress(load, 1 << 20)
        note(f"meanwhile: {dict(load.counts)}")
        load.stop()
    finally:
        load.end()
    both_work(o, d, 100)


@case
def threads(s):
    "no thread for a listener while a client of it waits: an error, no crash"
    shim = Shim(s)
    shim.fail(Shim.THREAD)
    o = s.origin("/stuck.mp4 stall=before\n")
    with socket.create_server(("127.0.0.1", 0)) as given:
        address = "%s:%d" % given.getsockname()
        client = Raw(address).get("/" + name_of(o.url("/stuck.mp4")))
        p = s.popen(["sh", "-c", 'exec 3<&"$1"; shift; '
                     'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh",
                     str(given.fileno()), SPOOLFS, "-f", "--no-mount", "-o",
                     f"cache_dir={s.folder('given')}"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                    text=True, pass_fds=[given.fileno()],
                    env={**s.env, **shim.env})
        _, said = p.communicate(timeout=20 * SLACK)
        equal(p.returncode, 1, f"exit: {said}")
        ok("http: " in said, f"says why: {said}")
        client.close()


@case
def clock_jumps(s):
    "the wall clock jumps by a day, ten years, to and fro: nobody waits longer"
    shim = Shim(s)
    o = s.origin("/stuck.mp4 stall=before\n* link=6M\n")
    d = shim.daemon(s, options={"stall_timeout": 1, "read_timeout": 2})
    load = readers(s, o, d)
    try:
        for jump in (86400, -86400, 10 * 366 * 86400, -10 * 366 * 86400, 0,
                     5, -5, 3600, 0):
            shim.clock(jump)
            progress(load, 1 << 20)
        for jump in (-86400, 86400):
            shim.clock(0)
            begin = time.monotonic()
            p = s.popen(["cat", d.path(o.url("/stuck.mp4"))],
                        stderr=subprocess.DEVNULL)
            wait_for(lambda: o.stats("/stuck.mp4")["active"], "the stall")
            shim.clock(jump)
            ok(p.wait(40 * SLACK) != 0, "the stalled read fails")
            took = time.monotonic() - begin
            note(f"clock {jump:+} s: a read with 2 s to go failed after "
                 f"{took:.1f} s")
            ok(1 < took < 2 * 2 + 4 * SLACK, f"at its deadline: {took:.1f}")
        load.stop()
    finally:
        load.end()
    both_work(o, d, 100)
    equal(d.unmount(), 0, "exit status")


# ---- ends and beginnings ---------------------------------------------------

@case
def ends_under_load(s):
    "SIGTERM and unmounting, plain and lazy, beside readers of all kinds"
    o = s.origin("* link=10M\n")
    d = s.spoolfs()
    load = readers(s, o, d)
    try:
        for how in ("SIGTERM", "lazy", "SIGINT", "plain", "SIGTERM"):
            progress(load, 1 << 20)
            load.down()
            begin = time.monotonic()
            if how == "lazy":
                subprocess.run(["fusermount3", "-u", "-z", d.mnt], check=True)
                equal(d.wait_end(), 0, how)
            elif how == "plain":
                wait_for(lambda: s.run(["fusermount3", "-u", d.mnt])
                         .returncode == 0, "a moment without an open file")
                equal(d.wait_end(), 0, how)
            else:
                equal(d.terminate(getattr(signal, how)), 0, how)
            took = time.monotonic() - begin
            note(f"{how}: over after {took:.2f} s")
            d.restart()
            load.up()
        progress(load)
        load.stop()
    finally:
        load.end()


@case
def connection_aborted(s):
    "a connection to the kernel that is aborted is the end of the mount, no failure"
    shim = Shim(s, "/dev/fuse")
    d = shim.daemon(s)
    shim.fail(Shim.READ, errno.ECONNABORTED)
    s.run(["stat", d.mnt])		# who serves it reads again
    equal(d.wait_end(), 0, "exit status")


@case
def one_of_many(s):
    "of eight daemons started at once on one cache, one stands"
    need_fuse()
    cache = s.file("cache")
    mnts = [s.folder("m") for _ in range(8)]
    all_ = [s.popen([SPOOLFS, "-f", "-o",
                     f"cache_dir={cache},http=127.0.0.1:0", mnt],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for mnt in mnts]
    wait_for(lambda: sum(p.poll() is None for p in all_) == 1 and
             sum(m in mounts() for m in mnts) == 1, "one of them",
             20 * SLACK)
    for p, mnt in zip(all_, mnts):
        equal(p.poll() is None, mnt in mounts(), "who stands is mounted")
        ok(p.poll() != 0, "who does not, fails")
    o = s.origin()
    mnt = next(m for m in mnts if m in mounts())
    equal(read(f"{mnt}/{name_of(o.url('/gen/99/1.mp4'))}"), gen(99, 1),
          "it serves")
    last = next(p for p in all_ if p.poll() is None)
    last.terminate()
    equal(last.wait(20 * SLACK), 0, "exit status")


@case
def stale_in_use(s):
    "a dead mount with an open file and a working folder in it is taken over"
    o = s.origin()
    d = s.spoolfs()
    url = o.url("/gen/1M/1.mp4")
    fd = os.open(d.path(url), os.O_RDONLY)
    inside = s.popen(["sleep", "1000"], cwd=d.mnt)
    os.kill(d.pid, signal.SIGKILL)
    d._reap()
    fails_with((errno.ENOTCONN, errno.ECONNABORTED), "the old one",
               os.pread, fd, 10, 1 << 19)
    d.restart()
    equal(sha256(d.path(url)), gen_sha256(1 << 20, 1), "the new one")
    fails_with((errno.ENOTCONN, errno.ECONNABORTED), "the old one, still",
               os.pread, fd, 10, 1 << 19)
    os.close(fd)
    inside.kill()
    inside.wait()


# ---- what lies on the disk -------------------------------------------------

def flipped(data):
    if not data:		# of what was left empty just before
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + \
        data[at + 1:]


@case
def records_change(s):
    "records damaged, swapped or gone under the daemon: right bytes all along"
    o = s.origin("* link=20M\n")
    d = s.spoolfs()
    load = readers(s, o, d)
    try:
        progress(load, 1 << 20)
        metas = wait_for(lambda: sorted(glob.glob(
            f"{d.cache}/http/*/gen/*/*.meta")), "records")
        for what in (lambda x: b"", lambda x: x[:len(x) // 2], flipped,
                     lambda x: x.replace(b"spoolfs-meta 2", b"spoolfs-meta 9"),
                     lambda x: open(metas[0], "rb").read(), None):
            for meta in metas:
                try:
                    if what is None:
                        os.remove(meta)
                        continue
                    with open(meta, "rb") as f:
                        data = f.read()
                    with open(meta, "wb") as f:
                        f.write(what(data))
                except FileNotFoundError:
                    pass
            progress(load, 1 << 20)
            load.down()
            d.kill()
            d.restart()
            load.up()
            progress(load, 1 << 20)
        load.stop()
    finally:
        load.end()
    for f in load.files:
        equal(sha256(d.path(o.url(f.path))), gen_sha256(SIZE, f.seed),
              f.path)


@case
def disk_errors(s):
    "EIO from the cache's disk: cold reads are right, warm ones right or EIO"
    cache = s.folder("cache")
    shim = Shim(s, cache)
    o = s.origin()
    d = shim.daemon(s, cache=cache, options={"read_timeout": 5})
    names = {Shim.WRITE: "write", Shim.SYNC: "sync", Shim.NAME: "rename",
             Shim.READ: "read", 15: "all"}
    seed = 0
    for how, name in names.items():
        warm, seed = seed + 1, seed + 1
        warm_url = o.url(f"/gen/{BIT}/{warm}.mp4")
        equal(sha256(d.path(warm_url)), gen_sha256(BIT, warm), "warm")
        shim.fail(how)
        saw = set()
        for _ in range(6):
            seed += 1
            url = o.url(f"/gen/{BIT}/{seed}.mp4")
            want = gen(BIT, seed)
            if how & Shim.READ:
                saw.add(right_or(["EIO"], f"cold, {name}", want, read,
                                 d.path(url)))
                get_or_nothing(d, url, want)
            else:
                equal(read(d.path(url)), want, f"cold, {name} fails")
                equal(fetch(d.url(url)).body, want, f"HTTP, {name} fails")
        saw.add(right_or(["EIO"], "warm", gen(BIT, warm), read,
                         d.path(warm_url)))
        note(f"{name} fails: {saw}")
        shim.fail(0)
        both_work(o, d, 1000 * how)
    for n in range(1, seed + 1):
        equal(sha256(d.path(o.url(f"/gen/{BIT}/{n}.mp4"))),
              gen_sha256(BIT, n), f"file {n} when the disk is well")
    equal(d.unmount(), 0, "exit status")
    d.restart()
    for n in range(1, seed + 1):
        equal(sha256(d.path(o.url(f"/gen/{BIT}/{n}.mp4"))),
              gen_sha256(BIT, n), f"file {n} after a restart")


def refuses(s, shim, o, d, how, error, seed):
    """What is not there yet, what is begun and what is there are read while
    the disk takes nothing. Returns what became of it: comparable."""
    begun, new, web = (o.url(f"/gen/{4 * BIT}/{seed + n}.mp4")
                       for n in range(3))
    wants = [gen(4 * BIT, seed + n) for n in range(3)]
    d.log_at = len(d.log())
    with open(d.path(begun), "rb", buffering=0) as f:
        equal(os.pread(f.fileno(), 1000, 0), wants[0][:1000], "begun before")
        shim.fail(how, error)
        equal(read_exactly(f.fileno(), 4 * BIT, 0), wants[0], "begun")
    equal(read(d.path(new)), wants[1], "new, mount")
    equal(fetch(d.url(web)).body, wants[2], "new, HTTP")
    kept = [bool(d.data(url)) and not d.data(url).endswith(".part")
            for url in (begun, new, web)]
    unlinked = "no" if how & Shim.REMOVE else "yes"
    try:
        os.unlink(d.path(o.url("/warm.mp4")))
    except OSError as e:
        if e.errno != errno.ENOENT:  # or evicted already, to make room
            unlinked = errno.errorcode[e.errno]
    shim.fail(0)
    for n, url in enumerate((begun, new, web)):
        equal(sha256(d.path(url)), gen_sha256(4 * BIT, seed + n), "afterwards")
    return kept, unlinked


@case
def disk_refuses(s):
    "no space, no quota, read-only, too large: right bytes, and all alike"
    cache = s.folder("cache")
    shim = Shim(s, cache)
    o = s.origin(f"/warm.mp4 gen={BIT}/99\n")
    d = shim.daemon(s, cache=cache, options={"fill": "none"})
    full = Shim.WRITE | Shim.NAME | Shim.MAKE
    outcomes = {}
    for n, (error, how) in enumerate((
            (errno.ENOSPC, full), (errno.EDQUOT, full), (errno.EFBIG, full),
            (errno.EROFS, full | Shim.REMOVE))):
        equal(read(d.path(o.url("/warm.mp4"))), gen(BIT, 99), "warm")
        name = errno.errorcode[error]
        outcomes[name] = refuses(s, shim, o, d, how, error, 10 * n)
        note(f"{name}: {outcomes[name]}")
    equal(outcomes["EDQUOT"], outcomes["ENOSPC"], "EDQUOT is as ENOSPC")
    equal(d.unmount(), 0, "exit status")
    d.restart()
    for n in range(4):
        for seed in range(10 * n, 10 * n + 3):
            equal(sha256(d.path(o.url(f"/gen/{4 * BIT}/{seed}.mp4"))),
                  gen_sha256(4 * BIT, seed), f"file {seed} after a restart")


main()
