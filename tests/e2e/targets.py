"""What may be asked for: allow, deny, private_targets, and what never is."""
from spool import *


class Daemon:
    """spoolfs without a mount that finds these names at these addresses."""

    def __init__(self, s, names, ini):
        need("unshare")
        if os.getuid():
            raise Skip("not root")
        hosts = s.write("hosts", "127.0.0.1 localhost\n" + "".join(
            f"{address} {name}\n" for name, address in names.items()))
        self.ini = s.ini(ini)
        self.out, self.err = s.file("out"), s.file("err")
        self.process = s.popen(
            ["unshare", "-m", "sh", "-c",
             'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", hosts,
             SPOOLFS, "-f", "--no-mount", "-c", self.ini, "-o",
             f"cache_dir={s.folder('c')},http=127.0.0.1:0"],
            stdout=open(self.out, "wb"), stderr=open(self.err, "wb"))
        wait_for(lambda: self.process.poll() is not None or
                 open(self.out).read(), "an address", 20 * SLACK)
        if self.process.poll() is not None:
            raise Skip(f"no namespace: {self.log()}")
        self.http = open(self.out).read().split("/")[2]

    def log(self):
        return open(self.err).read()

    def status(self, url):
        return fetch(f"http://{self.http}/{name_of(url)}").status

    def reload(self, s, text):
        before = len(self.log())
        s.write(os.path.basename(self.ini), text)
        os.kill(self.process.pid, signal.SIGHUP)
        wait_for(lambda: "read again" in self.log()[before:], "the reload",
                 20 * SLACK)

    def end(self):
        self.process.terminate()
        equal(self.process.wait(20 * SLACK), 0, "exit status")


def both(d, url):
    """The status by HTTP, having seen that the mount says the same."""
    try:
        read(d.path(url))
        error = 0
    except OSError as failure:
        error = failure.errno
    status = fetch(d.url(url)).status
    equal(error, {200: 0, 403: errno.EACCES}.get(status, -1),
          f"{url}: the mount, where HTTP says {status}")
    return status


@case
def lists(s):
    "allow and deny hold for mount and endpoint, and nothing is asked"
    inner, other = s.origin("* body=x\n"), s.origin("* body=x\n")
    d = s.spoolfs(ini=f"allow = {inner.url('/a/')} {inner.url('/b/')}\n"
                  f"deny = {inner.url('/b/no/')}\n")
    equal(both(d, inner.url("/a/x.mp4")), 200, "allowed")
    equal(both(d, inner.url("/b/x.mp4")), 200, "allowed")
    inner.reset()
    begin = time.monotonic()
    equal(both(d, inner.url("/b/no/x.mp4")), 403, "denied")
    equal(both(d, inner.url("/c/x.mp4")), 403, "not allowed")
    equal(both(d, other.url("/a/x.mp4")), 403, "another origin")
    at_most(time.monotonic() - begin, 5 * SLACK, "seconds")
    equal(inner.log() + other.log(), [], "requests")


@case
def redirected(s):
    "a redirect to what may not be asked for is refused, and not followed"
    other = s.origin("* body=secret\n")
    o = s.origin(f"/away.mp4 redirect={other.url('/x.mp4')}\n"
                 f"/meta.mp4 redirect=http://169.254.169.254/latest/\n"
                 f"/odd.mp4 redirect=http://2852039166/latest/\n"
                 "* body=x\n")
    d = s.spoolfs(ini=f"deny = {other.url('/')}\n")
    begin = time.monotonic()
    for path in ("/away.mp4", "/meta.mp4", "/odd.mp4"):
        equal(both(d, o.url(path)), 403, path)
    at_most(time.monotonic() - begin, 8 * SLACK, "seconds, none tried again")
    equal(other.log(), [], "requests")
    equal(both(d, o.url("/a.mp4")), 200, "the origin itself")


@case
def metadata(s):
    "the addresses of a cloud's metadata are never asked unless they are named"
    d = s.spoolfs()
    begin = time.monotonic()
    for host in ("169.254.169.254", "0xa9fea9fe", "[fe80::1]",
                 "[::ffff:169.254.169.254]", "[fd00:ec2::254]",
                 "[64:ff9b::a9fe:a9fe]"):
        equal(fetch(f"http://{d.http}/http/{host}/latest/").status, 403, host)
    fails_with(errno.EACCES, "the mount", os.stat,
               f"{d.mnt}/http/169.254.169.254/credentials.txt")
    at_most(time.monotonic() - begin, 5 * SLACK, "seconds")


@case
def resolved(s):
    "it is the address that counts, when a connection is made and when it is used"
    o = s.origin("* body=x\n")
    at = f"inner.test:{o.port}"
    d = Daemon(s, {"inner.test": "127.0.0.1", "meta.test": "169.254.169.254",
                   "six.test": "::ffff:169.254.169.254"}, "")
    equal(d.status(f"http://{at}/a.mp4"), 200, "a private address")
    for name in ("meta.test", "six.test"):
        equal(d.status(f"http://{name}/a.mp4"), 403, name)
    # A connection is open now; the next request would use it.
    d.reload(s, "private_targets = no\n")
    o.reset()
    for host in (at, o.url("/")[7:-1], f"localhost:{o.port}",
                 f"2130706433:{o.port}"):
        equal(d.status(f"http://{host}/b.mp4"), 403, host)
    equal(d.status(f"http://{at}/a.mp4"), 200, "what is cached, still fresh")
    d.reload(s, "private_targets = no\nallow = 127.0.0.1\n")
    equal(d.status(f"http://{at}/c.mp4"), 200, "named by its address")
    d.reload(s, "deny = inner.test\n")
    equal(d.status(f"http://{at}/d.mp4"), 403, "denied by name")
    d.reload(s, "")
    equal(d.status(f"http://{at}/e.mp4"), 200, "and as at first")
    d.end()


@case
def through_a_proxy(s):
    "a proxy's own address is not the target's, whose text is judged"
    p = Proxy()
    for by_environment in (False, True):
        section = "" if by_environment else f'[origin "*"]\nproxy = {p.url}\n'
        if by_environment:
            s.env["http_proxy"] = p.url
        d = s.spoolfs(ini=f"private_targets = no\n{section}")
        p.seen.clear()
        equal(fetch(d.url("http://10.0.0.1/a.mp4")).status, 403, "private")
        equal(fetch(d.url("http://169.254.169.254/")).status, 403, "metadata")
        equal(fetch(d.url("http://localhost/a.mp4")).status, 403, "localhost")
        equal(p.seen, [], "requests")
        equal(fetch(d.url("http://far.test/a.mp4")).body, b"hi", "a name")
        ok(p.seen[0].startswith(b"GET http://far.test/a.mp4 "), f"{p.seen}")
    p.close()


main()
