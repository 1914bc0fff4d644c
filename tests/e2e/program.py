"""The program: command line, daemonising, signals, ways to mount and end."""
from spool import *


@case
def help_and_version(s):
    "--help and --version"
    p = s.run([SPOOLFS, "--help"])
    equal((p.returncode, p.stderr), (0, ""), "exit status")
    ok("MOUNTPOINT" in p.stdout, "it says how to call it")
    for key in ("cache_dir", "http", "connect_timeout", "stall_timeout",
                "read_timeout", "max_connections", "offline", "fill",
                "passthrough", "log_level"):
        ok(re.search(rf"\b{key}=", p.stdout), f"it names {key}")
    p = s.run([SPOOLFS, "--version"])
    equal(p.returncode, 0, "exit status")
    ok(re.match(r"spoolfs \d+\.\d+", p.stdout), p.stdout)


@case
def usage(s):
    "wrong command lines end with a line on stderr and a non-zero status"
    mnt = s.folder("m")
    cache = f"cache_dir={s.dir}/c"
    for args in ([], ["--nonsense", mnt], ["-o"], ["-c"],
                 ["http://a.example/", "b", mnt],
                 ["-o", cache, "ftp://a.example/", mnt],
                 ["-o", cache, "http://u:p@a.example/", mnt],
                 ["-o", cache, f"{s.dir}/none"],
                 ["-o", cache, s.write("file", "x")]):
        p = s.refused(*args)
        ok(p.stderr.startswith(("spoolfs: ", "usage: ", SPOOLFS)),
           f"{args}: {p.stderr!r}")
        equal(p.stdout, "", f"stdout of {args}")
        ok(mnt not in mounts(), "nothing is mounted")


