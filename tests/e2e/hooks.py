"""on_complete: a program for each file that has become complete."""
from spool import *


class Hook:
    """A program in sh, and what it tells: lines in a file."""
    def __init__(self, s, body):
        self.path, self.out = s.file("hook"), s.file("told")
        s.write(self.out, "")
        s.write(self.path, f"#!/bin/sh\nout={self.out}\n{body}\n")
        os.chmod(self.path, 0o700)

    def told(self, more=""):
        return open(self.out + more).read().splitlines()

    def section(self, origin):
        return f'[origin "{origin.url("/")}"]\non_complete = {self.path}\n'


def completed(d, url):
    """A file of 1000 bytes, and it is written down."""
    equal(read(d.path(url)), gen(1000, 1), "a file")
    meta = os.path.join(d.cache, name_of(url) + ".meta")
    wait_for(lambda: os.path.exists(meta) and
             "present: 0-1000\n" in open(meta).read(), "its record")


@case
def once(s):
    "it runs once for a file, with its path and URL, in a clean environment"
    o = s.origin('/a* gen=100000/1\n/other/* gen=100000/2\n')
    h = Hook(s, """
env | cut -d= -f1 | sort | grep -vx -e PWD -e SHLVL -e _ >"$out.env"
ls /proc/$$/fd >"$out.fds"
read -r line && echo "stdin has $line" >>"$out"
echo printed by it
echo "and an error" >&2
echo "$#|$1|$2|$(wc -c <"$1")|$SPOOLFS_PATH|$SPOOLFS_URL" >>"$out"
exit 3""")
    d = s.spoolfs(ini=h.section(o) +
                  f'[origin "{o.url("/other/")}"]\nuser_agent = x\n')
    url, next_url = o.url("/a.mp4?token=x"), o.url("/a2.mp4")
    read(d.path(url))
    wait_for(lambda: "on_complete: exit status 3" in d.log(), "its end")
    path = d.data(url)
    equal(h.told(), [f"2|{path}|{url}|100000|{path}|{url}"],
          "what it was told")
    equal(set(h.told(".env")) - {"HOME", "USER", "LANG"},
          {"PATH", "SPOOLFS_PATH", "SPOOLFS_URL"}, "its environment")
    # Those from 10 on are the shell's own.
    ok(all(int(fd) <= 2 or int(fd) >= 10 for fd in h.told(".fds")),
       f"its descriptors: {h.told('.fds')}")
    ok("on_complete: printed by it\n" in d.log() and
       "on_complete: and an error\n" in d.log(), "what it prints is logged")
    read(d.path(url))
    read(d.path(o.url("/other/b.mp4")))
    d.terminate()
    d.restart()
    read(d.path(url))
    read(d.path(next_url))
    wait_for(lambda: len(h.told()) > 1, "the next file's")
    equal([line.split("|")[2] for line in h.told()], [url, next_url],
          "each once, and none where there is no program")


@case
def queue(s):
    "two at once; who waits is run by the next daemon, also after kill -9"
    o = s.origin('/* gen=1000/1\n')
    fifo = s.file("fifo")
    os.mkfifo(fifo)
    h = Hook(s, f"""
echo "begun ${{2##*/}}" >>"$out"
read -r line <{fifo}
echo "ended ${{2##*/}}" >>"$out" """)
    d = s.spoolfs(ini=h.section(o))
    for i in range(4):
        completed(d, o.url(f"/{i}.mp4"))
    due = os.path.join(d.cache, "hooks")
    wait_for(lambda: len(h.told()) == 2 and
             len(open(due).read().splitlines()) == 3, "two, and two noted")
    completed(d, o.url("/more.mp4"))
    d.kill()
    d.restart()
    wait_for(lambda: len(h.told()) >= 4, "the others")
    equal(sorted(h.told())[:4], [f"begun {i}.mp4" for i in range(4)],
          "each once")

    def let_go():
        try:
            fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, b"\n" * 10)
            os.close(fd)
        except OSError:
            pass	# nobody is waiting just now
        return sum("ended" in line for line in h.told()) == 5
    wait_for(let_go, "their ends")
    equal(len(set(h.told())), len(h.told()), "each once")
    wait_for(lambda: len(open(due).read().splitlines()) == 1, "none noted")


@case
def left(s):
    "one that runs when the daemon ends goes on; one that can't start is said"
    o = s.origin('/* gen=1000/1\n')
    fifo = s.file("fifo")
    os.mkfifo(fifo)
    h = Hook(s, f"""
echo begun >>"$out"
read -r line <{fifo}
echo heard by nobody
echo ended >>"$out" """)
    d = s.spoolfs(ini=h.section(o))
    read(d.path(o.url("/a.mp4")))
    wait_for(lambda: h.told(), "its start")
    equal(d.terminate(), 0, "the daemon ends meanwhile")
    with open(fifo, "w") as f:
        f.write("\n")
    wait_for(lambda: h.told() == ["begun", "ended"], "its end")
    s.write(h.path, "#!/nowhere\n")
    d.restart()
    equal(read(d.path(o.url("/b.mp4"))), gen(1000, 1), "another file")
    wait_for(lambda: "on_complete: No such file" in d.log(), "what is wrong")


@case
def loud(s):
    "one that prints without end holds up neither the next one nor the end"
    o = s.origin('/* gen=1000/1\n')
    h = Hook(s, """
echo "${2##*/}" >>"$out"
[ "${2##*/}" != loud.mp4 ] || exec yes""")
    d = s.spoolfs(ini=h.section(o))
    for i, name in enumerate(("loud.mp4", "next.mp4")):
        read(d.path(o.url(f"/{name}")))
        wait_for(lambda: len(h.told()) > i, name)
    equal(h.told(), ["loud.mp4", "next.mp4"], "both")
    equal(d.terminate(), 0, "exit status")


main()
