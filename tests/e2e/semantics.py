"""The endpoint's answers by the book: RFC 9110 and 9111."""
import email.utils

from spool import *

SIZE = 300000


def ask(d, url, method="GET", **headers):
    c = Raw(d.http).get("/" + name_of(url), method, **headers)
    r = c.response(method)
    c.close()
    return r


def taken_apart(r):
    """The (type, Content-Range, bytes) of a multipart/byteranges body."""
    m = re.fullmatch(r"multipart/byteranges; boundary=([^\s;]+)",
                     r["Content-Type"])
    ok(m, "a boundary")
    mark = b"--" + m.group(1).encode()
    first, *parts, last = (b"\r\n" + r.body).split(b"\r\n" + mark)
    equal((first, last), (b"", b"--\r\n"), "before and behind the parts")
    found = []
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1)
                      for line in head.decode().split("\r\n")[1:])
        equal(set(fields), {"Content-Type", "Content-Range"}, "of a part")
        found.append((fields["Content-Type"], fields["Content-Range"], data))
    return found


@case
def several_ranges(s):
    "several ranges come as parts, in the order asked for, cold and warm"
    o = s.origin()
    d = s.spoolfs(mount=False)
    size = 20 << 20
    url = o.url(f"/gen/{size}/1.mp4")
    asked = [(5, 10), (size - 100000, size), (8 << 20, (8 << 20) + 300000),
             (0, 1)]
    text = "bytes=" + ",".join(f"{a}-{b - 1}" for a, b in asked)
    for state in ("cold", "warm"):
        r = ask(d, url, Range=text)
        equal((r.status, r["Content-Range"], r["Accept-Ranges"]),
              (206, None, "bytes"), state)
        ok(r["ETag"] and r["Last-Modified"], "validators")
        equal(taken_apart(r),
              [("video/mp4", f"bytes {a}-{b - 1}/{size}",
                gen(size, 1, 1, a, b - a)) for a, b in asked], state)
    at_most(o.sent(), 16 << 20, "bytes sent by the origin")
    for text, status, length in (
            ("bytes=5-9,99999999999-", 206, 5),	# one is left: no parts
            ("bytes=5-9,7-20", 200, size),	# they overlap
            ("bytes=" + ",".join(f"{i * 9}-{i * 9}" for i in range(17)),
             200, size),			# too many
            ("bytes=99999999999-,-0", 416, None)):
        c = Raw(d.http).get("/" + name_of(url), Range=text)
        got, headers = c.head()
        c.close()
        equal(got, status, text[:40])
        if length:
            equal(headers["Content-Length"], str(length), text[:40])
    r = ask(d, url, "HEAD", Range="bytes=0-1,5-6")
    equal((r.status, r["Content-Length"]), (200, str(size)), "HEAD")


@case
def part_by_part(s):
    "a part is sent while the next one waits; with no first one it is an error"
    size = 4 << 20
    o = s.origin(f"/x.mp4 gen={size}/1 wall=2M\n/y.mp4 stall=before\n")
    d = s.spoolfs(mount=False, options={"read_timeout": 3 * SLACK})
    c = Raw(d.http).get("/" + name_of(o.url("/x.mp4")),
                        Range="bytes=0-99999,3000000-")
    equal(c.head()[0], 206, "status")
    line = c.file.readline()
    while c.file.readline() != b"\r\n":
        pass
    equal(c.file.read(100000), gen(size, 1, 1, 0, 100000), "the first part")
    o.script(f"/x.mp4 gen={size}/1\n/y.mp4 stall=before\n")
    o.release()
    equal((c.file.readline(), c.file.readline()), (b"\r\n", line), "a mark")
    while c.file.readline() != b"\r\n":
        pass
    equal(c.file.read(size - 3000000), gen(size, 1, 1, 3000000),
          "the second part")
    c.close()
    r = ask(d, o.url("/y.mp4"), Range="bytes=0-9,20-29")
    equal(r.status, 504, "nothing comes")


