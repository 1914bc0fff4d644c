"""spoolctl: every command, for people and for programs."""
import fcntl
import http.server
import pty
import socketserver

from spool import *

SPOOLCTL = program("SPOOLCTL", "spoolctl")


def arguments(d, *args):
    return [SPOOLCTL, "-o", f"cache_dir={getattr(d, 'cache', d)}", *args]


def ctl(s, d, *args, status=0):
    """Its standard output; d: a daemon or a cache folder."""
    p = s.run(arguments(d, *args), timeout=60 * SLACK)
    equal(p.returncode, status, f"spoolctl {' '.join(args)}: {p.stderr}")
    ok(status in (0, 3) or p.stderr.startswith("spoolctl: "),
       f"says why: {p.stderr}")
    return p.stdout


def rows(s, d, *args, **keys):
    """The same with --json, taken apart."""
    return [json.loads(x) for x in ctl(s, d, *args, "--json", **keys)
            .splitlines()]


def urls(s, d, *args):
    return sorted(x["url"] for x in rows(s, d, *args))


@case
def getting(s):
    "get brings what is asked for, says what it has, and fails when one does"
    o = s.origin()
    d = s.spoolfs(mount=False)
    a, b = o.url("/gen/2M/1.mp4"), o.url("/gen/3M/2.mp4")
    equal(sorted(ctl(s, d, "get", a, b).split()), [a, b], "what it prints")
    equal(rows(s, d, "get", a), [{"url": a}], "in JSON, and done already")
    out = s.run(arguments(d, "get", a, o.url("/none.mp4")))
    equal((out.returncode, out.stdout), (1, a + "\n"), "one that is not there")
    ok("/none.mp4: not found" in out.stderr, f"says why: {out.stderr}")
    file = os.path.join(s.dir, "copy")
    ctl(s, d, "get", a, "-o", file)
    equal(sha256(file), gen_sha256(2 << 20, 1), "a copy")
    p = s.popen(arguments(d, "get", "-o", "-", a), stdout=subprocess.PIPE)
    equal(p.communicate()[0], gen(2 << 20, 1), "to standard output")
    ctl(s, d, "get", a, b, "-o", file, status=2)
    ctl(s, d, "get", a, "-o", f"{s.dir}/no/such", status=1)
    ctl(s, d, "get", "nonsense", status=1)
    equal(o.stats("/gen/2M/1.mp4")["sent"], 2 << 20, "bytes it took")


@case
def terminal(s):
    "get shows a bar on a terminal"
    o = s.origin("/gen/* rate=8M\n")
    d = s.spoolfs(mount=False)
    ours, theirs = pty.openpty()
    p = s.popen(arguments(d, "get", o.url("/gen/4M/1.mp4")), stderr=theirs,
                stdout=subprocess.DEVNULL)
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 4096):
            seen += piece
    except OSError:
        pass		# its end
    os.close(ours)
    equal(p.wait(), 0, "exit")
    ok(re.search(rb"\[=* *\] +\d+% .*/s  0/1", seen), f"a bar: {seen[-200:]}")


@case
def interrupted(s):
    "^C stops the download; -b leaves it; stop ends that; what came stays"
    o = s.origin("/gen/* wall=1M\n")
    d = s.spoolfs(mount=False)
    url = o.url("/gen/64M/1.mp4")
    p = s.popen(arguments(d, "get", url))
    wait_for(lambda: any(x["cached"] for x in rows(s, d, "ls", "--active")),
             "some of it")
    p.send_signal(signal.SIGINT)
    equal(p.wait(20 * SLACK), 130, "exit")
    wait_for(lambda: not rows(s, d, "ls", "--active"), "its end")
    ctl(s, d, "stop", url, status=1)
    equal(rows(s, d, "get", "-b", url), [{"url": url}], "in the background")
    wait_for(lambda: rows(s, d, "ls", "--active")[0]["fetching"], "it to go on")
    ok("fetching" in ctl(s, d, "info", url), "info says so")
    ctl(s, d, "stop", url)
    wait_for(lambda: not rows(s, d, "ls", "--active"), "its end")
    at_least(rows(s, d, "info", url)[0]["cached"], 1, "what came")


