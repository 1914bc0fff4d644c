"""Names that are given to URLs at run time, in the root of both fronts."""
import errno

from spool import *


@case
def linked(s):
    "ln -s URL MNT/NAME adds a file, on both fronts, at once; rm takes it away"
    o = s.origin("/v body=film\n/w body=other\n")
    d = s.spoolfs()
    name = f"{d.mnt}/a film"
    ok(not os.path.exists(name), "nothing there, the kernel was told")
    s.run(["ln", "-s", o.url("/v"), name])
    ok(os.path.isfile(name) and not os.path.islink(name), "a file")
    equal(read(name), b"film", "its bytes")
    equal(fetch(f"http://{d.http}/a%20film").body, b"film", "over HTTP")
    ok("a film" in os.listdir(d.mnt), "listed")
    fails_with(errno.EEXIST, "os.symlink is refused", os.symlink, o.url("/w"), name)
    os.unlink(name)
    ok(not os.path.exists(name), "gone")
    ok("a film" not in os.listdir(d.mnt), "not listed")
    equal(fetch(f"http://{d.http}/a%20film").status, 404, "over HTTP")
    s.run(["ln", "-s", o.url("/w"), name])
    equal(read(name), b"other", "given again, to another")
    equal(o.stats("/v")["requests"], 1, "what was cached is cached still")
    equal(read(d.path(o.url("/v..")) ), b"film", "by its own name")
    equal(o.stats("/v")["requests"], 1, "from there")


@case
def kept(s):
    "they survive kill -9; one of the settings wins"
    o = s.origin("/v body=film\n/w body=other\n")
    ini = f'[file "of the settings"]\nurl = {o.url("/w")}\n'
    d = s.spoolfs(ini=ini)
    os.symlink(o.url("/v"), f"{d.mnt}/kept")
    os.symlink(o.url("/v"), f"{d.mnt}/gone")
    os.unlink(f"{d.mnt}/gone")
    fails_with(errno.EEXIST, "os.symlink is refused", os.symlink, o.url("/v"),
            f"{d.mnt}/of the settings")
    d.kill()
    d.restart()
    equal(read(f"{d.mnt}/kept"), b"film", "after it")
    equal(sorted(os.listdir(d.mnt)), ["http", "https", "kept",
                                      "of the settings"], "all of them")
    os.unlink(f"{d.mnt}/kept")
    equal(os.listdir(f"{d.mnt}/http"), [f"127.0.0.1:{o.port}"],
          "what is cached stays")


@case
def renamed(s):
    "mv gives another name, ln -sf another URL; what else is there stays"
    o = s.origin("/v body=film\n/w body=other\n")
    d = s.spoolfs()
    os.symlink(o.url("/v"), f"{d.mnt}/one")
    equal(read(f"{d.mnt}/one"), b"film", "one")
    os.rename(f"{d.mnt}/one", f"{d.mnt}/two")
    equal(read(f"{d.mnt}/two"), b"film", "its new name")
    ok(not os.path.exists(f"{d.mnt}/one"), "and not the old one")
    s.run(["ln", "-sf", o.url("/w"), f"{d.mnt}/two"])
    equal(read(f"{d.mnt}/two"), b"other", "another URL")
    equal(sorted(os.listdir(d.mnt)), ["http", "https", "two"], "no more")
    read(d.path(o.url("/v..")))
    fails_with(errno.EROFS, "os.rename is refused", os.rename, d.path(o.url("/v..")), f"{d.mnt}/x")
    fails_with(errno.EROFS, "os.symlink is refused", os.symlink, o.url("/v"), d.path(o.url("/.hidden")))
    fails_with(errno.EINVAL, "os.symlink is refused", os.symlink, "/etc/passwd", f"{d.mnt}/x")
    fails_with(errno.EINVAL, "os.symlink is refused", os.symlink, o.url("/v"), f"{d.mnt}/-")


main()
