"""The control socket: commands, views and events for programs of one's own."""
import urllib.parse

from spool import *


class Unix(http.client.HTTPConnection):
    """An HTTP client on a Unix socket, however long its path is."""

    def __init__(self, path, timeout=30):
        super().__init__("spoolfs", timeout=timeout)
        self.path = path

    def connect(self):
        folder = os.open(os.path.dirname(self.path), os.O_PATH)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(
                f"/proc/self/fd/{folder}/{os.path.basename(self.path)}")
        finally:
            os.close(folder)


def ask(d, method, path, body=None):
    """(status, JSON) of a request."""
    connection = Unix(d.lock()["control"])
    try:
        connection.request(method, path, None if body is None else
                           json.dumps(body))
        r = connection.getresponse()
        text = r.read()
        equal(r.headers["Content-Type"], "application/json", "a type")
        return r.status, json.loads(text)
    finally:
        connection.close()


def quoted(url):
    return urllib.parse.quote(url, safe="")


def entry(d, url):
    """What is known of a URL, or None."""
    status, views = ask(d, "GET", f"/entries?url={quoted(url)}")
    equal(status, 200, "entries")
    return views[0] if views else None


class Events:
    """A stream of server-sent events; it listens when this returns."""

    def __init__(self, d, query=""):
        self.connection = Unix(d.lock()["control"])
        self.connection.request("GET", "/events" + query)
        self.answer = self.connection.getresponse()
        equal(self.answer.headers["Content-Type"], "text/event-stream", "type")
        equal(self.answer.readline(), b": listening\n", "a greeting")

    def next(self):
        """(name, data); (None, None) at the end."""
        name = None
        while line := self.answer.readline():
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])
        return None, None

    def until(self, wanted):
        """Names of events up to this one, and its data."""
        names = []
        while wanted not in names:
            name, data = self.next()
            ok(name, f"{wanted} comes, not the end after {names}")
            names.append(name)
        return names, data

    def close(self):
        self.connection.close()


# ---- the socket --------------------------------------------------------------

@case
def rights(s):
    "the socket is 0600, in a folder of its own; other users are refused"
    d = s.spoolfs(mount=False)
    path = d.lock()["control"]
    equal(path.rpartition("/")[0], os.path.join(s.dir, "run/spoolfs"),
          "its folder")
    equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "its mode")
    equal(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700,
          "its folder's mode")
    equal(ask(d, "GET", "/status")[0], 200, "for ourselves")
    if os.getuid():
        raise Skip("not root")

    code = ("import socket, sys\n"
            "s = socket.socket(socket.AF_UNIX)\n"
            "s.connect(sys.argv[1])\n"
            "s.sendall(b'GET /status HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
            "print(s.recv(4096).split(b'\\r\\n')[0].decode())\n")

    def other():
        return s.run(["/usr/bin/python3", "-c", code, path], user=65534,
                     group=65534, extra_groups=[])

    equal(other().returncode, 1, "the file system lets nobody else in")
    for name in (s.dir, os.path.join(s.dir, "run"), os.path.dirname(path),
                 path):
        os.chmod(name, 0o777)
    equal(other().stdout, "HTTP/1.1 403 Forbidden\n", "nor do we")


@case
def place(s):
    "each cache folder has its own socket; it is found without a runtime folder"
    a, b = s.spoolfs(mount=False), s.spoolfs(mount=False)
    ok(a.lock()["control"] != b.lock()["control"], "two sockets")
    for d in (a, b):
        equal(ask(d, "GET", "/status")[1]["cache_dir"], d.cache, "whose")
    path = a.lock()["control"]
    a.terminate()
    ok(not os.path.exists(path), "it goes with the daemon")
    b.kill()
    ok(os.path.exists(b.lock()["control"]), "a killed one leaves it")
    b.restart()
    equal(ask(b, "GET", "/status")[0], 200, "… and the next one takes it")

    run = s.env["XDG_RUNTIME_DIR"]
    if s.run(["mount", "-o", "bind,ro", run, run]).returncode == 0:
        d = s.spoolfs(mount=False)
        equal(d.lock()["control"], f"{d.cache}/control.sock",
              "a service's runtime folder may be read-only")
    del s.env["XDG_RUNTIME_DIR"]
    long = os.path.join(s.folder("x" * 150), "cache")
    d = s.spoolfs(mount=False, cache=long)
    equal(d.lock()["control"], f"{long}/control.sock", "in the cache folder")
    equal(ask(d, "GET", "/status")[0], 200, "a long path")
    off = s.spoolfs(mount=False, options={"control": "off"})
    ok("control" not in off.lock(), "control=off")


