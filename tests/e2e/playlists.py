"""Playlists: streams carried whole, every reference leads back."""
from spool import *

QUIET = ["ffmpeg", "-v", "error", "-y", "-nostdin"]
HLS = ["-f", "hls", "-hls_time", "1", "-hls_list_size", "0",
       "-hls_playlist_type", "vod"]
HEAD = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n"


def clip(s, seconds=5):
    """Picture and sound, a key frame each second."""
    for name in ("ffmpeg", "ffprobe"):
        need(name)
    path = s.file("clip.mp4")
    subprocess.run(
        QUIET + ["-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10", "-f",
                 "lavfi", "-i", "sine=frequency=440:sample_rate=44100", "-t",
                 str(seconds), "-c:v", "libx264", "-preset", "ultrafast",
                 "-g", "10", "-c:a", "aac", path], check=True, env=s.env)
    return path


def write(s, source, *args):
    subprocess.run(QUIET + ["-i", source, "-c", "copy", *args], check=True,
                   env=s.env)


def spell(path, prefix):
    """Give each reference of an HLS playlist, all of them plain names, a
    prefix."""
    with open(path) as f:
        text = f.read()
    text = re.sub(r"(?m)^(?=[^#\n])", prefix, text)
    with open(path, "w") as f:
        f.write(re.sub(r'URI="(?!http)', f'URI="{prefix}', text))


def play(s, url):
    """All of it, by ffmpeg: a digest of its packets."""
    p = s.run(["ffmpeg", "-v", "error", "-nostdin", "-i", url, "-map", "0",
               "-c", "copy", "-f", "md5", "-"], timeout=60 * SLACK)
    ok(p.returncode == 0 and p.stdout.startswith("MD5="),
       f"ffmpeg plays {url}: {p.stderr[-500:]}")
    return p.stdout


def recorded(d, url, start, end):
    """Whether the cache's record has these bytes."""
    try:
        with open(os.path.join(d.cache, name_of(url)) + ".meta") as f:
            runs = re.findall(r"(\d+)-(\d+)(?=[ \n])", " ".join(
                x for x in f if x.startswith("present: ")))
    except OSError:
        return False
    return any(int(a) <= start and end <= int(b) for a, b in runs)


def by_us(o):
    """The requests that spoolfs has made."""
    return [r for r in o.log()
            if "spoolfs" in dict(r["headers"]).get("User-Agent", "")]


def played_through(s, o, d, path, files):
    """Played through the endpoint as from the origin, each file asked for by us
    and by nobody else."""
    want = play(s, o.url(path))
    o.reset()
    equal(play(s, d.url(o.url(path))), want, f"{path}: packets")
    equal(len(by_us(o)), len(o.log()), f"{path}: asked for by us")
    asked = {row["path"].split("?")[0] for row in o.log()}
    equal(sorted(set(files) - asked), [], f"{path}: not asked for")
    return want


@case
def hls(s):
    "HLS in TS, fMP4, byte ranges, encrypted; again without the origin"
    source, www = clip(s), s.folder("www")
    for name in ("ts", "mp4", "one", "key"):
        os.mkdir(os.path.join(www, name))
    at = lambda name: os.path.join(www, name)
    o = s.origin(root=www)
    write(s, source, *HLS, "-hls_segment_filename", at("ts/%d.ts"),
          at("ts/a.m3u8"))
    write(s, source, *HLS, "-hls_segment_type", "fmp4",
          "-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename",
          at("mp4/%d.m4s"), at("mp4/a.m3u8"))
    spell(at("mp4/a.m3u8"), "/mp4/")
    write(s, source, *HLS, "-hls_flags", "single_file",
          "-hls_segment_filename", at("one/all.ts"), at("one/a.m3u8"))
    spell(at("one/a.m3u8"), o.url("/one/"))
    s.write("www/key/k.bin", os.urandom(16))
    info = s.write("key.info", o.url("/key/k.bin") + "\n" +
                   at("key/k.bin") + "\n")
    write(s, source, *HLS, "-hls_key_info_file", info,
          "-hls_segment_filename", at("key/%d.ts"), at("key/a.m3u8"))
    spell(at("key/a.m3u8"), f"//127.0.0.1:{o.port}/key/")
    d = s.spoolfs(mount=False)
    played = {}
    for name in ("ts", "mp4", "one", "key"):
        files = [f"/{name}/{f}" for f in os.listdir(at(name))]
        at_least(len(files), 2, "files")
        played[name] = played_through(s, o, d, f"/{name}/a.m3u8", files)
    o.stop()
    for name, want in played.items():
        equal(play(s, d.url(o.url(f"/{name}/a.m3u8"))), want,
              f"{name} without the origin")


