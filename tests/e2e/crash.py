"""Acceptance 4: kill -9 loses at most two seconds and never a right byte."""
from spool import *


class Sampler:
    """When how many bytes had been sent."""

    def __init__(self, o, path):
        self.o, self.path, self.samples = o, path, []

    def upto(self, total):
        def sample():
            sent = self.o.sent(self.path)
            self.samples.append((time.monotonic(), sent))
            return sent >= total
        wait_for(sample, f"{total} bytes", 60 * SLACK)

    def before(self, moment):
        return max((n for t, n in self.samples if t <= moment), default=0)


def kill_and_resume(s, detach):
    size, rate = 70 << 20, 10 << 20
    path = f"/gen/{size}/3.mp4"
    o = s.origin(f"* link={rate}\n")
    d = s.spoolfs(detach=detach)
    url = o.url(path)
    reader = s.popen(["cat", d.path(url)], stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
    sampler = Sampler(o, path)
    sampler.upto(40 << 20)
    killed = time.monotonic()
    d.kill()
    reader.wait(20)
    wait_for(lambda: o.stats(path)["active"] == 0, "the transfer's end")
    safe = sampler.before(killed - 2.0)
    at_least(safe, 10 << 20, "two seconds are not all of it")
    o.reset()
    o.script("")		# the rest as fast as it comes
    d.restart()
    # Some of the bytes that count as sent may have been in sockets.
    slack = 1 << 20
    equal(pread(d.path(url), 65536, 0), gen(size, 3, 1, 0, 65536), "the head")
    equal(sha256(d.path(url)), gen_sha256(size, 3), "sha256")
    asked = [range_start(r) for r in o.log(path) if r["sent"]]
    note(f"killed at {sampler.samples[-1][1] >> 20} MiB, safe were "
         f"{safe >> 20}, resumed at {min(asked) >> 20}, sent again "
         f"{(o.sent(path) - (size - sampler.samples[-1][1])) >> 20} MiB")
    at_least(min(asked), safe - slack, "first byte asked for again")
    at_most(o.sent(path), size - safe + slack, "bytes sent after restart")


@case(limit=240)
def killed(s):
    "kill -9 in mid-download: what is on disk is not requested again"
    kill_and_resume(s, detach=False)


@case(limit=240)
def killed_detached(s):
    "the same when it has daemonised"
    kill_and_resume(s, detach=True)


@case(limit=300)
def killed_often(s):
    "kill -9 at ten random moments: every byte served is right"
    import random
    size = 24 << 20
    path = f"/gen/{size}/4.mp4"
    o = s.origin("* link=16M\n")
    d = s.spoolfs()
    url = o.url(path)
    dice = random.Random(os.urandom(8))
    for _ in range(10):
        goal = o.sent(path) + dice.randrange(1, 3 << 20)
        reader = s.popen(["cat", d.path(url)], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        other = s.popen(["tail", "-c", "1000000", d.path(url)],
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: o.sent(path) >= goal or reader.poll() is not None,
                 "progress", 60)
        d.kill()
        reader.wait(20)
        other.wait(20)
        d.restart()
        off = dice.randrange(size - 65536)
        equal(pread(d.path(url), 65536, off), gen(size, 4, 1, off, 65536),
              f"bytes at {off}")
    equal(sha256(d.path(url)), gen_sha256(size, 4), "sha256")


@case
def stale_mount(s):
    "the dead mount of a killed daemon is taken over by starting again"
    o = s.origin()
    d = s.spoolfs()
    os.kill(d.pid, signal.SIGKILL)
    d._reap()
    ok(d.mnt in mounts(), "the dead mount is still there")
    d.start()
    equal(read(d.path(o.url("/gen/999/1.mp4"))), gen(999, 1), "bytes")


@case
def terminated(s):
    "SIGTERM in mid-download loses nothing"
    size = 60 << 20
    path = f"/gen/{size}/3.mp4"
    o = s.origin("* link=10M\n")
    d = s.spoolfs()
    url = o.url(path)
    reader = s.popen(["cat", d.path(url)], stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
    Sampler(o, path).upto(20 << 20)
    equal(d.terminate(), 0, "exit status")
    reader.wait(20)
    wait_for(lambda: o.stats(path)["active"] == 0, "the transfer's end")
    before = o.sent(path)
    o.reset()
    o.script("")
    d.restart()
    equal(sha256(d.path(url)), gen_sha256(size, 3), "sha256")
    at_most(o.sent(path), size - before + (1 << 20), "bytes sent afterwards")


main()