@case
def given(s):
    "control=PATH: there, unless somebody else is"
    path = os.path.join(s.dir, "mine.sock")
    d = s.spoolfs(mount=False, options={"control": path})
    equal(d.lock()["control"], path, "its path")
    p = s.refused("-f", "--no-mount", "-o", f"cache_dir={s.folder('other')},"
                  f"http=127.0.0.1:0,control={path}")
    ok(path in p.stderr, f"says where: {p.stderr}")
    equal(ask(d, "GET", "/status")[0], 200, "the first one stays")
    d.terminate()
    s.write("mine.sock", "a file of somebody")
    s.refused("-f", "--no-mount", "-o", f"cache_dir={s.folder('other')},"
              f"http=127.0.0.1:0,control={path}")
    equal(read(path), b"a file of somebody", "it is left alone")


@case
def nonsense(s):
    "what makes no sense is answered so, in JSON"
    d = s.spoolfs(mount=False)
    for method, path, body, want in (
            ("GET", "/nothing", None, 404), ("PUT", "/names", {}, 405),
            ("POST", "/pin", {}, 400), ("POST", "/pin", {"url": 1}, 400),
            ("POST", "/pin", {"url": "gopher://x"}, 400),
            ("POST", "/fetch", {"url": "no"}, 400),
            ("GET", "/where?url=no", None, 400),
            ("GET", "/entries?url=no", None, 400),
            ("GET", "/events?url=no", None, 400),
            ("POST", "/pin", {"url": "http://h/"}, 404),
            ("POST", "/validate", {"url": "http://h/"}, 404),
            ("POST", "/stop", {"url": "http://h/"}, 404),
            ("POST", "/drop", {"url": "http://h/"}, 200)):
        status, answer = ask(d, method, path, body)
        equal(status, want, f"{method} {path} {body}")
        ok(status == 200 or answer["error"], "says why")
    connection = Unix(d.lock()["control"])
    connection.putrequest("POST", "/pin")
    connection.putheader("Content-Length", "70000")
    connection.endheaders()
    equal(connection.getresponse().status, 413, "a large body is not waited for")
    connection.close()


# ---- insight -----------------------------------------------------------------

@case
def full(s):
    "entries are shown when the disk of the cache is full"
    o = s.origin()
    d = s.spoolfs(mount=False, cache=s.tmpfs("4M"), options={"min_free": "0"})
    url = o.url("/gen/64K/1.mp4")
    fetch(d.url(url))
    equal(ask(d, "POST", "/pin", {"url": url})[0], 200, "pin")
    with open(f"{d.cache}/filling", "wb", 0) as f:
        fails_with(errno.ENOSPC, "filling the disk", lambda: [
            f.write(bytes(4096)) for _ in range(4096)])
    status, views = ask(d, "GET", "/entries")
    equal((status, [v["url"] for v in views]), (200, [url]), "entries")


@case
def latin(s):
    "a name and a cache folder that are no UTF-8 hide nothing else"
    ini = s.write("latin.ini", '[file "caf\xe9"]\nurl = http://h/a\n'
                  '[file "film"]\nurl = http://h/\xe9\n'.encode("latin-1"))
    d = s.spoolfs(mount=False, args=["-c", ini], cache=s.folder("caf\udce9"))
    equal(ask(d, "GET", "/names"), (200, {"film": "http://h/%E9"}), "names")
    status, answer = ask(d, "GET", "/status")
    equal((status, answer["pid"]), (200, d.pid), "status")
    equal(ask(d, "GET", "/where?url=http://h/a"),
          (200, {"url": "http://h/a", "http": d.url("http://h/a"),
                 "path": None, "file": None}), "where")


def families(text):
    try:
        from prometheus_client.openmetrics.parser import \
            text_string_to_metric_families
    except ImportError:
        raise Skip("no prometheus_client") from None
    return {f.name: f for f in text_string_to_metric_families(text)}


