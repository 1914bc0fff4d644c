"""Programs that play: the same film through the mount and the endpoint, with
seeks, by what people have."""
from players import Mpv, Vlc, short_film
from spool import *

SECONDS = 60


def film(s, name="film.mp4", **keys):
    """The film, an origin that has it, a daemon, its URL, its size."""
    www = s.folder("www")
    size = os.path.getsize(short_film(s, f"{www}/{name}", SECONDS))
    o = s.origin("* link=8M\n", root=www)
    d = s.spoolfs(**keys)
    return o, d, o.url(f"/{name}"), size


def works(s, *args, **keys):
    p = s.run(args, **keys)
    equal(p.returncode, 0, f"{args[0]}: {p.stderr[-2000:]}")
    return p.stdout


def ffmpeg_frames(s, target, start):
    """The MD5 of the pictures of a second."""
    return works(s, "ffmpeg", "-v", "error", "-nostdin", "-ss", str(start),
                 "-i", target, "-t", "1", "-map", "0:v", "-f", "md5", "-")


@case
def ffmpeg(s):
    "ffprobe and ffmpeg, with a jump: the same pictures as from the file itself"
    need("ffmpeg", "ffprobe")
    o, d, url, size = film(s)
    own = f"{s.dir}/www/film.mp4"
    probe = ["ffprobe", "-v", "error", "-show_entries",
             "stream=codec_name,nb_frames:format=duration", "-of", "csv"]
    for target in (d.url(url), d.path(url)):
        equal(works(s, *probe, target), works(s, *probe, own), "ffprobe")
        for start in (50, 10):
            equal(ffmpeg_frames(s, target, start),
                  ffmpeg_frames(s, own, start), f"pictures from {start} s on")
    o.fetched_once(size)


@case(limit=180)
def both_fronts(s):
    "mpv on the endpoint and mpv on the mount, one film: it is fetched once"
    need("mpv")
    o, d, url, size = film(s)
    players = [Mpv(s, d.url(url)), Mpv(s, d.path(url))]
    for player in players:
        player.plays(0.1, 30 * SLACK)
    for percent in (70, 30):
        for player in players:
            player.seek_percent(percent)
        for player in players:
            player.plays(SECONDS * percent / 100 - 1, 30 * SLACK)
    for player in players:
        player.quit()
    equal(sha256(d.path(url)), sha256(f"{s.dir}/www/film.mp4"), "all of it")
    o.fetched_once(size)
    before = o.stats()["requests"]
    player = Mpv(s, d.url(url))
    player.plays(0.1, 30 * SLACK)
    player.seek_percent(50)
    player.plays(SECONDS / 2 - 1, 30 * SLACK)
    player.quit()
    equal(o.stats()["requests"], before, "requests of a second play")


@case(limit=180)
def vlc(s):
    "VLC, which an ordinary user runs, plays and seeks MP4"
    need("cvlc")
    # Another user than the daemon's is let in only when it is named.
    o, d, url, size = film(s, mount=False, ini="allow_users = nobody\n")
    player = Vlc(s, d.url(url))
    player.plays(1, 30 * SLACK)
    for second in (45, 20):
        player.seek(second)
        player.plays(second, 30 * SLACK)
    at_most(player.time(), 40, "it is where it was sent")
    player.quit()
    o.fetched_once(size)


@case
def gstreamer(s):
    "GStreamer plays through the endpoint and the mount, and seeks"
    need("gst-discoverer-1.0", "gst-play-1.0")
    o, d, url, size = film(s, options={"fill": "none"})
    for target in (d.url(url), f"file://{d.path(url)}"):
        text = works(s, "gst-discoverer-1.0", target)
        ok("Duration: 0:01:0" in text, f"its duration: {text}")
        # From there to the end, as fast as it comes.
        text = works(s, "gst-play-1.0", "-s", "50", "--no-interactive",
                     "--videosink=fakesink", "--audiosink=fakesink", target)
        ok("Reached end of play list." in text and "ERROR" not in text,
           f"it plays: {text[-500:]}")
        note(f"{o.sent() / size:.2f} times the film in {len(o.log())} "
             "requests")
    at_most(o.sent(), size * 0.6, "bytes from the origin")


main()
