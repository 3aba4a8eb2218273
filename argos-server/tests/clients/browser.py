"""A Chromium that is led over a pipe (DevTools protocol): opens pages, types, clicks, tells what was complained of."""

from __future__ import annotations

import base64
import json
import os
import queue
import signal
import subprocess
import threading
import time
from pathlib import Path

from conftest import program
from gateway import environment

# A browser that starts on a busy machine takes its time.
PATIENCE = 90


class Browser:
    """One process with a profile of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        path = program("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        words = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}",
            "--no-proxy-server", "--host-resolver-rules=MAP * 127.0.0.1", *flags, "about:blank",
        ]
        theirs, ours = os.pipe()
        self._from, answers = os.pipe()
        self._to = ours
        self._log = open(folder / "browser.log", "wb")

        # The browser reads from descriptor 3 and writes to 4, whatever the numbers are here.
        def arrange() -> None:
            a, b = os.dup(theirs), os.dup(answers)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.set_inheritable(3, True)
            os.set_inheritable(4, True)

        self._process = subprocess.Popen(
            [path, *words], stdout=self._log, stderr=self._log, env=environment(), start_new_session=True,
            close_fds=False, preexec_fn=arrange,
        )
        os.close(theirs)
        os.close(answers)
        self._count = 0
        self._answers: dict[int, queue.Queue] = {}
        self._listeners: dict[str, list] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        rest = b""
        while chunk := os.read(self._from, 1 << 20):
            *whole, rest = (rest + chunk).split(b"\0")
            for text in whole:
                message = json.loads(text)
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                else:
                    for hear in self._listeners.get(message.get("sessionId", ""), []):
                        hear(message["method"], message["params"])
        for waiting in self._answers.values():
            waiting.put({"error": "the browser ended"})

    def call(self, method: str, session: str = "", **params):
        """One command of the protocol."""
        self._count += 1
        answer = self._answers.setdefault(self._count, queue.Queue())
        message = {"id": self._count, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._to, json.dumps(message).encode() + b"\0")
        got = answer.get(timeout=PATIENCE)
        assert "error" not in got, f"{method}: {got['error']}"
        return got["result"]

    def page(self, width: int = 1280, height: int = 800, **look) -> "Page":
        """A tab in a context of its own: no cookie of another one is seen."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        return Page(self, context, width, height, **look)

    def close(self) -> None:
        # The program may be a script that starts the browser: all that it started ends.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        self._log.close()


class Page:
    """A tab."""

    def __init__(self, browser: Browser, context: str, width: int, height: int, phone=False, dark=False, script=True):
        self.browser = browser
        self.context = context
        target = browser.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.complaints: list[str] = []
        self._loaded: queue.Queue[str] = queue.Queue()
        self.requests: list[dict] = []
        browser._listeners[self.session] = [self._hear]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        if phone:
            self.call("Emulation.setTouchEmulationEnabled", enabled=True)
        scheme = "dark" if dark else "light"
        # What moves is not what it is until it has come to rest.
        media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in media.items()])
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def _hear(self, method: str, params: dict) -> None:
        if method == "Log.entryAdded":
            entry = params["entry"]
            # A refused call is told as such; what the page makes of it is looked at there.
            if not (entry["source"] == "network" and "/api/v1/" in entry.get("url", "")):
                self.complaints.append(f"{entry['source']}: {entry['text']}")
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Page.lifecycleEvent" and params["name"] == "load":
            self._loaded.put(params["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"])

    def call(self, method: str, **params):
        return self.browser.call(method, self.session, **params)

    def run(self, script: str):
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, f"{script}: {done['exceptionDetails']}"
        return done["result"].get("value")

    def open(self, url: str) -> None:
        """Until it is loaded with all that it names."""
        done = self.call("Page.navigate", url=url)
        assert "errorText" not in done, f"{url}: {done['errorText']}"
        while self._loaded.get(timeout=PATIENCE) != done["loaderId"]:
            pass

    def wait(self, condition: str) -> None:
        """Until an expression is true. Between two pages there is nobody to ask, so the question is asked again."""
        end = time.monotonic() + PATIENCE
        tell = f"""new Promise(done => {{
            const end = Date.now() + 2000;
            const look = () => {{
                let found = false;
                try {{ found = Boolean({condition}); }} catch {{}}
                if (found || Date.now() > end) done(found); else setTimeout(look, 15);
            }};
            look();
        }})"""
        while time.monotonic() < end:
            try:
                if self.run(tell):
                    return
            except AssertionError:
                continue
        raise AssertionError(f"never true: {condition}\n{self.text()}\n{self.complaints}")

    def text(self) -> str:
        """What a reader sees."""
        return self.run("document.body.innerText")

    def type(self, selector: str, text: str) -> None:
        """Clears the field and types."""
        self.run(f"(e => {{ e.focus(); e.select(); }})(document.querySelector({json.dumps(selector)}))")
        if text:
            self.call("Input.insertText", text=text)
        else:
            self.key("Backspace", 8)

    def key(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def enter(self) -> None:
        self.key("Enter", 13, "\r")

    def enter_in(self, selector: str) -> None:
        """Presses Enter in a field."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.enter()

    def tab(self) -> None:
        self.key("Tab", 9)

    def space(self) -> None:
        self.key(" ", 32, " ")

    def click(self, selector: str) -> None:
        """Where it is seen, as a finger would."""
        x, y = self.run(f"""(e => {{
            e.scrollIntoView({{ block: "center", behavior: "instant" }});
            const r = e.getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2];
        }})(document.querySelector({json.dumps(selector)}))""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def ax(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader meets."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        shown = [node for node in nodes if not node["ignored"]]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in shown]

    def picture(self, path: Path) -> None:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))