@case
def metrics(s):
    "the metrics are OpenMetrics, and count"
    o = s.origin()
    d = s.spoolfs(mount=False)
    fetch(d.url(o.url("/gen/1M/1.mp4")))
    r = fetch(f"http://{d.http}/-/metrics")
    equal(r.status, 200, "status")
    ok(r["Content-Type"].startswith("application/openmetrics-text"), "type")
    found = families(r.body.decode())
    at_least(found["spoolfs_fetched_bytes"].samples[0].value, 1 << 20, "bytes")
    at_least(found["spoolfs_requests"].samples[0].value, 1, "requests")
    equal(found["spoolfs_build"].type, "info", "what it is")
    ok(o.url() not in r.body.decode() and "127.0.0.1" not in r.body.decode(),
       "no URL in it")
    connection = Unix(d.lock()["control"])
    connection.request("GET", "/metrics")
    ok(families(connection.getresponse().read().decode()), "on the socket too")
    connection.close()


@case
def pages(s):
    "over TCP: health for all, metrics and status with the token, no commands"
    d = s.spoolfs(mount=False)
    equal(fetch(f"http://{d.http}/-/healthy").body, b"ok\n", "healthy")
    for name, want in (("metrics", 200), ("status", 403), ("entries", 404)):
        equal(fetch(f"http://{d.http}/-/{name}").status, want, name)
    t = s.spoolfs(mount=False, ini="token = sesame-open\n")
    with_token = {"Authorization": "Bearer sesame-open"}
    equal(fetch(f"http://{t.http}/-/healthy").status, 200, "healthy")
    for name in ("metrics", "status"):
        equal(fetch(f"http://{t.http}/-/{name}").status, 403, name)
        r = fetch(f"http://{t.http}/-/{name}", headers=with_token)
        equal(r.status, 200, f"{name} with the token")
        ok(b"sesame" not in r.body, "which is not in it")
    equal(json.loads(r.body)["pid"], t.pid, "status")
    ok("sesame-open" in ask(t, "GET", "/where?url=http://h/a")[1]["http"],
       "where is whole: the token is in the address")


# ---- commands ----------------------------------------------------------------

@case
def bringing(s):
    "fetch brings a range or all of it, and says so in events; stop ends it"
    o = s.origin("/gen/64M/2* rate=1M\n")
    d = s.spoolfs(mount=False)
    events = Events(d)
    url = o.url("/gen/3M/1.mp4")
    status, answer = ask(d, "POST", "/fetch", {"url": url, "start": 1 << 20,
                                               "end": 2 << 20, "wait": True})
    equal((status, answer["url"]), (200, url), "a range")
    v = wait_for(lambda: (e := entry(d, url))["ranges"] and e, "the range")
    ok(any(a <= 1 << 20 and b >= 2 << 20 for a, b in v["ranges"]),
       f"is here: {v['ranges']}")
    status, answer = ask(d, "POST", "/fetch", {"url": url})
    equal(status, 202, "the rest, without waiting")
    names, data = events.until("complete")
    equal(names[0], "begun", "first event")
    equal((data["url"], data["size"], data["cached"]),
          (url, 3 << 20, 3 << 20), "what is complete")
    v = wait_for(lambda: (e := entry(d, url))["complete"] and e, "the entry")
    d.whole(url)
    where = ask(d, "GET", f"/where?url={quoted(url)}")[1]
    equal((where["http"], where["path"]), (d.url(url), None), "where")
    equal(sha256(where["file"]), gen_sha256(3 << 20, 1), "its bytes")

    slow = o.url("/gen/64M/2.mp4")
    equal(ask(d, "POST", "/fetch", {"url": slow})[0], 202, "a slow one")
    equal(events.until("begun")[1]["url"], slow, "is begun")
    v = ask(d, "GET", "/entries?state=active")[1]
    equal([x["url"] for x in v], [slow], "what is active")
    ok(v[0]["fetching"], "being fetched")
    equal(ask(d, "POST", "/stop", {"url": slow})[0], 200, "stopped")
    wait_for(lambda: ask(d, "GET", "/entries?state=active")[1] == [],
             "nothing to be active")
    equal([x["url"] for x in ask(d, "GET", "/entries?state=partial")[1]],
          [slow], "what is partial")
    equal(ask(d, "POST", "/stop", {"url": slow})[0], 404, "nothing to stop")
    status, answer = ask(d, "POST", "/fetch", {"url": o.url("/none.mp4"),
                                               "wait": True})
    equal((status, answer["code"]), (404, "ENOENT"), "what is not there")
    equal(events.until("failed")[1]["error"], "not found", "… as an event")
    events.close()


