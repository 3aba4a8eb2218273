"""An HTTP/3 client over aioquic's QUIC: streams and frames as the test wants them."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field

import pylsqpack
from aioquic.quic import events
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from gateway import PATIENCE

DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID = 0, 1, 3, 4, 5, 7, 0xD
CONTROL, PUSH, ENCODER, DECODER = 0, 1, 2, 3
# Source: RFC 9114 §8.1, RFC 9204 §6.
NO_ERROR, STREAM_CREATION, CLOSED_CRITICAL, UNEXPECTED, FRAME, EXCESSIVE_LOAD, ID, SETTINGS_ERROR, MISSING_SETTINGS = (
    0x100, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x109, 0x10A)
REJECTED, CANCELLED, INCOMPLETE, MESSAGE, DECOMPRESSION, ENCODER_STREAM, DECODER_STREAM = (
    0x10B, 0x10C, 0x10D, 0x10E, 0x200, 0x201, 0x202)


def integer(value: int, size: int | None = None) -> bytes:
    """A number in as few bytes as it takes, or in `size`. Source: RFC 9000 §16."""
    size = size or next(n for n in (1, 2, 4, 8) if value < 1 << (8 * n - 2))
    return (value | (size.bit_length() - 1) << (8 * size - 2)).to_bytes(size, "big")


def take_integer(data: bytes) -> tuple[int, bytes] | None:
    if not data or len(data) < (size := 1 << (data[0] >> 6)):
        return None
    return int.from_bytes(data[:size], "big") & ((1 << (8 * size - 2)) - 1), data[size:]


def frame(kind: int, payload: bytes = b"", size: int | None = None) -> bytes:
    return integer(kind) + integer(len(payload) if size is None else size) + payload


def section(fields) -> bytes:
    """Literal fields, as they are given: an upper-case name stays one. Source: RFC 9204 §4.5.6."""
    out = b"\0\0"
    for name, value in fields:
        for text, first, bits in ((name, 0x20, 3), (value, 0, 7)):
            raw = text.encode()
            out += prefixed(len(raw), first, bits) + raw
    return out


def prefixed(value: int, first: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytes([first | most]), value - most
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def heads(fields) -> bytes:
    return frame(HEADERS, section(fields))


def settings(pairs=((6, 65536),)) -> bytes:
    return frame(SETTINGS, b"".join(integer(key) + integer(value) for key, value in pairs))


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    interim: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ended: bool = False
    # What the other side said: that it ends the stream, and that it reads no more of it.
    reset: int | None = None
    stopped: int | None = None
    rest: bytes = b""


class Client:
    """A connection. With `begins` it has said its settings as all clients do."""

    def __init__(self, address, ca, name="app.test", begins=True, ticket=None, protocol="h3") -> None:
        self.address = address
        self.socket = self.fresh()
        configuration = QuicConfiguration(
            is_client=True, alpn_protocols=[protocol], server_name=name, session_ticket=ticket
        )
        configuration.load_verify_locations(cafile=str(ca))
        self.tickets = []
        self.quic = QuicConnection(configuration=configuration, session_ticket_handler=self.tickets.append)
        self.decoder = pylsqpack.Decoder(0, 0)
        self.answers: dict[int, Answer] = {}
        self.lone: dict[int, bytes] = {}
        # What the handshake settled; the code and the text of the end.
        self.agreed, self.closed, self.why = None, None, ""
        self.pings: set[int] = set()
        self.quic.connect(address, now=time.monotonic())
        self.until(lambda: self.agreed or self.closed is not None)
        if begins:
            assert self.closed is None, self.why
            self.control = self.lone_stream(integer(CONTROL) + settings())

    # The connection.

    def fresh(self) -> socket.socket:
        own, family = ("::1", socket.AF_INET6) if ":" in self.address[0] else ("127.0.0.1", socket.AF_INET)
        connection = socket.socket(family, socket.SOCK_DGRAM)
        connection.bind((own, 0))
        return connection

    def takes_no_more(self) -> None:
        """From now on streams have the room that they were given, and no other."""
        self.quic._write_stream_limits = lambda *_, **__: None

    def flush(self) -> None:
        for data, _ in self.quic.datagrams_to_send(now=time.monotonic()):
            self.socket.sendto(data, self.address)

    def until(self, done, step=PATIENCE) -> None:
        """Goes on until `done`, which is asked after each datagram and each `step` in seconds."""
        end = time.monotonic() + PATIENCE
        self.flush()
        while not done():
            now, timer = time.monotonic(), self.quic.get_timer()
            assert now < end, f"it does not come: {self.answers}"
            self.socket.settimeout(max(0.001, min(end, timer or end, now + step) - now))
            try:
                data = self.socket.recv(65536)
                self.quic.receive_datagram(data, self.address, now=time.monotonic())
            except TimeoutError:
                if timer is not None and time.monotonic() >= timer:
                    self.quic.handle_timer(now=time.monotonic())
            while event := self.quic.next_event():
                self._take(event)
            self.flush()
            if self.closed is not None and not done():
                raise ConnectionResetError(f"the connection ended with {self.closed:#x} {self.why}")

    def _take(self, event) -> None:
        match event:
            case events.HandshakeCompleted():
                self.agreed = event
            case events.PingAcknowledged():
                self.pings.add(event.uid)
            case events.ConnectionTerminated():
                self.closed, self.why = event.error_code, event.reason_phrase
            case events.StreamDataReceived() if event.stream_id % 4 == 3:
                self.lone[event.stream_id] = self.lone.get(event.stream_id, b"") + event.data
            case events.StreamDataReceived():
                answer = self.answers[event.stream_id]
                answer.rest += event.data
                self._frames(event.stream_id, answer)
                answer.ended |= event.end_stream
            case events.StreamReset():
                answer = self.answers[event.stream_id]
                answer.ended, answer.reset = True, event.error_code
            case events.StopSendingReceived() if event.stream_id in self.answers:
                self.answers[event.stream_id].stopped = event.error_code

    def _frames(self, stream: int, answer: Answer) -> None:
        while head := take_integer(answer.rest):
            kind, rest = head
            if not (sized := take_integer(rest)):
                return
            size, rest = sized
            if kind == DATA:
                # Content is taken as it comes.
                taken = rest[:size]
                answer.body += taken
                left = size - len(taken)
                answer.rest = frame(DATA, b"", left) if left else rest[size:]
                if left:
                    return
                continue
            if len(rest) < size:
                return
            answer.rest = rest[size:]
            if kind == HEADERS:
                _, found = self.decoder.feed_header(stream, rest[:size])
                fields = {name.decode(): value.decode() for name, value in found}
                status = int(fields.pop(":status", 0))
                if not status:
                    answer.trailers = fields
                elif status < 200:
                    answer.interim.append((status, fields))
                else:
                    answer.status, answer.headers = status, fields

    def hear(self) -> None:
        """Takes what has come."""
        mark = self.quic._packet_number
        self.quic.send_ping(mark)
        self.until(lambda: self.closed is not None or mark in self.pings)

    def may_open(self) -> bool:
        """Whether the other side allows another stream of each kind."""
        return (
            self.quic._local_next_stream_id_bidi // 4 < self.quic._remote_max_streams_bidi
            and self.quic._local_next_stream_id_uni // 4 < self.quic._remote_max_streams_uni
        )

    def moves(self) -> None:
        """Goes on from another port, as behind a NAT that forgot the old one."""
        old, self.socket = self.socket, self.fresh()
        assert self.socket.getsockname() != old.getsockname()
        old.close()

    def close(self) -> None:
        self.quic.close(error_code=NO_ERROR)
        self.flush()
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # Streams.

    def lone_stream(self, data: bytes) -> int:
        stream = self.quic.get_next_available_stream_id(is_unidirectional=True)
        self.quic.send_stream_data(stream, data)
        self.flush()
        return stream

    def open(self, data: bytes, ends=True) -> int:
        stream = self.quic.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.quic.send_stream_data(stream, data, ends)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, ends=False) -> None:
        self.quic.send_stream_data(stream, data, ends)
        self.flush()

    def begin(self, fields, ends=True) -> int:
        return self.open(heads(fields), ends)

    # Answers.

    def answer(self, stream: int) -> Answer:
        self.until(lambda: self.answers[stream].ended)
        return self.answers[stream]

    def status(self, stream: int) -> int:
        self.until(lambda: self.answers[stream].status or self.answers[stream].ended)
        return self.answers[stream].status

    def ask(self, path="/", body: bytes | None = None, method=None, more=(), authority="app.test") -> Answer:
        method = method or ("GET" if body is None else "POST")
        content = b"" if body is None else frame(DATA, body)
        return self.answer(self.open(heads(head(path, method, authority, more=more)) + content))

    def end(self) -> int:
        """The code that the other side ends the connection with."""
        self.until(lambda: self.closed is not None)
        return self.closed

    def fate(self, stream: int) -> tuple[str, int]:
        """`("status", 200)`, `("reset", code)` or `("closed", code)`."""
        answer = self.answers[stream]
        self.until(lambda: answer.status or answer.ended or answer.stopped is not None or self.closed is not None)
        if answer.status:
            return "status", answer.status
        if self.closed is not None:
            return "closed", self.closed
        return "reset", answer.stopped if answer.reset is None else answer.reset


def head(path="/", method="GET", authority="app.test", more=()) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]
