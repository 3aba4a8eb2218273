"""Servers behind Argos, in threads of the test."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gateway import PATIENCE


class Upstream:
    """Speaks HTTP/1.1. What it answers depends on the path alone."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)
        self.connections = 0
        upstream = self

        class Handler(Answers):
            world = upstream

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = self.server.server_address
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE)


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    disable_nagle_algorithm = True
    world: Upstream

    def setup(self) -> None:
        super().setup()
        self.world.connections += 1

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.world.gone.release()

    def log_message(self, *_) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def parse_request(self) -> bool:
        good = super().parse_request()
        if good:
            self.world.seen.append(f"{self.command} {self.path}")
            name = self.path.split("?")[0].strip("/").split("/")[0].replace("-", "_")
            setattr(self, f"do_{self.command}", getattr(self, f"answer_{name}", self.answer_echo))
        return good

    def take_body(self) -> tuple[int, str, dict[str, str]]:
        """Length, SHA-256 and trailers of the request's content."""
        size, digest, trailers = 0, hashlib.sha256(), {}
        if self.headers.get("Transfer-Encoding") == "chunked":
            while n := int(self.rfile.readline().split(b";")[0], 16):
                digest.update(self.rfile.read(n))
                size += n
                self.rfile.readline()
            while (line := self.rfile.readline().strip()):
                name, value = line.decode().split(": ", 1)
                trailers[name.lower()] = value
        else:
            left = int(self.headers.get("Content-Length", 0))
            while left > 0:
                piece = self.rfile.read(min(left, 65536))
                if not piece:
                    raise ConnectionResetError("the request ended early")
                digest.update(piece)
                size, left = size + len(piece), left - len(piece)
        return size, digest.hexdigest(), trailers

    def say(self, body: bytes, status: int = 200, **fields: str) -> None:
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def number(self) -> int:
        return int(self.path.split("?")[0].rsplit("/", 1)[1])

    def answer_echo(self) -> None:
        size, digest, trailers = self.take_body()
        head = [[name.lower(), value] for name, value in self.headers.items()]
        seen = {"method": self.command, "path": self.path, "headers": head, "client": self.client_address[1],
                "size": size, "sha256": digest, "trailers": trailers}
        self.say(json.dumps(seen).encode(), content_type="application/json")

    def answer_page(self) -> None:
        self.say(self.world.page.encode(), content_type="text/html; charset=utf-8")

    def answer_report(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(b"", 204)
        self.world.report(body.decode())

    def answer_bytes(self) -> None:
        self.say(pattern(self.number()), content_type="application/octet-stream")

    def answer_prose(self) -> None:
        self.say(prose(self.number()), content_type="text/plain; charset=utf-8")

    def answer_status(self) -> None:
        self.say(b"as asked", self.number())

    def answer_trailers(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Sum")
        self.end_headers()
        self.wfile.write(b"2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n")

    def answer_hints(self) -> None:
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        self.say(b"after the hints")

    def answer_cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"cut")
        self.close_connection = True

    def answer_silent(self) -> None:
        """Nothing, until the other side ends the connection."""
        self.connection.settimeout(PATIENCE)
        self.take_body()
        self.rfile.read(1)
        self.close_connection = True

    def answer_half(self) -> None:
        """A head and half a body, then nothing until the other side ends it."""
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.rfile.read(1)
        self.close_connection = True

    def answer_late(self) -> None:
        """The head at once, the rest when the test says so."""
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.flush()
        assert self.world.go.acquire(timeout=PATIENCE)
        self.wfile.write(b"late")

    def answer_events(self) -> None:
        """Server-sent events: each next one when the test says so."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for i in range(3):
            self.wfile.write(f"id: {i}\ndata: event {i}\n\n".encode())
            self.wfile.flush()
            assert self.world.go.acquire(timeout=PATIENCE)
        self.close_connection = True

    def answer_ticks(self) -> None:
        """Server-sent events, all at once, for a browser."""
        body = b"".join(f"id: {i}\ndata: event {i}\n\n".encode() for i in range(3))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def answer_ws(self) -> None:
        """A WebSocket that says each message back. Source: RFC 6455."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        if "Sec-WebSocket-Protocol" in self.headers:
            self.send_header("Sec-WebSocket-Protocol", self.headers["Sec-WebSocket-Protocol"].split(",")[0].strip())
        self.end_headers()
        self.close_connection = True
        while True:
            kind, payload = take_message(self.rfile.read)
            self.wfile.write(message(kind, payload))
            if kind == CLOSE:
                # The side that asked for the end is the server's: TCP ends here.
                return


TEXT, BINARY, CLOSE = 1, 2, 8


def message(kind: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One WebSocket frame with a whole message. Source: RFC 6455 §5.2."""
    n, flag = len(payload), 0x80 if mask else 0
    if n < 126:
        head = struct.pack("!BB", 0x80 | kind, flag | n)
    elif n < 65536:
        head = struct.pack("!BBH", 0x80 | kind, flag | 126, n)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, flag | 127, n)
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    if not mask or not payload:
        return payload
    n = len(payload)
    key = int.from_bytes((mask * (n // 4 + 1))[:n], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(n, "big")


def take_message(read) -> tuple[int, bytes]:
    """The next frame; `read` gives exactly as many bytes as asked, or fewer at the end."""
    head = exactly(read, 2)
    n = head[1] & 0x7F
    if n == 126:
        n = struct.unpack("!H", exactly(read, 2))[0]
    elif n == 127:
        n = struct.unpack("!Q", exactly(read, 8))[0]
    mask = exactly(read, 4) if head[1] & 0x80 else b""
    return head[0] & 0x0F, masked(exactly(read, n) if n else b"", mask)


def exactly(read, n: int) -> bytes:
    found = b""
    while len(found) < n:
        piece = read(n - len(found))
        if not piece:
            raise ConnectionResetError("the other side ended the connection")
        found += piece
    return found


def prose(lines: int) -> bytes:
    """Text with little in it."""
    return b"".join(b"%d: the same words again, and %d again\n" % (i, i * 7919 % 1000) for i in range(lines))


def pattern(size: int) -> bytes:
    """Bytes in which no part looks like the next."""
    unit = b"".join(i.to_bytes(4, "big") for i in range(16384))
    return (unit * (size // len(unit) + 1))[:size]


class Closed:
    """An address where connections wait for ever: its queue is full."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.address = self.listener.getsockname()
        self.queue = []
        for _ in range(8):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(self.address)
            self.queue.append(waiting)

    def close(self) -> None:
        for waiting in [*self.queue, self.listener]:
            waiting.close()
