"""web: what the benches' origins serve."""
import os
import subprocess

from servers import ORIGIN


def page(folder, links):
    """Rules for a page with these links; with and without the slash, since
    httpdirfs asks for both."""
    return "".join(f'{folder}{slash} body="<html><body>{links}</body></html>"'
                   ' header="Content-Type: text/html" ranges=off\n'
                   for slash in ("/", ""))


def listing(folder, count):
    """The page that links 1.bin …"""
    return page(folder, "".join(f"<a href='{n}.bin'>{n}.bin</a> "
                                for n in range(1, count + 1)))


def big_file(path, size):
    """size bytes that are nothing special."""
    with open(path, "wb") as f:
        subprocess.run([ORIGIN, "--gen", f"{size}/1"], stdout=f, check=True)
    return path


def nginx(lab, sizes):
    """nginx with /d/1.bin … of these sizes, and a listing of them."""
    www = lab.sandbox.folder("www")
    os.mkdir(f"{www}/d")
    for number, size in enumerate(sizes, 1):
        big_file(f"{www}/d/{number}.bin", size)
    server = lab.sandbox.nginx(root=www, extra="autoindex on;")
    server.base = server.url("/d/")
    server.files = [f"{www}/d/{n}.bin" for n in range(1, len(sizes) + 1)]
    return server


def scripted(lab, sizes, conditions, rules=""):
    """The scripted origin with /d/1.bin … of these sizes under these
    conditions (the words of a rule), and a listing of them."""
    script = listing("/d", len(sizes)) + rules
    script += "".join(f"/d/{n}.bin gen={size}/{n} {conditions}\n"
                      for n, size in enumerate(sizes, 1))
    server = lab.sandbox.origin(script)
    server.base = server.url("/d/")
    return server


def crowd(lab, size, count, conditions):
    """The scripted origin with 1.bin … of one size, all under one rule."""
    server = lab.sandbox.origin(listing(f"/gen/{size}", count) +
                                f"* {conditions}\n")
    server.base = server.url(f"/gen/{size}/")
    return server
