"""Goal 2: what is cached, read for the first time after a restart, and again.

The limit is to read the files in the cache folder itself, with as many
readers. With four readers each has a file of its own."""
import peers
import web
from lab import MB, MIB, Column, Table
from reading import read_all, read_together

LIMIT = "native"
COLUMNS = [Column("first", "MB/s, 1 reader", ratio=True),
           Column("four", "4 readers", ratio=True),
           Column("again", "second read", ratio=True)]


class OursPlain(peers.Ours):
    """Without passthrough, where the build knows of it."""
    name = "ours, no passthrough"
    options = {"passthrough": "no"}


def names(count):
    return [f"{n}.bin" for n in range(1, count + 1)]


def filled(lab, peer, base, size, count):
    """A contender that has read everything once, stopped."""
    p = peer(lab.sandbox, base)
    for name in names(count):
        read_all(p.target(name), size)
    if p.survives:
        p.stop()
    return p


def measure(paths, size):
    """First and second read of the first file; the rest together."""
    first = read_all(paths[0], size)
    again = read_all(paths[0], size)
    four = read_together(paths[1:5], size)
    return {"first": size / first / MB, "again": size / again / MB,
            "four": 4 * size / four / MB}


def warm(p, size, count):
    p.start()
    try:
        return measure([p.target(n) for n in names(count)], size)
    finally:
        p.stop()


def settings(lab):
    """What --help says of -o."""
    from spool import SPOOLFS
    return lab.sandbox.run([SPOOLFS, "--help"]).stdout


def bench(lab):
    size, count = lab.size(128 * MIB, 32 * MIB), 5
    server = web.nginx(lab, [size] * count)
    table = Table("warm", f"cached files of {size // MIB} MiB after a restart",
                  COLUMNS, LIMIT)
    ours = list(peers.OURS)
    plain = peers.Ours
    if "passthrough=" in settings(lab):
        ours.insert(1, OursPlain)
        plain = OursPlain
    others = [p for p in lab.peers if p.survives]
    held = [filled(lab, p, server.base, size, count) for p in ours + others]
    run = [(p.name, lambda p=p: warm(p, size, count)) for p in held]
    run.insert(1, (LIMIT, lambda: measure(
        [held[0].data(n) for n in names(count)], size)))
    lab.run(table, run[:len(ours) + 1], run[len(ours) + 1:])
    table.print()
    for key, who in (("first", "one reader"), ("four", "four readers")):
        table.goal(2, f"{plain.name}, {who}: ÷ native ≥ 0.38",
                   table.ratio(plain.name, key), lambda x: x >= 0.38)
    for key, who in (("first", "one reader"), ("four", "four readers")):
        table.goal(2, f"ours, passthrough, {who}: ÷ native ≥ 0.90",
                   table.ratio("ours, mount", key)
                   if plain is OursPlain else None, lambda x: x >= 0.90)
    table.goal(2, "second read: ÷ native ≥ 0.9 (as native)",
               table.ratio("ours, mount", "again"), lambda x: x >= 0.9)