@case
def head_is_get(s):
    "HEAD says what GET says, of errors too"
    o = s.origin("/gone.mp4 status=404\n/none.mp4 status=403\n")
    d = s.spoolfs(mount=False)
    for path, headers in ((f"/gen/{SIZE}/1.mp4", {}), ("/gen/0/1.mp4", {}),
                          ("/gone.mp4", {}), ("/none.mp4", {}),
                          (f"/gen/{SIZE}/1.mp4", {"If_Match": '"x"'}),
                          (f"/gen/{SIZE}/1.mp4", {"If_None_Match": "*"})):
        ask(d, o.url(path))
        get = ask(d, o.url(path), **headers)
        head = ask(d, o.url(path), "HEAD", **headers)
        equal(head.body, b"", f"{path}: no body")
        equal(head.status, get.status, path)
        for field in set(get.headers) | set(head.headers):
            if field not in ("Age", "Date"):
                equal(head[field], get[field], f"{path}: {field}")


@case
def age_and_date(s):
    "Age counts from when the origin made it, Date is the origin's, or ours"
    o = s.origin(
        '/old.mp4 gen=99/1 header="Age: 1000"\n'
        '/date.mp4 gen=99/1 header="Date: Sun, 06 Nov 1994 08:49:37 GMT" '
        'header="Cache-Control: max-age=2000000000"\n'
        '/clock.mp4 gen=99/1 header=-Date\n'
        '/new.mp4 gen=99/1 header="Cache-Control: no-cache"\n')
    d = s.spoolfs(mount=False)
    for state in ("cold", "warm"):
        begin = int(time.time())
        r = ask(d, o.url("/old.mp4"))
        at_least(int(r["Age"]), 1000, f"Age, {state}")
        at_most(int(r["Age"]), 1060, f"Age, {state}")
        equal(r.headers.get_all("Via"), ["1.1 spoolfs"], "Via")
        r = ask(d, o.url("/date.mp4"))
        equal(r.headers.get_all("Date"), ["Sun, 06 Nov 1994 08:49:37 GMT"],
              f"Date, {state}")
        at_least(int(r["Age"]), begin - 784111777, f"Age by Date, {state}")
        equal(r["Cache-Control"], "max-age=2000000000", "Cache-Control")
        r = ask(d, o.url("/clock.mp4"))
        then = email.utils.parsedate_to_datetime(r["Date"]).timestamp()
        at_least(then, begin - 60, f"our Date, {state}")
        at_most(then, time.time() + 1, f"our Date, {state}")
    # Confirmed anew, it is new.
    o.script('/new.mp4 gen=99/1 header="Cache-Control: no-cache" '
             'header="Age: 5000"\n')
    at_least(int(ask(d, o.url("/new.mp4"))["Age"]), 5000, "Age of a 200")
    o.script('/new.mp4 gen=99/1 header="Cache-Control: no-cache"\n')
    at_most(int(ask(d, o.url("/new.mp4"))["Age"]), 60, "Age after a 304")


@case
def x_cache(s):
    "X-Cache: MISS, PARTIAL, HIT, STALE, OFFLINE, as it is"
    control = 'header="Cache-Control: max-age=0"'
    o = s.origin(f"/x.mp4 gen=8M/1 {control}\n/f.mp4 gen=8M/1\n")
    d = s.spoolfs(mount=False, options={"fill": "none", "read_timeout": 4,
                                        "connect_timeout": 2})
    url, fresh = o.url("/x.mp4"), o.url("/f.mp4")

    def state(method="GET", of=url, **headers):
        return ask(d, of, method, **headers)["X-Cache"]

    for each in (url, fresh):
        equal(state(of=each, Range="bytes=0-99999"), "MISS", "nothing here")
        equal(state(of=each, Range="bytes=10-99999"), "HIT", "all here")
        equal(state("HEAD", each), "HIT", "HEAD")
        equal(state(of=each, Range="bytes=90000-7999999"), "PARTIAL", "some")
        equal(state(of=each, Range="bytes=0-9,90000-91000"), "HIT", "parts")
        tag = ask(d, each, "HEAD")["ETag"]
        equal(state(of=each, If_None_Match=tag), "HIT", "304")
    equal(state("HEAD", o.url("/gen/99/5.mp4")), "MISS", "HEAD, nothing here")
    equal(state(of=o.url("/gen/0/5.mp4")), "MISS", "an empty file")
    equal(state(of=o.url("/gen/0/5.mp4")), "HIT", "an empty file again")
    ask(d, url)
    o.script(f"/x.mp4 status=500 {control}\n")
    equal(state(), "STALE", "the origin can't say")
    o.script(f"/x.mp4 gen=8M/1 {control}\n")
    equal(state(), "HIT", "it can again")
    o.version("/x.mp4", 2)
    equal(state(Range="bytes=0-9"), "MISS", "another version")
    ask(d, url)
    equal(state(), "HIT", "that one")
    o.process.kill()
    o.process.wait()
    equal(state(Range="bytes=0-9"), "OFFLINE", "nobody there")
    equal(state("HEAD"), "OFFLINE", "nobody there, HEAD")
    equal(state(of=fresh, Range="bytes=0-9"), "HIT", "fresh needs nobody")