@case
def adaptive(s):
    "a master playlist with two renditions, and DASH"
    source, www = clip(s), s.folder("www")
    at = lambda name: os.path.join(www, name)
    o, other = s.origin(root=www), s.origin(root=www)
    for name in ("low", "high", "sound", "dash"):
        os.mkdir(at(name))
    for name, stream in (("low", "v"), ("high", "v"), ("sound", "a")):
        write(s, source, "-map", f"0:{stream}", *HLS, "-hls_segment_filename",
              at(f"{name}/%d.ts"), at(f"{name}/a.m3u8"))
    s.write("www/master.m3u8", '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"'
            f',NAME="a",DEFAULT=YES,URI="{other.url("/sound/a.m3u8")}"\n'
            '#EXT-X-STREAM-INF:BANDWIDTH=100000,AUDIO="a"\nlow/a.m3u8\n'
            '#EXT-X-STREAM-INF:BANDWIDTH=200000,AUDIO="a"\n/high/a.m3u8\n')
    write(s, source, "-f", "dash", "-seg_duration", "1", "-use_template", "1",
          "-use_timeline", "0", at("dash/a.mpd"))
    with open(at("dash/a.mpd")) as f:
        text = f.read()
    s.write("www/dash/based.mpd", re.sub(
        r"(<Period[^>]*>)", rf"\1<BaseURL>{other.url('/dash/')}</BaseURL>",
        text))
    s.write("www/dash/rooted.mpd", text.replace('="init-', '="/dash/init-')
            .replace('="chunk-', '="/dash/chunk-'))
    d = s.spoolfs(mount=False)
    listed = [f"/{n}/{f}" for n in ("low", "high") for f in os.listdir(at(n))]
    want = play(s, o.url("/master.m3u8"))
    o.reset()
    other.reset()
    equal(play(s, d.url(o.url("/master.m3u8"))), want, "master")
    for origin, files in ((o, listed), (other, [
            f"/sound/{f}" for f in os.listdir(at("sound"))])):
        asked = {row["path"] for row in origin.log()}
        equal(sorted(set(files) - asked), [], "not asked for")
    for name, origin in (("a", o), ("rooted", o), ("based", other)):
        want = play(s, o.url(f"/dash/{name}.mpd"))
        direct = {r["path"] for r in origin.log() if r["status"] < 300
                  and r["path"].endswith(".m4s")}
        at_least(len(direct), 8, f"{name}: segments")
        o.reset()
        other.reset()
        equal(play(s, d.url(o.url(f"/dash/{name}.mpd"))), want, name)
        if name != "rooted":	# which has the segments of a
            equal(sorted(direct - {r["path"] for r in by_us(origin)}), [],
                  f"{name}: not asked for")
        equal(len(by_us(o)), len(o.log()), f"{name}: by us")


