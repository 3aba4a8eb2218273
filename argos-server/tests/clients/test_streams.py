"""What stays open: WebSockets over HTTP/1.1 and HTTP/2, server-sent events, and what becomes of them at the stop."""

import base64
import http.client
import os
import re
import ssl
import threading

import pytest
from hyperframe.frame import DataFrame, GoAwayFrame, PingFrame

from gateway import PATIENCE, host
from http2 import NO_ERROR, Client, Raw, dial, head
from upstreams import BINARY, CLOSE, TEXT, exactly, message, pattern, take_message

MASK = b"\x1a\x2b\x3c\x4d"


class Upgraded:
    """A WebSocket that began as HTTP/1.1. Source: RFC 6455 §4."""

    def __init__(self, argos, secure: bool, path="/ws") -> None:
        self.socket = dial(argos.https, argos.tls("http/1.1")) if secure else dial(argos.http)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: chat, other\r\n\r\n".encode()
        )
        self.head = b""
        while not self.head.endswith(b"\r\n\r\n"):
            self.head += exactly(self.socket.recv, 1)
        self.read = self.socket.recv
        self.write = self.socket.sendall

    def close(self) -> None:
        self.socket.close()


class Extended:
    """A WebSocket in a stream of HTTP/2. Source: RFC 8441."""

    def __init__(self, argos, secure: bool, path="/ws") -> None:
        self.client = Client(argos.https, argos.tls("h2")) if secure else Client(argos.http)
        assert self.client.h2.remote_settings.enable_connect_protocol == 1
        self.stream = self.client.begin(
            [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", self.client.scheme), (":path", path),
             (":authority", "app.test"), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat, other")],
            False,
        )
        self.head = self.client.status(self.stream)
        self.taken = 0

    def write(self, data: bytes) -> None:
        self.client.send(self.stream, data)

    def read(self, n: int) -> bytes:
        answer = self.client.answers[self.stream]
        self.client.until(lambda: len(answer.body) > self.taken or answer.ended)
        piece = answer.body[self.taken:self.taken + n]
        self.taken += len(piece)
        return piece

    def close(self) -> None:
        self.client.close()


@pytest.fixture(params=["HTTP/1.1", "HTTP/1.1 and TLS", "HTTP/2", "HTTP/2 and TLS"])
def websocket(request, shared):
    version, _, tls = request.param.partition(" and ")
    opened = (Extended if version == "HTTP/2" else Upgraded)(shared, bool(tls))
    yield opened
    opened.close()


def test_websocket(websocket):
    if isinstance(websocket, Upgraded):
        text = websocket.head.decode().lower()
        assert text.startswith("http/1.1 101 ") and "sec-websocket-protocol: chat\r\n" in text
    else:
        answer = websocket.client.answers[websocket.stream]
        assert answer.status == 200 and answer.headers["sec-websocket-protocol"] == "chat"
        assert "sec-websocket-accept" not in answer.headers and "upgrade" not in answer.headers
    # One at a time, in both directions at once, and larger than any window.
    for kind, payload in ((TEXT, b"hello"), (BINARY, b""), (BINARY, pattern(200)), (BINARY, pattern(70_000))):
        websocket.write(message(kind, payload, MASK))
        assert take_message(websocket.read) == (kind, payload)
    many = [str(i).encode() * 50 for i in range(200)]
    websocket.write(b"".join(message(TEXT, text, MASK) for text in many))
    assert [take_message(websocket.read) for _ in many] == [(TEXT, text) for text in many]
    websocket.write(message(CLOSE, b"\x03\xe8", MASK))
    assert take_message(websocket.read) == (CLOSE, b"\x03\xe8")
    assert websocket.read(1) == b""


def test_a_large_message(websocket):
    """More than all buffers hold: what is sent back is read while more is sent."""
    large = pattern(3_000_000)
    if isinstance(websocket, Upgraded) and isinstance(websocket.socket, ssl.SSLSocket):
        # A TLS socket of Python is not read by one thread while another writes: what is on its way has to fit.
        large = large[:100_000]
        websocket.write(message(BINARY, large, MASK))
        found = take_message(websocket.read)
    elif isinstance(websocket, Upgraded):
        sending = threading.Thread(target=websocket.write, args=(message(BINARY, large, MASK),))
        sending.start()
        found = take_message(websocket.read)
        sending.join()
    else:
        websocket.write(message(BINARY, large, MASK))
        found = take_message(websocket.read)
    assert found == (BINARY, large)


def test_a_client_that_goes_ends_the_upstream_too(shared, upstream):
    for opened in (Upgraded(shared, True), Extended(shared, True)):
        opened.write(message(TEXT, b"hello", MASK))
        assert take_message(opened.read) == (TEXT, b"hello")
        while upstream.gone.acquire(blocking=False):
            pass
        opened.close()
        assert upstream.gone.acquire(timeout=30)


def test_one_connection_has_websockets_and_requests(shared):
    opened = Extended(shared, True)
    other = opened.client.begin(
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/ws"),
         (":authority", "app.test"), ("sec-websocket-version", "13")], False)
    assert opened.client.status(other) == 200
    assert opened.client.ask("/echo").status == 200
    opened.client.send(other, message(TEXT, b"other", MASK))
    opened.write(message(TEXT, b"one", MASK))
    assert take_message(opened.read) == (TEXT, b"one")
    opened.client.until(lambda: opened.client.answers[other].body == message(TEXT, b"other"))
    # A stream that is given up takes nobody with it.
    opened.client.h2.reset_stream(other)
    opened.client.flush()
    opened.write(message(TEXT, b"two", MASK))
    assert take_message(opened.read) == (TEXT, b"two")
    opened.close()


