"""Drives a Chromium on this machine over its debugging pipe: no driver, no socket, no package."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


class Chromium:
    """A headless browser with one page."""

    def __init__(self, size=(1400, 1000), program=None):
        program = program or os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
        if not program:
            raise SystemExit("there is no Chromium here")
        self.home = tempfile.mkdtemp(prefix="page-check-")
        ours, theirs = os.pipe(), os.pipe()
        # The browser reads from 3 and writes to 4: its ends must not be these numbers already.
        reads, writes = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (ours[0], theirs[1]))

        def wire():
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        self.process = subprocess.Popen(
            [
                program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--remote-debugging-pipe", f"--user-data-dir={self.home}", f"--window-size={size[0]},{size[1]}",
                "about:blank",
            ],
            preexec_fn=wire, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for fd in (ours[0], theirs[1], reads, writes):
            os.close(fd)
        self.to, self.of = ours[1], theirs[0]
        self.rest, self.number, self.session, self.events = b"", 0, None, []
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        self.size(*size)

    def _message(self, deadline):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.of], [], [], max(0.0, deadline - time.time()))
            if not ready:
                raise TimeoutError("the browser does not answer")
            got = os.read(self.of, 1 << 20)
            if not got:
                raise RuntimeError("the browser has ended")
            self.rest += got
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, timeout=120, **params):
        """One command of the DevTools protocol."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.time() + timeout
        while True:
            got = self._message(deadline)
            if got.get("id") == self.number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got.get("result", {})
            self.events.append(got)

    def wait(self, method, timeout=120):
        """Waits for an event."""
        deadline = time.time() + timeout
        while True:
            for at, event in enumerate(self.events):
                if event.get("method") == method:
                    return self.events.pop(at)["params"]
            self.events.append(self._message(deadline))

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def media(self, scheme="light", medium=""):
        """Light or dark; screen or print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=medium, features=features)

    def open(self, address, timeout=120):
        """Opens a file or an address, and answers the seconds until its load event was over."""
        if "://" not in address:
            address = "file://" + os.path.abspath(address)
        self.events.clear()
        begin = time.time()
        self.call("Page.navigate", url=address)
        self.wait("Page.loadEventFired", timeout)
        return time.time() - begin

    def run(self, script, timeout=300):
        """What a script (or the promise it makes) answers."""
        got = self.call("Runtime.evaluate", timeout=timeout, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in got:
            what = got["exceptionDetails"]
            raise RuntimeError(what.get("exception", {}).get("description") or what.get("text"))
        return got["result"].get("value")

    def key(self, key, code=None, text=None, modifiers=0):
        """Presses a key."""
        named = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39,
                 "Home": 36, "End": 35, "PageDown": 34, "PageUp": 33, " ": 32}
        params = {"key": key, "code": code or key, "windowsVirtualKeyCode": named.get(key, 0), "modifiers": modifiers}
        text = text or {"Enter": "\r", " ": " "}.get(key)
        self.call("Input.dispatchKeyEvent", type="keyDown", **params, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **params)

    def mouse(self, kind, x, y, buttons=0):
        """kind: mousePressed, mouseMoved, mouseReleased."""
        button = "left" if kind != "mouseMoved" or buttons else "none"
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=buttons, clickCount=1)

    def complaints(self):
        """What the page said since it was opened: errors, violations of its policy, addresses other than files."""
        out = []
        for event in self.events:
            params = event.get("params", {})
            match event.get("method"):
                case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                    out.append(f"{params['entry']['source']}: {params['entry']['text']}")
                case "Runtime.exceptionThrown":
                    what = params["exceptionDetails"]
                    out.append("exception: " + (what.get("exception", {}).get("description") or what["text"]))
                case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                    out.append("console: " + " ".join(str(a.get("value", "")) for a in params["args"]))
                case "Network.requestWillBeSent":
                    url = params["request"]["url"]
                    if not url.startswith(("file:", "data:", "about:", "blob:")):
                        out.append(f"asked for {url}")
        return out

    def cpu(self):
        """Seconds of processor time of the page's processes so far: on a busy machine worth more than the clock."""
        session, self.session = self.session, None
        try:
            found = self.call("SystemInfo.getProcessInfo")["processInfo"]
        finally:
            self.session = session
        return sum(p["cpuTime"] for p in found if p["type"] == "renderer")

    def screenshot(self, path, whole=False):
        import base64

        got = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(got["data"]))

    def close(self):
        try:
            session, self.session = self.session, None
            self.call("Browser.close", timeout=5)
        except Exception:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
