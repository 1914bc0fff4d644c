"""Settings: the ini file, -o, what they do and how their errors are told."""
from spool import *


def ini_refused(s, text, line, args=(), mode=0o600):
    """spoolfs ends before anything is mounted and says where."""
    path = s.ini(text, mode)
    mnt, cache = s.folder("m"), s.file("c")
    for style in ([], ["-f"]):
        p = s.refused("-c", path, "-o",
                      f"cache_dir={cache},http=127.0.0.1:0", *style, mnt)
        where = f"{path}:{line}:" if line else path
        ok(where in p.stderr, f"it says {where}: {p.stderr}")
        equal(len(p.stderr.strip().splitlines()), 1,
              f"one line: {p.stderr!r}")
        equal(p.stdout, "", "nothing on stdout")
        ok(mnt not in mounts(), "nothing is mounted")
    return p.stderr


@case
def bad_lines(s):
    "an error in the ini is FILE:LINE: reason, exit non-zero, no mount"
    for text, line in (
            ("nonsense = 1\n", 1),
            ("\n# comment\nread_timeout = soon\n", 3),
            ("read_timeout = -1\n", 1),
            ("read_timeout = 0\n", 1),
            ("read_timeout = 99999999999999999999\n", 1),
            ("max_connections = 0\n", 1),
            ("fill = sometimes\n", 1),
            ("log_level = loud\n", 1),
            ("http = nowhere\n", 1),
            ("http = 127.0.0.1:99999\n", 1),
            ("cache_dir =\n", 1),
            ("read_timeout = 5\nno equals sign\n", 2),
            ("[nonsense]\na = b\n", 1),
            ('[origin "https://a.example/"]\nnonsense = 1\n', 2),
            ('[origin "ftp://a.example/"]\nuser_agent = x\n', 1),
            ('[origin "https://a.example/"]\nheader = no colon\n', 2),
            ('[file "a/b"]\nurl = https://a.example/b\n', 1),
            ('[file "a"]\nurl = nothing\n', 2),
            ('[file "a"]\nurl = https://u:p@a.example/b\n', 2),
            ('[file "a"]\nread_timeout = 5\n', 2),
            ("# fine\nuser_agent = x\n", 2),
            ("[origin \"https://a.example/\"]\nheader = X: " +
             "x" * 100000 + "\n", 2)):
        told = ini_refused(s, text, line)
        note(told.strip()[-100:])


@case
def long_lines(s):
    "a line is taken whole or refused, never cut"
    o = s.origin("* body=x\n")
    refused = taken = 0
    for length in (50, 150, 180, 190, 195, 198, 199, 200, 201, 205, 250, 400,
                   1000, 2000, 4000, 8000, 16000, 64000):
        value = "v" * length
        path = s.ini(f'[origin "{o.url("/")}"]\nheader = X-Long: {value}\n')
        mnt = s.folder("m")
        args = ["-o", f"cache_dir={s.file('c')},http=127.0.0.1:0"]
        p = s.run([SPOOLFS, "-c", path, *args, mnt])
        if p.returncode:
            refused += 1
            ok(f"{path}:2:" in p.stderr, f"refused by line: {p.stderr}")
            continue
        taken += 1
        o.reset()
        try:
            read(f"{mnt}/http/127.0.0.1:{o.port}/f{length}.mp4")
        finally:
            subprocess.run(["fusermount3", "-u", mnt])
        ok(["X-Long", value] in o.log()[0]["headers"],
           f"{length} bytes arrive whole")
    note(f"{taken} taken, {refused} refused")
    at_least(taken, 2, "short ones are taken")


@case
def missing_file(s):
    "-c with a file that is not there is an error; no default ini is none"
    mnt = s.folder("m")
    p = s.refused("-c", f"{s.dir}/none.ini", mnt)
    ok(f"{s.dir}/none.ini" in p.stderr, p.stderr)
    d = s.spoolfs()
    equal(d.unmount(), 0, "without an ini")


