"""Acceptance 2: reading while it downloads, and a real player that seeks."""
from players import Mpv, film
from spool import *

SLOW = "* link=2MB\n"


def first_bytes(d, url, front):
    begin = time.monotonic()
    if front == "mount":
        got = pread(d.path(url), 65536, 0)
    else:
        r = Raw(d.http).get("/" + name_of(url))
        equal(r.head()[0], 200, "status")
        got = r.file.read(65536)
        r.close()
    return got, time.monotonic() - begin


@case
def soon(s):
    "64 KiB of 200 MB come in under 1 s from an origin of 2 MB/s"
    o = s.origin(SLOW)
    d = s.spoolfs()
    for seed, front in ((1, "mount"), (2, "HTTP")):
        url = o.url(f"/gen/200MB/{seed}.mp4")
        got, took = first_bytes(d, url, front)
        equal(got, gen(200000000, seed, 1, 0, 65536), f"bytes, {front}")
        ok(took < 1 * SLACK, f"{front}: {took:.2f} s, under 1 wanted")
        note(f"{front}: {took:.3f} s")


@case
def on_the_way(s):
    "a reader gets bytes as they come, not when a request is over"
    o = s.origin("* link=1MB stall=300000\n")
    d = s.spoolfs()
    for seed, front in ((1, "mount"), (2, "HTTP")):
        # The origin stalls behind the bytes that are asked for: they must
        # arrive all the same.
        url = o.url(f"/gen/200MB/{seed}.mp4")
        got, _ = first_bytes(d, url, front)
        equal(got, gen(200000000, seed, 1, 0, 65536), f"bytes, {front}")


def play(s, target_of):
    need("mpv", "ffmpeg")
    www = s.folder("www")
    size = os.path.getsize(film(s, f"{www}/film.mp4", 200))
    at_least(size, 100 << 20, "size of the film")
    with open(f"{www}/film.mp4", "rb") as f:
        f.seek(size - (1 << 20))
        ok(b"moov" in f.read(), "the index is at the end")
    o = s.origin(SLOW, root=www)
    d = s.spoolfs()
    player = Mpv(s, target_of(d, o.url("/film.mp4")))
    started = player.plays(0.1, 30 * SLACK)
    length = player.duration()
    ok(abs(length - 200) < 5, f"its length is 200 s, not {length}")
    player.seek_percent(80)
    sought = player.plays(0.79 * length, 30 * SLACK)
    at_most(player.position(), 0.95 * length, "it is where it was sent")
    player.quit()
    sent = o.sent()
    note(f"playing after {started:.1f} s, at 80 % after {sought:.1f} s, "
         f"{sent / size:.0%} fetched")
    at_most(sent, size // 2, "bytes fetched")


@case(limit=240)
def mpv_mount(s):
    "mpv plays a moov-at-end MP4 from the mount and seeks to 80 %"
    play(s, lambda d, url: d.path(url))


@case(limit=240)
def mpv_url(s):
    "mpv plays a moov-at-end MP4 from the endpoint and seeks to 80 %"
    play(s, lambda d, url: d.url(url))


@case
def ffprobe_cheap(s):
    "ffprobe of a film costs a small part of it"
    need("ffprobe", "ffmpeg")
    www = s.folder("www")
    size = os.path.getsize(film(s, f"{www}/film.mp4", 100))
    o = s.origin(root=www)
    d = s.spoolfs()
    for target in (d.path(o.url("/film.mp4")), d.url(o.url("/film.mp4"))):
        p = s.run(["ffprobe", "-v", "error", "-show_entries",
                   "format=duration", "-of", "csv=p=0", target])
        equal(p.returncode, 0, f"ffprobe: {p.stderr}")
        ok(abs(float(p.stdout) - 100) < 5, f"duration {p.stdout}")
    at_most(o.sent(), size // 4, "bytes fetched")


@case
def fill(s):
    "fill=playing fetches the rest behind a sequential reader, none does not"
    size = 40 << 20
    for mode, grows in (("playing", True), ("none", False)):
        o = s.origin("* rate=40M\n")
        url = o.url(f"/gen/{size}/1.mp4")
        d = s.spoolfs(options={"fill": mode})
        with open(d.path(url), "rb", buffering=0) as f:
            for _ in range(8 << 4):	# 8 MiB in a row
                ok(f.read(65536), "bytes")
            cached = lambda: os.stat(d.path(url)).st_blocks * 512
            if grows:
                wait_for(lambda: cached() >= size, "the rest", 20 * SLACK)
            else:
                wait_for(lambda: o.stats()["active"] == 0, "rest")
                at_most(cached(), size * 3 // 4, "what fill=none fetches")


@case
def scan(s):
    "a look at head and tail costs a small part of the file"
    size = 200 << 20
    o = s.origin()
    d = s.spoolfs()
    for seed, front in ((1, "mount"), (2, "HTTP")):
        path = f"/gen/{size}/{seed}.mp4"
        for off in (0, size - 65536):
            if front == "mount":
                got = pread(d.path(o.url(path)), 65536, off)
            else:
                got = fetch(d.url(o.url(path)), headers={
                    "Range": f"bytes={off}-{off + 65535}"}).body
            equal(got, gen(size, seed, 1, off, 65536), f"{front}, {off}")
        wait_for(lambda: o.stats(path)["active"] == 0, "rest")
        at_most(o.sent(path), 4 << 20, f"bytes fetched, {front}")


@case
def closed(s):
    "when the reader has closed the file the download ends"
    size = 200 << 20
    path = f"/gen/{size}/1.mp4"
    o = s.origin("* rate=4M\n")
    d = s.spoolfs(options={"fill": "none"})
    with open(d.path(o.url(path)), "rb", buffering=0) as f:
        left = 6 << 20
        while left:
            left -= len(f.read(min(left, 1 << 17)))
    wait_for(lambda: o.stats(path)["active"] == 0, "the download's end", 20)
    at_most(o.sent(path), 60 << 20, "bytes fetched")


main()