@case
def strict(s):
    "what must be confirmed is not answered while nobody can; max_age says else"
    rule = "gen=99/1 header=\"Cache-Control: {}\"\n"
    paths = {"/must.mp4": "max-age=0, must-revalidate", "/no.mp4": "no-cache",
             "/own/no.mp4": "no-cache"}
    rules = "".join(f"{path} {rule.format(said)}"
                    for path, said in paths.items())
    o = s.origin(rules)
    d = s.spoolfs(options={"read_timeout": 3}, ini=f'''
[origin "{o.url("/own/")}"]
max_age = 99999
''')
    for path in paths:
        for state in ("MISS", "HIT"):
            r = ask(d, o.url(path))
            equal((r.status, r["X-Cache"]), (200, state), path)
    d.terminate()
    o.stop()
    d.restart()
    for path in ("/must.mp4", "/no.mp4"):
        one_of(ask(d, o.url(path)).status, (502, 504), path)
        fails_with(errno.EHOSTUNREACH, path, read, d.path(o.url(path)))
    equal(read(d.path(o.url("/own/no.mp4"))), gen(99, 1), "max_age")
    o.start()
    o.script(rules)
    for path in paths:
        equal(read(d.path(o.url(path))), gen(99, 1), f"{path}, back")


FIELDS = ('header="Server: any" header="X-Note: a: b" '
          'header="Set-Cookie: secret=1" header="Link: <x>; rel=y" '
          'header="Connection: X-Hop" header="X-Hop: 1" '
          'header="Access-Control-Allow-Origin: *" '
          'header="X-Cache: Hit from afar" header="Vary: Accept" '
          'header="Cache-Control: max-age=60" header="Via: 1.1 afar"')


@case
def kept_headers(s):
    "the origin's headers are kept and passed on as the settings say"
    o = s.origin(f"/* gen=99/1 {FIELDS}\n")
    base = o.url("/")
    d = s.spoolfs(mount=False, ini=f'''
[origin "{base}all/"]
save_headers = all
copy_headers = yes
response_header = X-Mine: 1
response_header = X-Mine: 2
response_header = X-Note: mine
[origin "{base}some/"]
copy_headers = yes
''')
    every = ("Server", "X-Note", "Link", "Via", "Set-Cookie", "X-Hop", "Vary",
             "Access-Control-Allow-Origin", "X-Cache", "Cache-Control",
             "Connection", "X-Mine", "Content-Length")
    least = {"Via": ["1.1 spoolfs"], "Vary": ["Accept"],
             "X-Cache": ["HIT"], "Cache-Control": ["max-age=60"],
             "Content-Length": ["99"]}
    want = {"all": {"Server": ["any"], "X-Note": ["mine"], "Link": ["<x>; rel=y"],
                    "Via": ["1.1 afar", "1.1 spoolfs"],
                    "X-Mine": ["1", "2"]}, "some": {}, "none": {}}
    for restarted in (False, True):
        if restarted:
            d.terminate()
            d.restart()
        for folder, more in want.items():
            url = f"{base}{folder}/x.mp4"
            if not restarted:
                ask(d, url)
            r = ask(d, url)
            equal({k: r.headers.get_all(k) for k in every if k in r.headers},
                  {**least, **more}, f"{folder}, restarted: {restarted}")
            r = ask(d, url, If_None_Match=r["ETag"])
            equal((r.status, r["Link"], r["Vary"], r["Content-Type"]),
                  (304, None, "Accept", None), "304: what caches need")
    records = glob.glob(d.cache + "/**/*.meta", recursive=True)
    equal(len(records), len(want), "records")
    for path in records:
        with open(path) as f:
            text = f.read()
        ok("secret" not in text and "X-Hop" not in text, "not in the record")
        equal("field: Link: " in text, "/all/" in path, f"Link: {path}")


