"""reading: the clients of the benches: one way to read a file and a URL, cheap
enough not to be what is measured (`floor` of the benches that need it)."""
import os
import socket
import threading
import time
import urllib.parse

BLOCK = 128 << 10	# what cat and cp read at a time


class FileReader:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self.fd).st_size
        self.buffer = memoryview(bytearray(BLOCK))

    def pread(self, length, off):
        got = 0
        while got < length:
            n = os.preadv(self.fd, [self.buffer[:min(length - got, BLOCK)]],
                          off + got)
            if not n:
                break
            got += n
        return got

    def blocks(self, off=0):
        """Read on from there, yielding how much came at a time."""
        os.lseek(self.fd, off, os.SEEK_SET)
        while True:
            n = os.readv(self.fd, [self.buffer])
            if not n:
                return
            yield n

    def close(self):
        try:
            os.close(self.fd)
        except OSError:		# a file system that has ended
            pass


class UrlReader:
    """One connection that is kept."""

    def __init__(self, url, timeout=60):
        parts = urllib.parse.urlsplit(url)
        self.host = parts.netloc
        self.target = url.split(parts.netloc, 1)[1]
        self.socket = socket.create_connection(
            (parts.hostname, parts.port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = memoryview(bytearray(2 * BLOCK))
        self.status = None

    def _ask(self, byte_range=None):
        text = f"GET {self.target} HTTP/1.1\r\nHost: {self.host}\r\n"
        if byte_range:
            text += f"Range: bytes={byte_range}\r\n"
        self.socket.sendall(text.encode() + b"\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(4096)
            if not piece:
                raise OSError("the server leaves")
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        fields = dict(x.lower().split(":", 1) for x in lines[1:])
        if self.status not in (200, 206):
            raise OSError(f"status {self.status}")
        return int(fields["content-length"]), len(body)

    def _pieces(self, byte_range):
        length, got = self._ask(byte_range)
        if got:
            yield got
        while got < length:
            n = self.socket.recv_into(self.buffer,
                                      min(len(self.buffer), length - got))
            if not n:
                raise OSError(f"{got} of {length} bytes")
            got += n
            yield n

    def pread(self, length, off):
        return sum(self._pieces(f"{off}-{off + length - 1}"))

    def blocks(self, off=0):
        return self._pieces(f"{off}-")

    def close(self):
        self.socket.close()


def reader(target):
    return UrlReader(target) if target.startswith("http://") else \
        FileReader(target)


def read_all(target, size=None):
    """Open it and read it to its end; the seconds that took."""
    begin = time.monotonic()
    r = reader(target)
    try:
        got = sum(r.blocks())
    finally:
        r.close()
    took = time.monotonic() - begin
    if size is not None and got != size:
        raise OSError(f"{got} bytes of {size}")
    return took


def read_together(targets, size=None):
    """One thread a target, all begun at once; seconds until the last one is
    done."""
    gate = threading.Barrier(len(targets) + 1)
    errors = []

    def run(target):
        gate.wait()
        try:
            read_all(target, size)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(t,), daemon=True)
               for t in targets]
    for t in threads:
        t.start()
    gate.wait()
    begin = time.monotonic()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return time.monotonic() - begin


def read_for(target, seconds, step=0.1, off=0):
    """Read on for so long: bytes that had come after each step."""
    r = reader(target)
    marks, total = [], 0
    begin = time.monotonic()
    try:
        for n in r.blocks(off):
            total += n
            while time.monotonic() - begin >= (len(marks) + 1) * step:
                marks.append(total)
            if len(marks) * step >= seconds:
                break
    finally:
        r.close()
    return marks