@case
def secrets_readable(s):
    "an ini or header file with secrets that others can read is refused"
    ini_refused(s, '[origin "https://a.example/"]\n'
                'header = Authorization: x\n', 0, mode=0o644)
    header_file = s.write("headers", "Authorization: x\n")
    os.chmod(header_file, 0o644)
    ini_refused(s, '[origin "https://a.example/"]\n'
                f'header_file = {header_file}\n', 0)
    # Without secrets anybody may read it.
    d = s.spoolfs(args=["-c", s.ini("read_timeout = 9\n", 0o644)])
    equal(d.unmount(), 0, "without secrets")


@case
def bad_options(s):
    "an error in -o says which and ends it before anything is mounted"
    mnt = s.folder("m")
    for option in ("nonsense=1", "read_timeout=soon", "fill", "http=",
                   "max_connections=0", "log_level=", "fill=maybe"):
        p = s.refused("-o", f"cache_dir={s.dir}/c,{option}", mnt)
        ok(option.split("=")[0] in p.stderr, f"{option}: {p.stderr!r}")
        ok(mnt not in mounts(), "nothing is mounted")


@case
def order(s):
    "default < default ini or -c FILE < -o"
    a, b, c = free_port(), free_port(), free_port()
    mnt = s.folder("m")
    default = f"{s.dir}/home/.config/spoolfs/spoolfs.ini"
    s.write("home/.config/spoolfs/spoolfs.ini",
            f"http = 127.0.0.1:{a}\nlog_level = warning\n")
    other = s.ini(f"http = 127.0.0.1:{b}\n")
    for args, port in (([], a), (["-c", other], b),
                       (["-c", other, "-o", f"http=127.0.0.1:{c}"], c),
                       (["-o", f"http=127.0.0.1:{c}"], c)):
        p = s.run([SPOOLFS, *args, mnt])
        equal((p.returncode, p.stdout), (0, f"http://127.0.0.1:{port}/\n"),
              f"{args}: {p.stderr}")
        ok(os.path.isfile(f"{s.dir}/home/.cache/spoolfs/lock"),
           "the cache is where it is by default")
        with open(f"{s.dir}/home/.cache/spoolfs/lock") as f:
            pid = int(re.search(r"pid=(\d+)", f.read()).group(1))
        subprocess.run(["fusermount3", "-u", mnt], check=True)
        ok(wait_exit(pid, 20), "it ends")
    ok(os.path.isfile(default), "")


@case
def origins(s):
    "headers, user agent and header_file go to their origin, longest prefix"
    o, other = s.origin("* body=x\n"), s.origin("* body=x\n")
    header_file = s.write("headers", "X-Secret: from-file\nX-Two: 2\n")
    os.chmod(header_file, 0o600)
    d = s.spoolfs(ini=f"""
[origin "{o.url('/')}"]
header = X-One: 1
header = X-Colon: a: b
user_agent = tester/1
[origin "{o.url('/deep/')}"]
header_file = {header_file}
""")

    def asked(origin, path):
        origin.reset()
        equal(read(d.path(origin.url(path))), b"x", path)
        return {k.lower(): v for k, v in origin.log()[0]["headers"]}

    h = asked(o, "/a.mp4")
    equal((h.get("x-one"), h.get("x-colon"), h.get("user-agent")),
          ("1", "a: b", "tester/1"), "the origin's section")
    ok("x-secret" not in h, "nothing of the deeper one")
    h = asked(o, "/deep/a.mp4")
    equal((h.get("x-secret"), h.get("x-two"), h.get("x-one")),
          ("from-file", "2", None), "the longer prefix alone")
    h = asked(o, "/deeper.mp4")
    ok("x-secret" not in h, "a prefix ends at a slash")
    h = asked(other, "/a.mp4")
    ok("x-one" not in h and h.get("user-agent") != "tester/1",
       "nothing to another origin")
    ok(h.get("user-agent", "").startswith("spoolfs"), "our own user agent")


def hang_up(d, said):
    """SIGHUP, and what the log says then, from the line on that has it."""
    before = len(d.log())
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: said in d.log()[before:], said, 20 * SLACK)
    return d.log()[before:]


