"""Names: how a URL is written below the mount point and the endpoint."""
from spool import *


@case
def pasted(s):
    "http/HOST, http:/HOST and http://HOST are one file, on both fronts"
    o = s.origin()
    d = s.spoolfs()
    want = gen(5000, 1)
    tail = f"127.0.0.1:{o.port}/gen/5000/1.mp4"
    for form in ("http/", "http:/", "http://"):
        equal(read(f"{d.mnt}/{form}{tail}"), want, f"mount, {form}")
        equal(fetch(f"http://{d.http}/{form}{tail}").body, want,
              f"HTTP, {form}")
    equal(o.stats()["requests"], 1, "requests in all")


@case
def queries(s):
    "a query is part of the name"
    o = s.origin('/v.mp4?id=1 body=one\n/v.mp4?id=2 body=two\n'
                 '/v.mp4 body=none\n/page?* body="a page"\n')
    d = s.spoolfs()
    for tail, want in (("/v.mp4?id=1", b"one"), ("/v.mp4?id=2", b"two"),
                       ("/v.mp4", b"none"), ("/page?q=x.y&z", b"a page")):
        equal(read(d.path(o.url(tail))), want, f"mount, {tail}")
        equal(fetch(d.url(o.url(tail))).body, want, f"HTTP, {tail}")
    equal([r["path"] for r in o.log()],
          ["/v.mp4?id=1", "/v.mp4?id=2", "/v.mp4", "/page?q=x.y&z"],
          "what the origin is asked for")
    equal(sorted(os.listdir(os.path.dirname(d.path(o.url("/v.mp4"))))),
          ["page?q=x.y&z", "v.mp4", "v.mp4?id=1", "v.mp4?id=2"], "listed")


@case
def query_with_slash(s):
    "a slash in a query does not make a folder"
    o = s.origin('/v.mp4?u=a/b body=slash\n/v.mp4?u=a%2Fb body=escaped\n')
    d = s.spoolfs()
    for tail, want in (("/v.mp4?u=a/b", b"slash"),
                       ("/v.mp4?u=a%2Fb", b"escaped")):
        equal(fetch(d.url(o.url(tail))).body, want, tail)
    names = os.listdir(d.path(o.url("/")))
    equal(len(names), 2, f"listed: {names}")
    o.reset()
    equal(sorted(read(d.path(o.url("/" + n))) for n in names),
          [b"escaped", b"slash"], "read by their listed names")
    equal(o.stats()["requests"], 0, "from the cache")


@case
def marked(s):
    "NAME.. is the file of a name that looks like a folder's"
    o = s.origin("/data body=file\n/v1.2/data body=below\n")
    d = s.spoolfs()
    ok(os.path.isdir(d.path(o.url("/data"))), "unmarked it is a folder")
    equal(o.stats()["requests"], 0, "which nobody is asked about")
    ok(os.path.isfile(d.path(o.url("/data.."))), "marked it is a file")
    equal(read(d.path(o.url("/data.."))), b"file", "its bytes")
    equal(read(d.path(o.url("/v1.2/data.."))), b"below", "below a dotted one")
    equal(sorted({r["path"] for r in o.log()}), ["/data", "/v1.2/data"],
          "asked for without the mark")
    wait_for(lambda: os.path.isfile(d.path(o.url("/data"))),
             "the cache to know that it is a file")
    equal(read(d.path(o.url("/data"))), b"file", "unmarked")


@case
def given(s):
    "names of the ini are in the root of both fronts and mean their URL"
    o = s.origin('/a/x?token=1 body=film\n/b body=other\n')
    d = s.spoolfs(ini=f'[file "film.mp4"]\nurl = {o.url("/a/x?token=1")}\n'
                  f'[file "no suffix"]\nurl = {o.url("/b")}\n')
    equal(sorted(os.listdir(d.mnt)),
          ["film.mp4", "http", "https", "no suffix"], "listed")
    equal(read(f"{d.mnt}/film.mp4"), b"film", "mount")
    equal(read(f"{d.mnt}/no suffix"), b"other", "mount, a space")
    equal(fetch(f"http://{d.http}/film.mp4").body, b"film", "HTTP")
    equal(fetch(f"http://{d.http}/no%20suffix").body, b"other", "HTTP, space")
    equal(fetch(f"http://{d.http}/none.mp4").status, 404, "another name")
    fails_with(errno.ENOENT, "another name", read, f"{d.mnt}/none.mp4")


