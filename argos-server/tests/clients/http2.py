"""An HTTP/2 client on Python's h2, and one below it that sends any frames."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

from gateway import PATIENCE
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2 import events
from hpack import Decoder
from hpack.hpack import encode_integer
from hyperframe.frame import Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def head(path="/", method="GET", authority="app.test", scheme="https", more=()) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path), *more]


def block(fields) -> bytes:
    """Literal fields that enter no table, as they are given: an upper-case name stays one. Source: RFC 7541 §6.2.2."""
    texts = (text.encode() for field in fields for text in field)
    sized = [bytes(encode_integer(len(text), 7)) + text for text in texts]
    return b"".join(b"\0" + name + value for name, value in zip(sized[::2], sized[1::2]))


def dial(address, tls: ssl.SSLContext | None = None, name="app.test") -> socket.socket:
    connection = socket.create_connection(address, PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname=name)
    return connection


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    interim: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None


class Client:
    """A connection that keeps all rules. Events of all streams are kept by stream."""

    def __init__(self, address, tls=None, name="app.test") -> None:
        self.begin_on(dial(address, tls, name), "http" if tls is None else "https")

    @classmethod
    def on(cls, connection, scheme) -> Client:
        """Over a connection that is there."""
        client = cls.__new__(cls)
        client.begin_on(connection, scheme)
        return client

    def begin_on(self, connection, scheme) -> None:
        self.socket, self.scheme = connection, scheme
        if scheme == "https":
            assert self.socket.selected_alpn_protocol() == "h2"
        # What is sent is not checked here: that is what is tested.
        config = H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self.h2 = H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.ended: int | None = None
        self.closed = False
        self.h2.initiate_connection()
        self.flush()
        self.settled = False
        self.until(lambda: self.settled)

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def begin(self, fields, ends=True) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, fields, end_stream=ends)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, ends=False) -> None:
        """Sends as the windows allow."""
        while data:
            self.until(lambda: self.h2.local_flow_control_window(stream) > 0 or self.answers[stream].ended)
            if self.answers[stream].ended:
                return
            n = min(len(data), self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, data[:n])
            data = data[n:]
            self.flush()
        if ends:
            self.h2.end_stream(stream)
            self.flush()

    def trailers(self, stream: int, fields) -> None:
        self.h2.send_headers(stream, fields, end_stream=True)
        self.flush()

    def until(self, done) -> None:
        while not done():
            received = self.socket.recv(65536)
            if not received:
                self.closed = True
                assert done() or self.ended is not None, f"the connection ended: {self.answers}, GOAWAY {self.ended}"
                return
            for event in self.h2.receive_data(received):
                self._take(event)
            self.flush()

    def _take(self, event) -> None:
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        match event:
            case events.RemoteSettingsChanged():
                self.settled = True
            case events.InformationalResponseReceived():
                fields = dict(event.headers)
                answer.interim.append((int(fields.pop(":status")), fields))
            case events.ResponseReceived():
                answer.headers = dict(event.headers)
                answer.status = int(answer.headers.pop(":status"))
            case events.DataReceived():
                answer.body += event.data
                if event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case events.TrailersReceived():
                answer.trailers = dict(event.headers)
            case events.StreamEnded():
                answer.ended = True
            case events.StreamReset():
                answer.ended, answer.reset = True, int(event.error_code)
            case events.ConnectionTerminated():
                self.ended = int(event.error_code)

    def answer(self, stream: int) -> Answer:
        """All of an answer."""
        self.until(lambda: self.answers[stream].ended)
        return self.answers[stream]

    def status(self, stream: int) -> int:
        """The head alone."""
        self.until(lambda: self.answers[stream].status or self.answers[stream].ended)
        return self.answers[stream].status

    def ask(self, path="/", body: bytes | None = None, method=None, more=(), authority="app.test") -> Answer:
        method = method or ("GET" if body is None else "POST")
        stream = self.begin(head(path, method, authority, self.scheme, more), body is None)
        if body is not None:
            self.send(stream, body, True)
        return self.answer(stream)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Raw:
    """Frames as the test wants them."""

    def __init__(self, address, tls=None, name="app.test") -> None:
        self.socket = dial(address, tls, name)
        self.decoder = Decoder()
        self.received = b""
        self.send(PREFACE + SettingsFrame(0).serialize())

    def send(self, data) -> None:
        if not isinstance(data, (bytes, bytearray)):
            data = b"".join(frame.serialize() for frame in data)
        self.socket.sendall(data)

    def flood(self, data) -> None:
        """Sends until the other side has enough of it."""
        try:
            self.send(data)
        except OSError:
            pass

    def headers(self, stream: int, fields, *flags: str) -> HeadersFrame:
        return HeadersFrame(stream, block(fields), flags=flags or ["END_HEADERS"])

    def get(self, stream: int, path="/", scheme="https") -> HeadersFrame:
        return self.headers(stream, head(path, scheme=scheme), "END_HEADERS", "END_STREAM")

    def next(self) -> Frame | None:
        """The next frame, or None at the end."""
        while True:
            if len(self.received) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self.received)[:9])
                if len(self.received) >= 9 + length:
                    frame.parse_body(memoryview(self.received)[9:9 + length])
                    self.received = self.received[9 + length:]
                    if isinstance(frame, HeadersFrame):
                        # The table of the other side follows all heads, in their order.
                        frame.fields = dict(self.decoder.decode(frame.data))
                    return frame
            try:
                piece = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not piece:
                return None
            self.received += piece

    def fate(self, stream: int) -> tuple[str, int]:
        """What becomes of a stream: `("status", 200)`, `("reset", code)`, `("goaway", code)`, `("closed", 0)`."""
        while frame := self.next():
            match frame:
                case HeadersFrame():
                    if frame.stream_id == stream:
                        return "status", int(frame.fields[":status"])
                case RstStreamFrame() if frame.stream_id == stream:
                    return "reset", frame.error_code
                case GoAwayFrame():
                    return "goaway", frame.error_code
        return "closed", 0

    def end(self) -> tuple[str, int]:
        """How the connection ends, whatever becomes of streams before."""
        while frame := self.next():
            if isinstance(frame, GoAwayFrame):
                return "goaway", frame.error_code
        return "closed", 0

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.close()


CALM = int(ErrorCodes.ENHANCE_YOUR_CALM)
PROTOCOL = int(ErrorCodes.PROTOCOL_ERROR)
REFUSED = int(ErrorCodes.REFUSED_STREAM)
NO_ERROR = int(ErrorCodes.NO_ERROR)
CANCEL = int(ErrorCodes.CANCEL)
COMPRESSION = int(ErrorCodes.COMPRESSION_ERROR)
