"""Redirects: followed where it is safe, and no secret goes along."""
from faulty import becomes_kept, kept
from spool import *


def both(d, url):
    """The body by mount and by HTTP, or the errno's name and the status."""
    try:
        a = read(d.path(url))
    except OSError as error:
        a = errno.errorcode[error.errno]
    r = fetch(d.url(url))
    return a, r.body if r.status == 200 else r.status


@case
def followed(s):
    "relative, absolute, chained, of every kind"
    o = s.origin('/end.mp4 gen=300kB/1\n/d/end.mp4 gen=300kB/2\n'
                 '/d/rel.mp4 redirect=end.mp4\n/root.mp4 redirect=/end.mp4\n'
                 '/query.mp4 redirect=?x=1 times=1\n'
                 '/query.mp4 gen=300kB/3\n')
    script = ""
    for status in (301, 302, 303, 307, 308):
        script += f"/r{status}.mp4 redirect=/end.mp4 status={status}\n"
    for i in range(5):
        script += f"/chain{i}.mp4 redirect=/chain{i + 1}.mp4\n"
    script += "/chain5.mp4 gen=300kB/1\n"
    o2 = s.origin(f"/away.mp4 redirect={o.url('/end.mp4')}\n" + script +
                  "/end.mp4 gen=300kB/1\n")
    d = s.spoolfs()
    one, two, three = (gen(300000, i) for i in (1, 2, 3))
    for origin, path, want in (
            (o, "/root.mp4", one), (o, "/d/rel.mp4", two),
            (o, "/query.mp4", three), (o2, "/away.mp4", one),
            (o2, "/chain0.mp4", one),
            *((o2, f"/r{n}.mp4", one) for n in (301, 302, 303, 307, 308))):
        a, b = both(d, origin.url(path))
        ok(a == want and b == want, f"{path}: {a[:20]!r} {b!r:.20}")
        becomes_kept(d, origin.url(path), "whole")


@case
def never(s):
    "loops, chains without end and other schemes are errors, at once"
    o = s.origin('/loop.mp4 redirect=/loop.mp4\n'
                 '/a.mp4 redirect=/b.mp4\n/b.mp4 redirect=/a.mp4\n'
                 '/file.mp4 redirect=file:///etc/passwd\n'
                 '/ftp.mp4 redirect=ftp://127.0.0.1/x\n'
                 '/user.mp4 redirect=http://u:p@127.0.0.1/x\n'
                 '/none.mp4 status=302\n/bad.mp4 redirect=http://\n' +
                 "".join(f"/chain{i}.mp4 redirect=/chain{i + 1}.mp4\n"
                         for i in range(40)))
    d = s.spoolfs(options={"read_timeout": "6"})
    for path in ("/loop.mp4", "/a.mp4", "/file.mp4", "/ftp.mp4", "/user.mp4",
                 "/none.mp4", "/bad.mp4", "/chain0.mp4"):
        begin = time.monotonic()
        equal(both(d, o.url(path)), ("EIO", 502), path)
        at_most(time.monotonic() - begin, 4 * SLACK, f"{path}: seconds")
        equal(kept(d, o.url(path)).state, "nothing", f"{path}: in the cache")
    at_most(o.stats("/loop.mp4")["requests"], 100, "requests in the loop")


@case
def secrets_stay(s):
    "configured headers go to their origin only, not along a redirect"
    other = s.origin("/end.mp4 gen=300kB/1\n")
    o = s.origin(f"/away.mp4 redirect={other.url('/end.mp4')}\n"
                 "/near.mp4 redirect=/deep/end.mp4\n"
                 "/deep/end.mp4 gen=300kB/1\n")
    d = s.spoolfs(ini=f'[origin "{o.url("/")}"]\n'
                  "header = Authorization: Bearer hush\n"
                  "header = Cookie: a=hush\n")
    want = gen(300000, 1)
    equal(both(d, o.url("/away.mp4")), (want, want), "to another port")
    text = json.dumps(other.log())
    ok("hush" not in text, "the other origin saw nothing of it")
    ok("hush" in json.dumps(o.log("/away.mp4")), "its own origin did")
    equal(both(d, o.url("/near.mp4")), (want, want), "within the origin")
    ok("hush" in json.dumps(o.log("/deep/end.mp4")), "and there it goes on")


