"""browser: a headless Chromium under remote control, by WebDriver (W3C)."""
import json
import subprocess
import urllib.error
import urllib.request

from files import need
from tap import Failure, note, ok, wait_for

# No proxy, whatever the environment says.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

ARGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
        "--disable-background-networking", "--disable-component-update",
        "--autoplay-policy=no-user-gesture-required")


class Browser:
    """hosts: a --host-resolver-rules, such as "MAP app.example 127.0.0.1"."""

    def __init__(self, s, hosts=None):
        need("chromium", "chromedriver")
        self.process = s.popen(
            ["chromedriver", "--port=0", "--log-level=SEVERE"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.base = f"http://127.0.0.1:{self._port()}"
        args = list(ARGS) + [f"--user-data-dir={s.folder('chromium')}"]
        # Whatever else it looks up by itself is nowhere.
        args.append("--host-resolver-rules=" + ", ".join(
            filter(None, (hosts, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1",
                          "EXCLUDE localhost"))))
        self.path = ""
        value = self._call("POST", "/session", {"capabilities": {
            "alwaysMatch": {
                "timeouts": {"script": 60000, "pageLoad": 60000},
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": args}}}})
        self.path = f"/session/{value['sessionId']}"

    def _port(self):
        for line in self.process.stdout:
            words = line.split()
            if "successfully" in words:
                return int(words[-1].rstrip("."))
        raise Failure("chromedriver starts")

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + self.path + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with _direct.open(request, timeout=90) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failure(f"chromium: {value['error']}: "
                          f"{value['message'][:500]}") from None

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def run(self, script, *args):
        """The value of a function's body."""
        return self._call("POST", "/execute/sync",
                          {"script": script, "args": list(args)})

    def await_(self, script, *args):
        """The value of an async function's body; an exception's text is
        "error: ..."."""
        return self._call("POST", "/execute/async", {
            "script": "const done = arguments[arguments.length - 1];"
                      f"(async (...args) => {{ {script} }})(...arguments)"
                      ".then(done, e => done(`error: ${e}`));",
            "args": list(args)})

    def without_cache(self):
        """From now on it asks for everything, as a new browser would."""
        for command, keys in (("Network.enable", {}),
                              ("Network.setCacheDisabled",
                               {"cacheDisabled": True})):
            self._call("POST", "/goog/cdp/execute",
                       {"cmd": command, "params": keys})

    def console(self):
        return [row["message"] for row in
                self._call("POST", "/se/log", {"type": "browser"})]

    def close(self):
        self._call("DELETE", "")
        self.process.terminate()
        ok(self.process.wait(20) is not None, "chromedriver ends")
        self.process.stdout.close()


class Video:
    """The first <video> of the page that is open."""

    def __init__(self, browser):
        self.browser = browser

    def get(self, what):
        return self.browser.run(f"return document.querySelector('video')"
                                f".{what}")

    def error(self):
        return self.browser.run(
            "const e = document.querySelector('video').error;"
            "return e && `${e.code}: ${e.message}`")

    def plays(self, start, timeout):
        """Wait until it is past start and moving."""
        def position(least):
            error = self.error()
            ok(not error, f"the video plays: {error}")
            at = self.get("currentTime")
            return at if at >= least else None
        try:
            first = wait_for(lambda: position(start),
                             f"the video to be at {start}", timeout)
            return wait_for(lambda: position(first + 0.2),
                            "it to go on from there", timeout)
        except Failure:
            note("\n".join(self.browser.console()[-20:]))
            raise

    def seek(self, seconds):
        self.browser.run("document.querySelector('video').currentTime = "
                         "arguments[0]", seconds)
