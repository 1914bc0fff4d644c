"""Five hundred clients at once, of one cold file and of as many: every byte is
fetched once, descriptors and memory are bounded, and who asks for what is here
does not wait for them."""
import selectors

from spool import *

CROWD = 500
MEMORY = 256 << 10		# for each client


class Client:
    """A GET whose body is compared with what it must be as it comes."""

    def __init__(self, selector, address, target, want):
        self.want, self.got, self.head = want, 0, b""
        self.socket = socket.create_connection(address, 30)
        self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            "\r\n".encode())
        self.socket.setblocking(False)
        selector.register(self.socket, selectors.EVENT_READ, self)

    def take(self):
        """What has come; True: that was all."""
        data = self.socket.recv(1 << 18)
        ok(data, f"the connection stays open, after {self.got} bytes")
        if not self.got and b"\r\n\r\n" not in self.head:
            self.head += data
            head, end, data = self.head.partition(b"\r\n\r\n")
            if not end:
                return False
            ok(head.startswith(b"HTTP/1.1 200 "), f"200, not {head[:60]}")
            self.head = head + end
        ok(data == self.want[self.got:self.got + len(data)],
           f"right bytes from {self.got} on")
        self.got += len(data)
        return self.got == len(self.want)


class Warm(threading.Thread):
    """Asks again and again for what is here: how long it takes to the first
    byte of the answer."""

    def __init__(self, d, url):
        super().__init__(daemon=True)
        self.d, self.target = d, "/" + name_of(url)
        self.took, self.problem = [], None
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            begin = time.monotonic()
            try:
                c = Raw(self.d.http).get(self.target, Range="bytes=0-16383")
                status, _ = c.head()
                c.file.read(1)
                self.took.append(time.monotonic() - begin)
                equal((status, len(c.file.read(16383))), (206, 16383),
                      "status and bytes")
                c.close()
            except (Failure, OSError) as problem:
                self.problem = problem
                return

    def stop(self):
        self.over.set()
        self.join()
        ok(not self.problem, f"warm requests: {self.problem}")
        took = sorted(self.took)
        at_least(len(took), 10, "warm requests beside the crowd")
        p99 = took[len(took) * 99 // 100]
        note(f"{len(took)} warm requests: p99 {p99 * 1000:.1f} ms, median "
             f"{took[len(took) // 2] * 1000:.1f} ms to the first byte")
        at_most(p99, 2 * SLACK, "seconds to the first byte, p99")


def crowd(o, d, want_of):
    """want_of: path -> bytes, of each client's file."""
    at = d.fds()
    calm = d.resident()
    warm = o.url("/gen/64K/9999.mp4")
    equal(fetch(d.url(warm)).status, 200, "what will be warm")
    host, _, port = d.http.partition(":")
    selector = selectors.DefaultSelector()
    begin = time.monotonic()
    clients = [Client(selector, (host, int(port)), "/" + name_of(o.url(path)),
                      want) for path, want in want_of]
    probe = Warm(d, warm)
    left, fds, memory, looked = len(clients), 0, 0, 0
    while left:
        events = selector.select(30 * SLACK)
        ok(events, f"{left} clients get on")
        for key, _ in events:
            if key.data.take():
                selector.unregister(key.fileobj)
                left -= 1
        if time.monotonic() > looked + 0.1:
            fds, memory = max(fds, d.fds()), max(memory, d.resident())
            looked = time.monotonic()
    took = time.monotonic() - begin
    probe.stop()
    for c in clients:
        c.socket.close()
    note(f"{took:.1f} s, {fds} descriptors, {memory >> 20} MiB of memory, "
         f"{(memory - calm) >> 20} more than before, {d.threads()} threads")
    return fds - at, memory - calm


@case(limit=180)
def one_file(s):
    "500 clients of one cold file: it is fetched once, and warm ones are quick"
    size = 1 << 20
    path = f"/gen/{size}/1.mp4"
    o = s.origin(f"{path} link=512K\n")
    d = s.spoolfs(mount=False, options={"max_clients": 2 * CROWD})
    want = memoryview(gen(size, 1))
    fds, memory = crowd(o, d, [(path, want)] * CROWD)
    equal(o.sent(path), size, "bytes from the origin")
    at_most(fds, 2 * CROWD + 60, "descriptors")
    if not SANITIZED:
        at_most(memory, CROWD * MEMORY, "bytes of memory")


@case(limit=180)
def many_files(s):
    "500 clients of 500 cold files: each is fetched once, and warm ones are quick"
    size = 128 << 10
    data = memoryview(os.urandom(CROWD * size))
    want_of = [(f"/{n}.mp4", data[n * size:(n + 1) * size])
               for n in range(CROWD)]
    for path, want in want_of:
        s.write(f"www{path}", bytes(want))
    o = s.origin("/*.mp4 link=32M\n", root=f"{s.dir}/www")
    d = s.spoolfs(mount=False, options={"max_clients": 2 * CROWD})
    fds, memory = crowd(o, d, want_of)
    sent = {}
    for row in o.log():
        sent[row["path"]] = sent.get(row["path"], 0) + row["sent"]
    twice = {path: sent.get(path) for path, _ in want_of
             if sent.get(path) != size}
    equal(twice, {}, "files not fetched once")
    at_most(fds, 3 * CROWD + 60, "descriptors")
    if not SANITIZED:
        at_most(memory, CROWD * MEMORY, "bytes of memory")


main()