@case
def base(s):
    "spoolfs URL MOUNTPOINT has the URL's tree as its root"
    o = s.origin('/top/film.mp4 body=film\n/top/d/a%20b.mp4?q=1 body=deep\n'
                 '/film.mp4 body=outside\n')
    for url in (o.url("/top/"), o.url("/top")):
        d = s.spoolfs(url)
        equal(read(f"{d.mnt}/film.mp4"), b"film", "in the root")
        equal(read(f"{d.mnt}/d/a b.mp4?q=1"), b"deep", "below")
        equal(sorted(os.listdir(d.mnt)), ["d", "film.mp4"], "listed")
        fails_with(errno.ENOENT, "a file that is not there", read,
                   f"{d.mnt}/none.mp4")
        equal(fetch(d.url(o.url("/top/film.mp4"))).body, b"film",
              "the endpoint has whole URLs")
        equal(d.unmount(), 0, "exit status")


@case
def escapes(s):
    "escapes are understood, names are shown decoded, URLs sent as given"
    o = s.origin('/a%20b.mp4 body=space\n/caf%c3%a9.mp4 body=accent\n'
                 '/p%25q.mp4 body=percent\n/x%2Fy.mp4 body=slash\n'
                 '/x/y.mp4 body=folder\n/a+b.mp4 body=plus\n')
    d = s.spoolfs()
    for name, want, asked in (
            ("/a%20b.mp4", b"space", "/a%20b.mp4"),
            ("/caf%c3%a9.mp4", b"accent", "/caf%c3%a9.mp4"),
            ("/p%25q.mp4", b"percent", "/p%25q.mp4"),
            ("/x%2Fy.mp4", b"slash", "/x%2Fy.mp4"),
            ("/x/y.mp4", b"folder", "/x/y.mp4"),
            ("/a+b.mp4", b"plus", "/a+b.mp4")):
        o.reset()
        equal(read(d.path(o.url(name))), want, f"mount, {name}")
        equal(o.log()[0]["path"], asked, f"sent for {name}")
        equal(fetch(d.url(o.url(name))).body, want, f"HTTP, {name}")
        equal(o.stats()["requests"], 1, f"requests for {name}")
    o.reset()
    for name, want in (("/a b.mp4", b"space"), ("/café.mp4", b"accent"),
                       ("/%61%20b.mp4", b"space")):
        equal(read(d.path(o.url(name))), want, f"the same file: {name}")
    equal(o.stats()["requests"], 0, "another spelling is no other file")
    names = os.listdir(d.path(o.url("/")))
    for name in ("a b.mp4", "café.mp4", "a+b.mp4"):
        ok(name in names, f"{name} is listed: {names}")
    equal(len(names), 6, f"each once: {names}")


@case
def decoded_first(s):
    "a name typed decoded is sent escaped"
    o = s.origin('/a%20b.mp4 body=space\n/caf%C3%A9.mp4 body=accent\n')
    d = s.spoolfs()
    equal(read(d.path(o.url("/a b.mp4"))), b"space", "space")
    equal(read(d.path(o.url("/café.mp4"))), b"accent", "accent")


@case
def no_guessing(s):
    "looking for what is not there asks the origin nothing"
    o = s.origin()
    d = s.spoolfs()
    for name in ("/.git", "/.hidden", "/.Trash-1000", "/autorun.inf",
                 "/folder/.git"):
        fails_with(errno.ENOENT, name, os.stat, d.path(o.url(name)))
    ok(os.path.isdir(d.path(o.url("/some/folder"))), "a folder")
    fails_with(errno.ENOENT, "no host", os.stat, f"{d.mnt}/http/nohost/")
    fails_with(errno.ENOENT, "no scheme", os.stat, f"{d.mnt}/ftp")
    s.run(["ls", "-laR", d.mnt])
    equal(o.stats()["requests"], 0, "requests")


@case
def missing(s):
    "a file that the origin does not have is ENOENT"
    o = s.origin()
    d = s.spoolfs()
    fails_with(errno.ENOENT, "stat", os.stat, d.path(o.url("/none.mp4")))
    fails_with(errno.ENOENT, "read", read, d.path(o.url("/none2.mp4")))
    equal(os.listdir(d.path(o.url("/"))), [], "nothing is listed")


@case
def folder_with_a_files_name(s):
    "what is redirected to itself plus / is a folder, and stays one offline"
    o = s.origin('/d.mp4 redirect=/d.mp4/ status=301\n'
                 '/d.mp4/ body="an index"\n/d.mp4/film.mp4 body=inside\n')
    d = s.spoolfs()
    folder = d.path(o.url("/d.mp4"))
    wait_for(lambda: os.path.isdir(folder), "it to be a folder")
    equal(read(f"{folder}/film.mp4"), b"inside", "a file in it")
    equal(os.listdir(folder), ["film.mp4"], "listed")
    d.unmount()
    o.stop()
    d.restart()
    ok(os.path.isdir(folder), "a folder, offline")
    equal(read(f"{folder}/film.mp4"), b"inside", "offline")


