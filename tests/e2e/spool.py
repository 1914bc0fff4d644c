"""spool: a sandbox for end-to-end tests: spoolfs, origins and clients.

    from spool import *

    @case
    def a_file_is_read(s):
        "a file is read through the mount"
        o = s.origin()
        d = s.spoolfs()
        equal(read(d.path(o.url("/gen/1000/1.bin"))), gen(1000, 1), "bytes")

    main()

Programs come from $top_builddir (else ./build or .); SPOOLFS and ORIGIN name
others. Waiting is for events: the end of a process (pidfd), the line a
program prints when it is ready, or a condition that is polled with a
deadline.
"""
import contextlib
import ctypes
import errno
import glob
import hashlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time

import tap
from clients import Raw, Response, fetch, http_sha256
from files import (TOP, blocked_readers, cpu_seconds, free_port, host_of, mounts,
                   name_of, need, need_fuse, pread, process_state, program, read,
                   read_exactly, sha256, sparse_file, wait_exit)
from servers import (ORIGIN, Nginx, Origin, Proxy, gen, gen_sha256,
                     range_start)
from tap import (Failure, Skip, at_least, at_most, case, equal, fails_with,
                 note, ok, one_of, wait_for)

SPOOLFS = program("SPOOLFS", "spoolfs")


def _sanitized():
    try:
        with open(SPOOLFS, "rb") as f:
            binary = f.read()
    except OSError:
        return False
    # make check-valgrind makes SPOOLFS a script.
    return any(mark in binary for mark in (b"__asan_init", b"__tsan_init",
                                           b"exec valgrind"))


# Builds under a sanitizer and valgrind are several times slower, and so is a
# test beside others (make check-beside): what is measured in seconds may take
# SLACK times as long.
SANITIZED = _sanitized()
SLACK = max(5 if SANITIZED else 1, int(os.environ.get("SPOOL_SLACK") or 1))

_libc = ctypes.CDLL(None, use_errno=True)
# Daemons that detach become our children, so that their end can be waited
# for and their status be read.
_libc.prctl(36, 1, 0, 0, 0)	# PR_SET_CHILD_SUBREAPER


# ---- the daemon ------------------------------------------------------------

@contextlib.contextmanager
def fuse_type():
    """A type for mount, with a path in it, for the program that was built is in
    none of the folders where mount looks. It takes what is behind the last dot
    for the subtype, so that path has none."""
    link = f"/tmp/spoolfs-{os.getpid()}"
    os.symlink(SPOOLFS, link)
    try:
        yield f"fuse.{link}"
    finally:
        os.unlink(link)