@case
def confirmed_headers(s):
    "a 304 brings newer headers"
    rule = ('/x.mp4 gen=99/1 header="Cache-Control: max-age=0" '
            'header="X-Old: 1" header="X-Note: {}" {}\n')
    o = s.origin(rule.format("first", ""))
    d = s.spoolfs(mount=False, ini=f'''
[origin "{o.url("/")}"]
save_headers = all
copy_headers = yes
''')
    url = o.url("/x.mp4")
    c = Raw(d.http)	# one connection, which remembers what it knows

    def again():
        r = c.get("/" + name_of(url)).response()
        return r["X-Note"], r["X-Old"], r["X-Cache"]

    equal(again(), ("first", "1", "MISS"), "at first")
    o.script(rule.format("second", "header=-X-Old"))
    for i in range(2):
        equal(again(), ("second", "1", "HIT"), "then")
    o.script(rule.format("third", "status=500"))
    equal(again(), ("second", "1", "STALE"), "not of a refusal")
    o.script(rule.format("fourth", ""))
    equal(again(), ("fourth", "1", "HIT"), "of the next answer")
    c.close()
    d.terminate()
    d.restart()
    o.script(rule.format("fifth", "status=503"))
    r = ask(d, url)
    equal((r["X-Note"], r["X-Cache"]), ("fourth", "STALE"), "after a restart")


@case
def types(s):
    "Content-Type: the settings', the origin's, by extension"
    o = s.origin('/a.mp4 body=x header="Content-Type: video/x-own"\n'
                 '/b.mkv body=x header="Content-Type: text/plain"\n'
                 '/c.mkv body=x header=-Content-Type\n'
                 '/d.mp4 body=x header="Content-Type: '
                 'Application/Octet-Stream; x=y"\n')
    d = s.spoolfs(mount=False, ini=f'''
[origin "{o.url("/")}"]
content_type = .mkv video/x-mine
''')
    for path, want in (("/a.mp4", "video/x-own"), ("/b.mkv", "video/x-mine"),
                       ("/c.mkv", "video/x-mine"), ("/d.mp4", "video/mp4"),
                       ("/b.mkv?x=1", "video/x-mine")):
        equal(ask(d, o.url(path))["Content-Type"], want, path)


@case
def forwarded(s):
    "chosen headers of the client go to its origin, and nowhere else"
    o = s.origin("/r.mp4 redirect=/to.mp4\n/to.mp4 gen=99/1\n"
                 f"/x.mp4 gen={SIZE}/1\n"
                 '/late.mp4 gen=99/1 header="Cache-Control: no-cache"\n')
    other = s.origin("/y.mp4 gen=99/1\n")
    d = s.spoolfs(mount=False, ini=f'''
token = a-token-of-ours
[origin "{o.url("/")}"]
forward_headers = Authorization Cookie Referer X-Mine
header = X-Mine: configured
header = X-Also: configured
''')
    told = {"Authorization": "Basic secret1", "Cookie": "secret2=1",
            "X-Mine": "a: b", "X-Other": "no"}

    def chosen(row):
        pairs = [(k, v) for k, v in row["headers"]
                 if k in (*told, "Referer", "X-Also")]
        equal(len(dict(pairs)), len(pairs), "none of them twice")
        return dict(pairs)

    def seen(where, path, **headers):
        before = len(where.log(path))
        c = Raw(d.http).get("/a-token-of-ours/" + name_of(where.url(path)),
                            **{k.replace("-", "_"): v
                               for k, v in headers.items()})
        equal(c.response().status, 200, path)
        c.close()
        return chosen(where.log(path)[before:][-1])

    configured = {"X-Mine": "configured", "X-Also": "configured"}
    want = {**told, "X-Also": "configured"}
    del want["X-Other"]
    equal(seen(o, "/x.mp4", **told), want, "all that is chosen")
    equal(seen(other, "/y.mp4", **told), {}, "another origin")
    equal(seen(o, "/r.mp4", **told), want, "what redirects")
    equal(chosen(o.log("/to.mp4")[-1]), configured, "where it leads")
    equal(seen(o, "/late.mp4", **told), want, "one client")
    equal(seen(o, "/late.mp4"), configured, "the next one")
    equal(seen(o, "/late.mp4", Cookie="z"), {**configured, "Cookie": "z"},
          "and another")
    equal(seen(o, "/late.mp4", Authorization="Bearer a-token-of-ours",
               Referer=f"http://{d.http}/a-token-of-ours/x"), configured,
          "not our own token")
    d.terminate()	# which writes the records
    records = glob.glob(d.cache + "/**/*.meta", recursive=True)
    equal(len(records), 4, "records")
    for path in records:
        with open(path) as f:
            ok("secret" not in f.read(), "not in the record")
    ok("secret" not in d.log(), "not in the log")


