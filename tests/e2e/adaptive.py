"""Streams in pieces, in a browser: hls.js and dash.js on a page of another
origin play through the endpoint, every segment."""
from browser import Browser, Video
from pages import player_page
from players import short_film
from spool import *

SECONDS = 16
# The sound is a little longer: a fifth piece, which a player may leave out.
SHORTER = ["-t", str(SECONDS - 0.1)]
HLS = [*SHORTER, "-f", "hls", "-hls_time", "4", "-hls_playlist_type", "vod",
       "-hls_segment_type", "fmp4", "-master_pl_name", "master.m3u8"]
DASH = [*SHORTER, "-f", "dash", "-seg_duration", "4", "-use_template", "1",
        "-use_timeline", "1"]


def to_the_end(b, url):
    """Play it, seeking over the middle, on a page that is loaded anew."""
    b.run("begin(arguments[0])", url)
    v = Video(b)
    try:
        v.plays(0.1, 30 * SLACK)
        equal(round(v.get("duration")), SECONDS, "duration")
        wait_for(lambda: b.run(
            "const b = video.buffered;"
            "return b.length && b.end(b.length - 1) > video.duration - 1"),
            "all of it", 30 * SLACK)
        v.seek(SECONDS - 1)
        wait_for(lambda: v.get("ended") or v.get("currentTime") >
                 SECONDS - 0.5, "the end", 30 * SLACK)
    except Failure:
        note(b.run("const b = video.buffered; return `at ${video.currentTime} "
                   "of ${video.duration}, paused ${video.paused}, state "
                   "${video.readyState}, to ${b.length && b.end(b.length - 1)}`"
                   ))
        note("\n".join(b.run("return trouble") + b.console()[-20:]))
        raise


def refer(path, folder):
    """Absolute references to files in a folder, in place of relative ones."""
    with open(path) as f:
        text = f.read()
    if path.endswith("mpd"):
        text = text.replace("<Period", f"<BaseURL>{folder}</BaseURL>\n<Period")
    else:
        text = re.sub(r'(?m)^(?=[^#\n])|(?<=URI=")', folder, text)
        # One of them from the root.
        text = text.replace(f"{folder}media1", "/films/media1")
    with open(path, "w") as f:
        f.write(text)


def plays(s, master, output):
    www, app = s.folder("www"), s.folder("app")
    os.mkdir(f"{www}/films")
    player_page(app)
    short_film(s, f"{www}/films/{master}", SECONDS, *output)
    pages, o = s.origin(root=app), s.origin(root=www)
    # References of every kind lead back, not only those that would anyway.
    for name in os.listdir(f"{www}/films"):
        if name.endswith(("m3u8", "mpd")):
            refer(f"{www}/films/{name}", o.url("/films/"))
    home = f"http://app.example:{pages.port}"
    d = s.spoolfs(mount=False, options={"allow_origin": home})
    b = Browser(s, "MAP app.example 127.0.0.1")
    first = "master.m3u8" if master.endswith("m3u8") else master
    url = d.url(o.url(f"/films/{first}"))
    b.open(f"{home}/player.html")
    b.without_cache()
    to_the_end(b, url)

    # What the browser asked for, it asked the endpoint for.
    there = b.run("return performance.getEntriesByType('resource')"
                  ".map(entry => entry.name)")
    foreign = [x for x in there if not x.startswith((home, f"http://{d.http}"))]
    equal(foreign, [], "what did not go through the endpoint")
    names = sorted(os.listdir(f"{www}/films"))
    asked = {x.split("/")[-1] for x in there if x.startswith("http://1")}
    equal(sorted(asked), names, "files that the browser asked for")
    for name in names:
        o.fetched_once(os.path.getsize(f"{www}/films/{name}"),
                       f"/films/{name}", name)

    o.stop()
    seen = len(d.log())
    b.open(f"{home}/player.html")
    to_the_end(b, url)
    again = d.log()[seen:]
    for name in names:
        ok(re.search(rf"http: GET \S+/{name} 20", again),
           f"{name} came from the cache")
    note(f"{len(names)} files")
    b.close()


@case(limit=240)
def hls(s):
    "hls.js plays a stream, every byte once; again when the origin is gone"
    plays(s, "media.m3u8", HLS)


@case(limit=240)
def dash(s):
    "dash.js plays a stream, every byte once; again when the origin is gone"
    plays(s, "stream.mpd", DASH)


main()