class Spoolfs:
    """A running spoolfs: a mount, an endpoint, a cache folder.

    In the foreground with its stderr in a file, unless detach is set: then
    the program is left to daemonise and has started when its parent has
    ended."""

    def __init__(self, sandbox, url=None, options=None, ini=None, args=(),
                 detach=False, mount=True, cache=None, mnt=None):
        if mount:
            need_fuse()
        self.sandbox = sandbox
        self.detach = detach
        self.cache = cache or sandbox.folder("cache")
        self.mnt = (mnt or sandbox.folder("mnt")) if mount else None
        self.options = {"cache_dir": self.cache, "http": "127.0.0.1:0",
                        "log_level": "debug"}
        self.options.update(options or {})
        self.args = [SPOOLFS, "-o", ",".join(
            f"{k}={v}" for k, v in self.options.items() if v is not None)]
        if ini is not None:
            self.args += ["-c", sandbox.ini(ini)]
        self.args += list(args)
        self.args += [] if mount else ["--no-mount"]
        self.args += [] if detach else ["-f"]
        self.args += [url] if url else []
        self.args += [self.mnt] if mount else []
        self.killed = False
        self.start()

    def start(self):
        self.out = self.sandbox.file("stdout")
        self.err = self.sandbox.file("stderr")
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = self.sandbox.popen(self.args, stdout=out,
                                              stderr=err)
        if self.detach:
            status = self.process.wait(30 * SLACK)
            ok(status == 0, f"spoolfs starts: exit {status}: {self.log()}")
            self.pid = self.lock()["pid"]
        else:
            self.pid = self.process.pid
            wait_for(self._stands, "spoolfs to stand", 20 * SLACK)
        self.http = self.address()

    def _stands(self):
        if self.process.poll() is not None:
            raise Failure(f"spoolfs ended with {self.process.returncode}: "
                          f"{self.log()}")
        return ((self.options["http"] == "off" or self.address()) and
                (not self.mnt or self.mounted()))

    def mounted(self):
        return mounts().get(self.mnt) == "fuse.spoolfs"

    def log(self):
        return open(self.err, errors="replace").read()

    def address(self):
        """HOST:PORT as printed, or None."""
        m = re.search(r"^http://([^/\s]+)/\s*$", open(self.out).read(), re.M)
        return m.group(1) if m else None

    def lock(self):
        """The lock file of the cache folder as a dict."""
        with open(os.path.join(self.cache, "lock")) as f:
            rows = dict(line.strip().split("=", 1) for line in f)
        rows["pid"] = int(rows["pid"])
        return rows

    def path(self, url):
        """Where a URL is in the mount."""
        return os.path.join(self.mnt, name_of(url))

    def url(self, url):
        """Where a URL is at the endpoint."""
        return f"http://{self.http}/{name_of(url)}"

    def data(self, url):
        """The data file in the cache, complete or not; None without one."""
        base = os.path.join(self.cache, name_of(url))
        for path in (base, base + ".part"):
            if os.path.isfile(path):
                return path
        return None

    def whole(self, url):
        """The data file once it is complete and has its final name."""
        path = os.path.join(self.cache, name_of(url))
        wait_for(lambda: os.path.isfile(path), f"{path}: the final name")
        return path

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def resident(self):
        """Bytes of memory."""
        with open(f"/proc/{self.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self):
        """kill -9 and take away the dead mount."""
        self.killed = True
        os.kill(self.pid, signal.SIGKILL)
        self._reap()
        if self.mnt and self.mnt in mounts():
            subprocess.run(["fusermount3", "-u", "-z", self.mnt], check=True)

    def _reap(self, timeout=30):
        """Exit status of the daemon, in the manner of Popen."""
        if not self.detach:
            return self.process.wait(timeout)
        ok(wait_exit(self.pid, timeout), "the daemon ends")
        try:
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return 0

    def unmount(self):
        """fusermount3 -u, then the end of the process; its exit status."""
        if not self.mnt:
            return self.terminate()
        p = subprocess.run(["fusermount3", "-u", self.mnt],
                           stderr=subprocess.PIPE)
        ok(p.returncode == 0, f"fusermount3 -u works: {p.stderr!r}")
        return self.wait_end()

    def terminate(self, number=signal.SIGTERM):
        os.kill(self.pid, number)
        return self.wait_end()

    def wait_end(self, timeout=20):
        self.killed = True	# whatever comes now, nobody else ends it
        try:
            status = self._reap(timeout * SLACK)
        except subprocess.TimeoutExpired:
            raise Failure("the daemon ends") from None
        ok(not self.mnt or self.mnt not in mounts(), "the mount is gone")
        return status

    def restart(self):
        self.killed = False
        self.start()

    def close(self):
        """Tear down; a list of what was wrong."""
        if self.killed:
            return []
        try:
            status = self.unmount()
        except (Failure, OSError) as error:
            return [f"at the end: {error}"]
        return [] if status == 0 else [f"spoolfs ended with {status}"]


# ---- the sandbox -----------------------------------------------------------

class Sandbox:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="spoolfs-e2e.")
        self.mark = f"{os.getpid()}.{os.path.basename(self.dir)}"
        self.processes, self.daemons, self._count = [], [], 0
        home = self.folder("home")
        self.env = dict(os.environ, HOME=home, SPOOL_SANDBOX=self.mark,
                        XDG_CONFIG_HOME=os.path.join(home, ".config"),
                        XDG_CACHE_HOME=os.path.join(home, ".cache"),
                        XDG_RUNTIME_DIR=self.folder("run"),
                        LC_ALL="C.UTF-8")
        os.chmod(self.env["XDG_RUNTIME_DIR"], 0o700)
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY",
                     "ALL_PROXY", "no_proxy", "NO_PROXY"):
            self.env.pop(name, None)
        self.reports = os.path.join(self.dir, "report")
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            self.env.setdefault(name, f"log_path={self.reports}")
        self.env.setdefault("VALGRIND_OPTS", f"--log-file={self.reports}.%p")

    def folder(self, name):
        path = self.file(name)
        os.mkdir(path)
        return path

    def tmpfs(self, size):
        """A folder with so much room."""
        if os.getuid():
            raise Skip("not root")
        path = self.folder("disk")
        p = self.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs",
                      path])
        if p.returncode:
            raise Skip(f"no tmpfs: {p.stderr}")
        return path

    def file(self, name):
        """A path in the sandbox that is not in use."""
        path = os.path.join(self.dir, name)
        while os.path.lexists(path):
            self._count += 1
            path = os.path.join(self.dir, f"{name}{self._count}")
        return path

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return path

    def ini(self, text, mode=0o600):
        path = self.file("spoolfs.ini")
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def popen(self, args, **keys):
        keys.setdefault("stdin", subprocess.DEVNULL)
        keys.setdefault("env", self.env)
        p = subprocess.Popen(args, **keys)
        self.processes.append(p)
        return p

    def run(self, args, timeout=60, **keys):
        """To its end, with its output as text."""
        keys.setdefault("env", self.env)
        return subprocess.run(args, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, **keys)

    def origin(self, script="", root=None, tls=None):
        return Origin(self, script, root, tls=tls)

    def nginx(self, root=None, extra="", cert=None, http2=False):
        return Nginx(self, root or self.folder("www"), extra, cert, http2)

    def spoolfs(self, url=None, **keys):
        d = Spoolfs(self, url, **keys)
        self.daemons.append(d)
        return d

    def refused(self, *args, timeout=20):
        """Run spoolfs with these arguments; it must end by itself with an
        error. Returns the finished process."""
        p = self.run([SPOOLFS, *args], timeout=timeout * SLACK)
        ok(p.returncode > 0, f"spoolfs {' '.join(args)} fails "
           f"(exit {p.returncode}): {p.stderr}")
        return p

    # -- the end

    def _marked(self):
        """Our living processes, found by their environment."""
        needle = f"SPOOL_SANDBOX={self.mark}".encode()
        found = []
        for path in glob.glob("/proc/[0-9]*/environ"):
            pid = int(path.split("/")[2])
            try:
                with open(path, "rb") as f:
                    if needle in f.read().split(b"\0") and \
                            process_state(pid) not in ("Z", "X", ""):
                        found.append(pid)
            except OSError:
                pass
        return found

    def stray(self):
        """Command lines of living processes that nobody here answers for."""
        known = {p.pid for p in self.processes}
        found = []
        for pid in self._marked():
            if pid not in known:
                with open(f"/proc/{pid}/cmdline") as f:
                    found.append(f.read().replace("\0", " "))
        return found

    def _mounted(self):
        return sorted((m for m in mounts()
                       if m.startswith(self.dir + "/")), reverse=True)

    def diagnose(self):
        """What the daemons had to say, as TAP comments."""
        for d in self.daemons:
            lines = d.log().splitlines()
            note(f"--- stderr of spoolfs {d.pid} ({len(lines)} lines):")
            note("\n".join(lines[-40:]))

    def kill(self):
        """Nothing of us is left running or mounted. From any thread."""
        for pid in self._marked():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for path in self._mounted():
            fuse = mounts().get(path, "").startswith("fuse")
            subprocess.run(["fusermount3", "-u", "-z", path] if fuse else
                           ["umount", "-l", path],
                           stderr=subprocess.DEVNULL)

    def abandon(self):
        """Take everything down without a look at it."""
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def _sanitizer_reports(self):
        problems = []
        for path in glob.glob(self.reports + "*"):
            problems.append(open(path, errors="replace").read()[:4000])
        return [p for p in problems if p]	# valgrind's may be empty

    def close(self):
        problems = []
        ours = [d.process for d in self.daemons]
        for p in self.processes:	# who would keep a mount busy
            if p not in ours and p.poll() is None:
                p.kill()
                p.wait()
        for d in self.daemons:
            problems += d.close()
        self.kill()
        problems += self._sanitizer_reports()
        while True:		# orphans that have become our children
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        shutil.rmtree(self.dir, ignore_errors=True)
        return problems


def main():
    for path in (SPOOLFS, ORIGIN):
        if not os.access(path, os.X_OK):
            print(f"Bail out! {path} is not built")
            raise SystemExit(1)
    tap.main(Sandbox)
