"""A browser: a real Chromium plays films from the endpoint, and pages that have
no business there get nothing."""
from browser import Browser, Video
from players import short_film
from spool import *

SECONDS = 32


def media(s):
    www = s.folder("www")
    short_film(s, f"{www}/film.mp4", SECONDS)
    short_film(s, f"{www}/film.webm", SECONDS)
    return www


@case(limit=180)
def video(s):
    "Chromium plays and seeks MP4 and WebM; what is here is not asked for again"
    www = media(s)
    o = s.origin("* rate=8M\n", root=www)
    d = s.spoolfs(mount=False)
    b = Browser(s)
    b.without_cache()
    for kind in ("mp4", "webm"):
        path = f"/film.{kind}"
        size = os.path.getsize(www + path)
        begin = time.monotonic()
        b.open(d.url(o.url(path)))	# Chromium makes a <video> of it
        v = Video(b)
        v.plays(0.1, 20 * SLACK)
        started = time.monotonic() - begin
        equal(round(v.get("duration")), SECONDS, "duration")
        for second in (25, 12):
            v.seek(second)
            v.plays(second + 0.1, 20 * SLACK)
        fetched = o.sent(path)
        note(f"{kind}: playing after {started:.1f} s, {fetched / size:.0%} "
             "fetched")
        o.fetched_once(size, path)
        # All of it, and again without a request.
        equal(http_sha256(d.url(o.url(path))),
              (200, sha256(www + path), size), "all of it")
        before = o.stats(path)["requests"]
        b.open(d.url(o.url(path)))
        v.seek(25)
        v.plays(25.1, 20 * SLACK)
        equal(o.stats(path)["requests"], before, "requests of a second play")
    b.close()


@case(limit=180)
def pages(s):
    "a page plays and reads when its origin is allowed; of any other, nothing"
    www = s.folder("www")
    short_film(s, f"{www}/film.webm", SECONDS)
    s.write("www/page.html", "<!DOCTYPE html><title>page</title>"
            "<video muted></video>")
    o, site = s.origin(root=www), s.origin(root=www)
    home, evil = (f"http://{x}.example:{site.port}" for x in ("app", "evil"))
    d = s.spoolfs(mount=False, options={"allow_origin": home})
    b = Browser(s, "MAP *.example 127.0.0.1")
    url = d.url(o.url("/film.webm"))

    def take(mode):
        """(status, bytes) that a page's fetch() sees, or what it throws."""
        return b.await_(
            "const r = await fetch(args[0], { mode: args[1] });"
            "return [r.status, (await r.arrayBuffer()).byteLength]", url, mode)

    def element(crossorigin):
        """What becomes of a <video>: plays, or its error."""
        return b.await_(
            "const v = document.querySelector('video');"
            "v.removeAttribute('crossorigin');"
            "if (args[1]) v.crossOrigin = 'anonymous';"
            "v.src = args[0];"
            "return v.play().then(() => 'plays', e => e.name)",
            url, crossorigin)

    # In a frame of its own, too, where its origin is null.
    b.open(f"{evil}/page.html")
    for mode in ("cors", "no-cors"):
        got = take(mode)
        ok(got in ("error: TypeError: Failed to fetch", [0, 0]),
           f"fetch() by another page, {mode}: {got}")
    for crossorigin in (False, True):
        equal(element(crossorigin), "NotSupportedError",
              f"<video> of another page, crossorigin {crossorigin}")
    equal(b.await_(
        "const f = document.createElement('iframe');"
        "f.sandbox = 'allow-scripts';"
        "f.srcdoc = `<script>fetch(${JSON.stringify(args[0])}).then("
        "r => parent.postMessage('read', '*'),"
        "e => parent.postMessage('nothing', '*'))</${''}script>`;"
        "const said = new Promise(r => addEventListener('message',"
        "e => r(e.data)));"
        "document.body.append(f); return said", url), "nothing",
        "fetch() out of a sandboxed frame")
    equal(o.stats()["requests"], 0, "requests that reached the origin")

    b.open(f"{home}/page.html")
    equal(take("cors"), [200, os.path.getsize(f"{www}/film.webm")],
          "fetch() by a page that is allowed")
    equal(element(True), "plays", "<video crossorigin> of an allowed page")
    equal(element(False), "plays", "<video> of an allowed page")
    b.close()


@case(limit=180)
def rebinding(s):
    "a name that its owner points at us, another user, metadata: nothing"
    o = s.origin("/secret.txt body=secret\n"
                 "/to-metadata redirect=http://169.254.169.254/latest/\n")
    d = s.spoolfs(mount=False)
    b = Browser(s, "MAP *.example 127.0.0.1")
    port = d.http.rpartition(":")[2]
    url = d.url(o.url("/secret.txt"))
    rebound = url.replace(d.http, f"rebound.example:{port}")
    b.open(rebound)
    ok("secret" not in b.run("return document.body.innerText"), "its page")
    one_of(b.await_("const r = await fetch(args[0]); return r.status",
                    rebound), (403, "error: TypeError: Failed to fetch"),
           "a fetch() of its own origin")
    need("setpriv", "curl")
    if os.getuid() == 0:
        p = s.run(["setpriv", "--reuid=65534", "--regid=65534",
                   "--clear-groups", "curl", "-sS", "-w", "%{http_code}",
                   url])
        ok("secret" not in p.stdout and p.stdout.endswith("403"),
           f"another user: {p.stdout!r}")
    equal(o.stats()["requests"], 0, "requests that reached the origin")
    for target in ("http://169.254.169.254/latest/meta-data/",
                   o.url("/to-metadata")):
        begin = time.monotonic()
        equal(fetch(d.url(target)).status, 403, f"{target}: status")
        at_most(time.monotonic() - begin, 3 * SLACK, "seconds for it")
    equal(fetch(url).body, b"secret", "we ourselves")
    b.close()


main()
