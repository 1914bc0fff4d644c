"""Goal 4: mpv starts and seeks as soon as on the URL itself, for as many bytes,
and a second play asks the origin nothing.

A start is from the command to load the file until the first picture is out, a
seek likewise: mpv's own event. It runs already then, so that its own start is
not in it."""
import json
import os
import socket
import statistics
import subprocess
import time

import peers
import web
from files import need
from lab import MB, Column, Table
from players import film
from reading import read_all
from scattered import at_rest
from tap import wait_for

CONDITIONS = "delay=80ms rate=4MB"
FILMS = [("MP4, index at the end", "end.mp4", []),
         ("MP4, index ahead", "ahead.mp4", ["-movflags", "+faststart"]),
         ("MKV", "film.mkv", [])]
SEEKS = (50, 80, 20)	# percent
PAUSE = 0.5		# seconds of playing behind the start and each seek
COLUMNS = [Column("start", "start, s", 2, ratio=True),
           Column("seek", "seek", 2, ratio=True),
           Column("bytes", "MB pulled", 1, ratio=True),
           Column("again", "requests, second play")]
LIMIT = "mpv on the URL"


class Player:
    """An mpv that waits for a file."""

    def __init__(self, sandbox):
        control = sandbox.file("mpv.socket")
        self.process = sandbox.popen(
            ["mpv", "--no-config", "--vo=null", "--ao=null", "--idle=yes",
             "--keep-open=yes", "--really-quiet",
             f"--input-ipc-server={control}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)

        def connected():
            try:
                self.socket.connect(control)
                return True
            except OSError:
                return False

        wait_for(connected, "mpv's socket")
        self.lines = self.socket.makefile("rb")

    def shows(self, *command):
        """Seconds from this command to the picture."""
        begin = time.monotonic()
        self.socket.sendall(json.dumps({"command": command}).encode() + b"\n")
        for line in self.lines:
            event = json.loads(line).get("event")
            if event == "playback-restart":
                return time.monotonic() - begin
            if event == "end-file":
                break
        raise OSError("mpv does not play it")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.lines.close()
        self.socket.close()


def watch(lab, target, pause=PAUSE):
    """(start, median seek) in seconds."""
    player = Player(lab.sandbox)
    try:
        start = player.shows("loadfile", target)
        time.sleep(pause)
        seeks = []
        for percent in SEEKS:
            seeks.append(player.shows("seek", percent, "absolute-percent"))
            time.sleep(pause)
    finally:
        player.close()
    return start, statistics.median(seeks)


def films(lab, folder):
    clip = film(lab.sandbox, f"{folder}/clip.mp4", 10, megabits=20)
    for _, name, options in FILMS:
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-nostdin", "-stream_loop",
             str(lab.size(11, 5)), "-i", clip, "-c", "copy", *options,
             f"{folder}/{name}"], check=True, env=lab.sandbox.env)
    os.unlink(clip)


class Theatre:
    def __init__(self, lab):
        self.lab = lab
        www = lab.sandbox.folder("www")
        os.mkdir(f"{www}/d")
        films(lab, f"{www}/d")
        links = "".join(f"<a href='{name}'>{name}</a> " for _, name, _ in FILMS)
        self.script = web.page("/d", links) + f"/d/* {CONDITIONS}\n"
        self.origin = lab.sandbox.origin(self.script, root=www)
        self.origin.base = self.origin.url("/d/")
        self.seen = set()

    def play(self, target):
        self.origin.reset()
        start, seek = watch(self.lab, target)
        return {"start": start, "seek": seek,
                "bytes": self.origin.sent() / MB}

    def direct(self, name):
        values = self.play(self.origin.base + name)
        at_rest(self.origin)
        return values

    def through(self, peer, name):
        with peer(self.lab.sandbox, self.origin.base) as p:
            values = self.play(p.target(name))
            if peer in peers.OURS and (peer, name) not in self.seen:
                self.seen.add((peer, name))
                values["again"] = self.again(p, name)
        at_rest(self.origin)
        return values

    def again(self, p, name):
        """Requests of another play of what is all here."""
        self.origin.script(web.page("/d", ""))
        read_all(p.target(name))
        at_rest(self.origin)
        self.origin.reset()
        watch(self.lab, p.target(name), 0)
        self.origin.script(self.script)
        return self.origin.stats()["requests"]


def bench(lab):
    need("mpv", "ffmpeg")
    theatre = Theatre(lab)
    for title, name, _ in FILMS:
        table = Table("play", f"{title}: mpv, 20 Mb/s, start and "
                      f"{len(SEEKS)} seeks; {CONDITIONS}", COLUMNS, LIMIT)
        run = [(p.name, lambda p=p: theatre.through(p, name))
               for p in peers.OURS]
        run.insert(1, (LIMIT, lambda: theatre.direct(name)))
        others = [(p.name, lambda p=p: theatre.through(p, name))
                  for p in lab.peers if p is not peers.Nbdkit]
        lab.run(table, run, others if name == FILMS[0][1] else [], share=8)
        table.print()
        for p in peers.OURS:
            row = f"{title}: {p.name}"
            table.goal(4, f"{row}: start ÷ mpv on the URL ≤ 1.0",
                       table.ratio(p.name, "start"), lambda x: x <= 1.0)
            table.goal(4, f"{row}: seek ÷ mpv on the URL ≤ 1.1",
                       table.ratio(p.name, "seek"), lambda x: x <= 1.1)
            table.goal(4, f"{row}: bytes ÷ mpv on the URL ≤ 1.2",
                       table.ratio(p.name, "bytes"), lambda x: x <= 1.2)
            table.goal(4, f"{row}: requests of a second play = 0",
                       table.median(p.name, "again"), lambda x: x == 0,
                       "{:.0f}")