@case
def netrc_stays(s):
    "netrc's password does not follow to another host"
    netrc_file = s.write("home/.netrc",
                         "machine 127.0.0.1 login joe password hush\n")
    os.chmod(netrc_file, 0o600)
    other = s.origin("/end.mp4 body=x\n")
    away = f"http://localhost:{other.port}/end.mp4"
    o = s.origin(f"/away.mp4 redirect={away}\n")
    d = s.spoolfs()
    equal(read(d.path(o.url("/away.mp4"))), b"x", "bytes")
    for row in other.log():
        ok("authorization" not in {k.lower() for k, _ in row["headers"]},
           "the other host saw no password")


@case
def expired(s):
    "a signed target that expires in mid-download is resolved again"
    size = 20 << 20
    o = s.origin("".join(f"/{x}.mp4 redirect=/{x}?one times=1\n"
                         f"/{x}.mp4 redirect=/{x}?two\n"
                         f"/{x}?one gen={size}/1 drop=4M times=2\n"
                         f"/{x}?one status={status}\n"
                         f"/{x}?two gen={size}/1\n"
                         for x, status in (("m", 403), ("h", 410))))
    d = s.spoolfs()
    want = gen_sha256(size, 1)
    equal(sha256(d.path(o.url("/m.mp4"))), want, "mount")
    equal(http_sha256(d.url(o.url("/h.mp4"))), (200, want, size), "HTTP")
    statuses = {(r["path"], r["status"]) for r in o.log()}
    ok({("/m?one", 403), ("/h?one", 410)} <= statuses, "it did expire")
    for x in "mh":
        at_least(o.stats(f"/{x}.mp4")["requests"], 2, "asked again")
        becomes_kept(d, o.url(f"/{x}.mp4"), "whole")


@case
def expired_together(s):
    "a target that expires under several requests at once is no error"
    size = 100 << 20
    o = s.origin("/film.mp4 redirect=/signed?one\n"
                 f"/signed?one gen={size}/1\n")
    d = s.spoolfs(options={"fill": "none"})
    path = d.path(o.url("/film.mp4"))
    equal(pread(path, 4096, 0), gen(size, 1, 1, 0, 4096), "the head")
    # All of them are asked before the first refusal arrives.
    o.script("/film.mp4 redirect=/signed?two\n"
             "/signed?one delay=500ms status=403\n"
             f"/signed?two gen={size}/1\n")
    got = {}

    def one(off):
        try:
            got[off] = pread(path, 4096, off)
        except OSError as error:
            got[off] = errno.errorcode[error.errno]

    places = [n * (20 << 20) for n in range(1, 5)]
    threads = [threading.Thread(target=one, args=(off,)) for off in places]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    at_least(o.stats("/signed")["requests"], 4, "requests")
    for off in places:
        equal(got[off], gen(size, 1, 1, off, 4096), f"at {off}")


@case
def target_is_not_the_name(s):
    "the file keeps its own name and URL; two names of one target are two"
    o = s.origin("/a.mp4 redirect=/end.mp4\n/b.mp4 redirect=/end.mp4\n"
                 "/end.mp4 gen=300kB/1\n")
    d = s.spoolfs()
    for name in ("/a.mp4", "/b.mp4"):
        equal(read(d.path(o.url(name))), gen(300000, 1), name)
        equal(os.getxattr(d.path(o.url(name)), "user.xdg.origin.url"),
              o.url(name).encode(), "its URL")
    equal(sorted(os.listdir(d.path(o.url("/")))), ["a.mp4", "b.mp4"],
          "listed")


main()
