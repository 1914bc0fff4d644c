"""The endpoint: HTTP as clients may expect it."""
from spool import *

SIZE = 300000


def start(s, script="", **options):
    o = s.origin(script)
    d = s.spoolfs(mount=False, options=options)
    return o, d


def ask(d, url, method="GET", **headers):
    c = Raw(d.http).get("/" + name_of(url), method, **headers)
    r = c.response(method)
    c.close()
    return r


@case
def get_and_head(s):
    "GET and HEAD carry the origin's facts, cold and warm"
    o, d = start(s)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    facts = fetch(url, "HEAD")
    for state in ("cold", "warm"):
        for method in ("HEAD", "GET"):
            r = ask(d, url, method)
            equal(r.status, 200, f"{method}, {state}")
            for field in ("Content-Length", "Content-Type", "ETag",
                          "Last-Modified"):
                equal(r[field], facts[field], f"{method}, {state}: {field}")
            equal(r["Accept-Ranges"], "bytes", "Accept-Ranges")
        equal(r.body, gen(SIZE, 1), f"bytes, {state}")


@case
def one_range(s):
    "a single range in all its forms, cold and warm"
    want = gen(SIZE, 1)
    for state in ("cold", "warm"):
        o, d = start(s)
        url = o.url(f"/gen/{SIZE}/1.mp4")
        if state == "warm":
            ask(d, url)
        for text, a, b in (
                ("bytes=0-0", 0, 1), ("bytes=0-", 0, SIZE),
                ("bytes=100-199", 100, 200), ("bytes=-1", SIZE - 1, SIZE),
                ("bytes=-100000", SIZE - 100000, SIZE),
                ("bytes=-9999999", 0, SIZE),
                ("bytes=299999-", SIZE - 1, SIZE),
                ("bytes=200000-9999999", 200000, SIZE),
                ("bytes=0-18446744073709551615", 0, SIZE),
                ("bytes=5-99999999999999999999999", 5, SIZE),
                ("Bytes=7-8", 7, 9), ("bytes= 7-8", 7, 9)):
            r = ask(d, url, Range=text)
            equal((r.status, r["Content-Range"], len(r.body)),
                  (206, f"bytes {a}-{b - 1}/{SIZE}", b - a),
                  f"{text}, {state}")
            ok(r.body == want[a:b], f"bytes of {text}, {state}")
            ok(r["ETag"] and r["Last-Modified"], "validators")


@case
def no_such_range(s):
    "416 with */N; what is no range is ignored"
    o, d = start(s)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    for text in (f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0",
                 "bytes=99999999999999999999999-"):
        r = ask(d, url, Range=text)
        equal((r.status, r["Content-Range"]), (416, f"bytes */{SIZE}"), text)
    for text in ("bytes=9-1", "bytes=", "bytes=a-b", "bytes", "lines=1-2",
                 "bytes=1-2-3", "bytes=--5", "0-5"):
        r = ask(d, url, Range=text)
        equal((r.status, len(r.body)), (200, SIZE), text)
    # Several ranges: the whole is a right answer.
    r = ask(d, url, Range="bytes=0-1,5-6")
    one_of(r.status, (200, 206), "several")
    r = ask(d, o.url("/gen/0/1.mp4"), Range="bytes=0-")
    one_of((r.status, r["Content-Range"]), ((416, "bytes */0"), (200, None)),
           "of an empty file")
    equal(ask(d, o.url("/gen/0/1.mp4")).body, b"", "an empty file")
    r = ask(d, url, "HEAD", Range="bytes=0-9")
    equal((r.status, r["Content-Length"]), (200, str(SIZE)),
          "Range has no meaning for HEAD")