@case
def answers(s):
    "HEAD, conditions and ranges are about the text that a client gets"
    text = HEAD + "#EXTINF:2,\n/a/1.ts\n"
    s.write("www/a/b.m3u8", text)
    o = s.origin(root=s.dir + "/www")
    d = s.spoolfs()
    url = o.url("/a/b.m3u8")
    want = text.replace("/a/1.ts", "/" + name_of(o.url("/a/1.ts"))).encode()
    head, r = fetch(d.url(url), "HEAD"), fetch(d.url(url))
    equal((r.status, r.body), (200, want), "the text")
    for field in ("ETag", "Content-Length", "Content-Type", "Accept-Ranges"):
        equal(head[field], r[field], f"HEAD: {field}")
    equal(r["Content-Length"], str(len(want)), "length")
    equal(r["X-Cache"], "HIT", "X-Cache behind a HEAD")
    tag = r["ETag"]
    equal(fetch(d.url(url), headers={"If-None-Match": tag}).status, 304,
          "If-None-Match")
    part = fetch(d.url(url), headers={"Range": "bytes=30-", "If-Range": tag})
    equal((part.status, part.body, part["Content-Range"]),
          (206, want[30:], f"bytes 30-{len(want) - 1}/{len(want)}"), "a range")
    equal(fetch(d.url(url), headers={"Range": f"bytes={len(want)}-"}).status,
          416, "behind the end")
    own = fetch(url)["ETag"]
    ok(own != tag, "an ETag of its own")
    equal(fetch(d.url(url), headers={"If-None-Match": own}).status, 200,
          "the origin's ETag is of another text")
    equal(read(d.path(url)), text.encode(), "the mount has the origin's")
    equal(read(d.data(url)), text.encode(), "and so has the cache")
    other = fetch(d.url(url).replace("http/127", "http://127"))
    equal((other.body, other["ETag"]), (want, tag), "the other spelling")


@case
def odd_origins(s):
    "no length, no-store, an end or a stall in mid-text"
    text = HEAD + "#EXTINF:2,\n/1.ts\n" * 5000
    s.write("www/a.m3u8", text)
    s.write("www/b.m3u8", text)
    where = {"/chunked.m3u8": "length=chunked", "/close.m3u8": "length=close",
             "/none.m3u8": 'header="Cache-Control: no-store"',
             "/drop.m3u8": "drop=40000 times=1"}
    rules = "".join(f"{path} file=/a.m3u8 {rule}\n"
                    for path, rule in where.items())
    o = s.origin(rules + "/drop.m3u8 file=/a.m3u8\n"
                 "/stall.m3u8 file=/a.m3u8 wall=70000\n",
                 root=s.dir + "/www")
    d = s.spoolfs(mount=False, options={"read_timeout": "3"})
    want = text.replace("/1.ts", "/" + name_of(o.url("/1.ts"))).encode()
    for path in where:
        for method in ("HEAD", "GET", "GET"):
            r = fetch(d.url(o.url(path)), method)
            equal((r.status, r["Content-Length"]), (200, str(len(want))),
                  f"{path}: {method}")
            ok(method == "HEAD" or r.body == want, f"{path}: the text")
    equal(fetch(d.url(o.url("/stall.m3u8"))).status, 504, "a stall")
    equal(fetch(d.url(o.url("/b.m3u8"))).body, want, "others meanwhile")


@case
def left_alone(s):
    "what is no playlist, or none that is understood, goes out as it is"
    big = HEAD + "#EXTINF:2,\n/1.ts\n" * 600000
    texts = {"same.m3u8": HEAD + "1.ts\n", "page.m3u8": "<html>/x</html>\n",
             "dtd.mpd": "<!DOCTYPE MPD [<!ENTITY x SYSTEM 'file:///etc/passwd'"
             ">]>\n<MPD><BaseURL>/&x;</BaseURL></MPD>\n",
             "cut.mpd": "<MPD><BaseURL>/x</BaseURL>\n", "big.m3u8": big,
             "text.txt": "#EXTM3U\n/x\n", "empty.m3u8": ""}
    for name, text in texts.items():
        s.write(f"www/{name}", text)
    s.write("www/film.m3u8", b"G@\x11\x10\0\n" + os.urandom(300000))
    o, d = s.origin(root=s.dir + "/www"), s.spoolfs(mount=False)
    for name in [*texts, "film.m3u8"]:
        r, own = fetch(d.url(o.url("/" + name))), fetch(o.url("/" + name))
        equal((r.status, r.body), (200, own.body), name)
        equal(r["ETag"], own["ETag"] if own.body else None, f"{name}: ETag")


