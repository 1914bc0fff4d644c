"""Settings of an origin: what tells files apart, and how long they hold."""
from spool import *

BIG = 20 << 20


@case
def signed(s):
    "parameters in ignore_query tell no files apart; the origin gets the latest"
    o = s.origin()
    d = s.spoolfs(ini=f'[origin "{o.url("/")}"]\nignore_query = token, until\n',
                  options={"fill": "none"})

    def url(token, number=7):
        return o.url(f"/gen/20M/1.mp4?until=9&id={number}&token=hush-{token}")

    equal(pread(d.path(url("one")), 4096, 0), gen(BIG, 1, 1, 0, 4096), "read")
    equal(o.log()[0]["path"], "/gen/20M/1.mp4?until=9&id=7&token=hush-one",
          "all of it is sent, in its order")
    o.reset()
    for at in (url("two"), o.url("/gen/20M/1.mp4?id=7")):
        equal(pread(d.path(at), 4096, 0), gen(BIG, 1, 1, 0, 4096), "mount")
        r = fetch(d.url(at), headers={"Range": "bytes=0-99"})
        equal((r.status, r.body), (206, gen(BIG, 1, 1, 0, 100)), "HTTP")
    equal(o.log(), [], "requests for what is here, under another signature")
    # The first one has expired; a file that was opened with it is open still.
    with open(d.path(url("one")), "rb", buffering=0) as f:
        o.script("/gen/*token=hush-one status=403\n"
                 "/gen/20M/1.mp4?id=7 status=403\n")
        equal(pread(d.path(url("two")), 4096, 9 << 20),
              gen(BIG, 1, 1, 9 << 20, 4096), "by the new signature")
        equal(os.pread(f.fileno(), 4096, 15 << 20),
              gen(BIG, 1, 1, 15 << 20, 4096), "and so the file opened before")
    ok(all("token=hush-two" in r["path"] for r in o.log()), f"{o.log()}")
    o.reset()
    pread(d.path(url("two", 8)), 4096, 0)
    at_least(len(o.log()), 1, "requests for another id")
    names = os.listdir(f"{d.mnt}/http/127.0.0.1:{o.port}/gen/20M")
    equal(sorted(names), ["1.mp4?id=7", "1.mp4?id=8"], "names")
    d.unmount()
    for top, _, files in os.walk(d.cache):
        for name in files:
            with open(os.path.join(top, name), "rb") as f:
                ok("hush" not in name and b"hush" not in f.read(),
                   f"no signature in {name}")


@case
def ages(s):
    "max_age in place of what the origin says; no_cache over both"
    o = s.origin('/no/a.mp4 gen=1000/1 header="Cache-Control: no-cache"\n'
                 '/gen/* header="Cache-Control: max-age=3600"\n')
    d = s.spoolfs(ini=f"""
[origin "{o.url('/no/')}"]
max_age = 3600
[origin "{o.url('/gen/')}"]
max_age = 0
[origin "{o.url('/gen/1000/')}"]
max_age = 3600
no_cache = *7.mp4 /gen/1000/8*
""")
    for path, asked in (("/no/a.mp4", False), ("/gen/999/1.mp4", True),
                        ("/gen/1000/6.mp4", False), ("/gen/1000/7.mp4", True),
                        ("/gen/1000/8.mp4", True)):
        first = read(d.path(o.url(path)))
        o.reset()
        for _ in range(2):
            equal(read(d.path(o.url(path))), first, "again")
            equal(fetch(d.url(o.url(path))).body, first, "HTTP")
        rows = o.log()
        if not asked:
            equal(rows, [], f"{path}: requests")
            continue
        equal(len(rows), 4, f"{path}: requests")
        ok(all(r["status"] == 304 for r in rows), f"{path}: conditional")


@case
def splits(s):
    "split_threshold = off: a reader far ahead gets the one connection in turn"
    o = s.origin("* rate=8M\n")
    d = s.spoolfs(ini=f'[origin "{o.url("/")}"]\nsplit_threshold = off\n'
                  '[origin "*"]\nsplit_threshold = 64K\n',
                  options={"fill": "all"})
    path = d.path(o.url("/gen/20M/1.mp4"))
    with open(path, "rb", buffering=0) as f:
        equal(read_exactly(f.fileno(), 1 << 20, 0), gen(BIG, 1, 1, 0, 1 << 20),
              "its begin")
        begin = time.monotonic()
        equal(pread(path, 4096, 19 << 20), gen(BIG, 1, 1, 19 << 20, 4096),
              "its end")
        at_most(time.monotonic() - begin, 20 * SLACK, "seconds")
        equal(read_exactly(f.fileno(), 1 << 20, 1 << 20),
              gen(BIG, 1, 1, 1 << 20, 1 << 20), "on from its begin")


@case
def playlists(s):
    "without a lifetime of its own a playlist is checked at every open"
    text = r'body="#EXTM3U\n#EXTINF:2,\n1.ts\n"'
    old = 'last-modified="Sat, 01 Jan 2022 00:00:00 GMT"'
    o = s.origin(f'/live.m3u8 {text} {old}\n'
                 f'/typed header="Content-Type: audio/x-mpegurl" {text} {old}\n'
                 f'/said.m3u8 {text} {old} header="Cache-Control: max-age=99"\n'
                 f'/1.ts body=x {old}\n')
    d = s.spoolfs()
    for path, asked in (("/live.m3u8", True), ("/typed", True),
                        ("/said.m3u8", False), ("/1.ts", False)):
        equal(fetch(d.url(o.url(path))).status, 200, path)
        o.reset()
        for _ in range(3):
            equal(fetch(d.url(o.url(path))).status, 200, path)
        rows = o.log()
        equal(len(rows), 3 if asked else 0, f"{path}: requests")
        ok(all(r["status"] == 304 for r in rows), f"{path}: conditional")


main()