@case
def conditions(s):
    "If-None-Match, If-Modified-Since, If-Match, If-Range"
    o, d = start(s)
    url = o.url(f"/gen/{SIZE}/1.mp4")
    r = ask(d, url)
    tag, date = r["ETag"], r["Last-Modified"]
    ok(tag and date, "validators")
    r = ask(d, url, If_None_Match=tag)
    equal((r.status, r.body, r["ETag"]), (304, b"", tag), "If-None-Match")
    equal(ask(d, url, If_None_Match='"x", ' + tag).status, 304, "a list")
    equal(ask(d, url, If_None_Match="*").status, 304, "*")
    equal(ask(d, url, If_None_Match='"x"').status, 200, "another")
    equal(ask(d, url, If_Modified_Since=date).status, 304,
          "If-Modified-Since")
    equal(ask(d, url, If_Modified_Since="Mon, 01 Jan 2001 00:00:00 GMT")
          .status, 200, "since long ago")
    equal(ask(d, url, If_Match='"x"').status, 412, "If-Match")
    equal(ask(d, url, If_Match=tag).status, 200, "If-Match, this one")
    part = {"Range": "bytes=0-9"}
    equal(ask(d, url, If_Range=tag, **part).status, 206, "If-Range, tag")
    equal(ask(d, url, If_Range=date, **part).status, 206, "If-Range, date")
    r = ask(d, url, If_Range='"x"', **part)
    equal((r.status, len(r.body)), (200, SIZE), "If-Range, another")
    equal(ask(d, url, If_Range="W/" + tag, **part).status, 200,
          "If-Range, weak")


@case
def keep_alive(s):
    "many requests on one connection, also pipelined, also HTTP/1.0"
    o, d = start(s)
    url = "/" + name_of(o.url(f"/gen/{SIZE}/1.mp4"))
    c = Raw(d.http)
    local = c.socket.getsockname()
    for i in range(50):
        equal(c.get(url, Range=f"bytes={i}-{i + 99}").response().body,
              gen(SIZE, 1, 1, i, 100), f"request {i}")
    equal(c.get("/nothing").response().status, 404, "an error between")
    equal(c.get(url, "HEAD").response("HEAD").status, 200, "HEAD")
    equal(c.get(url).response().body, gen(SIZE, 1), "a whole file")
    equal(c.socket.getsockname(), local, "one connection")
    o.script('* header="Cache-Control: no-cache"\n')
    path, tags = f"/gen/{SIZE}/2.mp4", set()
    for version in (1, 2, 2):
        o.version(path, version)
        r = c.get("/" + name_of(o.url(path))).response()
        equal(r.body, gen(SIZE, 2, version), f"version {version}")
        tags.add(r["ETag"])
    equal(len(tags), 2, "ETags of two versions")
    for i in range(3):
        c.get(url, Range=f"bytes={i}-{i}")
    for i in range(3):
        equal(c.response().body, gen(SIZE, 1, 1, i, 1), "pipelined")
    c.close()
    c = Raw(d.http).send(f"GET {url} HTTP/1.0\r\n\r\n")
    head, _, body = c.file.read().partition(b"\r\n\r\n")
    ok(b" 200 " in head.split(b"\r\n")[0], "HTTP/1.0")
    equal(body, gen(SIZE, 1), "HTTP/1.0: bytes, then closed")
    c.close()
    c = Raw(d.http).get(url, Connection="close")
    equal(c.response().body, gen(SIZE, 1), "close")
    ok(c.closed(), "closed")
    c.close()


@case
def refused(s):
    "405 with Allow, 400, 404, 403 for another Host, of which nobody asks"
    o, d = start(s)
    url = "/" + name_of(o.url(f"/gen/{SIZE}/1.mp4"))
    for method in ("POST", "PUT", "DELETE", "TRACE", "BREW"):
        c = Raw(d.http).get(url, method, Content_Length="0")
        r = c.response()
        equal(r.status, 405, method)
        equal({x.strip() for x in r["Allow"].split(",")},
              {"GET", "HEAD", "OPTIONS"}, "Allow")
        c.close()
    for target in ("/http/", "/https/", "/http/bad host/x", "/http/%zz/x",
                   "/http/u:p@127.0.0.1/x"):
        c = Raw(d.http).get(target.replace(" ", "%20"))
        equal(c.response().status, 400, target)
        c.close()
    equal(Raw(d.http).get("/film.mp4").response().status, 404, "no name")
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example",
                 "localhost.evil.example", "0x7f000001.example"):
        equal(Raw(d.http).get(url, host=host).response().status, 403, host)
    equal(o.stats()["requests"], 0, "requests at the origin")
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]", d.http,
                 "localhost:" + d.http.split(":")[1]):
        equal(Raw(d.http).get(url, host=host).response().status, 200, host)
    c = Raw(d.http).send(f"GET {url} HTTP/1.1\r\n\r\n")
    equal(c.head()[0], 400, "HTTP/1.1 without Host")
    at_most(o.sent(), SIZE, "bytes sent by the origin")