@case
def formats(s):
    "M3U, PLS, XSPF and ASX have the Host of the client in them"
    for name, text in (
            ("a.m3u", "#EXTINF:1,x\n/1.mp3\n2.mp3\n"),
            ("a.pls", "[playlist]\nFile1=/1.mp3\nFile2=2.mp3\n"),
            ("a.xspf", "<playlist><trackList><track><location>/1.mp3"
             "</location></track><track><location>2.mp3</location></track>"
             "</trackList></playlist>"),
            ("a.asx", "<ASX><Entry><REF HREF='/1.mp3'></Entry>"
             "<Entry><REF HREF='2.mp3'></Entry></ASX>")):
        s.write(f"www/{name}", text)
    o, d = s.origin(root=s.dir + "/www"), s.spoolfs(mount=False)
    port = d.http.split(":")[1]
    for name in ("a.m3u", "a.pls", "a.xspf", "a.asx"):
        for host in (d.http, f"localhost:{port}"):
            c = Raw(d.http).get("/" + name_of(o.url("/" + name)), host=host)
            text = c.response().body.decode()
            c.close()
            want = f"http://{host}/{name_of(o.url('/1.mp3'))}"
            ok(want in text and "2.mp3" in text.replace(want, ""),
               f"{name}, {host}: {text}")


@case
def token(s):
    "references keep the token that the client has in its path"
    s.write("www/a/b.m3u8", HEAD + "#EXTINF:2,\n/a/1.ts\n#EXTINF:2,\n2.ts\n")
    s.write("www/a/1.ts", "one")
    o = s.origin(root=s.dir + "/www")
    d = s.spoolfs(mount=False, ini="token = Sesam0123456789abcdef\n")
    name = name_of(o.url("/a/b.m3u8"))
    r = fetch(f"http://{d.http}/Sesam0123456789abcdef/{name}")
    path = "/Sesam0123456789abcdef/" + name_of(o.url("/a/1.ts"))
    ok(path in r.body.decode().split("\n"), f"the token: {r.body}")
    equal(fetch(f"http://{d.http}{path}").body, b"one", "the segment")


@case
def live(s):
    "a live playlist moves on, conditionally; its segments stay"
    o = s.origin()

    def publish(n, etag):
        text = HEAD + f"#EXT-X-MEDIA-SEQUENCE:{n}\n" + "".join(
            f"#EXTINF:2,\n/gen/1000/{i}.ts\n" for i in range(n, n + 3))
        o.script(f'/live.m3u8 body="{text}" etag="\\"{etag}\\""\n'
                 .replace("\n#", "\\n#").replace("\n/gen", "\\n/gen")
                 .replace(".ts\n\"", ".ts\\n\""))
        return text

    d = s.spoolfs(mount=False)
    url = o.url("/live.m3u8")
    for n, tag in ((1, "a"), (1, "a"), (2, "b"), (3, "c")):
        text = publish(n, tag)
        want = re.sub("(?m)^/gen", "/" + name_of(o.url("/gen")), text)
        equal(fetch(d.url(url)).body.decode(), want, f"playlist {n}")
        for i in range(n, n + 3):
            equal(fetch(d.url(o.url(f"/gen/1000/{i}.ts"))).body,
                  gen(1000, i), f"segment {i}")
    rows = o.log("/live.m3u8")
    equal(len([r for r in rows if r["status"] == 304]), 1, "304s")
    for i in range(1, 6):
        equal(o.stats(f"/gen/1000/{i}.ts")["requests"], 1, f"segment {i}")
    o.script('/old.m3u8 body="#EXTM3U" header="Cache-Control: max-age=60"\n')
    for _ in range(3):
        fetch(d.url(o.url("/old.m3u8")))
    equal(o.stats("/old.m3u8")["requests"], 1, "one that has a lifetime")


