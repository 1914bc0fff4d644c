"""make bench: how fast spoolfs is beside the programs people would use instead,
and beside the limit that the machine sets. tests/README.md has the benches.

    run.py [BENCH...]

    BENCH_ROUNDS=N       rounds, 5 unless set
    BENCH_QUICK=yes      smaller and one round: whether it works, not how fast
    BENCH_PEERS='rclone nginx'   these peers alone, of those on the PATH; none
    BENCH_FILMS=N        films that are scanned, 50 unless set
    BENCH_DIR=DIR        where files and caches are; /dev/shm unless set
"""
import os
import signal
import sys
import time

import lab
from lab import Lab, say

os.environ["TMPDIR"] = os.environ.get("BENCH_DIR") or "/dev/shm"

import peers
import spool
from tap import Skip

import cold
import crowd
import fair
import growth
import hits
import play
import readers
import scan
import scattered
import streams
import warm

BENCHES = {
    "cold": cold.bench,
    "warm": warm.bench,
    "random": scattered.bench,
    "streams": streams.bench,
    "readers": readers.bench,
    "fair": fair.bench,
    "play": play.bench,
    "hits": hits.bench,
    "crowd": crowd.bench,
    "scan": scan.bench,
    "growth": growth.bench,
}


class Sandbox(spool.Sandbox):
    """One whose contenders can be taken down alone."""

    def __init__(self):
        super().__init__()
        self.live = []

    def unblock(self):
        for peer in list(self.live):
            try:
                peer.kill()
            except ProcessLookupError:
                pass


def machine():
    with open("/proc/cpuinfo") as f:
        models = [l.split(":")[1].strip() for l in f
                  if l.startswith("model name")]
    return (f"{len(os.sched_getaffinity(0))} × "
            f"{models[0] if models else os.uname().machine}, "
            f"Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}")


def run_one(name, rounds, quick, chosen):
    sandbox = Sandbox()
    begin = time.monotonic()
    try:
        BENCHES[name](Lab(sandbox, rounds, quick, chosen))
    except Skip as reason:
        say(f"\n== {name}: left out: {reason}")
    except Exception as error:
        say(f"\n== {name}: failed: {type(error).__name__}: {error}")
        if os.environ.get("BENCH_TRACE"):
            raise
    finally:
        problems = sandbox.close()
    for problem in problems:
        say(f"  {problem}")
    say(f"  ({time.monotonic() - begin:.0f} s)")


def summary():
    if not lab.verdicts:
        return
    say("\n== goals")
    width = max(len(text) for _, _, text, _, _ in lab.verdicts)
    for _, number, text, got, word in sorted(lab.verdicts,
                                             key=lambda v: v[1]):
        say(f"  {number}  {text.ljust(width)}  {got:>8}  {word}")


def main():
    def on_signal(number, frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    names = sys.argv[1:] or list(BENCHES)
    unknown = [n for n in names if n not in BENCHES]
    if unknown:
        sys.exit(f"no bench {' '.join(unknown)}; there are: "
                 f"{' '.join(BENCHES)}")
    for path in (spool.SPOOLFS, spool.ORIGIN, hits.LOAD):
        if not os.access(path, os.X_OK):
            sys.exit(f"{path} is not built")
    quick = os.environ.get("BENCH_QUICK", "") not in ("", "0", "no")
    rounds = int(os.environ.get("BENCH_ROUNDS") or (1 if quick else 5))
    wanted = os.environ.get("BENCH_PEERS")
    chosen = peers.present(None if wanted is None else wanted.split())
    say(f"{machine()}; files in {os.environ['TMPDIR']}")
    say("peers: " + (", ".join(p.name for p in chosen) or "none"))
    say(f"medians of n [min max]; {rounds} rounds")
    for name in names:
        run_one(name, rounds, quick, chosen)
    summary()


main()
