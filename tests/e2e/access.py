"""Who may ask the endpoint: hosts, users, sites, tokens, limits, listeners."""
from spool import *

SIZE = 3000
NOBODY = 65534
TOKEN = "correct-horse-battery-staple_0123456789"
PAGE = "https://app.example"


def start(s, script="", ini=None, **options):
    o = s.origin(script)
    return o, s.spoolfs(mount=False, options=options, ini=ini)


def ask(d, target, method="GET", host="127.0.0.1", **headers):
    c = Raw(d.http).get(target, method, host, **headers)
    r = c.response(method)
    c.close()
    return r


def target_of(o, seed=1):
    return "/" + name_of(o.url(f"/gen/{SIZE}/{seed}.mp4"))


def names(value):
    return {x.strip().lower() for x in (value or "").split(",")}


def curl(s, *args, **keys):
    """(status, body) as curl has them, 0 without an answer."""
    need("curl")
    p = s.run(["curl", "-s", "-m", "20", "-w", "\n%{http_code}", *args],
              **keys)
    body, _, status = p.stdout.rpartition("\n")
    return int(status or 0), body


def as_nobody():
    if os.getuid():
        raise Skip("not root")
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


@case
def pages(s):
    "a page of another site gets nothing, and the origin is not asked"
    o, d = start(s)
    url = target_of(o)
    for headers in (
            {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors",
             "Sec_Fetch_Dest": "video", "Range": "bytes=0-"},
            {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate",
             "Sec_Fetch_Dest": "document", "Sec_Fetch_User": "?1"},
            {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors",
             "Origin": "http://127.0.0.1:3000"},
            {"Origin": PAGE}, {"Origin": "null"},
            {"Origin": f"http://{d.http}.evil.example"}):
        r = ask(d, url, host=d.http, **headers)
        equal(r.status, 403, headers)
        equal(r["Access-Control-Allow-Origin"], None, "not to be read")
    r = ask(d, url, "OPTIONS", Origin=PAGE,
            Access_Control_Request_Method="GET")
    equal((r.status, r["Access-Control-Allow-Origin"]), (403, None),
          "its preflight")
    for host in ("evil.example", f"evil.example:{d.http.split(':')[1]}",
                 "169.254.169.254"):
        r = ask(d, url, host=host, Sec_Fetch_Site="same-origin")
        equal(r.status, 403, f"under the name {host}")
    equal(o.stats()["requests"], 0, "requests at the origin")
    for headers in ({}, {"Sec_Fetch_Site": "none",
                         "Sec_Fetch_Mode": "navigate"},
                    {"Sec_Fetch_Site": "same-origin"},
                    {"Origin": f"http://{d.http}"},
                    {"Referer": "https://site.example/film"}):
        r = ask(d, url, host=d.http, **headers)
        equal((r.status, r.body), (200, gen(SIZE, 1)), headers)
        equal((r["Content-Security-Policy"],
               r["Cross-Origin-Resource-Policy"]), (None, "same-origin"),
              "what a browser is told")


@case
def no_scripts(s):
    "a page out of the cache has no scripts and is not us; a film is a film"
    o, d = start(s, '/a.html body=x header="Content-Type: text/html"\n'
                 '/a.svg body=x header="Content-Type: image/svg+xml"\n'
                 '/a.mp4 body=x header="Content-Type: video/mp4"\n'
                 '/a.pdf body=x header="Content-Type: application/pdf"\n'
                 '/a.odd body=x header="Content-Type: what/ever"\n'
                 '/own.html body=x header="Content-Type: text/html" '
                 'header="Content-Security-Policy: default-src *"\n',
                 ini='[origin "*"]\ncopy_headers = yes\n'
                 'save_headers = all\n')
    for path in ("/", "/nothing", "/-/healthy", "/-/nothing"):
        r = ask(d, path)
        equal((r["X-Content-Type-Options"], r["Content-Security-Policy"]),
              ("nosniff", "sandbox"), path)
    for path, want in (("/a.html", "sandbox"), ("/a.svg", "sandbox"),
                       ("/a.odd", "sandbox"), ("/a.mp4", None),
                       ("/a.pdf", None), ("/none.mp4", "sandbox")):
        r = ask(d, "/" + name_of(o.url(path)))
        equal(r["Content-Security-Policy"], want, path)
        equal(r["X-Content-Type-Options"], want and "nosniff", path)
    r = ask(d, "/" + name_of(o.url("/own.html")))
    ok("sandbox" in r.headers.get_all("Content-Security-Policy"),
       "whatever the origin says")


