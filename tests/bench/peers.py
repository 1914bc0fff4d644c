"""peers: what stands between a reader and the origin: spoolfs, and the programs
people would use instead, each when it is found on the PATH.

All have one face: given the URL of a folder of an origin and a cache folder
they start; target(NAME) is the path or URL of a file; cpu() and memory() are
of all their processes; stop() ends them and leaves the cache.
"""
import os
import shutil
import signal
import socket
import subprocess

from files import cpu_seconds, free_port, mounts, name_of
from spool import Spoolfs
from tap import Failure, wait_for

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def which(name):
    return shutil.which(name, path=PATH)


def processes(group):
    """Processes of a process group."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                found.append(int(entry))
    return found


def cpu_ns(pid, name=None):
    """Of all living threads, or those of this name."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as f:
                if name and f.read().strip() != name:
                    continue
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        except OSError:
            pass
    return total


def peak_memory(pid):
    """Bytes of memory at most, so far."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


class Held:
    """A with block's: whatever happens in it, nothing is left behind."""
    survives = True		# what it has cached, a restart

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
        except Exception:
            if kind is None:
                raise
        finally:
            if self in self.sandbox.live:
                self.sandbox.live.remove(self)
            shutil.rmtree(self.cache, ignore_errors=True)


class Peer(Held):
    front = "mount"

    def __init__(self, sandbox, base, cache=None):
        self.sandbox, self.base = sandbox, base
        sandbox.live.append(self)
        self.cache = cache or sandbox.folder("peer-cache")
        self.mnt = sandbox.folder("peer-mnt") if self.front == "mount" \
            else None
        self.log = sandbox.file("peer.log")
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = self.sandbox.popen(
                self.command(), stdout=log, stderr=log,
                start_new_session=True)
        wait_for(self._stands, f"{self.name} to stand", 15)

    def _stands(self):
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended: " +
                          open(self.log, errors="replace").read()[-300:])
        return self.stands()

    def stands(self):
        return self.mnt in mounts()

    def cpu(self):
        return sum(cpu_seconds(p) for p in processes(self.process.pid))

    def memory(self):
        return sum(peak_memory(p) for p in processes(self.process.pid))

    def target(self, name):
        return os.path.join(self.mnt, name)

    def stop(self):
        if self.process.poll() is None and self.mnt in mounts():
            subprocess.run(["fusermount3", "-u", self.mnt],
                           stderr=subprocess.DEVNULL)
        elif self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        if self.mnt in mounts():
            subprocess.run(["fusermount3", "-u", "-z", self.mnt],
                           stderr=subprocess.DEVNULL)

    def kill(self):
        """So that what waits for it comes back."""
        os.killpg(self.process.pid, signal.SIGKILL)


class Rclone(Peer):
    name, program = "rclone mount", "rclone"

    def command(self):
        return [which("rclone"), "mount", ":http:", self.mnt,
                "--http-url", self.base, "--vfs-cache-mode", "full",
                "--cache-dir", self.cache, "--read-only",
                "--config", os.devnull]


class Httpdirfs(Peer):
    name, program = "httpdirfs", "httpdirfs"

    def command(self):
        # It takes the 206 of nginx, which has no Accept-Ranges, for a refusal.
        return [which("httpdirfs"), "-f", "--no-range-check", "--cache",
                "--cache-location", self.cache, self.base, self.mnt]


class Nbdkit(Peer):
    """One file: the cache is over when it ends."""
    name, program = "nbdkit curl+cache", "nbdfuse"
    file = "1.bin"
    survives = False

    def command(self):
        return [which("nbdfuse"), "-r", self.mnt, "--command", which("nbdkit"),
                "-s", "--exit-with-parent", "--filter=cache", "curl",
                self.base + self.file, "cache-on-read=true"]

    def target(self, name):
        return os.path.join(self.mnt, "nbd")


NGINX_CONF = """
daemon off;
pid {dir}/pid;
error_log {dir}/error.log;
{user}
worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
    sendfile on;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
    fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5;
    {http}
}}
"""
SLICE = """
    access_log off;
    proxy_cache_path {cache} levels=1:2 keys_zone=c:16m max_size=100g;
    upstream origin {{ server {host}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            slice 1m;
            proxy_cache c;
            proxy_cache_lock on;
            proxy_cache_key $uri$is_args$args$slice_range;
            proxy_set_header Range $slice_range;
            proxy_set_header Connection "";
            proxy_http_version 1.1;
            proxy_cache_valid 200 206 1h;
            proxy_pass http://origin;
        }}
    }}
"""


class NginxSlice(Peer):
    name, program, front = "nginx slice 1m", "nginx", "http"
    server = SLICE

    def command(self):
        folder = self.sandbox.folder("peer-nginx")
        self.port = free_port()
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w") as f:
            f.write(NGINX_CONF.format(
                dir=folder, workers=min(max(os.cpu_count(), 2), 8),	# as ours
                user="user root;" if os.geteuid() == 0 else "",
                http=self.server.format(dir=folder, cache=self.cache,
                                        port=self.port, host=self.root())))
        return [which("nginx"), "-p", folder, "-c", conf,
                "-e", os.path.join(folder, "error.log")]

    def root(self):
        return self.base.split("/")[2]

    def stands(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 5).close()
            return True
        except ConnectionRefusedError:
            return False

    def target(self, name):
        path = self.base.split("/", 3)[3]
        return f"http://127.0.0.1:{self.port}/{path}{name}"


ALL = [Rclone, Httpdirfs, NginxSlice, Nbdkit]


class Ours(Held):
    """spoolfs with its default settings."""
    program = None
    front = "mount"
    name = "ours, mount"
    options = {}

    def __init__(self, sandbox, base, cache=None):
        self.sandbox, self.base = sandbox, base
        sandbox.live.append(self)
        self.cache = cache or sandbox.folder("cache")
        self.start()

    def start(self):
        self.daemon = Spoolfs(
            self.sandbox, cache=self.cache, mount=self.front == "mount",
            options={"log_level": "warning", **self.options})

    def cpu(self):
        return cpu_seconds(self.daemon.pid)

    def memory(self):
        return peak_memory(self.daemon.pid)

    def target(self, name):
        return self.daemon.path(self.base + name)

    def stop(self):
        status = self.daemon.unmount()
        if status:
            raise Failure(f"spoolfs ended with {status}")

    def kill(self):
        os.kill(self.daemon.pid, signal.SIGKILL)

    def data(self, name):
        return self.daemon.data(self.base + name)


class OursHttp(Ours):
    front = "http"
    name = "ours, HTTP"

    def target(self, name):
        return self.daemon.url(self.base + name)


OURS = [Ours, OursHttp]


def present(wanted):
    """The peers that can be run, of those whose program is in `wanted` (None:
    all)."""
    return [p for p in ALL if which(p.program) and
            (wanted is None or p.program in wanted or p.name in wanted)]
