"""TLS: an origin is believed only with a certificate that holds."""
from faulty import becomes_kept, check_kept
from spool import *


def openssl(s, *args):
    need("openssl")
    p = s.run(["openssl", *args])
    equal(p.returncode, 0, f"openssl {args[0]}: {p.stderr}")


def authority(s, name):
    """(certificate, key) of a CA."""
    cert, key = f"{s.dir}/{name}.pem", f"{s.dir}/{name}.key"
    openssl(s, "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", key, "-out", cert)
    return cert, key


def certificate(s, ca, name, host="localhost", days=2):
    """(certificate, key) for a host, signed by a CA; days = 0: expired."""
    cert, key, req = (f"{s.dir}/{name}.{x}" for x in ("pem", "key", "csr"))
    openssl(s, "req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
            "-keyout", key, "-out", req)
    ext = s.write(f"{name}.ext", f"subjectAltName=DNS:{host}\n")
    openssl(s, "x509", "-req", "-in", req, "-CA", ca[0], "-CAkey", ca[1],
            "-CAcreateserial", "-days", str(days), "-extfile", ext, "-out",
            cert)
    return cert, key


def serve(s, script="/film.mp4 gen=300kB/1\n", **options):
    """(origin, daemon): ours over TLS, with a certificate that holds."""
    ca = authority(s, "ca")
    o = s.origin(script, tls=certificate(s, ca, "good"))
    return o, trusting(s, o, ca, **options)


def trusting(s, o, ca, **options):
    return s.spoolfs(ini=f'[origin "{o.url("/")}"]\nca_file = {ca[0]}\n',
                     options=options)


def both(d, url):
    try:
        a = read(d.path(url))
    except OSError as error:
        a = errno.errorcode[error.errno]
    r = fetch(d.url(url))
    return a, r.body if r.status == 200 else r.status


def behind_nginx(s, http2=False):
    """(origin, daemon): nginx over TLS."""
    ca, www = authority(s, "ca"), s.folder("www")
    s.write(f"{www}/film.mp4", gen(300000, 1))
    n = s.nginx(www, cert=certificate(s, ca, "good"), http2=http2)
    return n, trusting(s, n, ca)


@case
def trusted(s):
    "https with a CA of its own (ca_file)"
    n, d = behind_nginx(s)
    want = gen(300000, 1)
    equal(both(d, n.url("/film.mp4")), (want, want), "bytes")
    equal(read(f"{d.mnt}/https://localhost:{n.port}/film.mp4"), want,
          "pasted")
    d.unmount()
    n.stop()
    d.restart()
    equal(both(d, n.url("/film.mp4")), (want, want), "offline")


@case
def http2(s):
    "HTTP/2 is used where it is offered"
    p = s.run(["/usr/sbin/nginx", "-V"])
    if "http_v2_module" not in p.stderr:
        raise Skip("nginx without HTTP/2")
    n, d = behind_nginx(s, http2=True)
    want = gen(300000, 1)
    equal(both(d, n.url("/film.mp4")), (want, want), "bytes")
    wait_for(n.log, "the origin's log")
    equal({r["proto"] for r in n.log()}, {"HTTP/2.0"}, "protocol")


@case
def not_trusted(s):
    "an unknown CA, another name, an expired one: EIO and 502"
    ca, other = authority(s, "ca"), authority(s, "other")
    good = certificate(s, ca, "good")
    for what, cert, ca_file in (
            ("a CA of another", good, other[0]),
            ("no CA of ours", good, None),
            ("another name", certificate(s, ca, "name", "other.example"),
             ca[0]),
            ("expired", certificate(s, ca, "old", days=0), ca[0]),
            ("self-signed", authority(s, "localhost"), ca[0])):
        o = s.origin("/film.mp4 gen=300kB/1\n", tls=cert)
        ini = f'[origin "{o.url("/")}"]\n'
        ini += f"ca_file = {ca_file}\n" if ca_file else "user_agent = x\n"
        d = s.spoolfs(ini=ini, options={"read_timeout": "10"})
        begin = time.monotonic()
        equal(both(d, o.url("/film.mp4")), ("EIO", 502), what)
        at_most(time.monotonic() - begin, 5 * SLACK,
                "seconds: no use in trying again")
        equal(o.log(), [], "no request was made")
        equal(d.data(o.url("/film.mp4")), None, "nothing is in the cache")