@case
def allowed_pages(s):
    "a page that is allowed reads everything, errors too; others still nothing"
    o, d = start(s, allow_origin=f"{PAGE} http://localhost:3000")
    url = target_of(o)
    for origin in (PAGE, "http://localhost:3000"):
        r = ask(d, url, Origin=origin, Sec_Fetch_Site="cross-site",
                Range="bytes=10-19")
        equal((r.status, r.body), (206, gen(SIZE, 1, 1, 10, 10)), origin)
        equal(r["Access-Control-Allow-Origin"], origin, "may read it")
        ok("origin" in names(r["Vary"]), "Vary: Origin")
        shown = names(r["Access-Control-Expose-Headers"])
        ok(shown >= {"content-range", "content-length", "accept-ranges",
                     "etag", "date", "age", "x-cache", "via"}, shown)
        equal(r["Access-Control-Allow-Credentials"], None, "no credentials")
    for target, status in (("/nothing", 404), (url, 416), ("/http/", 400)):
        r = ask(d, target, Origin=PAGE, Range=f"bytes={SIZE}-")
        equal((r.status, r["Access-Control-Allow-Origin"]), (status, PAGE),
              "an error is to be read")
    r = ask(d, url, "BREW", Origin=PAGE)
    equal((r.status, r["Access-Control-Allow-Origin"]), (405, PAGE), "405")
    r = ask(d, url, Sec_Fetch_Site="cross-site", Referer=PAGE + "/watch")
    equal(r.status, 200, "a plain <video> of the page")
    for headers in ({"Sec_Fetch_Site": "cross-site"},
                    {"Origin": PAGE + ".evil.example"},
                    {"Origin": "https://evil.example", "Referer": PAGE}):
        r = ask(d, url, **headers)
        equal((r.status, r["Access-Control-Allow-Origin"]), (403, None),
              headers)
        ok("origin" in names(r["Vary"]), "Vary: Origin")


@case
def preflights(s):
    "204 to a preflight of an allowed page, 204 with Allow to any other OPTIONS"
    o, d = start(s, allow_origin=PAGE)
    url = target_of(o)
    asked = "range, if-range, x-player-session, authorization"
    r = ask(d, url, "OPTIONS", Origin=PAGE, Sec_Fetch_Site="cross-site",
            Access_Control_Request_Method="GET",
            Access_Control_Request_Headers=asked,
            Access_Control_Request_Private_Network="true")
    equal((r.status, r.body, r["Content-Length"]), (204, b"", None), "204")
    equal(r["Access-Control-Allow-Origin"], PAGE, "the page")
    ok({"get", "head"} <= names(r["Access-Control-Allow-Methods"]), "methods")
    equal(names(r["Access-Control-Allow-Headers"]), names(asked), "headers")
    equal(r["Access-Control-Allow-Private-Network"], "true", "network")
    ok(int(r["Access-Control-Max-Age"]) >= 600, "for a while")
    r = ask(d, url, "OPTIONS", Origin=PAGE, Access_Control_Request_Method="GET",
            Access_Control_Request_Headers='x: "')
    equal((r.status, r["Access-Control-Allow-Headers"],
           r["Access-Control-Allow-Private-Network"]), (204, None, None),
          "nothing that was not asked for")
    for target in (url, "*"):
        r = ask(d, target, "OPTIONS")
        equal((r.status, names(r["Allow"]), r["Access-Control-Allow-Origin"]),
              (204, {"get", "head", "options"}, None), target)
    equal(o.stats()["requests"], 0, "requests at the origin")
    o, d = start(s, allow_origin="*")
    for headers in ({"Origin": "null"}, {"Origin": "https://any.example"}, {}):
        r = ask(d, target_of(o), **headers)
        equal((r.status, r["Access-Control-Allow-Origin"]), (200, "*"),
              "anybody")


@case
def users(s):
    "another user of the machine gets nothing, unless allowed; root does"
    other = as_nobody()
    o, d = start(s)
    url = d.url(o.url(f"/gen/{SIZE}/1.mp4"))
    equal(curl(s, url, **other)[0], 403, "nobody")
    equal(o.stats()["requests"], 0, "requests at the origin")
    equal(curl(s, "-o", "/dev/null", url)[0], 200, "root")
    equal(curl(s, url, **other)[0], 403, "nobody, what is cached")
    for allowed, status in (("nobody", 200), (str(NOBODY), 200), ("all", 200),
                            ("daemon", 403)):
        o, d = start(s, allow_users=allowed)
        url = d.url(o.url(f"/gen/{SIZE}/1.mp4"))
        equal(curl(s, "-o", "/dev/null", url, **other)[0], status,
              f"nobody, with allow_users={allowed}")
    # the same connection twice: it is asked for once, and counts
    equal(curl(s, "-o", "/dev/null", "-o", "/dev/null", url, url, **other),
          (403, "\n403"), "again")