@case
def daemonising(s):
    "the parent ends when the mount stands; the daemon lets go of everything"
    need_fuse()
    o = s.origin()
    mnt = s.folder("m")
    cache = s.file("cache")
    p = s.popen([SPOOLFS, "-o", f"cache_dir={cache},http=127.0.0.1:0", mnt],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = p.communicate(timeout=30 * SLACK)	# to the end of both pipes
    equal((p.returncode, err), (0, ""), "exit status and stderr")
    ok(re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", out), f"stdout: {out!r}")
    equal(mounts().get(mnt), "fuse.spoolfs", "mounted, and of which type")
    # Both stand already.
    equal(read(f"{mnt}/{name_of(o.url('/gen/99/1.mp4'))}"), gen(99, 1),
          "mount")
    equal(fetch(f"{out.strip()}{name_of(o.url('/gen/99/1.mp4'))}").body,
          gen(99, 1), "HTTP")
    with open(f"{cache}/lock") as f:
        rows = dict(x.strip().split("=", 1) for x in f)
    pid = int(rows["pid"])
    ok(pid != p.pid, "another process")
    equal(os.readlink(f"/proc/{pid}/cwd"), "/", "working folder")
    for fd in range(3):
        equal(os.readlink(f"/proc/{pid}/fd/{fd}"), "/dev/null", f"fd {fd}")
    ok(os.getsid(pid) != os.getsid(0), "a session of its own")
    equal(rows.get("mount"), mnt, "lock: mount")
    equal(rows.get("http"), out.strip(), "lock: http")
    subprocess.run(["fusermount3", "-u", mnt], check=True)
    ok(wait_exit(pid, 20 * SLACK), "it ends when unmounted")
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "status")


@case
def errors_reach_the_terminal(s):
    "what goes wrong in the daemon is said, and is the exit status"
    need_fuse()
    d = s.spoolfs()
    mnt = s.folder("m")
    p = s.refused("-o", f"cache_dir={d.cache},http=127.0.0.1:0", mnt)
    ok(d.cache in p.stderr or "in use" in p.stderr or "lock" in p.stderr,
       f"the cache is in use: {p.stderr!r}")
    p = s.refused("-o", f"cache_dir={s.dir}/c2,http={d.http}", mnt)
    ok(d.http in p.stderr, f"the port is in use: {p.stderr!r}")
    p = s.refused("-o", f"cache_dir={s.write('file', 'x')}/c,"
                  "http=127.0.0.1:0", mnt)
    ok("file" in p.stderr, f"no cache folder: {p.stderr!r}")
    ok(mnt not in mounts(), "nothing is mounted")
    equal(s.stray(), [], "processes left")
    equal(d.unmount(), 0, "the first one is unharmed")


@case
def signals(s):
    "SIGTERM and SIGINT unmount and end with 0, in both manners"
    for number in (signal.SIGTERM, signal.SIGINT):
        for detach in (False, True):
            o = s.origin()
            d = s.spoolfs(detach=detach)
            equal(read(d.path(o.url("/gen/9/1.mp4"))), gen(9, 1), "bytes")
            equal(d.terminate(number), 0, f"signal {number}")
    d = s.spoolfs()
    held = os.open(d.mnt, os.O_RDONLY)
    equal(d.terminate(), 0, "with the mount in use")
    os.close(held)


@case
def busy(s):
    "fusermount3 -u of a mount in use fails and changes nothing"
    o = s.origin()
    d = s.spoolfs()
    url = o.url("/gen/1M/1.mp4")
    with open(d.path(url), "rb", buffering=0) as f:
        equal(f.read(9), gen(1 << 20, 1, 1, 0, 9), "bytes")
        p = s.run(["fusermount3", "-u", d.mnt])
        ok(p.returncode != 0, "busy")
        equal(os.pread(f.fileno(), 9, 99), gen(1 << 20, 1, 1, 99, 9),
              "bytes")
    equal(d.unmount(), 0, "exit status")


@case
def no_mount(s):
    "--no-mount serves HTTP alone"
    o = s.origin()
    for detach in (False, True):
        d = s.spoolfs(mount=False, detach=detach)
        equal(fetch(d.url(o.url("/gen/99/1.mp4"))).body, gen(99, 1), "HTTP")
        equal(d.terminate(), 0, "exit status")
    p = s.refused("--no-mount", "-o", f"cache_dir={s.dir}/c,http=off")
    ok(p.stderr.strip(), "neither mount nor HTTP is nothing to do")


@case
def debug(s):
    "-d stays in the foreground and tells more"
    need_fuse()
    o = s.origin()
    mnt = s.folder("m")
    p = s.popen([SPOOLFS, "-d", "-o",
                 f"cache_dir={s.file('cache')},http=127.0.0.1:0", mnt],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ok(p.stdout.readline().startswith("http://"), "the address")
    wait_for(lambda: mnt in mounts(), "the mount")
    equal(read(f"{mnt}/{name_of(o.url('/gen/9/1.mp4'))}"), gen(9, 1),
          "bytes")
    equal(p.poll(), None, "it is in the foreground")
    p.terminate()
    _, err = p.communicate(timeout=20 * SLACK)
    equal(p.returncode, 0, "exit status")
    ok("fetch:" in err, f"debug lines: {err[:200]!r}")


@case
def http_off(s):
    "http=off listens nowhere and prints nothing"
    d = s.spoolfs(options={"http": "off"})
    equal(open(d.out).read(), "", "stdout")
    inodes = {os.readlink(f"/proc/{d.pid}/fd/{fd}")
              for fd in os.listdir(f"/proc/{d.pid}/fd")}
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{d.pid}/net/{table}") as f:
            for row in f.readlines()[1:]:
                fields = row.split()
                ok(fields[3] != "0A" or f"socket:[{fields[9]}]" not in inodes,
                   f"it listens at {fields[1]}")
    o = s.origin()
    equal(read(d.path(o.url("/gen/99/1.mp4"))), gen(99, 1), "mount")


@case
def addresses(s):
    "a chosen port, any port, IPv6"
    port = free_port()
    d = s.spoolfs(options={"http": f"127.0.0.1:{port}"})
    equal(d.http, f"127.0.0.1:{port}", "the chosen one")
    d = s.spoolfs()
    ok(d.http != "127.0.0.1:0", "any")
    equal(Raw(d.http).get("/").response().status, 200, "it answers")
    if os.path.exists("/proc/net/if_inet6"):
        d = s.spoolfs(options={"http": "[::1]:0"})
        ok(d.http.startswith("[::1]:"), f"IPv6: {d.http}")
        c = Raw("::1:" + d.http.rpartition(":")[2])
        equal(c.get("/", host="[::1]").response().status, 200, "IPv6")


@case
def fstab(s):
    "mount -t fuse.spoolfs, as from fstab"
    need_fuse()
    need("mount.fuse3")
    if os.getuid():
        raise Skip("not root")
    o = s.origin("/top/film.mp4 body=film\n")
    with fuse_type() as kind:
        from_fstab(s, o, kind)


def from_fstab(s, o, kind):
    for source, path in (
            (o.url("/top/"), "film.mp4"),
            ("none", f"http/127.0.0.1:{o.port}/top/film.mp4")):
        mnt, cache = s.folder("m"), s.file("cache")
        p = s.run(["mount", "-t", kind, source, mnt, "-o",
                   f"noauto,nofail,_netdev,user,noatime,ro,allow_other,"
                   f"x-systemd.automount,cache_dir={cache},"
                   "http=127.0.0.1:0"])
        equal(p.returncode, 0, f"mount {source}: {p.stderr}")
        equal(mounts().get(mnt), "fuse.spoolfs", "its type")
        equal(read(f"{mnt}/{path}"), b"film", f"bytes, {source}")
        with open(f"{cache}/lock") as f:
            pid = int(re.search(r"pid=(\d+)", f.read()).group(1))
        p = s.run(["umount", mnt])
        equal(p.returncode, 0, f"umount: {p.stderr}")
        ok(wait_exit(pid, 20 * SLACK), "it ends")


@case
def read_only(s):
    "writes get EROFS"
    o = s.origin()
    d = s.spoolfs()
    here = d.path(o.url("/gen/99/1.mp4"))
    folder = os.path.dirname(here)
    equal(read(here), gen(99, 1), "bytes")
    for what, act in (
            ("write", lambda: os.open(here, os.O_WRONLY)),
            ("read and write", lambda: os.open(here, os.O_RDWR)),
            ("append", lambda: os.open(here, os.O_WRONLY | os.O_APPEND)),
            ("O_TRUNC", lambda: os.open(here, os.O_RDONLY | os.O_TRUNC)),
            ("create", lambda: os.open(f"{folder}/n.mp4",
                                       os.O_CREAT | os.O_WRONLY)),
            # In the root, where names are known not to be there: the kernel
            # answers EEXIST before it asks otherwise.
            ("create in the root", lambda: os.open(
                f"{d.mnt}/n", os.O_CREAT | os.O_WRONLY)),
            ("mkdir", lambda: os.mkdir(f"{d.mnt}/n")),
            ("symlink", lambda: os.symlink(
                "x", d.path(o.url("/.hidden")))),
            ("link", lambda: os.link(here, f"{d.mnt}/n")),
            ("rename", lambda: os.rename(here, f"{d.mnt}/n")),
            ("truncate", lambda: os.truncate(here, 0)),
            ("chmod", lambda: os.chmod(here, 0o600)),
            ("utime", lambda: os.utime(here)),
            ("setxattr", lambda: os.setxattr(here, "user.x", b"y"))):
        fails_with(errno.EROFS, what, act)
    equal(read(here), gen(99, 1), "bytes, still")


@case
def relative(s):
    "a relative mount point, and a mount point with a space and a comma"
    need_fuse()
    o = s.origin()
    os.mkdir(f"{s.dir}/a b,c")
    for mnt in ("rel", "a b,c"):
        os.makedirs(f"{s.dir}/{mnt}", exist_ok=True)
        cache = s.file("cache")
        p = s.run([SPOOLFS, "-o", f"cache_dir={cache},http=off", mnt],
                  cwd=s.dir)
        equal(p.returncode, 0, f"{mnt}: {p.stderr}")
        equal(read(f"{s.dir}/{mnt}/{name_of(o.url('/gen/9/1.mp4'))}"),
              gen(9, 1), "bytes")
        with open(f"{cache}/lock") as f:
            pid = int(re.search(r"pid=(\d+)", f.read()).group(1))
        subprocess.run(["fusermount3", "-u", f"{s.dir}/{mnt}"], check=True)
        ok(wait_exit(pid, 20 * SLACK), "it ends")


@case
def twice(s):
    "two daemons with caches of their own do not meet"
    o = s.origin()
    a, b = s.spoolfs(), s.spoolfs()
    url = o.url("/gen/100kB/1.mp4")
    equal(read(a.path(url)), gen(100000, 1), "one")
    equal(read(b.path(url)), gen(100000, 1), "the other")
    equal(a.unmount(), 0, "one ends")
    equal(read(b.path(url)), gen(100000, 1), "the other goes on")


main()