@case
def junk(s):
    "what is no HTTP is answered or cut, and hurts nobody"
    o, d = start(s)
    for text in (b"\r\n\r\n", b"HELLO\r\n\r\n", os.urandom(4000),
                 b"GET /x HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 20000,
                 b"GET /" + b"x" * 200000 + b" HTTP/1.1\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                 b"Content-Length: -5\r\n\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
        c = Raw(d.http, 10)
        try:
            c.send(text)
            c.socket.shutdown(socket.SHUT_WR)
            c.file.read()
        except OSError:
            pass
        c.close()
    equal(ask(d, o.url("/gen/99/1.mp4")).body, gen(99, 1), "still served")


@case
def passed_on(s):
    "the origin's 404 and 403 come through, 502 when it can't be reached"
    o, d = start(s, "/a.mp4 status=404\n/b.mp4 status=403\n", read_timeout=5)
    equal(ask(d, o.url("/a.mp4")).status, 404, "404")
    equal(ask(d, o.url("/b.mp4")).status, 403, "403")
    r = ask(d, f"http://127.0.0.1:{free_port()}/x.mp4")
    equal(r.status, 502, "unreachable")
    equal(int(r["Content-Length"]), len(r.body), "with a length")
    r = ask(d, o.url("/a.mp4"), "HEAD")
    equal((r.status, r.body), (404, b""), "HEAD of nothing")


@case
def unknown_length(s):
    "a body without a length is streamed as it comes, and known afterwards"
    o, d = start(s, f"/x.mp4 gen={SIZE}/1 ranges=off length=chunked "
                 "stall=150000\n")
    url = o.url("/x.mp4")
    c = Raw(d.http).get("/" + name_of(url))
    status, headers = c.head()
    equal((status, headers["Content-Length"]), (200, None), "head")
    equal(headers["Transfer-Encoding"], "chunked", "chunked")
    data = b""
    while len(data) < 150000:	# all that there is before the stall
        size = int(c.file.readline(), 16)
        data += c.file.read(size)
        c.file.readline()
    equal(data, gen(SIZE, 1, 1, 0, 150000), "while it comes")
    o.release()
    while True:
        size = int(c.file.readline(), 16)
        if not size:
            break
        data += c.file.read(size)
        c.file.readline()
    equal(data, gen(SIZE, 1), "all of it")
    c.close()
    r = ask(d, url, Range="bytes=-10")
    equal((r.status, r.body), (206, gen(SIZE, 1)[-10:]), "a range, then")


@case
def leaves(s):
    "a client that leaves in mid-body ends the demand"
    size = 200 << 20
    o, d = start(s, f"/x.mp4 gen={size}/1 rate=4M\n", fill="none")
    c = Raw(d.http).get("/" + name_of(o.url("/x.mp4")))
    c.head()
    c.file.read(1 << 20)
    c.close()
    wait_for(lambda: o.stats()["active"] == 0, "the transfer's end", 30)
    at_most(o.sent(), 100 << 20, "bytes sent")


@case
def leaves_while_waiting(s):
    "a client that leaves while it waits is noticed, before and in the body"
    o, d = start(s, "/a.mp4 stall=before\n"
                 "/b.mp4 gen=100M/1 wall=1000000\n", fill="none",
                 stall_timeout=5, read_timeout=60)
    for path in ("/a.mp4", "/b.mp4"):
        c = Raw(d.http).get("/" + name_of(o.url(path)))
        if path == "/b.mp4":
            c.head()
            equal(len(c.file.read(1000000)), 1000000, "up to the stall")
        wait_for(lambda: o.stats(path)["active"] >= 1, "the stall")
        before = o.stats(path)["requests"]
        c.close()
        # A request whose headers are out may run into its time-out.
        wait_for(lambda: o.stats(path)["active"] == 0,
                 f"the end of the transfer of {path}", 30)
        at_most(o.stats(path)["requests"], before + 1, "requests")
    time.sleep(3)		# in which nothing more must be asked for
    for path in ("/a.mp4", "/b.mp4"):
        equal(o.stats(path)["active"], 0, f"{path}: no new request")


@case
def slow_client(s):
    "a client that reads slowly gets everything and holds up nobody"
    size = 30 << 20
    o, d = start(s)
    c = Raw(d.http).get("/" + name_of(o.url(f"/gen/{size}/1.mp4")))
    c.head()
    c.file.read(1000)
    quick = http_sha256(d.url(o.url(f"/gen/{size}/1.mp4")))
    equal(quick[1], gen_sha256(size, 1), "another client meanwhile")
    rest = c.file.read(size - 1000)
    equal(len(rest), size - 1000, "the rest")
    equal(rest[-1000:], gen(size, 1, 1, size - 1000), "its end")
    c.close()


@case(limit=180)
def crowd(s):
    "200 clients at once, stalled on few threads without using a processor"
    size = 4 << 20
    wall = 1 << 20
    o, d = start(s, f"/x.mp4 gen={size}/1 wall={wall}\n",
                 stall_timeout=100, read_timeout=120)
    url = "/" + name_of(o.url("/x.mp4"))
    clients = [Raw(d.http, 60).get(url) for _ in range(200)]
    heads = [c.head() for c in clients]
    equal({h[0] for h in heads}, {200}, "status")
    bodies = [c.file.read(wall) for c in clients]
    equal({hashlib.sha256(b).hexdigest() for b in bodies},
          {hashlib.sha256(gen(size, 1, 1, 0, wall)).hexdigest()}, "bytes")
    at_most(d.threads(), 40, "threads")

    def quiet():
        before = cpu_seconds(d.pid)
        time.sleep(0.1)
        return cpu_seconds(d.pid) == before
    wait_for(quiet, "the daemon to be quiet", 20 * SLACK)
    before = cpu_seconds(d.pid)
    time.sleep(2)		# what is measured, not an event waited for
    used = cpu_seconds(d.pid) - before
    note(f"{d.threads()} threads, {used:.2f} s of processor time in 2 s")
    at_most(used, 0.2 * SLACK, "processor time in 2 s")
    # Others are served beside them.
    begin = time.monotonic()
    equal(ask(d, o.url("/gen/99/1.mp4")).body, gen(99, 1), "another file")
    at_most(time.monotonic() - begin, 1.5 * SLACK, "seconds for it")
    o.script(f"/x.mp4 gen={size}/1\n")
    o.release()
    want = hashlib.sha256(gen(size, 1, 1, wall)).hexdigest()
    for c in clients:
        equal(hashlib.sha256(c.file.read(size - wall)).hexdigest(), want,
              "the rest")
        c.close()
    at_most(o.sent("/x.mp4"), int(size * 1.2), "bytes sent by the origin")


@case
def types(s):
    "Content-Type is the origin's, or by extension when it says nothing"
    o, d = start(s, '/a.mp4 body=x header="Content-Type: video/x-own"\n'
                 '/b.mp4 body=x header="-Content-Type"\n'
                 '/c.mp4 body=x header="Content-Type: '
                 'application/octet-stream"\n')
    for path, want in (("/a.mp4", "video/x-own"), ("/b.mp4", "video/mp4"),
                       ("/c.mp4", "video/mp4")):
        equal(ask(d, o.url(path))["Content-Type"], want, path)


@case
def front_page(s):
    "/ says how it is used, by the name that the client knows"
    o, d = start(s, http_names="tv.example")
    for path, status in (("/", 200), ("/nothing", 404)):
        for host in (d.http, "localhost", "tv.example:80"):
            r = Raw(d.http).get(path, host=host).response()
            equal(r.status, status, path)
            ok(f" http://{host}/https/".encode() in r.body, f"not so: {r.body}")
        r = Raw(d.http).get(f"http://localhost{path}", host=d.http).response()
        ok(b" http://localhost/https/" in r.body, f"not so: {r.body}")
    for host in ("<b>", "localhost<b>", "[localhost]<b>", "localhost:<b>",
                 "localhost/<b>", "localhost\t<b>"):
        r = Raw(d.http).get("/", host=host).response()
        ok(r.status == 403 and b"<" not in r.body, f"{host}: {r.body}")


main()