def test_what_opens_no_websocket(shared):
    """An upstream that answers otherwise is heard; other protocols and wrong CONNECTs are refused."""
    connect = [(":method", "CONNECT"), (":scheme", "https"), (":authority", "app.test")]
    version = ("sec-websocket-version", "13")
    with Client(shared.https, shared.tls("h2")) as client:
        for fields, wanted in (
            ([*connect, (":protocol", "websocket"), (":path", "/status/403"), version], {403}),
            ([*connect, (":protocol", "connect-udp"), (":path", "/ws")], {501}),
            ([*connect, (":protocol", "websocket"), (":path", "/ws"), ("content-length", "5"), version], {400}),
            ([connect[0], (":authority", "app.test:443")], {405}),
        ):
            stream = client.begin(fields, False)
            assert client.status(stream) in wanted, fields
        assert client.ask("/echo").status == 200
    socket = dial(shared.http)
    socket.sendall(b"GET /ws HTTP/1.1\r\nHost: app.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
                   b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
    # An upgrade to HTTP/2 is none: the request is answered as it is, or refused.
    assert not exactly(socket.recv, 12).endswith(b" 101")
    socket.close()


def events(read_line):
    """One server-sent event after the other."""
    while True:
        fields = {}
        while line := read_line().strip():
            name, _, value = line.decode().partition(": ")
            fields[name] = value
        yield fields


def test_events_over_http1(shared, upstream):
    for connection in (
        http.client.HTTPConnection(*shared.http, timeout=30),
        http.client.HTTPSConnection(*shared.https, timeout=30, context=Named(shared)),
    ):
        connection.request("GET", "/events", headers={"Host": "app.test", "Accept": "text/event-stream"})
        answer = connection.getresponse()
        assert answer.headers["content-type"] == "text/event-stream"
        # Each event is here before the next is made.
        for i, event in zip(range(3), events(answer.readline)):
            assert event == {"id": str(i), "data": f"event {i}"}
            upstream.go.release()
        assert answer.read() == b""
        connection.close()


class Named:
    """A TLS context that asks for `app.test` whatever the address is."""

    def __init__(self, argos) -> None:
        self.context = argos.tls("http/1.1")

    def wrap_socket(self, sock, server_hostname=None):
        return self.context.wrap_socket(sock, server_hostname="app.test")

    def __getattr__(self, name):
        return getattr(self.context, name)


@pytest.mark.parametrize("secure", [True, False])
def test_events_over_http2(shared, upstream, secure):
    with Client(shared.https, shared.tls("h2")) if secure else Client(shared.http) as client:
        stream = client.begin(head("/events", scheme=client.scheme, more=[("accept", "text/event-stream")]))
        answer = client.answers[stream]
        for i in range(3):
            wanted = f"id: {i}\ndata: event {i}\n\n".encode()
            client.until(lambda: answer.body.endswith(wanted) or answer.ended)
            assert not answer.ended
            # Others on the connection are answered meanwhile.
            assert client.ask("/echo").status == 200
            upstream.go.release()
        assert client.answer(stream).body.count(b"data: ") == 3


def test_the_stop(start, upstream):
    """Requests in flight are finished, idle connections end, tunnels are cut at the end of the grace."""
    argos = start(host(upstream.address), more=["--grace", "1"])
    # Python's h2 takes nothing more behind a GOAWAY, so frames are read as they are.
    busy, idle = Raw(argos.https, argos.tls("h2")), Raw(argos.https, argos.tls("h2"))
    idle.send([idle.get(1, "/echo")])
    busy.send([busy.get(1, "/late")])
    assert idle.fate(1) == busy.fate(1) == ("status", 200)
    h1 = dial(argos.http)
    h1.sendall(b"GET /late HTTP/1.1\r\nHost: app.test\r\n\r\n")
    early = exactly(h1.recv, 12)
    tunnel = Raw(argos.https, argos.tls("h2"))
    tunnel.send([tunnel.headers(1, [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                    (":authority", "app.test"), (":path", "/ws"), ("sec-websocket-version", "13")])])
    assert tunnel.fate(1) == ("status", 200)
    argos.process.terminate()
    # GOAWAY comes to whoever waits; who has nothing in flight is closed.
    assert busy.end() == tunnel.end() == ("goaway", NO_ERROR)
    assert ended(idle)[0] == NO_ERROR
    upstream.go.release()
    upstream.go.release()
    assert ended(busy) == (NO_ERROR, b"late")
    while b"\r\n\r\nlate" not in early:
        early += exactly(h1.recv, 1)
    assert re.match(rb"HTTP/1.1 200", early)
    assert h1.recv(1) == b""
    ended(tunnel)
    assert argos.process.wait(PATIENCE) == 0
    for client in (busy, idle, tunnel, h1):
        client.close()


def ended(client: Raw) -> tuple[int, bytes]:
    """Reads up to the end of the connection: the code of the last GOAWAY, and all content."""
    code, content = NO_ERROR, b""
    while frame := client.next():
        match frame:
            case GoAwayFrame():
                code = frame.error_code
            case DataFrame():
                content += frame.data
            case PingFrame() if "ACK" not in frame.flags:
                client.flood(PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize())
    return code, content
