"""players: films to play, and mpv and VLC under remote control."""
import json
import os
import socket
import subprocess
import time

from files import free_port, need
from tap import Failure, ok, wait_for


def film(s, path, seconds, megabits=8, faststart=False):
    """An MP4 with picture and sound; its index is at the end."""
    clip = path + ".clip.mp4"
    quiet = ["ffmpeg", "-v", "error", "-y", "-nostdin"]
    s_rate = f"{megabits}M"
    subprocess.run(
        quiet + ["-f", "lavfi", "-i", "testsrc2=size=960x540:rate=25,"
                 "noise=alls=40:allf=t", "-f", "lavfi", "-i",
                 "sine=frequency=440:sample_rate=48000", "-t", "10",
                 "-c:v", "mpeg4", "-b:v", s_rate, "-minrate", s_rate,
                 "-maxrate", s_rate, "-bufsize", s_rate, "-g", "25",
                 "-c:a", "aac", clip], check=True, env=s.env)
    subprocess.run(
        quiet + ["-stream_loop", str(seconds // 10 - 1), "-i", clip,
                 "-c", "copy"] +
        (["-movflags", "+faststart"] if faststart else []) + [path],
        check=True, env=s.env)
    os.unlink(clip)
    return path


OTHER = (65534, 65534)		# nobody and its group

# A second of it has about half a megabyte.
_CODECS = {
    ".mp4": ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
             "-c:a", "aac"],
    ".webm": ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8",
              "-c:a", "libopus"],
}


def short_film(s, path, seconds, *output):
    """A film that browsers play too, made in a second or two; an even number
    of seconds. output: more of ffmpeg's options for it."""
    need("ffmpeg")
    quiet = ["ffmpeg", "-v", "error", "-y", "-nostdin"]
    ending = os.path.splitext(path)[1]
    codecs = _CODECS.get(ending, _CODECS[".mp4"])
    clip = path + (".clip.webm" if ending == ".webm" else ".clip.mp4")
    for args in (
            ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25,"
             "noise=alls=40:allf=t", "-f", "lavfi", "-i",
             "sine=frequency=440:sample_rate=48000", "-t", "2", "-g", "25",
             "-b:v", "4M", *codecs, clip],
            ["-stream_loop", str(seconds // 2 - 1), "-i", clip, "-c", "copy",
             *output, path]):
        p = s.run(quiet + args)
        ok(p.returncode == 0, f"ffmpeg: {p.stderr}")
    os.unlink(clip)
    # An old file, which need not be validated soon.
    for entry in os.scandir(os.path.dirname(path)):
        os.utime(entry, (1700000000, 1700000000))
    return path


class Mpv:
    """mpv without picture and sound, driven over its socket."""

    def __init__(self, s, target):
        self.control = s.file("mpv.socket")
        self.log = s.file("mpv.log")
        with open(self.log, "wb") as log:
            self.process = s.popen(
                ["mpv", "--no-config", "--vo=null", "--ao=null",
                 "--keep-open=yes", f"--input-ipc-server={self.control}",
                 target], stdout=log, stderr=subprocess.STDOUT)
        self.socket = wait_for(self._connect, "mpv's socket")
        self.file = self.socket.makefile("rwb")

    def _connect(self):
        self._alive()
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(self.control)
        except OSError:
            s.close()
            return None
        s.settimeout(60)
        return s

    def _alive(self):
        if self.process.poll() is not None:
            text = open(self.log, errors="replace").read()
            raise Failure(f"mpv ended: {text[-2000:]}")

    def command(self, *args):
        """The reply's data; None when mpv refuses (not available yet)."""
        self.file.write(json.dumps({"command": args, "request_id": 1})
                        .encode() + b"\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                self._alive()
                raise Failure("mpv closes its socket")
            reply = json.loads(line)
            if reply.get("request_id") == 1 and "error" in reply:
                return reply.get("data") if reply["error"] == "success" \
                    else None

    def position(self):
        self._alive()
        return self.command("get_property", "time-pos")

    def duration(self):
        return self.command("get_property", "duration")

    def plays(self, start, timeout):
        """Wait until it is past start and moving; returns the seconds
        waited."""
        begin = time.monotonic()
        first = wait_for(lambda: (self.position() or -1) >= start and
                         self.position(), f"mpv to be at {start}", timeout)
        wait_for(lambda: (self.position() or 0) > first + 0.3,
                 "mpv to go on from there", timeout)
        return time.monotonic() - begin

    def seek_percent(self, percent):
        self.command("seek", percent, "absolute-percent")

    def quit(self):
        self.command("quit")
        ok(self.process.wait(20) == 0, "mpv ends well")
        self.file.close()
        self.socket.close()


class Vlc:
    """VLC as the user nobody (it refuses to be root's), without picture and
    sound, driven over a socket."""

    def __init__(self, s, target):
        home = s.folder("vlc")
        user = []
        if os.getuid() == 0:
            os.chmod(s.dir, 0o711)
            os.chown(home, *OTHER)
            user = ["setpriv", f"--reuid={OTHER[0]}", f"--regid={OTHER[1]}",
                    "--clear-groups"]
        port = free_port()
        self.log = s.file("vlc.log")
        with open(self.log, "wb") as log:
            self.process = s.popen(
                [*user, "cvlc", "-I", "oldrc", "--rc-fake-tty",
                 "--rc-host", f"127.0.0.1:{port}", "--no-media-library",
                 "--vout", "vdummy", "--aout", "adummy", "--no-dbus",
                 "--play-and-pause", target],
                stdout=log, stderr=subprocess.STDOUT, cwd="/",
                env=dict(s.env, HOME=home, XDG_CONFIG_HOME=home,
                         XDG_CACHE_HOME=home, XDG_RUNTIME_DIR=home))
        self.socket = wait_for(lambda: self._connect(port), "VLC's socket")
        self.file = self.socket.makefile("rw", newline="\n")

    def _connect(self, port):
        self._alive()
        try:
            return socket.create_connection(("127.0.0.1", port), 60)
        except OSError:
            return None

    def _alive(self):
        if self.process.poll() is not None:
            text = open(self.log, errors="replace").read()
            raise Failure(f"VLC ended: {text[-2000:]}")

    def _say(self, text):
        self._alive()
        self.file.write(text + "\n")
        self.file.flush()

    def _number(self, question):
        """The answer that is a number; it says other things in between."""
        self._say(question)
        while True:
            line = self.file.readline()
            if not line:
                self._alive()
                raise Failure("VLC closes its socket")
            word = line.replace(">", " ").strip()
            if word.isdigit():
                return int(word)
            if not word:	# nothing plays yet
                return 0

    def time(self):
        """Seconds, whole ones."""
        return self._number("get_time")

    def seek(self, second):
        self._say(f"seek {second}")

    def plays(self, start, timeout):
        """Wait until it is at start or past it, and moving."""
        first = wait_for(lambda: (at := self.time()) >= start and at,
                         f"VLC to be at {start}", timeout)
        wait_for(lambda: self.time() > first, "VLC to go on from there",
                 timeout)

    def quit(self):
        self._say("quit")
        ok(self.process.wait(20) == 0, "VLC ends well")
        self.file.close()
        self.socket.close()