@case
def keeping(s):
    "pin, validate, reset and drop do what they say"
    o = s.origin()
    d = s.spoolfs(mount=False)
    url = o.url("/gen/100K/1.mp4")
    fetch(d.url(url))
    for what, pinned in (("pin", True), ("unpin", False)):
        equal(ask(d, "POST", f"/{what}", {"url": url})[0], 200, what)
        equal(entry(d, url)["pinned"], pinned, "and it is")

    def result():
        return ask(d, "POST", "/validate", {"url": url})[1]["result"]

    equal(result(), "holds", "validate")
    o.version("/gen/100K/1.mp4", 2)
    equal(result(), "changed", "another version")
    events = Events(d, f"?url={quoted(url)}")
    equal(ask(d, "POST", "/reset", {"url": url})[0], 200, "reset")
    names, data = events.until("complete")
    ok("dropped" in names, f"dropped first: {names}")
    equal(ask(d, "POST", "/drop", {"url": url})[0], 200, "drop")
    events.until("dropped")
    events.close()
    equal(entry(d, url), None, "nothing is left")
    equal(fetch(d.url(url)).body, gen(100 << 10, 1, version=2), "read anew")
    o.script("/gen/100K/1.mp4 status=404\n")
    equal(result(), "gone", "gone")
    o.stop()
    status, answer = ask(d, "POST", "/validate", {"url": url})
    one_of(status, (502, 504), "can't be asked")


@case
def settings(s):
    "reload and log-level change the running daemon"
    d = s.spoolfs(mount=False, options={"log_level": None},
                  ini="log_level = error\n")
    ini = d.args[d.args.index("-c") + 1]
    equal(ask(d, "POST", "/log-level", {"level": "debug"})[0], 200, "level")
    ask(d, "GET", "/status")
    wait_for(lambda: "control: /status 200" in d.log(), "debug in the log")
    with open(ini, "w") as f:
        f.write("nonsense = 1\n")
    status, answer = ask(d, "POST", "/reload")
    ok(status >= 400 and "nonsense" in answer["error"], f"refused: {answer}")
    with open(ini, "w") as f:
        f.write("log_level = error\ncontrol = off\n")
    status, answer = ask(d, "POST", "/reload")
    equal((status, answer), (200, {"at_next_start": "control"}), "reload")
    equal(ask(d, "GET", "/status")[1]["offline"], False, "offline")
    with open(ini, "w") as f:
        f.write("log_level = error\noffline = yes\n")
    ask(d, "POST", "/reload")
    equal(ask(d, "GET", "/status")[1]["offline"], True, "offline")
    ask(d, "GET", "/names")
    equal(ask(d, "POST", "/log-level", {"level": "debug"})[0], 200, "level")
    ask(d, "GET", "/metrics?no")
    wait_for(lambda: "control: /metrics 400" in d.log(), "debug again")
    ok("control: /names" not in d.log(), "a reload is the end of a level")


@case
def ending(s):
    "the daemon ends at once, whoever listens or waits"
    o = s.origin("/stalls* stall=0\n")
    d = s.spoolfs(mount=False)
    events = Events(d)
    answers = []

    def wait():
        try:
            answers.append(ask(d, "POST", "/fetch", {
                "url": o.url("/stalls.mp4"), "wait": True}))
        except (OSError, http.client.HTTPException) as error:
            answers.append((0, error))

    thread = threading.Thread(target=wait)
    thread.start()
    wait_for(lambda: o.log("/stalls.mp4"), "the request")
    gone = Unix(d.lock()["control"])
    gone.request("POST", "/fetch", json.dumps(
        {"url": o.url("/stalls.mp4"), "wait": True}))
    gone.close()
    equal(d.terminate(), 0, "its end")
    thread.join()
    one_of(answers[0][0], (0, 503), f"who waits is told: {answers}")
    while events.next()[0]:
        pass


main()