@case
def read_again(s):
    "SIGHUP puts changed settings in force, and keeps what can't be changed"
    o = s.origin("* body=x\n")
    text = "read_timeout = 9\n[origin \"*\"]\nuser_agent = %s\n"
    ini = s.ini(text % "first/1")
    for detach in (False, True):
        # Relative to where it was started; a daemon is elsewhere.
        d = s.spoolfs(args=["-c", os.path.relpath(ini)], detach=detach,
                      options={"log_level": None})

        def agent(path):
            o.reset()
            equal(read(d.path(o.url(path))), b"x", path)
            return dict(o.log()[0]["headers"]).get("User-Agent")

        equal(agent("/a.mp4"), "first/1", "as it was")
        s.write(os.path.basename(ini), text % "second/2")
        os.kill(d.pid, signal.SIGHUP)
        n = iter(range(10000))
        wait_for(lambda: agent(f"/{next(n)}.mp4") == "second/2",
                 "the new settings", 20 * SLACK)
        equal(d.terminate(), 0, "exit status")
        s.write(os.path.basename(ini), text % "first/1")


@case
def read_again_badly(s):
    "a bad file changes nothing and is told by its line"
    o = s.origin("* body=x\n")
    ini = s.ini("")
    d = s.spoolfs(args=["-c", ini], options={"fill": "none"})
    for bad, why in (("fill = all\nnonsense = 1\n", f"{ini}:2: unknown key"),
                     ("[origin \"*\"]\nuser_agent = x\n[file \"\"]\n",
                      f"{ini}:3: [file]: not the name")):
        s.write(os.path.basename(ini), bad)
        hang_up(d, "stay as they were: " + why)
        equal(read(d.path(o.url("/a.mp4"))), b"x", "it goes on")
    ok(not o.log()[0]["headers"] or
       ["User-Agent", "x"] not in o.log()[0]["headers"], "nothing is taken")
    s.write(os.path.basename(ini), "")
    os.chmod(ini, 0o600)
    ok("next start" not in hang_up(d, "read again"), "nothing is kept back")
    # Those of -o stay above it, so only these have changed.
    s.write(os.path.basename(ini), "fill = all\ncontrol = off\n"
            "cache_dir = /nowhere\npassthrough = no\n[file \"a\"]\n"
            f"url = {o.url('/b.mp4')}\n")
    hang_up(d, "not before the next start: control, passthrough, [file]\n")
    os.unlink(ini)
    hang_up(d, f"stay as they were: {ini}: No such file")
    equal(read(d.path(o.url("/c.mp4"))), b"x", "it goes on")


@case
def log_level(s):
    "a changed log level counts from then on"
    ini = s.ini("log_level = info\n")
    d = s.spoolfs(args=["-c", ini], options={"log_level": None})
    o = s.origin("* body=x\n")
    equal(read(d.path(o.url("/a.mp4"))), b"x", "read")
    # Those of debug have the time of day.
    ok(not re.search(r"\d:\d\d\.", d.log()), f"no debug lines: {d.log()}")
    s.write(os.path.basename(ini), "log_level = debug\n")
    hang_up(d, "read again")
    equal(read(d.path(o.url("/b.mp4"))), b"x", "read")
    wait_for(lambda: re.search(r"\d:\d\d\.\d+ fetch:", d.log()),
             "debug lines")


@case
def asked_politely(s):
    "requests ask for identity, and for ranges under If-Range"
    o = s.origin()
    d = s.spoolfs(options={"fill": "none"})
    url = o.url("/gen/20M/1.mp4")
    pread(d.path(url), 4096, 0)
    pread(d.path(url), 4096, 15 << 20)
    etag = fetch(o.url("/gen/20M/1.mp4"), "HEAD")["ETag"]
    rows = [r for r in o.log() if r["method"] == "GET"]
    at_least(len(rows), 2, "requests")
    for r in rows:
        h = {k.lower(): v for k, v in r["headers"]}
        one_of(h.get("accept-encoding", "identity"), ("identity",),
               "Accept-Encoding")
    for r in rows[1:]:
        ok(r.get("range"), "it asks for ranges")
        equal(r.get("if_range"), etag, "If-Range")


