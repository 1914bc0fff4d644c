"""servers: the origins of the end-to-end tests: our scripted one, its generated
content, nginx, and a proxy in front of none."""
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading

from clients import fetch
from files import program, free_port, need
from tap import Skip, at_most, note, ok, wait_for

ORIGIN = program("ORIGIN", "tests/origin/origin")


# ---- generated content: the origin's /gen/SIZE/SEED, see tests/README.md ----

_M = (1 << 64) - 1
_GOLDEN = 0x9e3779b97f4a7c15


def _mix(z):
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & _M
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & _M
    return z ^ (z >> 31)


def gen(size, seed, version=1, off=0, length=None):
    """Bytes [off, off + length) of it; meant for small ranges."""
    end = size if length is None else min(size, off + length)
    if off >= end:
        return b""
    base = _mix((seed + version * _GOLDEN) & _M)
    words = (_mix((base + i * _GOLDEN) & _M)
             for i in range(off // 8, (end + 7) // 8))
    data = b"".join(w.to_bytes(8, "little") for w in words)
    return data[off % 8:off % 8 + end - off]


def gen_sha256(size, seed, version=1):
    p = subprocess.Popen([ORIGIN, "--gen", f"{size}/{seed}/{version}"],
                         stdout=subprocess.PIPE)
    digest = hashlib.sha256()
    for piece in iter(lambda: p.stdout.read(1 << 20), b""):
        digest.update(piece)
    p.stdout.close()
    ok(p.wait() == 0, "origin --gen works")
    return digest.hexdigest()


# ---- origins ---------------------------------------------------------------

class Origin:
    """Our scripted origin. tests/README.md has its language. tls: (certificate,
    key); what controls it goes in the clear all the same."""

    def __init__(self, sandbox, script="", root=None, port=0, tls=None):
        self.sandbox = sandbox
        self.tls = tls
        self._args = [ORIGIN, "--with-parent"]
        if tls:
            _need_tls(sandbox)
            self._args += ["--tls", *tls]
        if root:
            self._args += ["--root", root]
        self.port = port
        self.start()
        if script:
            self.script(script)

    def start(self):
        self.process = self.sandbox.popen(
            self._args + ["--port", str(self.port)],
            stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        ok(line.strip().isdigit(), "the origin starts and says its port")
        self.port = int(line)

    def stop(self):
        """Away, as if the machine had been switched off (but politely)."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def url(self, path="/"):
        where = "https://localhost" if self.tls else "http://127.0.0.1"
        return f"{where}:{self.port}{path}"

    def control(self, what, body=None):
        r = fetch(f"http://127.0.0.1:{self.port}/-/{what}",
                  "GET" if body is None else "POST", body=body)
        ok(r.status == 200, f"origin: {what}: {r.status} {r.body!r}")
        return r.body.decode()

    def script(self, text):
        self.control("script", text.encode())

    def version(self, path, number):
        self.control("version", f"{path} {number}".encode())

    def release(self):
        self.control("release", b"")

    def reset(self):
        self.control("reset", b"")

    def log(self, path=None):
        """Requests as dicts, oldest first; of one path without query."""
        rows = [json.loads(x) for x in self.control("log").splitlines()]
        return [r for r in rows
                if path is None or r["path"].split("?")[0] == path]

    def stats(self, path=None):
        return json.loads(self.control("stats" + (f"?{path}" if path
                                                  else "")))

    def sent(self, path=None):
        """Bytes of bodies so far. Of a request that was cut short, up to
        some 100 kB of these may never have arrived."""
        return self.stats(path)["sent"]

    def fetched_once(self, size, path=None, what="it"):
        """All that was asked for of a file, or of files of so many bytes in
        all, was asked for once; what was on the way when a request was let go
        does not count."""
        rows = self.log(path)
        whole = sum(r["sent"] for r in rows if r["end"] == "ok")
        total, cut = self.sent(path), [r for r in rows if r["end"] != "ok"]
        if cut:
            note(f"{what}: {total / size:.2f} times in {len(rows)} requests")
        at_most(whole, size, f"{what}: bytes of answers that went to their end")
        at_most(total, size + (len(cut) << 22), f"{what}: bytes")


def _need_tls(sandbox):
    p = sandbox.run([ORIGIN, "--tls", "/", "/"])
    if "built without TLS" in p.stderr:
        raise Skip("the origin is built without TLS")


def range_start(request):
    """First byte that a request of an origin's log asks for."""
    text = request.get("range")
    return int(re.match(r"bytes=(\d+)-", text).group(1)) if text else 0


NGINX_CONF = """
daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    types {{ video/mp4 mp4; text/plain txt; text/html html; }}
    default_type application/octet-stream;
    sendfile on;
    log_format json escape=json '{{"method":"$request_method",'
        '"path":"$request_uri","status":$status,"sent":$body_bytes_sent,'
        '"range":"$http_range","conn":$connection,'
        '"proto":"$server_protocol"}}';
    access_log {dir}/nginx-access.log json;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
    fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5;
    server {{
        listen 127.0.0.1:{port}{ssl};
        root {root};
        {extra}
    }}
}}
"""


class Nginx:
    """nginx, the well-behaved origin. cert: (certificate, key) for TLS."""

    def __init__(self, sandbox, root, extra="", cert=None, http2=False):
        need("nginx")
        self.sandbox = sandbox
        self.cert = cert
        self.dir = sandbox.folder("nginx")
        self.port = free_port()
        ssl = ""
        if cert:
            ssl = " ssl http2" if http2 else " ssl"
            extra += (f"ssl_certificate {cert[0]};"
                      f"ssl_certificate_key {cert[1]};")
        self.conf = os.path.join(self.dir, "nginx.conf")
        with open(self.conf, "w") as f:
            f.write(NGINX_CONF.format(dir=self.dir, port=self.port, ssl=ssl,
                                      root=root, extra=extra))
        self.start()

    def start(self):
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
        self.process = self.sandbox.popen(
            [nginx, "-p", self.dir, "-c", self.conf,
             "-e", os.path.join(self.dir, "nginx-error.log")])
        wait_for(self._answers, "nginx to listen")

    def _answers(self):
        ok(self.process.poll() is None, "nginx keeps running")
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        except ConnectionRefusedError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def url(self, path="/"):
        scheme, host = ("https", "localhost") if self.cert else \
            ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}{path}"

    def log(self):
        """Finished requests."""
        with open(os.path.join(self.dir, "nginx-access.log")) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]


# ---- a proxy ---------------------------------------------------------------

class Proxy:
    """Says "hi" to whatever is asked through it. seen: the request lines."""

    def __init__(self):
        self.seen = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as f:
                self.seen.append(f.readline())
                while f.readline().strip():
                    pass
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2"
                                   b"\r\nConnection: close\r\n\r\nhi")

    def close(self):
        self._listener.close()
