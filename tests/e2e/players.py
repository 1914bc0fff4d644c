"""players: films to play, and mpv under remote control."""
import json
import os
import socket
import subprocess
import time

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
