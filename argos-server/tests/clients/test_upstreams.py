"""Upstreams that do what they should not, asked over every version: nobody gets what was meant for another."""

import socket
import threading

import pytest

import http2
import http3
from gateway import PATIENCE, Argos, host
from upstreams import exactly

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

# What the upstream says, and what may come of it: a status, or None for an answer that breaks off.
ANSWERS = {
    "a length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" + POISON,
        {502}),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", {502}),
    "a length with a sign": (b"HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nabcd", {502}),
    "a coding nobody knows": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabcd", {502}),
    "a folded field": (b"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "a field without a colon": (b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "a blank before the colon": (b"HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\nabcd", {502}),
    "NUL in a value": (b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "CR in a value": (b"HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {502}),
    "a version that is none": (b"HTTP/3.0 200 OK\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "a status of two digits": (b"HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nabcd", {502}),
    "a status over 599": (b"HTTP/1.1 999 OK\r\nContent-Length: 4\r\n\r\nabcd", {502, 999}),
    "nothing": (b"", {502}),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", {502}),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 300_000 + b"\r\n\r\n", {502}),
    "fields without end": (b"HTTP/1.1 200 OK\r\n" + b"X-A: a\r\n" * 2000 + b"\r\n", {502}),
    "interim answers without end": (b"HTTP/1.1 103 Early Hints\r\nX-A: a\r\n\r\n" * 5000 + GOOD + b"abcd", {502, None}),
    "an upgrade nobody asked for": (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + POISON, {502}),
    "half the content": (b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\nabcd", {None}),
    "a chunk of no size": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nzz\r\n\r\n", {None, 502}),
    "a chunk longer than was said": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcdefgh\r\n0\r\n\r\n", {None, 502}),
    "chunks that break off": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n", {None, 502}),
    "an answer behind the content": (GOOD + b"abcd" + POISON, {200}),
    "an answer behind chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n" + POISON, {200}),
    "an answer behind one without content": (b"HTTP/1.1 204 No Content\r\n\r\n" + POISON, {204}),
    "a 204 with content": (b"HTTP/1.1 204 No Content\r\nContent-Length: 6\r\n\r\npoison", {204, 502}),
    "a 304 with content": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison", {304}),
}


class Scripted:
    """Answers `/<number>` with the answer of that number and keeps the connection; anything else properly."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection) -> None:
        connection.settimeout(PATIENCE)
        try:
            while True:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += exactly(connection.recv, 1)
                path = head.split(b" ")[1].decode()
                if path.startswith("/own/"):
                    body = path.encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    continue
                answer, fates = list(ANSWERS.values())[int(path[1:])]
                connection.sendall(answer)
                if None in fates or not answer.count(b"\r\n\r\n"):
                    # It breaks off.
                    return
        except OSError:
            pass
        finally:
            connection.close()

    def close(self) -> None:
        self.listener.close()


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    scripted = Scripted()
    argos = Argos(tmp_path_factory.mktemp("argos"), host(scripted.address))
    argos.set(max_retries=0)
    yield argos
    assert argos.stop() == 0
    scripted.close()


class One:
    """A client of HTTP/1.1: status and content, None for an answer that breaks off."""

    def __init__(self, argos) -> None:
        self.argos = argos

    def ask(self, path: str):
        connection = http2.dial(self.argos.https, self.argos.tls("http/1.1"))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n".encode())
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except OSError:
            return None, received
        finally:
            connection.close()
        while received.startswith(b"HTTP/1.1 1"):
            received = received.split(b"\r\n\r\n", 1)[1]
        if b"\r\n\r\n" not in received:
            return None, received
        head, body = received.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").lower().split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:])
        status = int(lines[0].split(" ")[1])
        if fields.get("transfer-encoding") == "chunked":
            if not body.endswith(b"0\r\n\r\n"):
                return None, body
            body = body[body.index(b"\r\n") + 2:-7]
        elif status not in (204, 304) and len(body) != int(fields.get("content-length", len(body))):
            return None, body
        return status, body

    def close(self) -> None:
        pass


class Framed:
    """The same over streams."""

    def __init__(self, client) -> None:
        self.client = client

    def ask(self, path: str):
        answer = self.client.ask(path)
        return None if answer.reset is not None or not answer.status else answer.status, answer.body

    def close(self) -> None:
        self.client.close()


@pytest.fixture(scope="module")
def clients(behind):
    clients = {
        "HTTP/1.1": One(behind),
        "HTTP/2": Framed(http2.Client(behind.https, behind.tls("h2"))),
        "HTTP/3": Framed(http3.Client(behind.https, behind.ca)),
    }
    yield clients
    for client in clients.values():
        client.close()


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2", "HTTP/3"])
@pytest.mark.parametrize("name", ANSWERS)
def test_answers(clients, version, name):
    answer, fates = ANSWERS[name]
    at = list(ANSWERS).index(name)
    status, body = clients[version].ask(f"/{at}")
    assert status in fates
    if status in (200, 204, 304):
        assert body == (b"abcd" if status == 200 else b"")
    assert b"poison" not in body
    # Whoever asks next has an answer to what was asked.
    for i, client in enumerate(clients.values()):
        own = f"/own/{at}/{version}/{i}".replace("HTTP/", "")
        assert client.ask(own) == (200, own.encode())
