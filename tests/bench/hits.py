"""Goal 6: what is cached, over HTTP, beside nginx with sendfile and as many
threads; and what it costs to have clients that wait. Both write a line a
request to a file, as they do unless told otherwise."""
import contextlib
import os
import socket
import time
import urllib.parse

import peers
import web
from files import program
from lab import MB, MIB, Column, Table
from reading import read_all
from spool import Raw, name_of
from tap import wait_for

LIMIT = "nginx sendfile"
LOAD = program("LOAD", "tests/bench/load")
LENGTH = 16 << 10
CONNECTIONS = (64, 512)
COLUMNS = [Column("large", "MB/s, large file", ratio=True)]
for n in CONNECTIONS:
    COLUMNS += [Column(f"rate{n}", f"ranges/s, {n}", ratio=True),
                Column(f"p99_{n}", "p99 ms", 1, ratio=True)]
COLUMNS += [Column("cpu", "CPU µs a range", 1, ratio=True),
            Column("client", "of a CPU: the client, %")]

SERVER = """
    access_log {dir}/access.log;
    keepalive_requests 1000000;
    server {{ listen 127.0.0.1:{port}; root {host}; }}
"""


class Endpoint(peers.OursHttp):
    options = {"log_level": "info"}


class Sendfile(peers.NginxSlice):
    """nginx on the files themselves; base is file://ROOT/d/."""
    name, server = LIMIT, SERVER

    def root(self):
        return self.base[len("file://"):-len("/d/")]

    def target(self, name):
        return f"http://127.0.0.1:{self.port}/d/{name}"


def ranges(lab, url, size, connections, seconds):
    parts = urllib.parse.urlsplit(url)
    p = lab.sandbox.run([LOAD, "ranges", str(parts.port), parts.path,
                         str(size), str(LENGTH), str(connections),
                         str(seconds)])
    if p.returncode:
        raise OSError(p.stderr.strip())
    rate, _, p99, failed, cpu = (float(x) for x in p.stdout.split())
    if failed:
        raise OSError(f"{failed:.0f} of {connections} connections ended")
    return {f"rate{connections}": rate, f"p99_{connections}": p99 / 1000,
            "client": cpu}


def hits(lab, p, size, seconds):
    url = p.target("1.bin")
    values = {"large": size / read_all(url, size) / MB}
    before, busy = p.cpu(), []
    for n in CONNECTIONS:
        values.update(ranges(lab, url, size, n, seconds))
        busy.append(values["client"])
    values["client"] = max(busy)
    count = sum(values[f"rate{n}"] for n in CONNECTIONS) * seconds
    values["cpu"] = (p.cpu() - before) * 1e6 / count
    return values


def idle(p, seconds):
    """CPU in percent of one."""
    before, begin = peers.cpu_ns(p.daemon.pid), time.monotonic()
    time.sleep(seconds)		# the measurement
    return (peers.cpu_ns(p.daemon.pid) - before) / 1e9 / \
        (time.monotonic() - begin) * 100


def crowd(p, url, count):
    """So many clients that have asked for it and do not read on."""
    found = []
    for _ in range(count):
        c = Raw(p.daemon.http)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.get("/" + name_of(url))
        found.append(c)
    return found


def waiting(lab, seconds, count=500):
    """Clients of an origin that says nothing, and clients that do not read."""
    origin = lab.sandbox.origin("/d/stalled.bin wall=65536 gen=1M/1\n"
                                "/d/warm.bin gen=64M/1\n")
    values = {}
    for name in ("stalled.bin", "warm.bin"):
        with peers.OursHttp(lab.sandbox, origin.url("/d/")) as p:
            if name == "warm.bin":
                read_all(p.target(name))
            clients = crowd(p, origin.url("/d/" + name), count)
            wait_for(lambda: p.daemon.fds() >= count, "all to be accepted")
            idle(p, 0.5)
            values[name] = idle(p, seconds)
            for c in clients:
                c.close()
    origin.release()
    return values


def bench(lab):
    size, seconds = lab.size(512 * MIB, 64 * MIB), lab.size(1.5, 0.5)
    server = web.nginx(lab, [size])
    table = Table("hits", f"a cached file of {size // MIB} MiB over HTTP, and "
                  f"ranges of 16 KiB at {CONNECTIONS} connections; a line "
                  "a request is logged", COLUMNS, LIMIT)
    root = os.path.dirname(os.path.dirname(server.files[0]))
    with contextlib.ExitStack() as stack:
        def row(peer, base):
            p = stack.enter_context(peer(lab.sandbox, base))
            read_all(p.target("1.bin"), size)
            return p.name, lambda: hits(lab, p, size, seconds)

        lab.run(table, [row(Endpoint, server.base),
                        row(Sendfile, f"file://{root}/d/")],
                [row(p, server.base) for p in lab.peers
                 if p is peers.NginxSlice])
    table.print()
    name = peers.OursHttp.name
    table.goal(6, "large file: rate ÷ nginx's ≥ 1.0",
               table.ratio(name, "large"), lambda x: x >= 1.0)
    for n in CONNECTIONS:
        table.goal(6, f"{n} connections: ranges/s ÷ nginx's ≥ 0.85",
                   table.ratio(name, f"rate{n}"), lambda x: x >= 0.85)
        table.goal(6, f"{n} connections: p99 ÷ nginx's ≤ 1.5",
                   table.ratio(name, f"p99_{n}"), lambda x: x <= 1.5)
    table = Table("hits", "500 clients that wait: CPU in % of one", [
        Column("stalled.bin", "for a stalled origin", 2),
        Column("warm.bin", "and do not read", 2)])
    lab.run(table, [(name, lambda: waiting(lab, lab.size(5, 2)))], share=0)
    table.print()
    table.goal(6, "500 that wait for a stalled origin: CPU < 1 %",
               table.median(name, "stalled.bin"), lambda x: x < 1)
    table.goal(6, "500 that do not read: CPU < 1 %",
               table.median(name, "warm.bin"), lambda x: x < 1)