@case
def ahead(s):
    "the next segments of what is played are fetched, and nothing else is"
    path = "/gen/60000/{}.ts".format
    text = HEAD.replace(":2", ":4") + "".join(
        f"#EXTINF:4,\n{path(i)[1:]}\n" for i in range(10))
    s.write("www/a.m3u8", text)
    s.write("www/range.m3u8", HEAD + "".join(
        "#EXT-X-BYTERANGE:300000\n#EXTINF:10,\n/gen/3000000/99.ts\n"
        for i in range(10)))
    o = s.origin(root=s.dir + "/www")
    d = s.spoolfs(mount=False)
    times = lambda i: o.stats(path(i))["requests"]
    get = lambda i: fetch(d.url(o.url(path(i))))
    ok(b"EXTINF" in fetch(d.url(o.url("/a.m3u8"))).body, "a playlist")
    get(0)			# a look at its beginning, then a seek
    get(4)
    get(5)
    for i in (6, 7):
        wait_for(lambda: times(i), f"segment {i}")
        d.whole(o.url(path(i)))
    r = get(6)
    equal((r.body, r["X-Cache"]), (gen(60000, 6), "HIT"), "segment 6")
    wait_for(lambda: times(8), "segment 8")
    d.whole(o.url(path(8)))
    equal([times(i) for i in range(10)], [1, 0, 0, 0, 1, 1, 1, 1, 1, 0],
          "requests for each")
    fetch(d.url(o.url("/range.m3u8")))
    url = o.url("/gen/3000000/99.ts")
    part = lambda i: fetch(d.url(url), headers={
        "Range": f"bytes={i * 300000}-{i * 300000 + 299999}"})
    part(3)
    part(4)
    wait_for(lambda: recorded(d, url, 1500000, 2100000), "two ranges")
    r = part(6)
    equal((r.body, r["X-Cache"]), (gen(3000000, 99, 1, 1800000, 300000),
                                   "HIT"), "a range")
    equal(fetch(d.url(url), headers={"Range": "bytes=100000-199999"})
          ["X-Cache"], "MISS", "nothing before them")


@case
def dash_ahead(s):
    "DASH: the next segments of the rendition that is played, of no other"
    source, www = clip(s, 15), s.folder("www")
    o = s.origin(root=www)
    for timeline in "01":
        os.mkdir(os.path.join(www, timeline))
        write(s, source, "-map", "0:v", "-map", "0:v", "-f", "dash",
              "-seg_duration", "3", "-use_template", "1", "-use_timeline",
              timeline, os.path.join(www, timeline, "a.mpd"))
    d = s.spoolfs(mount=False)
    for timeline in "01":
        path = lambda n, i: f"/{timeline}/chunk-stream{n}-{i:05}.m4s"
        url = lambda n, i: o.url(path(n, i))
        mpd = fetch(d.url(o.url(f"/{timeline}/a.mpd"))).body
        equal(b"SegmentTimeline" in mpd, timeline == "1", "a timeline")
        asked = lambda: {r["path"] for r in o.log() if "chunk" in r["path"]
                         and r["path"].startswith(f"/{timeline}/")}
        fetch(d.url(url(1, 1)))		# the other is looked at
        equal(asked(), {path(1, 1)}, "not played yet")
        for i in (1, 2):
            fetch(d.url(url(0, i)))
        for i in (3, 4):
            wait_for(lambda: path(0, i) in asked(), f"segment {i}")
            d.whole(url(0, i))
        equal(asked(), {path(1, 1)} | {path(0, i) for i in range(1, 5)},
              "asked for")
        equal(fetch(d.url(url(0, 3)))["X-Cache"], "HIT", "segment 3")


@case
def dash_periods(s):
    "DASH: behind the last segment of a Period the first ones of the next"
    s.write("www/a.mpd", "<MPD>" + "".join(
        "<Period duration='PT8S'><AdaptationSet><SegmentTemplate duration='4' "
        f"media='gen/1000/{n}$Number$.m4s'/><Representation id='1'/>"
        "</AdaptationSet></Period>" for n in (1, 2, 3)) + "</MPD>")
    o, d = s.origin(root=s.dir + "/www"), s.spoolfs(mount=False)
    path = "/gen/1000/{}.m4s".format
    fetch(d.url(o.url("/a.mpd")))
    for i in (11, 12):
        fetch(d.url(o.url(path(i))))
    for i in (21, 22):
        wait_for(lambda: o.log(path(i)), f"segment {i}")
        d.whole(o.url(path(i)))
    equal(o.log(path(31)), [], "no more")


