"""One `argos serve` in a data folder of its own, on ports of its own."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import threading
from pathlib import Path

# A client that waits longer than this waits for ever.
PATIENCE = 30
BINARY = os.environ["ARGOS_BIN"]


def environment() -> dict[str, str]:
    """The caller's, without what would speak to Argos or lead clients elsewhere."""
    unwanted = re.compile(r"ARGOS_|LISTEN_|SSL_CERT_|.*_proxy$", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if not unwanted.match(name)}


class Log:
    """What a process says on standard error, line by line, and whoever waits for a part of it."""

    def __init__(self, stream) -> None:
        self.lines: list[str] = []
        self.ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self.ended = True
            self._news.notify_all()

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def wait(self, pattern: str) -> re.Match[str]:
        """The first line that has `pattern`, once it is there."""

        def found():
            return next((m for line in self.lines if (m := re.search(pattern, line))), None)

        with self._news:
            self._news.wait_for(lambda: found() or self.ended, PATIENCE)
            match = found()
        assert match, f"no line with {pattern!r}:\n{self}"
        return match

    def close(self) -> None:
        self._thread.join(PATIENCE)


class Argos:
    """A gateway that serves. `calls` are operations that fill the folder before it starts."""

    def __init__(self, folder: Path, calls=(), http="127.0.0.1:0", https="127.0.0.1:0", more=(), prefix=(), **popen):
        self.folder = folder
        self.data = folder / "data"
        answers = self._call([*calls, ("certificates.local_ca", {})], "--create")
        self.ca = folder / "ca.pem"
        self.ca.write_text(answers[-1])
        command = [*prefix, BINARY, "serve", "--data-dir", str(self.data), "--http", http, "--https", https]
        command += ["--threads", "1", *more] if "--panel" in more else ["--threads", "1", "--panel", "off", *more]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=popen.pop("env", environment()), **popen
        )
        self.log = Log(self.process.stderr)
        try:
            self.http = self._address("http") if http != "off" else None
            self.https = self._address("https") if https != "off" else None
        except AssertionError:
            self.stop()
            raise

    def _address(self, scheme: str) -> tuple[str, int]:
        match = self.log.wait(rf" {scheme}: {scheme}://(\S+):(\d+)")
        return match[1].strip("[]"), int(match[2])

    def _run(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [BINARY, *words, "--data-dir", str(self.data)],
            input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=environment(),
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def _call(self, calls, *words: str) -> list:
        text = "".join(json.dumps({"call": name, "input": fields}) + "\n" for name, fields in calls)
        return [json.loads(line) for line in self._run("call", "-", *words, stdin=text).splitlines()]

    def call(self, name: str, **fields) -> dict:
        """Runs one operation in the process that serves."""
        return self._call([(name, fields)])[0]

    def set(self, **settings) -> None:
        """Writes settings of the proxy."""
        values = {f"proxy.{name}": str(value) for name, value in settings.items()}
        self._call([("settings.set", {"key": key, "value": value}) for key, value in values.items()])

    def rows(self, source: str) -> list[dict]:
        """The log rows of one kind, oldest first, after the end: all of them are written then."""
        self.stop()
        return self.call("logs.search", source=source, order="asc", limit=1000)["items"]

    def tls(self, *protocols: str) -> ssl.SSLContext:
        """Trusts the local CA and nobody else."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context

    def stop(self) -> int:
        """Ends the process as a service manager does."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.log.close()
            self.process.stderr.close()


def host(upstream, domain="app.test", group=None, **fields) -> list[tuple[str, dict]]:
    """The calls that make the first target group of a folder, and a host before it."""
    targets = [{"host": upstream[0], "port": upstream[1]}]
    return [
        ("target_groups.create", {"name": "upstream", "targets": targets, **(group or {})}),
        ("hosts.create", {"domain": domain, "https_redirect": False, "target_group_id": 1, **fields}),
    ]
