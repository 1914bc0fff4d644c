"""tap: cases, checks and TAP output for the end-to-end tests.

A test script is a list of functions under @case, each with one line that says
what must hold, and ends in main(). Each case gets a sandbox of its own (a
folder, and everything that was started in it), which is taken down behind it
whatever happened. A case that runs past its time is torn down from a second
thread: its processes are killed, so that even a read that nothing interrupts
comes back.
"""
import os
import signal
import sys
import threading
import time
import traceback

_cases = []


class Failure(AssertionError):
    """A check did not hold."""


class Skip(Exception):
    """The case cannot be run here."""


def case(function=None, *, limit=120):
    """Register a case. limit: seconds until it is torn down."""
    def register(f):
        _cases.append((f, limit))
        return f
    return register(function) if function else register


def ok(condition, what):
    if not condition:
        raise Failure(what)


def equal(got, want, what):
    if got != want:
        raise Failure(f"{what}: got {_short(got)}, want {_short(want)}")


def at_most(got, limit, what):
    if got > limit:
        raise Failure(f"{what}: {got}, at most {limit} allowed")


def at_least(got, limit, what):
    if got < limit:
        raise Failure(f"{what}: {got}, at least {limit} expected")


def one_of(got, choices, what):
    if got not in choices:
        raise Failure(f"{what}: got {_short(got)}, want one of {choices}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)})"


def fails_with(errnos, what, function, *args):
    """The call ends in one of these errnos; returns the OSError."""
    errnos = errnos if isinstance(errnos, (tuple, list)) else (errnos,)
    names = [_errno_name(e) for e in errnos]
    try:
        result = function(*args)
    except OSError as error:
        if error.errno in errnos:
            return error
        raise Failure(f"{what}: {_errno_name(error.errno)}, "
                      f"want {'/'.join(names)}") from error
    raise Failure(f"{what}: no error but {_short(result)}, "
                  f"want {'/'.join(names)}")


def _errno_name(number):
    import errno
    return errno.errorcode.get(number, str(number))


def wait_for(condition, what, timeout=20):
    """Poll until condition() is true and return its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"waited {timeout} s for {what}")
        time.sleep(0.01)


def note(text):
    for line in str(text).splitlines():
        print("#", line, flush=True)


class _Watchdog:
    """Tears a sandbox down when its case takes too long."""

    def __init__(self, sandbox, limit):
        self.fired = False
        self._done = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(sandbox, limit), daemon=True)
        self._thread.start()

    def _run(self, sandbox, limit):
        if not self._done.wait(limit):
            self.fired = True
            sandbox.diagnose()
            sandbox.kill()

    def stop(self):
        self._done.set()
        self._thread.join()


def _run_case(function, limit, make_sandbox, report):
    """Run one case and report(problems, skip): at once where there are
    problems, then what the daemons had to say. True: good."""
    sandbox = make_sandbox()
    watchdog = _Watchdog(sandbox, limit)
    problems, skip = [], None
    try:
        function(sandbox)
    except Skip as reason:
        skip = str(reason)
    except Failure as failure:
        frame = traceback.extract_tb(failure.__traceback__)
        at = [f for f in frame if f.filename != __file__][-1]
        problems.append(f"{os.path.basename(at.filename)}:{at.lineno}: "
                        f"{failure}")
    except Exception:
        problems.append(traceback.format_exc())
    except BaseException:	# told to end
        sandbox.abandon()
        raise
    watchdog.stop()
    if watchdog.fired:
        problems.insert(0, f"not over after {limit} s")
    if problems:
        report(problems, skip)
        sandbox.diagnose()
    left = sandbox.close()
    if not problems:
        report(left, skip)
    else:
        note("\n".join(left))
    return not problems and not left


def main(make_sandbox):
    """Run the cases (those whose name contains an argument, if there are
    arguments) and exit."""
    def on_signal(number, frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    wanted = sys.argv[1:]
    start = time.monotonic()
    bad = count = 0
    for function, limit in _cases:
        if wanted and not any(w in function.__name__ for w in wanted):
            continue
        count += 1
        begin = time.monotonic()
        title = (function.__doc__ or function.__name__).split("\n")[0]

        def report(problems, skip):
            took = time.monotonic() - begin
            line = f"{'not ok' if problems else 'ok'} {count} - {title}"
            if skip is not None and not problems:
                line += f" # SKIP {skip}"
            print(line.replace("\n", " "), flush=True)
            for problem in problems:
                note(problem)
            if took > 5:
                note(f"{took:.0f} s")

        good = _run_case(function, limit, make_sandbox, report)
        bad += not good
    note(f"took {time.monotonic() - start:.0f} s")
    print(f"1..{count}", flush=True)
    sys.exit(1 if bad else 0)