@case
def ahead_told(s):
    "what is fetched ahead is asked for with the headers that a client passes on"
    s.write("www/a.m3u8", HEAD + "".join(
        f"#EXTINF:9,\ngen/1000/{i}.ts\n" for i in range(5)))
    o = s.origin(root=s.dir + "/www")
    d = s.spoolfs(mount=False, ini=f'[origin "{o.url("/")}"]\n'
                  "forward_headers = Cookie\n")
    get = lambda path: fetch(d.url(o.url(path)), headers={"Cookie": "a=1"})
    get("/a.m3u8")
    for i in (0, 1):
        get(f"/gen/1000/{i}.ts")
    for i in (2, 3):
        path = f"/gen/1000/{i}.ts"
        wait_for(lambda: o.log(path), f"segment {i}")
        equal(dict(o.log(path)[0]["headers"]).get("Cookie"), "a=1",
              f"told about segment {i}")


@case
def quiet(s):
    "with fill=none nothing is fetched that nobody asks for"
    s.write("www/a.m3u8", HEAD + "".join(
        f"#EXTINF:2,\ngen/1000/{i}.ts\n" for i in range(5)))
    o = s.origin(root=s.dir + "/www")
    d = s.spoolfs(mount=False, options={"fill": "none"})
    fetch(d.url(o.url("/a.m3u8")))
    for i in (0, 1, 2):
        fetch(d.url(o.url(f"/gen/1000/{i}.ts")))
    equal(o.stats("/gen/1000/3.ts")["requests"], 0, "requests for the next")


@case
def redirected(s):
    "references are relative to where redirects led, also after a restart"
    s.write("www/far/b.m3u8", HEAD + "#EXTINF:2,\n1.ts\n#EXTINF:2,\n/2.ts\n")
    far = s.origin(root=s.dir + "/www")
    o = s.origin(f"/a.m3u8 redirect={far.url('/far/b.m3u8?secret=1')}\n")
    d = s.spoolfs(mount=False)
    want = [f"/{name_of(far.url(p))}" for p in ("/far/1.ts", "/2.ts")]
    for state in ("cold", "warm", "after a restart"):
        lines = fetch(d.url(o.url("/a.m3u8"))).body.decode().split("\n")
        equal([x for x in lines if x[:1] == "/"], want, state)
        if state == "warm":
            d.whole(o.url("/a.m3u8"))
            equal(d.terminate(), 0, "the end")
            d.restart()
            far.stop()
            o.stop()


@case
def dash_bases(s):
    "a base below another, which leads elsewhere or is that of a redirect"
    source, www = clip(s), s.folder("www")
    os.mkdir(os.path.join(www, "parts"))
    write(s, source, "-f", "dash", "-seg_duration", "1", "-use_template", "1",
          "-use_timeline", "0", os.path.join(www, "parts", "a.mpd"))
    with open(os.path.join(www, "parts", "a.mpd")) as f:
        text = re.sub(r"(<Representation[^>]*>)", r"\1<BaseURL>parts/</BaseURL>",
                      f.read())
    moved, n = re.subn(r"(?s)(<Representation[^>]*>)(.*?)(<SegmentTemplate.*?"
                       r"</SegmentTemplate>)", r"\3\1\2", text)
    equal(n, 2, "templates above a base")
    s.write("www/a.mpd", moved)
    far = s.origin(root=www)
    s.write("here/b.mpd", text.replace(
        "<Period", f"<BaseURL>{far.url('/')}</BaseURL><Period", 1))
    o = s.origin(f"/x/y.mpd redirect={far.url('/a.mpd')}\n",
                 root=s.dir + "/here")
    d = s.spoolfs(mount=False)
    want = play(s, far.url("/a.mpd"))
    equal(play(s, o.url("/b.mpd")), want, "from the origin")
    for path in ("/b.mpd", "/x/y.mpd"):
        equal(play(s, d.url(o.url(path))), want, path)


main()