@case
def namespaces(s):
    "a network of its own: not our loopback; another machine to other listeners"
    if os.getuid():
        raise Skip("not root")
    need("ip", "unshare")
    p = s.popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 1000"],
                stdout=subprocess.PIPE)
    if not p.stdout.readline():
        raise Skip("no network namespaces")
    link = f"sp{p.pid}"
    net = f"10.{200 + p.pid % 50}.{p.pid // 50 % 250}"
    inside = ["nsenter", "-t", str(p.pid), "-n"]
    for line in (f"ip link add {link} type veth peer name inner netns {p.pid}",
                 f"ip address add {net}.1/24 dev {link}",
                 f"ip link set {link} up"):
        if s.run(line.split()).returncode:
            raise Skip("no interfaces of our own")
    for line in (f"ip address add {net}.2/24 dev inner",
                 "ip link set inner up", "ip link set lo up"):
        equal(s.run(inside + line.split()).returncode, 0, line)
    o, d = start(s, http="0.0.0.0:0")
    port = d.http.split(":")[1]
    path = "/" + name_of(o.url(f"/gen/{SIZE}/1.mp4"))

    def from_inside(host):
        q = s.run(inside + ["curl", "-s", "-m", "20", "-o", "/dev/null", "-w",
                            "%{http_code}", f"http://{host}:{port}{path}"])
        return q.stdout
    equal(from_inside("127.0.0.1"), "000", "its loopback is its own")
    equal(from_inside(f"{net}.1"), "200", "as another machine")
    local = f"http://{net}.1:{port}{path}"
    equal(curl(s, "-o", "/dev/null", local)[0], 200, "us, by that address")
    equal(curl(s, local, **as_nobody())[0], 403, "nobody, by that address")
    equal(curl(s, "--interface", "127.0.0.1", local, **as_nobody())[0], 403,
          "nobody, from one address to another")
    p.kill()


@case
def token(s):
    "with a token: in the path or as Bearer, else 401; it is nowhere else"
    o, d = start(s, ini=f"token = {TOKEN}\nallow_origin = {PAGE}\n")
    url = target_of(o)
    wrong = TOKEN[:-1] + "x"
    for target, headers in ((url, {}), (f"/{wrong}{url}", {}), ("/", {}),
                            (f"/{TOKEN}x{url}", {}), (f"//{TOKEN}{url}", {}),
                            (url, {"Authorization": f"Bearer {wrong}"}),
                            (url, {"Authorization": f"Basic {TOKEN}"}),
                            (url, {"Authorization": TOKEN}),
                            (f"{url}?{TOKEN}", {})):
        r = ask(d, target, Origin=PAGE, **headers)
        equal(r.status, 401, (target, headers))
        ok(r["WWW-Authenticate"].startswith("Bearer"), "how")
        equal(r["Access-Control-Allow-Origin"], PAGE, "to be read")
    equal(o.stats()["requests"], 0, "requests at the origin")
    want = (200, gen(SIZE, 1))
    for target, headers in ((f"/{TOKEN}{url}", {}),
                            (f"http://127.0.0.1/{TOKEN}{url}", {}),
                            (url, {"Authorization": f"Bearer {TOKEN}"}),
                            (url, {"Authorization": f"bearer {TOKEN}"})):
        r = ask(d, target, **headers)
        equal((r.status, r.body), want, target)
    r = ask(d, f"/{TOKEN}/", host=d.http)
    ok(f"http://{d.http}/{TOKEN}/https/".encode() in r.body, "an example")
    equal(ask(d, f"/{TOKEN}").status, 200, "the token alone")
    equal(ask(d, f"/{TOKEN}/{TOKEN}{url}").status, 404, "the token twice")
    r = ask(d, url, "OPTIONS", Origin=PAGE, Access_Control_Request_Method="GET",
            Access_Control_Request_Headers="authorization")
    equal((r.status, r["Access-Control-Allow-Headers"]),
          (204, "authorization"), "a preflight needs none")
    c = Raw(d.http).send(f"GET /{TOKEN}{url} HTTP/1.1\r\nno colon\r\n\r\n")
    c.file.read()
    c.close()
    for text in (d.log(), json.dumps(o.log()), str(d.lock())):
        ok(TOKEN not in text and wrong not in text, "it is not written down")
    for path in glob.glob(d.cache + "/**", recursive=True):
        if os.path.isfile(path):
            ok(TOKEN.encode() not in read(path), f"nor in {path}")


