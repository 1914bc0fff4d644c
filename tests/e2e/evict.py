"""The cache keeps within its limits: what was used least recently goes, whole,
and nothing that is in use."""
from spool import *

M = 1 << 20


def on_disk(path):
    """What all files below a folder take, in bytes."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def kept(d, urls):
    """Which of them (from 1) have data and a record in the cache."""
    found = []
    for n, url in enumerate(urls, 1):
        base = os.path.join(d.cache, name_of(url))
        parts = [end for end in ("", ".part", "%file")
                 if os.path.isfile(base + end)]
        if parts and os.path.exists(base + ".meta"):
            found.append(n)
    return found


def fetched(d, urls, numbers, size=M):
    """Read files in this order, each at a time of its own."""
    for n in numbers:
        equal(sha256(d.path(urls[n - 1])), gen_sha256(size, n), f"file {n}")


def set_used(d, url, ago):
    """As if it had been used so many seconds ago. Between two daemons."""
    then = time.time() - ago
    os.utime(os.path.join(d.cache, name_of(url)) + ".meta", (then, then))


def used(d, url):
    return os.stat(os.path.join(d.cache, name_of(url)) + ".meta").st_mtime


@case
def least_recently(s):
    "over cache_size the files used least recently go, and only those"
    o = s.origin()
    urls = [o.url(f"/gen/1M/{n}.mp4") for n in range(1, 9)]
    d = s.spoolfs()
    fetched(d, urls, range(1, 7))
    d.unmount()
    equal(kept(d, urls), [1, 2, 3, 4, 5, 6], "without a limit all stay")
    for age, n in enumerate((4, 1, 6, 2, 3, 5)):	# from the newest
        set_used(d, urls[n - 1], 1000 * (age + 1))
    d.options["cache_size"] = "4500K"
    d.args[2] = ",".join(f"{k}={v}" for k, v in d.options.items())
    d.restart()
    wait_for(lambda: kept(d, urls) == [1, 2, 4, 6], "5 and 3 go at the start")
    # An open is a use, though not a byte of it is read through the mount.
    os.close(os.open(d.path(urls[1]), os.O_RDONLY))
    fetched(d, urls, [7])
    wait_for(lambda: kept(d, urls) == [1, 2, 4, 7], "then 6, but not 2")
    wait_for(lambda: on_disk(d.cache) <= 4608 * 1024, "no more is left")
    o.reset()
    fetched(d, urls, [1, 2, 4, 7])
    equal(o.stats()["requests"], 0, "what stays is whole")
    fetched(d, urls, [6])
    wait_for(lambda: kept(d, urls) == [2, 4, 6, 7], "1 goes, it was read first")
    want = sorted(["lock"] + [f"{n}.mp4{end}" for n in (2, 4, 6, 7)
                              for end in ("", ".meta")])
    wait_for(lambda: sorted(f for _, _, files in os.walk(d.cache)
                            for f in files) == want,
             "of what has gone nothing is left")


@case
def remembered(s):
    "what was used last is known after a restart"
    o = s.origin()
    urls = [o.url(f"/gen/1M/{n}.mp4") for n in range(1, 4)]
    d = s.spoolfs()
    fetched(d, urls, (1, 2, 3))
    d.unmount()
    data = os.path.join(d.cache, name_of(urls[0]))
    for url in urls:
        set_used(d, url, 100000)
    before = os.stat(data).st_mtime
    d.restart()
    command = s.run(["ls", "-lR", d.mnt])		# looking is no use
    equal(command.returncode, 0, command.stderr)
    begin = time.time()
    equal(sha256(d.path(urls[0])), gen_sha256(M, 1), "read")
    wait_for(lambda: used(d, urls[0]) >= begin - 1, "the use is written down")
    equal(http_sha256(d.url(urls[1]))[1], gen_sha256(M, 2), "by HTTP")
    d.terminate()
    at_least(used(d, urls[1]), begin - 1, "at the end at the latest")
    at_most(used(d, urls[2]), begin - 90000, "a file nobody opened")
    equal(os.stat(data).st_mtime, before, "the data's own time")


@case
def in_use(s):
    "a file larger than the limit streams; what is open stays, however old"
    o = s.origin(f"/film.mp4 gen=12M/9 rate=12M\n")
    small = [o.url(f"/gen/1M/{n}.mp4") for n in range(1, 3)]
    film = o.url("/film.mp4")
    d = s.spoolfs(options={"cache_size": "4M"})
    fetched(d, small, [1])
    with open(d.path(small[0]), "rb", buffering=0) as held:
        equal(held.read(1000), gen(M, 1, 1, 0, 1000), "a little of it")
        fetched(d, small, [2])
        equal(sha256(d.path(film)), gen_sha256(12 * M, 9), "the film")
        wait_for(lambda: kept(d, small + [film]) == [1],
                 "all go but what is open")
        o.reset()
        equal(held.read(), gen(M, 1)[1000:], "the rest of it")
        fetched(d, small, [1])
        equal(o.stats()["requests"], 0, "from the cache")
    equal(pread(d.path(film), 5000, 6 * M), gen(12 * M, 9, 1, 6 * M, 5000),
          "the film again")


@case
def partial(s):
    "a file that is not complete counts with what is here of it"
    o = s.origin()
    urls = [o.url(f"/gen/40M/{n}.mp4") for n in range(1, 7)]
    d = s.spoolfs(options={"cache_size": "20M", "fill": "none"})
    for n, url in enumerate(urls, 1):
        equal(pread(d.path(url), 1000, 30 * M),
              gen(40 * M, n, 1, 30 * M, 1000), f"in file {n}")
    d.terminate()		# everything is on the disk, all was measured
    equal(kept(d, urls), [1, 2, 3, 4, 5, 6], "none has gone")
    at_least(sum(os.path.getsize(d.data(url)) for url in urls), 150 * M,
             "though all are long")


@case
def old(s):
    "what nobody uses for max_age goes, and what is pinned stays"
    o = s.origin()
    urls = [o.url(f"/gen/1M/{n}.mp4") for n in range(1, 5)]
    d = s.spoolfs(options={"max_age": "10"})
    fetched(d, urls, (1, 2, 3, 4))
    d.unmount()
    pin(os.path.join(d.cache, name_of(urls[3])) + ".meta")
    for url, days in zip(urls, (9.9, 10.1, 100, 100)):
        set_used(d, url, days * 86400)
    d.restart()
    wait_for(lambda: kept(d, urls) == [1, 4], "2 and 3 go")


def fnv(data):
    total = 0xcbf29ce484222325
    for byte in data:
        total = (total ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return total


def rewrite(path, *change):
    """Change a record and make its checksum right."""
    with open(path, "rb") as f:
        text = f.read().rpartition(b"checksum: ")[0].replace(*change, 1)
    with open(path, "wb") as f:
        f.write(text + b"checksum: %016x\n" % fnv(text))


def pin(path):
    rewrite(path, b"pinned: no", b"pinned: yes")


@case
def strangers(s):
    "what is not ours stays; what a crash has left goes"
    o = s.origin()
    urls = [o.url(f"/gen/1M/{n}.mp4") for n in range(1, 4)]
    d = s.spoolfs(options={"cache_size": "0"}, cache=s.folder("c"))
    wait_for(lambda: "files" in d.log(), "the first look")
    os.kill(d.pid, signal.SIGSTOP)	# whatever is made now, it did not see
    d.kill()
    host = os.path.join(d.cache, os.path.dirname(name_of(o.url("/x"))))
    os.makedirs(host + "/crashed", mode=0o700)

    def put(name, mode=0o600):
        path = os.path.join(d.cache, name)
        with open(path, "w") as f:
            f.write("x" * 5000)
        os.chmod(path, mode)
        return path

    ours = [put(f"{host}/crashed/a.mp4.part"), put(f"{host}/.%tmp.b.mp4")]
    theirs = [put("notes.txt"), put(f"{host}/mine.txt"),
              put(f"{host}/video.mp4"), put("http/c.part"),
              put(f"{host}/download.part", 0o644),
              put(f"{host}/odd.meta.part")]
    os.symlink("/etc/passwd", f"{host}/link.part")
    theirs.append(f"{host}/link.part")
    theirs.remove(os.path.join(d.cache, "http/c.part"))
    d.restart()
    wait_for(lambda: not any(map(os.path.exists, ours)), "ours go")
    wait_for(lambda: not os.path.exists(f"{host}/crashed"), "and their folder")
    equal([p for p in theirs if not os.path.lexists(p)], [], "theirs stay")

    fetched(d, urls, (1, 2))
    wait_for(lambda: kept(d, urls) == [], "with a limit of 0 none stays")
    d.unmount()
    d.options["cache_size"] = None
    plain = s.spoolfs(cache=d.cache)
    fetched(plain, urls, (1, 2))
    plain.unmount()
    meta = os.path.join(d.cache, name_of(urls[0])) + ".meta"
    rewrite(meta, b"spoolfs-meta 2\n", b"spoolfs-meta 999\n")
    set_used(d, urls[0], 5000)
    before = os.stat(meta)
    d.restart()
    wait_for(lambda: kept(d, urls) == [1], "another format stays")
    equal(os.stat(meta).st_mtime, before.st_mtime, "its record untouched")


@case
def little_room(s):
    "near the end of the disk files go before anything is refused"
    path = s.tmpfs("16m")
    cache = path + "/cache"
    os.mkdir(cache)
    o = s.origin("/gen/3M/* rate=4M\n")
    urls = [o.url(f"/gen/3M/{n}.mp4") for n in range(1, 7)]
    d = s.spoolfs(cache=cache, options={"min_free": "8M"})
    fetched(d, urls, range(1, 7), 3 * M)
    wait_for(lambda: kept(d, urls) == [5, 6], "the last ones are here")
    equal([line for line in d.log().splitlines() if "No space" in line], [],
          "nothing was refused")
    o.reset()
    fetched(d, urls, [5, 6], 3 * M)
    equal(o.stats()["requests"], 0, "and is whole")
    # Others fill the disk: the cache gives way.
    with open(path + "/other", "wb") as f:
        st = os.statvfs(path)
        f.write(bytes(st.f_bavail * st.f_frsize - 11 * M // 2))
    fetched(d, urls, [6], 3 * M)
    wait_for(lambda: kept(d, urls) == [6], "the rest go")


@case
def no_room(s):
    "when the disk takes no more, files go, and the next one is kept"
    path = s.tmpfs("16m")
    cache = path + "/cache"
    os.mkdir(cache)
    o = s.origin()
    urls = [o.url(f"/gen/3M/{n}.mp4") for n in range(1, 4)]
    d = s.spoolfs(cache=cache, options={"min_free": "0"})
    fetched(d, urls, [1, 2], 3 * M)
    with open(path + "/other", "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(65536))
        except OSError as error:
            equal(error.errno, errno.ENOSPC, "the disk is full")
    fetched(d, urls, [3], 3 * M)
    wait_for(lambda: 1 not in kept(d, urls), "one goes")

    def again():
        fetched(d, urls, [3], 3 * M)
        return 3 in kept(d, urls) and d.data(urls[2])[-5:] != ".part"
    wait_for(again, "then the new one is kept", 40 * SLACK)


@case
def opened_meanwhile(s):
    "files opened while they go, and files gone between two opens, are right"
    o = s.origin()
    paths = [o.url(f"/gen/64K/{n}.mp4") for n in range(1, 9)]
    d = s.spoolfs(options={"cache_size": "0"})
    wrong, count = [], [0] * 2
    ended = threading.Event()

    def reader(start):
        n = start
        while not ended.is_set():
            n = n % len(paths) + 1
            try:
                data = read(d.path(paths[n - 1]))
                status, digest, _ = http_sha256(d.url(paths[n - 1]))
            except OSError as error:
                wrong.append(repr(error))
                continue
            if data != gen(65536, n) or status != 200 or \
                    digest != gen_sha256(65536, n):
                wrong.append(f"file {n}: {len(data)} bytes, {status}")
            count[0] += 1

    threads = [threading.Thread(target=reader, args=(i,)) for i in (0, 3, 5)]
    for t in threads:
        t.start()
    wait_for(lambda: d.log().count("evicted") >= 3 and count[0] >= 100 or
             wrong, "three rounds of eviction", 30 * SLACK)
    ended.set()
    for t in threads:
        t.join()
    equal(wrong[:3], [], "what was read")
    wait_for(lambda: kept(d, paths) == [], "none stays at rest")
    wait_for(lambda: os.listdir(d.cache) == ["lock"], "and no folder")


main()