@case
def netrc(s):
    "netrc is honoured, and stays between us and its machine"
    import base64
    netrc_file = s.write("home/.netrc",
                         "machine 127.0.0.1 login joe password s3cret\n")
    os.chmod(netrc_file, 0o600)
    o = s.origin("* body=x\n")
    d = s.spoolfs()
    equal(read(d.path(o.url("/a.mp4"))), b"x", "read")
    h = {k.lower(): v for k, v in o.log()[-1]["headers"]}
    equal(h.get("authorization"),
          "Basic " + base64.b64encode(b"joe:s3cret").decode(),
          "Authorization")
    o.reset()
    equal(read(f"{d.mnt}/http/localhost:{o.port}/a.mp4"), b"x", "read")
    h = {k.lower(): v for k, v in o.log()[-1]["headers"]}
    ok("authorization" not in h, "not to another machine")


@case
def proxy(s):
    "a proxy is used for its origin"
    p = Proxy()
    d = s.spoolfs(ini='[origin "http://far.example/"]\n'
                  f'proxy = {p.url}\n')
    equal(read(d.path("http://far.example/a.mp4")), b"hi", "bytes")
    p.close()
    ok(p.seen[0].startswith(b"GET http://far.example/a.mp4 "), f"{p.seen}")


@case
def secrets(s):
    "no secret in log, cache, process title or attributes"
    o = s.origin("* body=x\n")
    ini = f"""
[origin "{o.url('/')}"]
header = X-Key: hush-header
[file "film.mp4"]
url = {o.url('/f.mp4?sig=hush-query')}
"""
    d = s.spoolfs(ini=ini)
    equal(read(f"{d.mnt}/film.mp4"), b"x", "read")
    equal(fetch(f"http://{d.http}/film.mp4").body, b"x", "HTTP")
    ok("hush" not in d.log(), "in the log")
    with open(f"/proc/{d.pid}/cmdline") as f:
        ok("hush" not in f.read(), "in the process title")
    for at in os.listxattr(f"{d.mnt}/film.mp4"):
        ok(b"hush-header" not in os.getxattr(f"{d.mnt}/film.mp4", at), at)
    d.unmount()
    for top, _, files in os.walk(d.cache):
        for name in files:
            with open(os.path.join(top, name), "rb") as f:
                ok(b"hush-header" not in f.read(), f"in {name}")
            equal(os.stat(os.path.join(top, name)).st_mode & 0o077, 0,
                  f"{name} is private")


@case
def connections(s):
    "no more than max_connections to one host, however many ask"
    o = s.origin("* rate=1M\n")
    d = s.spoolfs(options={"max_connections": "2"})
    threads = [threading.Thread(target=read, args=(
        d.path(o.url(f"/gen/300k/{i}.mp4".replace("k", "kB"))),))
        for i in range(8)]
    for t in threads:
        t.start()
    most = 0
    while any(t.is_alive() for t in threads):
        most = max(most, o.stats()["active"])
    for t in threads:
        t.join()
    equal(most, 2, "requests at once")
    for i in range(8):
        equal(read(d.path(o.url(f"/gen/300kB/{i}.mp4"))), gen(300000, i),
              f"file {i}")


@case
def reuse(s):
    "one reader's requests share connections"
    o = s.origin()
    d = s.spoolfs(options={"fill": "none"})
    url = o.url("/gen/100M/1.mp4")
    fd = os.open(d.path(url), os.O_RDONLY)
    for off in range(0, 100 << 20, 10 << 20):
        equal(read_exactly(fd, 4096, off), gen(100 << 20, 1, 1, off, 4096),
              f"at {off}")
    os.close(fd)
    rows = o.log()
    at_least(len(rows), 10, "requests")
    at_most(len({r["conn"] for r in rows}), len(rows) // 2 + 1,
            "connections")


main()