@case
def copying(s):
    "it goes to one place alone, and ^C ends it too"
    o = s.origin()
    d = s.spoolfs(mount=False)
    url, pipe = o.url("/gen/8M/1.mp4"), s.file("pipe")
    ctl(s, d, "get", url)
    equal(ctl(s, d, "get", "--json", "-o", "-", url, status=2), "",
          "JSON and the data in one stream")
    os.mkfifo(pipe)
    p = s.popen(arguments(d, "get", "-o", pipe, url), stderr=subprocess.PIPE,
                text=True)
    with open(pipe, "rb", 0) as f:
        equal(f.read(4096), gen(8 << 20, 1, length=4096), "it has begun")
        p.send_signal(signal.SIGINT)
        equal(p.communicate(timeout=20 * SLACK)[1], "", "nothing to say")
    equal(p.returncode, 130, "exit")


@case
def renamed(s):
    "get finds a file that gets its final name just when it is looked for"
    cache, data = s.folder("cache"), s.write("data", b"whole")
    names = [data + ".part", data]

    class Daemon(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            answer = {"file": names.pop(0)} if "/where" in self.path else \
                [{"size": 5, "complete": True, "ranges": [[0, 5]]}]
            self.wfile.write(json.dumps(answer).encode())

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    lock = s.write("cache/lock", f"pid={os.getpid()}\ncontrol={s.dir}/c\n")
    with open(lock) as held, \
            socketserver.UnixStreamServer(f"{s.dir}/c", Daemon) as server:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ctl(s, cache, "get", "-o", f"{s.dir}/copy", "http://h/a")
        server.shutdown()
    equal((read(f"{s.dir}/copy"), names), (b"whole", []), "the copy")


@case
def dies(s):
    "a daemon that dies while get runs is an error, said once for each"
    o = s.origin("/stall* stall=0\n")
    d = s.spoolfs(mount=False)
    p = s.popen(arguments(d, "get", o.url("/stall.mp4")), text=True,
                stderr=subprocess.PIPE)
    wait_for(lambda: o.log("/stall.mp4"), "the request")
    d.kill()
    error = p.communicate(timeout=20 * SLACK)[1]
    equal(p.returncode, 1, "exit")
    ok("/stall.mp4: the spoolfs has ended" in error, f"says so: {error}")


@case
def listing(s):
    "ls and info tell what is here, with and without a daemon"
    o = s.origin("/gen/8M/3* wall=1M\n")
    d = s.spoolfs(mount=False)
    a, b, c = (o.url(f"/gen/{x}") for x in ("1M/1.mp4", "2M/2.mp4", "8M/3.mp4"))
    ctl(s, d, "get", a, b)
    ctl(s, d, "pin", a)
    ctl(s, d, "get", "-b", c)
    wait_for(lambda: urls(s, d, "ls", "--active") == [c], "c to be active")
    equal(urls(s, d, "ls"), [a, b, c], "all")
    equal(urls(s, d, "ls", "--inactive"), [a, b], "inactive")
    equal(urls(s, d, "ls", "--partial"), [c], "partial")
    equal(urls(s, d, "ls", o.url("/gen/2M")), [b], "below a folder")
    equal(urls(s, d, "ls", o.url("/gen/2"), a), [a], "which is none, and one")
    text = ctl(s, d, "ls")
    ok(re.search(rf"^ +1048576 +1048576 +100%  p {re.escape(a)}$", text, re.M)
       and re.search(rf"^ +8388608 +\d+ +\d+% \*  {re.escape(c)}$", text, re.M),
       f"for people: {text}")
    info = ctl(s, d, "info", a)
    ok(re.search(r"^cached +1048576 \(100%\)$", info, re.M) and
       re.search(r"^present +0-1048575$", info, re.M), f"info: {info}")
    ctl(s, d, "info", o.url("/other"), status=1)
    d.terminate()
    equal(urls(s, d, "ls"), [a, b, c], "all, without a daemon")
    equal(urls(s, d, "ls", "--active"), [], "nothing is active then")
    v = rows(s, d, "info", a)[0]
    equal((v["cached"], v["ranges"], v["pinned"], v["complete"]),
          (1 << 20, [[0, 1 << 20]], True, True), "info")


def reseal(path, old, new):
    """Change a record by hand, its checksum (FNV-1a) too."""
    with open(path, "rb") as f:
        text = f.read().replace(old, new)
    text = text[:text.rindex(b"checksum: ")]
    total = 0xcbf29ce484222325
    for byte in text:
        total = (total ^ byte) * 0x100000001b3 & (1 << 64) - 1
    with open(path, "wb") as f:
        f.write(text + b"checksum: %016x\n" % total)


@case
def handmade(s):
    "a record that is right but for a URL of no text is said to be damaged"
    o = s.origin()
    d = s.spoolfs(mount=False)
    a, b = (o.url(f"/gen/{x}") for x in ("1K/1.mp4", "2K/2.mp4"))
    ctl(s, d, "get", a, b)
    d.terminate()
    meta = os.path.join(d.cache, name_of(a)) + ".meta"
    reseal(meta, a.encode(), a.encode() + b"\xff")
    for args in (["ls"], ["ls", "--json"], ["rm", "--all"]):
        p = s.run(arguments(d, *args))
        equal(p.returncode, 1, f"{args}: {p.stderr}")
        ok(f"{meta}: damaged record" in p.stderr, f"says so: {p.stderr}")
    ok(b in ctl(s, d, "ls", status=1), "the others are listed")


@case
def removing(s):
    "rm drops what fits, not what is pinned unless it is named"
    o = s.origin()
    d = s.spoolfs(mount=False)
    a, b, c = (o.url(f"/gen/{x}") for x in ("1K/1", "2K/2", "3K/3"))
    ctl(s, d, "get", a, b, c)
    ctl(s, d, "rm", status=2)
    ctl(s, d, "rm", "--older", "soon", status=2)
    ctl(s, d, "ls", "--all", status=2)
    ctl(s, d, "pin", b)
    ctl(s, d, "rm", "--older", "1h")
    equal(urls(s, d, "ls"), [a, b, c], "nothing is that old")
    meta = os.path.join(d.cache, name_of(a)) + ".meta"
    long_ago = time.time() - 7200
    d.terminate()
    os.utime(meta, (long_ago, long_ago))
    d.restart()
    ctl(s, d, "rm", "--older", "1h")
    equal(urls(s, d, "ls"), [b, c], "what is")
    equal(rows(s, d, "rm", "--all", "--inactive"), [{"url": c}], "all")
    equal(urls(s, d, "ls"), [b], "but the pinned one")
    ctl(s, d, "get", c)
    d.terminate()
    ctl(s, d, "rm", b)
    equal(urls(s, d, "ls"), [c], "by name, without a daemon")
    equal(rows(s, d, "rm", "--all"), [{"url": c}], "all, without a daemon")
    d.restart()
    equal(urls(s, d, "ls"), [], "nothing is left")


@case
def keeping(s):
    "pin, unpin, validate and reset; the exit status tells"
    o = s.origin()
    d = s.spoolfs(mount=False)
    url = o.url("/gen/100K/1.mp4")
    ctl(s, d, "validate", url, status=1)
    ctl(s, d, "get", url)
    for what, want in (("pin", True), ("unpin", False)):
        ctl(s, d, what, url)
        equal(rows(s, d, "info", url)[0]["pinned"], want, what)
    equal(ctl(s, d, "validate", url), f"holds    {url}\n", "validate")
    o.version("/gen/100K/1.mp4", 2)
    equal(rows(s, d, "validate", url, status=3),
          [{"url": url, "result": "changed"}], "another version")
    ctl(s, d, "reset", url)
    wait_for(lambda: urls(s, d, "ls") == [url] and
             rows(s, d, "ls")[0]["complete"], "it to be here again")


@case
def naming(s):
    "add gives a name to a URL, also after a restart; remove takes it away"
    o = s.origin()
    d = s.spoolfs(ini=f'[file "given"]\nurl = {o.url("/gen/2K/2")}\n')
    url = o.url("/gen/1K/1.bin")
    equal(rows(s, d, "add", "film", url), [{"name": "film", "url": url}],
          "add")
    ctl(s, d, "add", "Amélie", url)
    ctl(s, d, "add", "\u009bJ", url)
    equal([x.split("\t")[0] for x in ctl(s, d, "names").splitlines()],
          ["given", "Amélie", "film", "?J"], "names for people")
    for name in ("Amélie", "\u009bJ"):
        ctl(s, d, "remove", name)
    ctl(s, d, "add", "film", o.url("/other"), status=1)
    ctl(s, d, "add", "a/b", url, status=1)
    ctl(s, d, "add", "film", "nonsense", status=1)
    equal(rows(s, d, "names"), [{"given": o.url("/gen/2K/2"), "film": url}],
          "names")
    path = ctl(s, d, "path", "film").strip()
    equal(path, f"{d.mnt}/film", "its path")
    equal(read(path), gen(1024, 1), "what is there")
    equal(rows(s, d, "info", "film")[0]["url"], url, "info by name")
    equal(ctl(s, d, "get", "film"), url + "\n", "get by name")
    d.unmount()
    d.restart()
    equal(read(path), gen(1024, 1), "after a restart")
    ctl(s, d, "remove", "given", status=1)
    ctl(s, d, "remove", "film")
    ctl(s, d, "remove", "film", status=1)
    wait_for(lambda: not os.path.isfile(path), "it to go from the mount")


@case
def watching(s):
    "watch prints events, also as JSON; it ends when the daemon does"
    o = s.origin()
    d = s.spoolfs(mount=False)
    p = s.popen(arguments(d, "watch", "--json"), stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)
    # Nothing says when it listens: it is given something until it does.
    url, seen = o.url("/gen/1M/1.mp4"), []
    while not select.select([p.stdout], [], [], 0.1)[0]:
        ctl(s, d, "rm", url)
        ctl(s, d, "get", url)
    while "complete" not in seen:
        event = json.loads(p.stdout.readline())
        equal(event["url"], url, "of what")
        seen.append(event["event"])
    d.terminate()
    error = p.communicate(timeout=20 * SLACK)[1]
    equal(p.returncode, 1, "exit")
    ok("has ended" in error, f"says so: {error}")


@case(limit=40)
def live(s):
    "watch on a terminal shows what is going on, again and again"
    o = s.origin("/gen/* wall=1M\n")
    d = s.spoolfs(mount=False)
    url = o.url("/gen/8M/1.mp4")
    ctl(s, d, "get", "-b", url)
    ours, theirs = pty.openpty()
    p = s.popen(arguments(d, "watch"), stdout=theirs)
    os.close(theirs)
    seen = b""
    while not re.search(rb"fetching +http://.*\033\[H", seen, re.S):
        seen += os.read(ours, 4096)
    ok(b"spoolfs 0." in seen, f"how it is: {seen[:200]}")
    p.kill()
    os.close(ours)


@case
def running(s):
    "status, url, path, reload and log-level; without a daemon it is said"
    o = s.origin()
    d = s.spoolfs(o.url("/gen/"), ini="token = open-sesame\n")
    ini = d.args[d.args.index("-c") + 1]
    equal(rows(s, d, "status")[0]["pid"], d.pid, "status")
    for option in ("-j", "--json"):
        p = s.run([SPOOLCTL, option, *arguments(d, "status")[1:]])
        equal((p.returncode, json.loads(p.stdout or "{}").get("pid")),
              (0, d.pid), f"{option} before the command: {p.stderr}")
    for line in (rf"mount +{d.mnt}", "offline +no"):
        ok(re.search(f"^{line}$", ctl(s, d, "status"), re.M), "in words")
    url = o.url("/gen/1K/1.bin")
    path = ctl(s, d, "path", url).strip()
    equal(path, f"{d.mnt}/1K/1.bin", "path below a base")
    equal(read(path), gen(1024, 1), "which is right")
    ctl(s, d, "path", o.url("/elsewhere/x.bin"), status=1)
    at = s.run(
        [SPOOLCTL, "-c", ini, "-o", f"cache_dir={d.cache}", "url", url]).stdout
    equal(fetch(at.strip()).body, gen(1024, 1), "its address, with the token")
    ctl(s, d, "reload")
    ctl(s, d, "log-level", "error")
    ctl(s, d, "log-level", "loud", status=1)
    d.terminate()
    for args in (["status"], ["watch"], ["get", url], ["pin", url],
                 ["reload"], ["names"]):
        p = s.run(arguments(d, *args))
        equal(p.returncode, 1, f"{args} without a daemon")
        ok("needs a running spoolfs" in p.stderr, f"says so: {p.stderr}")
    ctl(s, d, "path", url, status=1)


@case
def refused(s):
    "who may not ask is told so"
    if os.getuid():
        raise Skip("not root")
    d = s.spoolfs(mount=False)
    path = d.lock()["control"]
    for name in (s.dir, s.env["HOME"], d.cache, f"{d.cache}/lock",
                 s.env["XDG_RUNTIME_DIR"], os.path.dirname(path), path):
        os.chmod(name, 0o777)
    # Where the build is, they may not get.
    program = shutil.copy(SPOOLCTL, s.dir)
    another = "this socket is another user's"
    for why, *args in ((another, "status"), (another, "status", "--json"),
                       (another, "names"), ("refused", "watch", "--json")):
        p = s.run([program, *arguments(d, *args)[1:]], user=65534,
                  group=65534, extra_groups=[])
        equal((p.returncode, p.stdout), (1, ""), f"{args}: exit, output")
        ok(why in p.stderr, f"says so: {p.stderr}")
    ours, theirs = pty.openpty()
    p = s.popen([program, *arguments(d, "watch")[1:]], stdout=theirs,
                stderr=subprocess.PIPE, user=65534, group=65534,
                extra_groups=[])
    os.close(theirs)
    try:
        equal(p.wait(20 * SLACK), 1, "watch on a terminal: exit")
    finally:
        os.close(ours)


@case
def crowded(s):
    "who comes when others have all connections is told so"
    d = s.spoolfs(mount=False)
    path = d.lock()["control"]
    others = []
    for _ in range(64):
        c = socket.socket(socket.AF_UNIX)
        c.connect(path)
        others.append(c)
    for args in (["status"], ["names"], ["get", "http://127.0.0.1:1/x"]):
        p = s.run(arguments(d, *args))
        equal((p.returncode, p.stdout), (1, ""), f"{args}: exit, output")
        ok("too many connections" in p.stderr, f"says so: {p.stderr}")
    others.pop().close()
    wait_for(lambda: s.run(arguments(d, "status")).returncode == 0, "a place")
    for c in others:
        c.close()


@case
def documents(s):
    "--help, the manual and the completions name each command and option"
    text = s.run([SPOOLCTL, "--help"]).stdout
    commands = re.findall(r"^  ([a-z-]+) ", text.split("\noptions")[0], re.M)
    options = re.findall(r"--([a-z]+)", text.split("options of commands")[1])
    at_least(len(commands), 15, "commands")
    files = [open(os.path.join(TOP, x)).read() for x in
             ("http/spoolctl.1", "contrib/completions/spoolctl",
              "contrib/completions/_spoolctl")]
    for name in commands:
        ok(re.search(rf"^\.It Cm {name}\b", files[0], re.M),
           f"the manual has {name}")
        for completion in files[1:]:
            ok(re.search(rf"(?<![\w-]){name}(?![\w-])", completion),
               f"{name} is completed")
    for name in options:
        ok(re.search(rf"Fl -{name}\b", files[0]), f"the manual has --{name}")
        for completion in files[1:]:
            ok(f"--{name}" in completion, f"--{name} is completed")
    for name in re.findall(r"^\.It Cm ([a-z-]+)", files[0], re.M):
        ok(name in commands, f"{name} of the manual is a command")
    for words, want in (("--json -o a=b re", ["reset", "remove", "reload"]),
                        ("--j", ["--json"])):
        p = s.run(["bash", "-c", f". {TOP}/contrib/completions/spoolctl\n"
                   f"COMP_WORDS=(spoolctl {words})\n"
                   "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_spoolctl\n"
                   'echo "${COMPREPLY[@]}"'])
        equal(p.stdout.split(), want, f"{words} in bash")
    if shutil.which("zsh"):
        p = s.run(["zsh", "-n", f"{TOP}/contrib/completions/_spoolctl"])
        equal((p.returncode, p.stderr), (0, ""), "zsh takes its own")


main()
