"""Debian's Chromium without a window, spoken to through a pipe: no driver and no port."""

import base64
import json
import os
import subprocess
from contextlib import contextmanager

# A software renderer draws WebGL the same on every machine.
FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-background-networking", "--no-first-run"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--remote-debugging-pipe"),
]


class Page:
    """A page that is open."""

    def __init__(self, write, read):
        self._write, self._read, self._number, self._session = write, read, 0, None
        self.requests, self.problems = [], []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        found = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = found["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """A command; gives its result, and notes what else was told meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            self._note(told)

    def _next(self):
        letters = bytearray()
        while (letter := self._read.read(1)) != b"\0":
            assert letter, "the browser has ended"
            letters += letter
        return json.loads(letters)

    def _note(self, told):
        if told.get("method") == "Network.requestWillBeSent":
            self.requests.append(told["params"]["request"]["url"])
        if told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(told["params"]["exceptionDetails"])
        if told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
            self.problems.append(told["params"]["entry"]["text"])

    def size(self, width, height, phone=False):
        """The size of the screen, in CSS pixels."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def open(self, path, place=""):
        """Open a file at a place, and wait until it shows an episode."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=f"file://{path}#{place}")
        self.wait("document.body && document.body.dataset.shown")

    def wait(self, condition):
        """Wait until an expression holds; a page that fails to makes the test fail."""
        code = f"""new Promise((done, fail) => {{
            const end = performance.now() + 60000;
            const look = () => ({condition}) ? done(true)
                : performance.now() > end ? fail("waited in vain") : setTimeout(look, 20);
            look();
        }})"""
        return self.run(code)

    def run(self, code):
        """The value of an expression."""
        found = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def text(self, selector):
        """What a part of the page says."""
        return self.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def press(self, key, shift=False):
        """Press a key where the focus is."""
        event = {"key": key, "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", **event)
        self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    def picture(self):
        """A PNG of the screen."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])


@contextmanager
def browser(program, profile, *flags):
    """A browser with one page; it has ended when the block has."""
    ours, theirs = os.pipe(), os.pipe()
    ends = ours[0], theirs[1]
    # It reads from descriptor 3 and writes to 4.
    code = f'exec "$0" "$@" 3<&{ends[0]} 4>&{ends[1]}'
    process = subprocess.Popen(
        ["bash", "-c", code, program, *FLAGS, f"--user-data-dir={profile}", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=ends,
    )
    for end in ends:
        os.close(end)
    with os.fdopen(ours[1], "wb") as write, os.fdopen(theirs[0], "rb") as read:
        try:
            yield Page(write, read)
        finally:
            process.terminate()
            process.wait(30)
