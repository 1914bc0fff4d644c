"""pages: web pages of an origin of their own, and the players in them."""
import json
import os
import subprocess
import tarfile

from files import TOP, need
from tap import Failure, Skip

# Where in its package each player is.
_PLAYERS = {
    "hls.js": ("hls.js", "package/dist/hls.min.js"),
    "dash.js": ("dashjs", "package/dist/modern/umd/dash.all.min.js"),
}
_MINUTES = 2


def _packed(folder, name, version):
    """The archive of a package. npm says where from; nothing of it is run."""
    need("npm")
    path = os.path.join(folder, f"{name}-{version}.tgz")
    if os.path.exists(path):
        return path
    work = f"{path}.{os.getpid()}"
    os.makedirs(work)
    try:
        p = subprocess.run(
            ["npm", "pack", "--silent", "--fetch-retries=1",
             "--fetch-timeout=30000", f"{name}@{version}"], cwd=work,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=60 * _MINUTES)
        if p.returncode:
            raise Skip(f"npm has no {name} {version} for us")
        os.rename(os.path.join(work, os.listdir(work)[0]), path)
    except subprocess.TimeoutExpired:
        raise Skip(f"npm gets no {name} {version} in {_MINUTES} minutes") \
            from None
    finally:
        for left in os.listdir(work):
            os.unlink(os.path.join(work, left))
        os.rmdir(work)
    return path


def player_page(www):
    """player.html and the players in a folder. What npm has brought stays in
    the build folder."""
    web = os.path.join(TOP, "tests", "web")
    build = os.environ.get("top_builddir") or os.path.join(TOP, "build")
    folder = os.path.join(os.path.abspath(build), "tests", "web")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(web, "package.json")) as f:
        versions = json.load(f)["dependencies"]
    for script, (name, member) in _PLAYERS.items():
        with tarfile.open(_packed(folder, name, versions[name])) as tar:
            try:
                data = tar.extractfile(member).read()
            except KeyError:
                raise Failure(f"no {member} in {name}") from None
        with open(os.path.join(www, script), "wb") as f:
            f.write(data)
    with open(os.path.join(web, "player.html"), "rb") as f:
        data = f.read()
    with open(os.path.join(www, "player.html"), "wb") as f:
        f.write(data)
