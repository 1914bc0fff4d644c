"""What a user's service manager, a real one, makes of the units."""
from spool import *

SYSTEMD = "/lib/systemd/systemd"
PATH = "/gen/300000/1.mp4"
FILM = gen(300000, 1)

# A /run as the system's manager would have left it; groups of processes that
# may be had; programs where no folder of the units' sandbox is in the way.
BEGIN = r"""
set -e
mount -t tmpfs tmpfs /run
cd /run
mkdir -p systemd/system systemd/inaccessible/dir user/systemd bin home
touch systemd/inaccessible/reg
chmod 700 user
cp "$@" bin
mkdir -p home/.config/systemd
cp -r "$UNITS" home/.config/systemd/user
groups=/sys/fs/cgroup
mount -t tmpfs tmpfs $groups
if grep -q :name=systemd: /proc/self/cgroup; then
	mkdir $groups/systemd $groups/unified
	mount -t cgroup -o none,name=systemd cgroup $groups/systemd
	mount -t cgroup2 cgroup2 $groups/unified
	groups="$groups/systemd/$GROUP $groups/unified/$GROUP"
else
	mount -t cgroup2 cgroup2 $groups
	groups="$groups/$GROUP"
fi
mkdir $groups
(
	for group in $groups; do
		sh -c 'echo $PPID' >$group/cgroup.procs
	done
	exec "$SYSTEMD" --user --log-level=err
) &
trap 'kill -TERM $!' TERM
wait || wait || :
find $groups -depth -type d -exec rmdir {} +
"""


def units(s, programs, port=4612):
    """A folder of the units as they would be installed."""
    folder = s.folder("units")
    source = f"{TOP}/contrib/systemd"
    for path in [*glob.glob(f"{source}/*.in"), *glob.glob(f"{source}/*.socket")]:
        text = read(path).decode().replace("@bindir@", programs)
        s.write(f"{folder}/{os.path.basename(path).removesuffix('.in')}",
                text.replace("127.0.0.1:4612", f"127.0.0.1:{port}"))
    return folder


class User:
    """A user's manager, with a home of its own; seen from outside below root."""

    def __init__(self, s):
        need_fuse()
        need("unshare", "nsenter", "systemctl")
        if os.getuid() or not os.path.exists(SYSTEMD):
            raise Skip("not root" if os.getuid() else f"no {SYSTEMD}")
        self.sandbox, self.port = s, free_port()
        self.env = dict(s.env, HOME="/run/home", XDG_RUNTIME_DIR="/run/user",
                        XDG_CONFIG_HOME="/run/home/.config",
                        XDG_CACHE_HOME="/run/home/.cache",
                        UNITS=units(s, "/run/bin", self.port), GROUP=s.mark, SYSTEMD=SYSTEMD)
        self.process = s.popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", BEGIN,
             "sh", SPOOLFS], env=self.env, stdout=subprocess.DEVNULL)
        self.root = f"/proc/{self.process.pid}/root"
        wait_for(lambda: self.process.poll() is not None or
                 self.ctl("is-system-running") == "running", "the manager",
                 20 * SLACK)
        if self.process.poll() is not None:
            raise Skip("no manager of a user runs here")

    def ctl(self, *args):
        """What systemctl says, in a line."""
        return self.sandbox.run(
            ["nsenter", "-t", str(self.process.pid), "-m", "systemctl",
             "--user", *args], env=self.env).stdout.strip()

    def does(self, *args):
        """systemctl has done it."""
        p = self.sandbox.run(
            ["nsenter", "-t", str(self.process.pid), "-m", "systemctl",
             "--user", *args], env=self.env, timeout=60)
        equal(p.returncode, 0, f"systemctl {' '.join(args)}: {p.stderr}")

    def settings(self, text):
        os.makedirs(f"{self.root}/run/home/.config/spoolfs")
        path = f"{self.root}/run/home/.config/spoolfs/spoolfs.ini"
        with open(path, "w") as f:
            f.write(text)

    def pid(self, unit):
        return int(self.ctl("show", "-P", "MainPID", unit))

    def end(self):
        self.process.terminate()
        equal(self.process.wait(30 * SLACK), 0, "the manager ends")


@case
def well_formed(s):
    "systemd-analyze has nothing to say of them"
    need("systemd-analyze")
    folder = units(s, os.path.dirname(SPOOLFS))
    for name in os.listdir(folder):
        p = s.run(["systemd-analyze", "verify", "--user", "--man=no",
                   f"{folder}/{name}"])
        equal(p.returncode, 0, f"{name}: {p.stderr}")
        ok(folder not in p.stderr, f"{name}: {p.stderr}")


@case
def by_socket(s):
    "the socket unit: the first client starts the service, in its sandbox; again"
    o = s.origin()
    u = User(s)
    url = f"http://127.0.0.1:{u.port}/{name_of(o.url(PATH))}"
    u.does("start", "spoolfs-http.socket")
    for turn in ("first", "again"):
        equal(u.ctl("is-active", "spoolfs-http.service"), "inactive",
              f"{turn}: before")
        equal(fetch(url).body, FILM, turn)
        equal(u.ctl("is-active", "spoolfs-http.service"), "active",
              f"{turn}: then")
        status = read(f"/proc/{u.pid('spoolfs-http.service')}/status").decode()
        ok("\nNoNewPrivs:\t1\n" in status and "\nSeccomp:\t2\n" in status,
           "its sandbox")
        u.does("stop", "spoolfs-http.service")
    o.fetched_once(len(FILM), PATH)
    u.end()


@case
def mounted(s):
    "the mount: it stands when it is started, again after a kill, and is gone"
    o = s.origin()
    u = User(s)
    u.settings("http = off\n")
    film = f"{u.root}/run/home/Spool/{name_of(o.url(PATH))}"
    u.does("start", "spoolfs.service")
    equal(read(film), FILM, "it is read at once")
    first = u.pid("spoolfs.service")
    u.does("kill", "-s", "KILL", "spoolfs.service")
    wait_for(lambda: u.pid("spoolfs.service") not in (0, first) and
             u.ctl("is-active", "spoolfs.service") == "active",
             "another to be started", 20 * SLACK)
    equal(read(film), FILM, "and is read again")
    u.does("reload", "spoolfs.service")
    u.does("stop", "spoolfs.service")
    equal(os.listdir(f"{u.root}/run/home/Spool"), [], "not mounted")
    u.end()


@case
def one_of_them(s):
    "the one that is started ends the other, and then has the cache"
    u = User(s)
    u.settings(f"http = 127.0.0.1:{u.port}\n")
    units = "spoolfs.service", "spoolfs-http.service"
    for turn in range(4):
        new, old = units[turn % 2], units[1 - turn % 2]
        u.does("start", new)
        equal(u.ctl("is-active", new), "active", new)
        equal(u.ctl("is-active", old), "inactive", old)
        equal(u.ctl("show", "-P", "NRestarts", new), "0", "at once")
    u.end()


main()