@case
def not_down(s):
    "a redirect from https to http is not followed"
    clear = s.origin("/film.mp4 gen=300kB/1\n")
    o, d = serve(s, f"/down.mp4 redirect={clear.url('/film.mp4')}\n"
                 "/same.mp4 redirect=/film.mp4\n/film.mp4 gen=300kB/1\n")
    equal(both(d, o.url("/down.mp4")), ("EIO", 502), "down")
    equal(clear.stats()["requests"], 0, "nothing was asked in the clear")
    want = gen(300000, 1)
    equal(both(d, o.url("/same.mp4")), (want, want), "https to https")
    ok(all(r["tls"] for r in o.log()), "with TLS alone")


@case
def drops(s):
    "dropped, reset, stalled in mid-body: it goes on where it was"
    size = 4 << 20
    want = gen_sha256(size, 1)
    for how in ("drop=1M", "reset=1M", "stall=1M times=1"):
        o, d = serve(s, "".join(f"/{x}.mp4 gen={size}/1 {how}\n"
                                f"/{x}.mp4 gen={size}/1\n" for x in "mh"),
                     stall_timeout="1")
        equal(sha256(d.path(o.url("/m.mp4"))), want, f"mount, {how}")
        equal(http_sha256(d.url(o.url("/h.mp4"))), (200, want, size),
              f"HTTP, {how}")
        for path in ("/m.mp4", "/h.mp4"):
            rows = o.log(path)
            ok(any(r["end"] == how[:how.index("=")] for r in rows) or
               "stall" in how, f"{how} took place")
            at_most(o.sent(path), size * 1.5, f"bytes sent, {how}")
            becomes_kept(d, o.url(path), "whole")


@case
def truncated(s):
    "the end of the connection is the end of the body only if TLS says so"
    size = 300000
    rule = f"gen={size}/1 ranges=off length=close"
    o, d = serve(s, f"/whole.mp4 {rule}\n/cut.mp4 {rule} drop=100kB\n"
                 f"/once.mp4 {rule} drop=100kB times=1\n/once.mp4 {rule}\n",
                 read_timeout="3")
    want = gen(size, 1)
    for path in ("/whole.mp4", "/once.mp4"):
        equal(both(d, o.url(path)), (want, want), path)
    url = o.url("/cut.mp4")
    with open(d.path(url), "rb", buffering=0) as f:
        equal(os.pread(f.fileno(), 50000, 0), want[:50000], "what came")
        fails_with((errno.EIO, errno.ETIMEDOUT), "past the cut", os.pread,
                   f.fileno(), 1000, 100000)
    try:
        body, end = fetch(d.url(url)).body, "the end"
    except http.client.IncompleteRead as short:
        body, end = short.partial, "a cut"
    equal((body, end), (want[:100000], "a cut"), "HTTP")
    becomes_kept(d, url, "part")
    equal(check_kept(d, url, want).present, [(0, 100000)], "in the cache")


@case
def missing_ca(s):
    "a ca_file that is not there is an error, not less checking"
    n = s.origin("/film.mp4 gen=300kB/1\n",
                 tls=certificate(s, authority(s, "ca"), "good"))
    ini = f'[origin "{n.url("/")}"]\nca_file = {s.dir}/none.pem\n'
    path, mnt = s.ini(ini), s.folder("m")
    p = s.run([SPOOLFS, "-c", path, "-o",
               f"cache_dir={s.dir}/c,http=127.0.0.1:0", mnt])
    if p.returncode == 0:	# then it must fail when it is needed
        try:
            fails_with(errno.EIO, "read", read,
                       f"{mnt}/https/localhost:{n.port}/film.mp4")
        finally:
            subprocess.run(["fusermount3", "-u", mnt])
    else:
        ok("none.pem" in p.stderr, p.stderr)


main()
