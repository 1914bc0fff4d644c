"""lab: rounds, medians and tables: how the benches measure and say it.

A bench has contenders, each a name and a function that measures once and
returns its values as a dict. They run in turn, round after round, so that what
else the machine does falls on all of them; a ratio is the median of the ratios
within each round. A contender that has taken its share of the time is left out
of the rounds to come (its n says so), and so is one that fails, which says
why.
"""
import os
import statistics
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "e2e"))

MB = 1000000
MIB = 1 << 20

# Seconds of a contender, in all rounds.
SHARE, PEER_SHARE = 15, 4

verdicts = []		# (bench, goal, text, reached) of this run


def say(text=""):
    print(text, flush=True)


class Column:
    """A measured quantity. digits: behind the point; ratio: print it over
    the limit's."""

    def __init__(self, key, title, digits=0, ratio=False):
        self.key, self.title = key, title
        self.digits, self.ratio = digits, ratio

    def text(self, values):
        if not values:
            return "-"
        short = f"{statistics.median(values):.{self.digits}f}"
        low, high = (f"{f(values):.{self.digits}f}" for f in (min, max))
        return short if low == high else f"{short} [{low} {high}]"


class Table:
    def __init__(self, bench, title, columns, limit=None):
        self.bench, self.title = bench, title
        self.columns, self.limit = columns, limit
        self.rows = {}		# name -> list of dicts, one a round, or None
        self.failed = {}
        self.order = []

    def add(self, name, values):
        if name not in self.rows:
            self.rows[name] = {}
            self.order.append(name)
        self.rows[name].update(values)

    def values(self, name, key):
        rounds = self.rows.get(name, {})
        return [v[key] for v in rounds.values() if v.get(key) is not None]

    def median(self, name, key):
        values = self.values(name, key)
        return statistics.median(values) if values else None

    def ratio(self, name, key, other=None):
        """Median over the rounds that both were in; else of the medians."""
        mine = self.rows.get(name, {})
        theirs = self.rows.get(other or self.limit, {})
        pairs = [mine[r][key] / theirs[r][key] for r in mine
                 if r in theirs and mine[r].get(key) is not None and
                 theirs[r].get(key)]
        return statistics.median(pairs) if pairs else None

    def print(self):
        head = ["", "n"]
        for c in self.columns:
            head += [c.title] + (["÷ limit"] if c.ratio else [])
        lines = [head]
        for name in self.order:
            line = [name, str(len(self.rows[name]))]
            for c in self.columns:
                line.append(c.text(self.values(name, c.key)))
                if c.ratio:
                    r = self.ratio(name, c.key)
                    line.append("-" if r is None else f"{r:.2f}")
            lines.append(line)
        say(f"\n== {self.bench}: {self.title}")
        widths = [max(len(l[i]) for l in lines) for i in range(len(head))]
        for line in lines:
            say("  " + line[0].ljust(widths[0]) + "".join(
                "  " + t.rjust(w) for t, w in zip(line[1:], widths[1:])))
        for name, reason in self.failed.items():
            say(f"  {name}: failed: {reason}")

    def goal(self, number, text, value, reached, form="{:.2f}"):
        """Say what was to be reached and whether it is. value None: it could
        not be measured."""
        got = "not measured" if value is None else form.format(value)
        word = "-" if value is None else "yes" if reached(value) else "NO"
        say(f"  goal {number}: {text}: {got}: {word}")
        verdicts.append((self.bench, number, text, got, word))


class Lab:
    """What a bench is given: a sandbox on a fast file system, how many rounds
    to run, how long to take, which peers there are."""

    def __init__(self, sandbox, rounds, quick, peers):
        self.sandbox = sandbox
        self.rounds, self.quick, self.peers = rounds, quick, peers

    def size(self, normal, quick):
        return quick if self.quick else normal

    def run(self, table, ours, peers=(), share=SHARE, limit=60):
        """Run (name, function) contenders, ours and the limits, and peers.
        share: seconds for each of ours; limit: seconds until the machine
        is cleared of one that hangs."""
        line = [(*c, share) for c in ours] + \
            [(*c, PEER_SHARE) for c in peers]
        names = [name for name, _, _ in line]
        spent = dict.fromkeys(names, 0)
        for number in range(self.rounds):
            turn = number % len(line)
            for name, function, share in line[turn:] + line[:turn]:
                if name in table.failed or spent[name] > share:
                    continue
                begin = time.monotonic()
                self._measure(table, number, name, function, limit)
                spent[name] += time.monotonic() - begin
        table.order.sort(key=names.index)

    def _measure(self, table, number, name, function, limit):
        hung = []
        timer = threading.Timer(limit, lambda: (hung.append(1),
                                                self.sandbox.unblock()))
        timer.daemon = True
        timer.start()
        try:
            table.add(name, {number: function()})
        except Exception as error:
            table.failed[name] = (f"not over after {limit} s" if hung else
                                  f"{type(error).__name__}: {error}")
            if os.environ.get("BENCH_TRACE"):
                traceback.print_exc()
        finally:
            timer.cancel()


def clock(function, *args):
    """(seconds, result)"""
    begin = time.monotonic()
    result = function(*args)
    return time.monotonic() - begin, result
