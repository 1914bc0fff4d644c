"""Goal 1: a file that is not cached yet, read once from its begin to its end.

The limit is curl -o of the same file to the same file system. CPU is that of
the daemon, or of curl; what the reader and the origin use is not in it. The
engine's thread does what curl does, and answers readers of the mount that wait;
the rest is answering the others."""
import os
import resource
import time

import peers
import web
from lab import MB, MIB, Column, Table
from reading import read_all

LIMIT = "curl -o"
COLUMNS = [Column("rate", "MB/s", ratio=True),
           Column("cpu", "CPU s/GB", 2, ratio=True),
           Column("engine", "of it engine", 2),
           Column("memory", "RSS MB")]


def curl(lab, url, size):
    out = lab.sandbox.file("curl.out")
    curl = lab.sandbox.popen(["curl", "-s", "-o", out, url])
    begin = time.monotonic()
    _, status, used = os.wait4(curl.pid, 0)
    took = time.monotonic() - begin
    curl.returncode = status
    if status or os.path.getsize(out) != size:
        raise OSError(f"curl: status {status}")
    os.unlink(out)
    return {"rate": size / took / MB,
            "cpu": (used.ru_utime + used.ru_stime) / size * 1e9,
            "memory": used.ru_maxrss * 1024 / MB}


def cold(lab, peer, base, size):
    with peer(lab.sandbox, base) as p:
        before = p.cpu()
        took = read_all(p.target("1.bin"), size)
        values = {"rate": size / took / MB,
                  "cpu": (p.cpu() - before) / size * 1e9,
                  "memory": p.memory() / MB}
        if peer in peers.OURS:
            values["engine"] = peers.cpu_ns(p.daemon.pid, "engine") / size
        return values


def bench(lab):
    size = lab.size(1024 * MIB, 128 * MIB)
    server = web.nginx(lab, [size])
    url = server.base + "1.bin"
    table = Table("cold", f"a cold file of {size // MIB} MiB, sequentially",
                  COLUMNS, LIMIT)
    run = [(p.name, lambda p=p: cold(lab, p, server.base, size))
           for p in peers.OURS]
    run.insert(1, (LIMIT, lambda: curl(lab, url, size)))
    others = [(p.name, lambda p=p: cold(lab, p, server.base, size))
              for p in lab.peers]
    others.append(("floor: read, not kept",
                   lambda: {"rate": size / read_all(url, size) / MB}))
    lab.run(table, run, others)
    table.print()
    for p in peers.OURS:
        table.goal(1, f"{p.name}: rate ÷ curl -o ≥ 1.0",
                   table.ratio(p.name, "rate"), lambda x: x >= 1.0)
        table.goal(1, f"{p.name}: CPU per GB ÷ curl's ≤ 1.0",
                   table.ratio(p.name, "cpu"), lambda x: x <= 1.0)
        table.goal(1, f"{p.name}: RSS ≤ 25 MB",
                   table.median(p.name, "memory"), lambda x: x <= 25,
                   "{:.0f} MB")
