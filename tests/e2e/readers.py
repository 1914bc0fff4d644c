"""Acceptance 3: many readers cost the origin one file."""
from spool import *

SIZE = 64 << 20


def read_from(d, url, number, start, results):
    """The whole file, from start to the end and then up to start."""
    pieces = [(start, SIZE - start), (0, start)]
    digests = {}
    try:
        for off, length in pieces:
            if length:
                digests[off] = (mounted if number % 2 else served)(
                    d, url, off, length)
        results[number] = digests
    except Exception as error:
        results[number] = error


def mounted(d, url, off, length):
    digest = hashlib.sha256()
    fd = os.open(d.path(url), os.O_RDONLY)
    try:
        while length:
            piece = os.pread(fd, min(length, 1 << 20), off)
            ok(piece, "no early end")
            digest.update(piece)
            off += len(piece)
            length -= len(piece)
    finally:
        os.close(fd)
    return digest.hexdigest()


def served(d, url, off, length):
    c = Raw(d.http, 60).get("/" + name_of(url),
                            Range=f"bytes={off}-{off + length - 1}")
    equal(c.head()[0], 206, "status")
    digest = hashlib.sha256()
    while length:
        piece = c.file.read(min(length, 1 << 20))
        ok(piece, "no early end")
        digest.update(piece)
        length -= len(piece)
    c.close()
    return digest.hexdigest()


def all_at_once(s, starts):
    o = s.origin("* rate=20M\n")
    d = s.spoolfs()
    path = f"/gen/{SIZE}/5.mp4"
    url = o.url(path)
    results = {}
    threads = [threading.Thread(target=read_from,
                                args=(d, url, i, start, results))
               for i, start in enumerate(starts)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    want = {}
    whole = subprocess.run([ORIGIN, "--gen", f"{SIZE}/5"], check=True,
                           stdout=subprocess.PIPE).stdout
    for i, start in enumerate(starts):
        if isinstance(results[i], Exception):
            raise results[i]
        for off, digest in results[i].items():
            end = SIZE if off else (start or SIZE)
            if (off, end) not in want:
                want[off, end] = hashlib.sha256(whole[off:end]).hexdigest()
            equal(digest, want[off, end], f"reader {i}: [{off}, {end})")
    sent = o.sent(path)
    note(f"{sent / SIZE:.3f} of the file, {o.stats(path)['requests']} "
         "requests")
    return sent


@case(limit=180)
def together(s):
    "16 cold readers, half of them HTTP: at most 1.05 of the file is sent"
    sent = all_at_once(s, [0] * 16)
    at_most(sent, int(1.05 * SIZE), "bytes sent by the origin")


@case(limit=180)
def scattered(s):
    "16 cold readers that begin in different places"
    # Requests that are cut short may cost what is in the sockets' buffers.
    sent = all_at_once(s, [i * (SIZE // 16) for i in range(16)])
    at_most(sent, int(1.5 * SIZE), "bytes sent by the origin")


@case
def in_turns(s):
    "more files than connections: nobody is done before everybody has had some"
    size, seeds = 8 << 20, range(1, 9)
    o = s.origin("* rate=10M\n")
    d = s.spoolfs(options={"max_connections": 2})
    paths = [f"/gen/{size}/{seed}.mp4" for seed in seeds]
    readers = [s.popen(["cat", d.path(o.url(path))],
                       stdout=subprocess.DEVNULL) for path in paths]
    wait_for(lambda: any(r.poll() is not None for r in readers), "the first")
    sent = sorted(o.sent(path) for path in paths)
    note("MiB each: " + " ".join(f"{n / (1 << 20):.1f}" for n in sent))
    ok(sent[0] >= size // 4, f"the least has {sent[0]}")
    for r, seed, path in zip(readers, seeds, paths):
        equal(r.wait(60 * SLACK), 0, "exit status")
        equal(sha256(d.path(o.url(path))), gen_sha256(size, seed), path)


@case
def once(s):
    "what is here is not asked for again, by either front"
    o = s.origin()
    d = s.spoolfs()
    url = o.url("/gen/3M/5.mp4")
    equal(sha256(d.path(url)), gen_sha256(3 << 20, 5), "cold")
    o.reset()
    equal(sha256(d.path(url)), gen_sha256(3 << 20, 5), "warm")
    equal(http_sha256(d.url(url))[1], gen_sha256(3 << 20, 5), "warm, HTTP")
    equal(pread(d.path(url), 9, 12345), gen(3 << 20, 5, 1, 12345, 9), "seek")
    equal(o.stats()["requests"], 0, "requests")


@case
def many(s):
    "three hundred files one after the other leave no descriptor behind"
    o = s.origin()
    d = s.spoolfs()
    read(d.path(o.url("/gen/1000/1.mp4")))
    before = d.fds()
    for seed in range(300):
        url = o.url(f"/gen/70000/{seed}.mp4")
        if seed % 2:
            equal(read(d.path(url)), gen(70000, seed), f"file {seed}")
        else:
            equal(fetch(d.url(url)).body, gen(70000, seed), f"file {seed}")
    wait_for(lambda: d.fds() <= before + 8, "descriptors to be closed", 30)
    o.stop()
    for seed in (0, 1, 150, 299):
        equal(read(d.path(o.url(f"/gen/70000/{seed}.mp4"))), gen(70000, seed),
              f"file {seed}, from the cache")


main()
