"""clients: HTTP clients for the end-to-end tests, polite and raw."""
import hashlib
import http.client
import socket
import urllib.parse

from tap import equal, ok


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __getitem__(self, name):
        """A header field, or None."""
        return self.headers.get(name)


def fetch(url, method="GET", headers=None, body=None, timeout=60):
    """One request on a connection of its own; the target goes out as it is."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                            timeout=timeout)
    target = url.split(parts.netloc, 1)[1] or "/"
    try:
        connection.request(method, target, body=body, headers=headers or {})
        r = connection.getresponse()
        return Response(r.status, r.headers, r.read())
    finally:
        connection.close()


def http_sha256(url, timeout=120):
    """(status, digest, length) of a GET that is not held in memory."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                            timeout=timeout)
    digest, length = hashlib.sha256(), 0
    try:
        connection.request("GET", url.split(parts.netloc, 1)[1])
        r = connection.getresponse()
        for piece in iter(lambda: r.read(1 << 20), b""):
            digest.update(piece)
            length += len(piece)
        return r.status, digest.hexdigest(), length
    finally:
        connection.close()


class Raw:
    """A socket to an HTTP server, for what a client library would not do."""

    def __init__(self, address, timeout=30):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.file = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes)
                            else text.encode())
        return self

    def get(self, target, method="GET", host="127.0.0.1", **headers):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        return self.send("\r\n".join(lines) + "\r\n\r\n")

    def head(self):
        """The next response's (status, headers), its body still to come."""
        line = self.file.readline()
        ok(line.startswith(b"HTTP/1.1 "), f"a status line, not {line!r}")
        return int(line.split()[1]), http.client.parse_headers(self.file)

    def response(self, method="GET"):
        status, headers = self.head()
        length = 0
        if method != "HEAD" and status not in (204, 304):
            length = int(headers.get("Content-Length", 0))
        body = self.file.read(length)
        equal(len(body), length, "length of the body")
        return Response(status, headers, body)

    def closed(self):
        """True when the server has ended the stream."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()
