"""A browser: loads a page, sends forms, opens a WebSocket and an EventSource, and says what it saw."""

import base64
import hashlib
import json
import os
import queue
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conftest import program
from gateway import environment, host
from http2 import dial

# A browser that starts on a busy machine takes its time.
PATIENCE = 90

PAGE = """<!doctype html><title>page</title><link rel=icon href="data:,"><script>
const seen = { url: location.href };
const protocol = (kind, part) => performance.getEntriesByType(kind).find(e => e.name.includes(part)).nextHopProtocol;
async function look() {
    seen.page = protocol("navigation", "/page");
    const echo = await (await fetch("/echo?fetched", { headers: { "x-asked": "yes" } })).json();
    seen.asked = Object.fromEntries(echo.headers)["x-asked"];
    seen.fetched = protocol("resource", "/echo?fetched");
    const sent = await (await fetch("/echo", { method: "POST", body: new Uint8Array(500000) })).json();
    seen.sent = sent.size;
    const many = await Promise.all([...Array(30).keys()].map(i => fetch("/bytes/" + 10000 * i)));
    seen.many = (await Promise.all(many.map(r => r.arrayBuffer()))).map(b => b.byteLength);
    seen.missing = (await fetch("/status/404")).status;
    seen.socket = await new Promise((done, fail) => {
        const socket = new WebSocket("wss://" + location.host + "/ws", "chat");
        const heard = [socket];
        socket.onopen = () => { heard.push(socket.protocol); socket.send("hello"); socket.send("x".repeat(100000)); };
        socket.onmessage = m => { heard.push(m.data.length); if (heard.length == 4) socket.close(1000); };
        socket.onclose = e => done([...heard.slice(1), e.code, e.wasClean]);
        socket.onerror = () => fail("the WebSocket failed");
    });
    seen.events = await new Promise(done => {
        const source = new EventSource("/ticks"), heard = [];
        source.onmessage = e => {
            heard.push(e.lastEventId, e.data);
            if (heard.length == 6) { source.close(); done(heard); }
        };
    });
}
look().catch(e => { seen.fault = String(e); })
    .finally(() => fetch("/report", { method: "POST", body: JSON.stringify(seen) }));
</script>"""


def fingerprint(argos) -> str:
    """Of the key that `app.test` shows to who checks its certificate."""
    connection = dial(argos.https, argos.tls("h2"))
    key = x509.load_der_x509_certificate(connection.getpeercert(True)).public_key()
    connection.close()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


@pytest.fixture
def browse(upstream, tmp_path):
    """Has a browser load the page, as often as wanted, and gives what each load reported."""
    running, reports = [], queue.Queue()
    upstream.page, upstream.report = PAGE, reports.put

    def browse(argos, *flags: str):
        path = program("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
        port = argos.https[1]
        words = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={tmp_path / 'profile'}",
            "--no-proxy-server", "--host-resolver-rules=MAP * 127.0.0.1",
            # The browser knows no local CA; this is the one key that it takes.
            f"--ignore-certificate-errors-spki-list={fingerprint(argos)}",
        ]
        with open(tmp_path / "browser.log", "wb") as log:
            running.append(subprocess.Popen(
                [path, *words, *flags, f"https://app.test:{port}/page"], stdout=log, stderr=log, env=environment(),
                start_new_session=True,
            ))
        try:
            return json.loads(reports.get(timeout=PATIENCE))
        except queue.Empty:
            pytest.fail((tmp_path / "browser.log").read_text(errors="replace") + str(argos.log))

    yield browse
    for browser in running:
        # The program may be a script that starts the browser: all that it started ends.
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def versions(argos) -> dict[str, set[str]]:
    """The versions over which each path was asked for."""
    found: dict[str, set[str]] = {}
    for row in argos.rows("access"):
        found.setdefault(row["path"], set()).add(row["http_version"])
    return found


def check(seen: dict) -> None:
    assert "fault" not in seen, seen
    assert seen["asked"] == "yes" and seen["sent"] == 500_000 and seen["missing"] == 404
    assert seen["many"] == [10_000 * i for i in range(30)]
    assert seen["socket"] == ["chat", 5, 100_000, 1000, True]
    assert seen["events"] == ["0", "event 0", "1", "event 1", "2", "event 2"]


def test_http2(start, upstream, browse):
    argos = start(host(upstream.address))
    seen = browse(argos)
    check(seen)
    assert (seen["page"], seen["fetched"]) == ("h2", "h2")
    # The WebSocket, too, was a stream of that connection.
    found = versions(argos)
    assert found["/ws"] == found["/page"] == found["/ticks"] == {"HTTP/2.0"}, found


def test_http3(start, upstream, browse):
    argos = start(host(upstream.address))
    seen = browse(argos, "--enable-quic", f"--origin-to-force-quic-on=app.test:{argos.https[1]}")
    check(seen)
    assert (seen["page"], seen["fetched"]) == ("h3", "h3")
    found = versions(argos)
    assert found["/page"] == found["/ticks"] == found["/echo"] == {"HTTP/3.0"}, found