@case
def file_and_folder(s):
    "a file that is also a folder: both are kept"
    o = s.origin('/a.mp4 body=file\n/a.mp4/b.mp4 body=below\n')
    d = s.spoolfs()
    for _ in range(2):
        equal(fetch(d.url(o.url("/a.mp4"))).body, b"file", "HTTP, file")
        equal(fetch(d.url(o.url("/a.mp4/b.mp4"))).body, b"below",
              "HTTP, below")
        equal(read(d.path(o.url("/a.mp4.."))), b"file", "mount, marked")
        equal(read(d.path(o.url("/a.mp4/b.mp4"))), b"below", "mount, below")
        d.unmount()
        d.restart()
        o.script("* status=500\n")


@case
def suffixes(s):
    "names that end as the cache's own files do are no others' files"
    names = ["/x", "/x.part", "/x.meta", "/x.part.meta", "/x.meta.part",
             "/x%file", "/lock", "/%index", "/x.mp4", "/x.mp4.part"]
    o = s.origin("".join(f'{n.replace("%", "%25")} body="{n}"\n'
                         for n in names))
    d = s.spoolfs()
    for n in names:
        equal(fetch(d.url(o.url(n.replace("%", "%25")))).body, n.encode(), n)
    d.unmount()
    o.stop()
    d.restart()
    for n in names:
        equal(fetch(d.url(o.url(n.replace("%", "%25")))).body, n.encode(),
              f"{n}, from the cache")
    folder = os.path.join(d.mnt, "http", f"127.0.0.1:{o.port}")
    listed = os.listdir(folder)
    equal(len(listed), len(names), f"listed: {sorted(listed)}")
    equal(sorted(read(f"{folder}/{n}").decode() for n in listed),
          sorted(names), "read by their listed names")


@case
def long_names(s):
    "long components and queries"
    tails = ["/" + "a" * 255 + ".mp4", "/" + "a" * 256 + ".mp4",
             "/v.mp4?" + "q" * 1000, "/" + "/".join(["d" * 90] * 30) + ".mp4",
             "/" + "é" * 120 + ".mp4"]
    tails = [t.replace("é", "%C3%A9") for t in tails]
    o = s.origin("".join(f"{t} body={i}\n" for i, t in enumerate(tails)))
    d = s.spoolfs()
    for _ in range(2):
        for i, t in enumerate(tails):
            r = fetch(d.url(o.url(t)))
            equal((r.status, r.body), (200, str(i).encode()), t[:40])
        o.stop()
        d.unmount()
        d.restart()
    found = {}
    for top, _, files in os.walk(f"{d.mnt}/http"):
        for name in files:
            found[read(os.path.join(top, name))] = name
    equal(sorted(found), sorted(str(i).encode() for i in range(len(tails))),
          "found by walking the mount")
    equal(fetch(d.url(o.url("/" + "x" * 9000))).status, 414, "too long")


@case
def apart(s):
    "scheme, host, port and path keep files apart; the host's case does not"
    a, b = s.origin("/f.mp4 body=a\n"), s.origin("/f.mp4 body=b\n")
    d = s.spoolfs()
    equal(read(d.path(a.url("/f.mp4"))), b"a", "a port")
    equal(read(d.path(b.url("/f.mp4"))), b"b", "another port")
    equal(read(f"{d.mnt}/http/localhost:{a.port}/f.mp4"), b"a", "a name")
    equal(a.stats()["requests"], 2, "another host is another file")
    equal(fetch(f"http://{d.http}/http/LOCALHOST:{a.port}/f.mp4").body, b"a",
          "upper case")
    equal(a.stats()["requests"], 2, "is the same file")


@case
def strange(s):
    "what is no URL is refused; dot segments are resolved"
    o = s.origin("/b.mp4 body=b\n")
    d = s.spoolfs()
    at = f"127.0.0.1:{o.port}"
    equal(Raw(d.http).get(f"/http/{at}/a/../b.mp4").response().body, b"b",
          "dot segments")
    for target in (f"/http/u:p@{at}/b.mp4", "/http/",
                   f"/http/{at}:x/b.mp4", "/http/a%00b/x.mp4",
                   "/http/a b/x.mp4", "/http/999.999.1.1:0:1/x.mp4"):
        r = Raw(d.http).get(target.replace(" ", "%20")).response()
        equal(r.status, 400, target)
    one_of(fetch(f"http://{d.http}/ftp/{at}/x").status, (400, 404), "ftp")
    equal(o.stats()["requests"], 1, "requests")


main()