@case
def far_ahead(s):
    "a range far ahead does not wait for a slow download to come there"
    size = 40 << 20
    o = s.origin(f"/x.mp4 gen={size}/1 rate=1M\n")
    d = s.spoolfs(mount=False)
    url = o.url("/x.mp4")
    c = Raw(d.http).get("/" + name_of(url))
    c.head()
    ok(c.file.read(200000), "a player at the beginning")
    begin = time.monotonic()
    for text, a, b in (("bytes=30000000-30000999", 30000000, 30001000),
                       ("bytes=-1000", size - 1000, size)):
        r = ask(d, url, Range=text)
        equal((r.status, r.body), (206, gen(size, 1, 1, a, b - a)), text)
    at_most(time.monotonic() - begin, 4 * SLACK, "seconds, not 28")
    c.close()


@case
def messages(s):
    "Expect, absolute-form, unknown lengths to HTTP/1.0 and 1.1, pipelining"
    o = s.origin(f"/x.mp4 gen={SIZE}/1 ranges=off length=chunked "
                 "stall=150000\n")
    d = s.spoolfs(mount=False)
    path = "/" + name_of(o.url(f"/gen/{SIZE}/1.mp4"))
    unknown = "/" + name_of(o.url("/x.mp4"))
    host = "Host: 127.0.0.1\r\n"
    whole = gen(SIZE, 1)
    # A body that is not wanted is not asked for.
    c = Raw(d.http).send(f"POST {path} HTTP/1.1\r\n{host}Content-Length: "
                         "5\r\nExpect: 100-continue\r\n\r\n")
    equal(c.head()[0], 405, "POST that expects 100")
    c.close()
    c = Raw(d.http).send(f"GET {path} HTTP/1.1\r\n{host}"
                         "Expect: 100-continue\r\n\r\n")
    status, headers = c.head()
    if status == 100:
        status, headers = c.head()
    equal((status, c.file.read(SIZE) == whole), (200, True), "GET that does")
    c.close()
    c = Raw(d.http).send(f"GET http://localhost{path} HTTP/1.1\r\n{host}"
                         "Range: bytes=5-9\r\n\r\n")
    equal(c.response().body, whole[5:10], "absolute-form")
    c.send(f"GET http://evil.example{path} HTTP/1.1\r\n{host}\r\n")
    equal(c.head()[0], 403, "absolute-form of another")
    c.close()
    # HTTP/1.0: no chunks; the end is the connection's.
    def head():
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            text += c.file.readline()
        return text.lower()

    c = Raw(d.http).send(f"GET {unknown} HTTP/1.0\r\n"
                         "Connection: keep-alive\r\n\r\n")
    text = head()
    ok(b"chunked" not in text and b"content-length" not in text and
       b"keep-alive" not in text, "of unknown length to HTTP/1.0")
    ok(c.file.read(150000) == whole[:150000], "as it comes")
    o.release()
    ok(c.file.read() == whole[150000:], "up to the end")
    c.close()
    c = Raw(d.http).send(f"GET {unknown} HTTP/1.0\r\n\r\n")
    ok(f"content-length: {SIZE}".encode() in head(), "then it is known")
    ok(c.file.read() == whole, "and the same")
    c.close()
    c = Raw(d.http).send(f"GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n"
                         "\r\n")
    ok(b"keep-alive" in head(), "HTTP/1.0 that wants it")
    ok(c.file.read(SIZE) == whole, "HTTP/1.0, kept alive: bytes")
    c.send(f"GET {path} HTTP/1.0\r\nRange: bytes=0-4\r\n\r\n")
    ok(c.file.read().endswith(b"\r\n\r\n" + whole[:5]), "and once more")
    c.close()
    # Several at once, one of them an error, in order.
    c = Raw(d.http)
    c.send("".join(f"GET {p} HTTP/1.1\r\n{host}Range: bytes={a}-{a}\r\n\r\n"
                   for p, a in ((path, 1), ("/none", 0), (path, 2),
                                (path, SIZE), (path, 3))))
    got = [c.response() for _ in range(5)]
    equal([r.status for r in got], [206, 404, 206, 416, 206], "pipelined")
    equal([got[i].body for i in (0, 2, 4)],
          [whole[i:i + 1] for i in (1, 2, 3)], "their bytes")
    c.close()


main()