@case
def reload(s):
    "other settings count at once, on connections that are open, too"
    o = s.origin()
    d = s.spoolfs(mount=False, ini=f"allow_origin = {PAGE}\n")
    ini, url = d.args[d.args.index("-c") + 1], target_of(o)
    other = "https://other.example"
    c = Raw(d.http)
    equal(c.get(url, Origin=PAGE).response().status, 200, "before")
    equal(c.get(url, Origin=other).response().status, 403, "another page")
    s.write(ini, f"token = {TOKEN}\nallow_origin = {other}\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: c.get(url).response().status == 401, "a token")
    r = c.get(url, Authorization=f"Bearer {TOKEN}", Origin=other).response()
    equal((r.status, r["Access-Control-Allow-Origin"]), (200, other), "after")
    equal(c.get(f"/{TOKEN}{url}", Origin=PAGE).response().status, 403,
          "the page of before")
    c.close()


@case
def unix_socket(s):
    "a Unix socket: private, in a dead one's place, not in a living one's"
    path = s.file("http.sock")
    o, d = start(s, http=f"127.0.0.1:0 unix:{path}")
    url = f"http://whatever.example/{name_of(o.url('/gen/3000/1.mp4'))}"

    def by_path(*args, **keys):
        return curl(s, "--unix-socket", path, "-o", "/dev/null", *args, url,
                    **keys)[0]
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode")
    equal(by_path(), 200, "by the socket")
    big = f"http://x/{name_of(o.url('/gen/9M/3.mp4'))}"
    p = s.run(["sh", "-c", f"curl -s --unix-socket {path} {big} | sha256sum"])
    equal(p.stdout.split()[0], gen_sha256(9 << 20, 3), "many bytes")
    equal(by_path("-H", "Sec-Fetch-Site: cross-site"), 403, "a page")
    equal(ask(d, target_of(o)).status, 200, "by the port as well")
    s.refused("--no-mount", "-f", "-o",
              f"cache_dir={s.folder('other')},http=unix:{path}")
    equal(by_path(), 200, "still the first one's")
    d.kill()
    ok(os.path.exists(path), "what a killed one leaves")
    d.restart()
    equal(by_path(), 200, "is replaced")
    equal(d.terminate(), 0, "the end")
    ok(not os.path.exists(path), "removed")
    s.write("http.sock", "a file")
    s.refused("--no-mount", "-f", "-o",
              f"cache_dir={s.folder('other')},http=unix:{path}")
    equal(read(path), b"a file", "which is left alone")
    path = s.file("alone.sock")
    p = s.popen([SPOOLFS, "-f", "--no-mount", "-o",
                 f"cache_dir={s.folder('alone')},http=unix:{path}"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    equal(p.stdout.readline().decode().strip(), f"unix:{path}", "its address")
    for page in ("/", "/nothing"):
        _, body = curl(s, "--unix-socket", path, f"http://x{page}")
        ok("http://localhost/https/" in body, f"what a URL is there: {body}")
    p.terminate()
    equal(p.wait(20 * SLACK), 0, "the end")
    other = as_nobody()
    os.chmod(s.dir, 0o755)
    path = s.file("shared.sock")
    o, d = start(s, http=f"127.0.0.1:0 unix:{path}", allow_users="daemon")
    equal(by_path(**other), 403, "nobody, where others are allowed")
    o, d = start(s, http=f"127.0.0.1:0 unix:{path}.2", allow_users="nobody")
    path += ".2"
    equal(by_path(**other), 200, "nobody, allowed")


@case
def addresses(s):
    "IPv4 and IPv6 at one port; sockets of a service manager"
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        raise Skip("no IPv6")
    port = probe.getsockname()[1]
    probe.close()
    o, d = start(s, http=f"127.0.0.1:{port} [::1]:{port}")
    path = "/" + name_of(o.url(f"/gen/{SIZE}/1.mp4"))
    for host in ("127.0.0.1", "[::1]", "localhost"):
        equal(curl(s, "-o", "/dev/null", f"http://{host}:{port}{path}")[0],
              200, host)
    if not os.getuid():
        equal(curl(s, f"http://[::1]:{port}{path}", **as_nobody())[0], 403,
              "another user, by IPv6")
    given = socket.create_server(("127.0.0.1", 0))
    p = s.popen(["sh", "-c", 'exec 3<&"$1"; shift; '
                 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh",
                 str(given.fileno()), SPOOLFS, "-f", "--no-mount", "-o",
                 f"cache_dir={s.folder('given')}"], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, pass_fds=[given.fileno()])
    equal(p.stdout.readline().decode().strip(),
          f"http://127.0.0.1:{given.getsockname()[1]}/", "its address")
    equal(curl(s, f"http://127.0.0.1:{given_port(p)}{path}", "-o",
               "/dev/null")[0], 200, "by a socket handed over")
    p.terminate()
    equal(p.wait(20 * SLACK), 0, "the end")
    with given, socket.create_connection(given.getsockname(), 10):
        given.settimeout(10)
        given.accept()[0].close()


def given_port(p):
    """Of the only TCP socket that process p listens at."""
    rows = [line.split() for line in open(f"/proc/{p.pid}/net/tcp")][1:]
    own = {os.readlink(f) for f in glob.glob(f"/proc/{p.pid}/fd/*")}
    return next(int(row[1].split(":")[1], 16) for row in rows
                if row[3] == "0A" and f"socket:[{row[9]}]" in own)


@case
def limits(s):
    "so many requests a second, clients at once, bytes of header"
    o, d = start(s, max_requests=5, max_header="4096", allow_origin=PAGE)
    url = target_of(o)
    equal(ask(d, url).status, 200, "one")
    statuses = {}
    for _ in range(200):
        r = ask(d, url, Origin=PAGE)
        statuses.setdefault(r.status, r)
        if 429 in statuses:
            break
    r = statuses[429]
    ok(1 <= int(r["Retry-After"]) <= 2, "Retry-After")
    equal(r["Access-Control-Allow-Origin"], PAGE, "to be read")
    wait_for(lambda: ask(d, url).status == 200, "the next second")
    time.sleep(1)		# all of it may be asked again
    statuses = {ask(d, url, Origin="https://evil.example").status
                for _ in range(50)}
    equal(statuses, {403}, "a page that may not ask")
    equal(ask(d, url).status, 200, "and its user")
    o, d = start(s, ini=f"token = {TOKEN}\n", max_requests=5)
    url = target_of(o)
    wait_for(lambda: ask(d, url).status == 429, "guesses to be slowed down")
    o, d = start(s, max_header="4096", max_clients=2)
    url = target_of(o)
    for junk, status in (({"X": "x" * 3000}, 200), ({"X": "x" * 5000}, 431),
                         ({"X": "x" * 50000}, 431)):
        equal(ask(d, url, **junk).status, status, f"{len(junk['X'])} bytes")
    for n in (5000, 50000):
        equal(ask(d, url + "?" + "x" * n).status, 414, f"a target of {n}")
    first, second = Raw(d.http).get(url), Raw(d.http).get(url)
    equal([c.response().status for c in (first, second)], [200, 200], "two")
    third = Raw(d.http).get(url)
    third.socket.settimeout(0.3)	# in which no answer may come
    try:
        raise Failure(f"a third is answered: {third.socket.recv(100)}")
    except TimeoutError:
        pass
    third.socket.settimeout(20 * SLACK)
    first.close()
    equal(http.client.HTTPResponse(third.socket).begin(), None, "its turn")
    second.close()
    third.close()


@case
def share(s):
    "clients of several listeners together leave descriptors to the cache"
    p = s.popen(["sh", "-c", 'ulimit -n 300; exec "$@"', "sh", SPOOLFS, "-f",
                 "--no-mount", "-o", f"cache_dir={s.folder('cache')},"
                 f"http=127.0.0.1:0 unix:{s.file('http.sock')}"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    address = p.stdout.readline().decode().split("/")[2]
    waiting = {Raw(address).get("/").socket for _ in range(120)}
    answered = set()
    while len(answered) < 50:
        ready = select.select(waiting, [], [], 20 * SLACK)[0]
        ok(ready, f"more than {len(answered)} are served")
        answered.update(ready)
        waiting.difference_update(ready)
    more = select.select(waiting, [], [], 0.3)[0]	# in which none may come
    equal(len(answered) + len(more), 50, "clients of one of two listeners")
    for c in answered | waiting:
        c.close()
    p.terminate()
    equal(p.wait(20 * SLACK), 0, "the end")


main()
