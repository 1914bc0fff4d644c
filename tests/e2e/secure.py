"""TLS: an origin is believed only with a certificate that holds."""
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
    """(certificate, key) for a host, signed by a CA; days < 0: expired."""
    cert, key, req = (f"{s.dir}/{name}.{x}" for x in ("pem", "key", "csr"))
    openssl(s, "req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
            "-keyout", key, "-out", req)
    ext = s.write(f"{name}.ext", f"subjectAltName=DNS:{host}\n")
    openssl(s, "x509", "-req", "-in", req, "-CA", ca[0], "-CAkey", ca[1],
            "-CAcreateserial", "-days", str(days), "-extfile", ext, "-out",
            cert)
    return cert, key


def serve(s, cert, extra="", http2=False):
    www = s.folder("www")
    s.write(f"{www}/film.mp4", gen(300000, 1))
    return s.nginx(www, extra, cert=cert, http2=http2)


def both(d, url):
    try:
        a = read(d.path(url))
    except OSError as error:
        a = errno.errorcode[error.errno]
    r = fetch(d.url(url))
    return a, r.body if r.status == 200 else r.status


@case
def trusted(s):
    "https with a CA of its own (ca_file)"
    ca = authority(s, "ca")
    n = serve(s, certificate(s, ca, "good"))
    d = s.spoolfs(ini=f'[origin "{n.url("/")}"]\nca_file = {ca[0]}\n')
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
    ca = authority(s, "ca")
    n = serve(s, certificate(s, ca, "good"), http2=True)
    d = s.spoolfs(ini=f'[origin "{n.url("/")}"]\nca_file = {ca[0]}\n')
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
            ("expired", certificate(s, ca, "old", days=-1), ca[0]),
            ("self-signed", authority(s, "localhost"), ca[0])):
        n = serve(s, cert)
        ini = f'[origin "{n.url("/")}"]\n'
        ini += f"ca_file = {ca_file}\n" if ca_file else "user_agent = x\n"
        d = s.spoolfs(ini=ini, options={"read_timeout": "10"})
        begin = time.monotonic()
        equal(both(d, n.url("/film.mp4")), ("EIO", 502), what)
        at_most(time.monotonic() - begin, 5 * SLACK,
                "seconds: no use in trying again")
        equal(n.log(), [], "no request was made")
        n.stop()


@case
def not_down(s):
    "a redirect from https to http is not followed"
    o = s.origin("/film.mp4 gen=300kB/1\n")
    ca = authority(s, "ca")
    n = serve(s, certificate(s, ca, "good"),
              f"location /down.mp4 {{ return 302 {o.url('/film.mp4')}; }}\n"
              "location /same.mp4 { return 302 /film.mp4; }\n")
    d = s.spoolfs(ini=f'[origin "{n.url("/")}"]\nca_file = {ca[0]}\n')
    equal(both(d, n.url("/down.mp4")), ("EIO", 502), "down")
    equal(o.stats()["requests"], 0, "nothing was asked in the clear")
    want = gen(300000, 1)
    equal(both(d, n.url("/same.mp4")), (want, want), "https to https")


@case
def missing_ca(s):
    "a ca_file that is not there is an error, not less checking"
    ca = authority(s, "ca")
    n = serve(s, certificate(s, ca, "good"))
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
