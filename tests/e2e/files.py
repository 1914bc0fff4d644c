"""files: files, mounts, processes and programs, as the tests see them."""
import hashlib
import os
import re
import select
import shutil
import socket

from tap import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(HERE))


def program(variable, name):
    given = os.environ.get(variable)
    if given:
        return os.path.abspath(given)
    build = os.environ.get("top_builddir")
    folders = [build] if build else [os.path.join(TOP, "build"), TOP]
    for folder in folders:
        path = os.path.join(os.path.abspath(folder), name)
        if os.path.exists(path):
            return path
    return os.path.join(os.path.abspath(folders[-1]), name)


def need(*programs):
    """Skip the case when one of these programs is not installed."""
    for name in programs:
        if not shutil.which(name, path=os.environ.get("PATH", "") +
                            ":/usr/sbin:/sbin"):
            raise Skip(f"no {name}")


def need_fuse():
    if not os.path.exists("/dev/fuse"):
        raise Skip("no /dev/fuse")
    need("fusermount3")


def read(path):
    with open(path, "rb", buffering=0) as f:
        return f.readall()


def pread(path, length, off):
    """One open, the bytes, one close."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return read_exactly(fd, length, off)
    finally:
        os.close(fd)


def read_exactly(fd, length, off):
    data = b""
    while len(data) < length:
        piece = os.pread(fd, length - len(data), off + len(data))
        if not piece:
            break
        data += piece
    return data


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as f:
        for piece in iter(lambda: f.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def sparse_file(path, size, mark=16):
    """A sparse file with random bytes at its ends and around powers of 2."""
    places = {0, size} | {1 << n for n in (20, 30, 31, 32)}
    with open(path, "wb") as f:
        f.truncate(size)
        for place in sorted(places):
            at = max(0, place - mark)
            if at < size:
                f.seek(at)
                f.write(os.urandom(2 * mark)[:size - at])
    return path


def unescape_mount(text):
    return re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), text)


def mounts():
    """Mount point -> file system type."""
    with open("/proc/self/mountinfo") as f:
        fields = [line.split() for line in f]
    return {unescape_mount(x[4]): x[x.index("-") + 1] for x in fields}


def process_state(pid):
    """The letter of /proc/PID/stat, or '' when there is none."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def wait_exit(pid, timeout):
    """Wait for the end of any process. False when it takes longer."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        p = select.poll()
        p.register(fd, select.POLLIN)
        return bool(p.poll(timeout * 1000))
    finally:
        os.close(fd)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def host_of(url):
    return urllib.parse.urlsplit(url).netloc


def name_of(url):
    """scheme/host/path?query: where a URL is in a mount or below an
    endpoint."""
    return url.replace("://", "/", 1)


# Numbers of read and pread64.
_READS = {"x86_64": ("0", "17"), "aarch64": ("63", "67")}.get(
    os.uname().machine)


def blocked_readers(pid):
    """How many threads of a process sleep in a read."""
    if not _READS:
        raise Skip(f"numbers of system calls of {os.uname().machine}")
    count = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/syscall") as f:
                number = f.read().split()[0]
            count += number in _READS
    except (OSError, IndexError):
        pass			# it has ended
    return count
