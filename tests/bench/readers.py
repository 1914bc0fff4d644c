"""Goal 5: many readers of one cold file cost the origin one file, and together
they are as fast as one."""
import peers
import web
from lab import MB, MIB, Column, Table
from reading import read_together

COLUMNS = [Column("rate", "MB/s, together"),
           Column("bytes", "bytes ÷ file", 3),
           Column("requests", "requests")]


def sent(server, path):
    rows = [r for r in server.log() if r["path"] == path]
    return sum(r["sent"] for r in rows), len(rows)


def together(lab, peer, server, size, count):
    with peer(lab.sandbox, server.base) as p:
        before, earlier = sent(server, "/d/1.bin")
        took = read_together([p.target("1.bin")] * count, size)
        p.stop()		# ends the transfers: then they are logged
        after, later = sent(server, "/d/1.bin")
        p.start()
    return {"rate": count * size / took / MB, "bytes": (after - before) / size,
            "requests": later - earlier}


def native(path, size, count):
    return {"rate": count * size / read_together([path] * count, size) / MB}


def bench(lab):
    size, count = lab.size(256 * MIB, 32 * MIB), 16
    server = web.nginx(lab, [size])
    table = Table("readers", f"{count} readers of one cold file of "
                  f"{size // MIB} MiB", COLUMNS)
    row = lambda p, n: (f"{p.name}, {n} reader{'s' if n > 1 else ''}",
                        lambda: together(lab, p, server, size, n))
    run = [row(p, n) for p in peers.OURS for n in (1, count)]
    others = [row(p, count) for p in lab.peers]
    others.append(("floor: the file itself",
                   lambda: native(server.files[0], size, count)))
    lab.run(table, run, others)
    table.print()
    for p in peers.OURS:
        many, one = f"{p.name}, {count} readers", f"{p.name}, 1 reader"
        table.goal(5, f"{many}: bytes ÷ file ≤ 1.01",
                   table.median(many, "bytes"), lambda x: x <= 1.01,
                   "{:.3f}")
        table.goal(5, f"{many}: rate ÷ one reader's ≥ 0.9",
                   table.ratio(many, "rate", one), lambda x: x >= 0.9)
