"""What no proper client sends over HTTP/2: malformed heads, broken frames, floods."""

import json

import pytest
from hyperframe.frame import (
    ContinuationFrame, DataFrame, GoAwayFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame,
    SettingsFrame, WindowUpdateFrame,
)

from http2 import CALM, CANCEL, COMPRESSION, PROTOCOL, Client, Raw, block, dial, head

FRAME_SIZE, FLOW_CONTROL, STREAM_CLOSED = 6, 3, 5


@pytest.fixture(scope="module")
def other(shared):
    with Client(shared.https, shared.tls("h2")) as client:
        yield client


@pytest.fixture
def bystander(other):
    """A client on another connection, before and after what the test does."""
    assert other.ask("/before").status == 200
    yield other
    assert other.ask("/after").status == 200


@pytest.fixture
def raw(shared, bystander):
    """Opens connections that end with the test."""
    opened = []

    def raw() -> Raw:
        opened.append(Raw(shared.https, shared.tls("h2")))
        return opened[-1]

    yield raw
    for client in opened:
        client.close()


GOOD = head()
MALFORMED = {
    "an upper-case name": [*GOOD, ("X-A", "1")],
    "connection": [*GOOD, ("connection", "close")],
    "keep-alive": [*GOOD, ("keep-alive", "1")],
    "proxy-connection": [*GOOD, ("proxy-connection", "close")],
    "transfer-encoding": [*GOOD, ("transfer-encoding", "chunked")],
    "upgrade": [*GOOD, ("upgrade", "websocket")],
    "te: gzip": [*GOOD, ("te", "gzip")],
    "no :method": GOOD[1:],
    "no :scheme": [GOOD[0], *GOOD[2:]],
    "no :path": GOOD[:3],
    "an empty :path": head(""),
    "a path without a slash": head("x"),
    ":status": [*GOOD, (":status", "200")],
    ":method twice": [GOOD[0], *GOOD],
    ":authority twice": [GOOD[2], *GOOD],
    ":path behind a field": [*GOOD[:3], ("x-a", "1"), GOOD[3]],
    "an unknown pseudo-header": [(":x", "1"), *GOOD],
    ":protocol without CONNECT": [(":protocol", "websocket"), *GOOD],
    "LF in a value": [*GOOD, ("x-a", "1\n2")],
    "CR in a value": [*GOOD, ("x-a", "1\r2")],
    "NUL in a value": [*GOOD, ("x-a", "1\x002")],
    "a blank in a name": [*GOOD, ("x a", "1")],
    "a colon in a name": [*GOOD, ("x:a", "1")],
    "an empty name": [*GOOD, ("", "1")],
    "a length without content": [*GOOD, ("content-length", "5")],
    "two lengths": [*GOOD, ("content-length", "0"), ("content-length", "1")],
    "a length that is no number": [*GOOD, ("content-length", "+0")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_heads_end_their_stream(raw, name):
    client = raw()
    client.send([client.headers(1, MALFORMED[name], "END_HEADERS", "END_STREAM")])
    kind, code = client.fate(1)
    assert (kind, code) in {("reset", PROTOCOL), ("goaway", PROTOCOL), ("status", 400)}, (kind, code)
    if kind != "goaway":
        client.send([client.get(3)])
        assert client.fate(3) == ("status", 200)


def test_malformed_heads_reach_no_upstream(shared, raw, upstream):
    client = raw()
    odd = iter(range(1, 1000, 2))
    for name, fields in MALFORMED.items():
        marked = [(n, "/marked" if n == ":path" and v == "/" else v) for n, v in fields]
        client.flood([client.headers(next(odd), marked, "END_HEADERS", "END_STREAM")])
    client.end() if client.fate(999)[0] == "status" else None
    assert not [line for line in upstream.seen if "/marked" in line]


@pytest.mark.parametrize(("length", "content"), [("5", b"abc"), ("2", b"abc"), ("0", b"a")])
def test_content_is_as_long_as_was_said(raw, length, content):
    client = raw()
    fields = head("/echo", "POST", more=[("content-length", length)])
    client.send([client.headers(1, fields), DataFrame(1, content, flags=["END_STREAM"])])
    assert client.fate(1) in {("reset", PROTOCOL), ("status", 400)}
    client.send([client.get(3)])
    assert client.fate(3) == ("status", 200)


@pytest.mark.parametrize(
    "field", [(":path", "/b"), ("X-A", "1"), ("connection", "x-a"), ("content-length", "4"), ("te", "a"), ("host", "b")]
)
def test_trailers_that_may_not_be(shared, bystander, field):
    """They end the stream or are left out: none is seen by the upstream."""
    with Client(shared.https, shared.tls("h2")) as client:
        stream = client.begin(head("/echo", "POST"), False)
        client.send(stream, b"abc")
        client.trailers(stream, [field, ("x-sum", "7")])
        client.until(lambda: client.answers[stream].ended or client.closed)
        answer = client.answers[stream]
        if client.ended == PROTOCOL:
            return
        if answer.status == 200:
            seen = json.loads(answer.body)
            assert (seen["path"], seen["size"], seen["trailers"]) == ("/echo", 3, {"x-sum": "7"})
        else:
            assert answer.reset == PROTOCOL or answer.status == 400
        assert client.ask("/next").status == 200


def wire(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def continued(stream, times, flags=()):
    return [ContinuationFrame(stream, b"") for _ in range(times)] + [ContinuationFrame(stream, b"", flags=flags)]


# What breaks the connection, and the codes that tell so; PROTOCOL_ERROR, which says less, may stand for each of them.
# Source: RFC 9113 §5.1, §5.4, §6.
BROKEN = {
    "DATA on stream 0": (lambda c: wire(0, 0, 0, b"a"), {PROTOCOL}),
    "DATA on an idle stream": (lambda c: wire(0, 0, 1, b"a"), {PROTOCOL}),
    "HEADERS on stream 0": (lambda c: wire(1, 5, 0, block(GOOD)), {PROTOCOL}),
    "HEADERS on an even stream": (lambda c: wire(1, 5, 2, block(GOOD)), {PROTOCOL}),
    "HEADERS on a lower stream": (lambda c: wire(1, 5, 5, block(GOOD)) + wire(1, 5, 3, block(GOOD)),
                                  {PROTOCOL, STREAM_CLOSED}),
    "padding longer than the frame": (lambda c: wire(1, 0xD, 1, b"\xff" + block(GOOD)), {PROTOCOL}),
    "DATA padding longer than the frame": (
        lambda c: wire(1, 4, 1, block(head("/echo", "POST"))) + wire(0, 8, 1, b"\x09abc"), {PROTOCOL}),
    "HPACK of nonsense": (lambda c: wire(1, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"), {COMPRESSION}),
    "an entry of an empty table": (lambda c: wire(1, 5, 1, b"\xfe"), {COMPRESSION}),
    "a table larger than agreed": (lambda c: wire(1, 5, 1, b"\x3f\xe1\xff\x7f" + block(GOOD)), {COMPRESSION}),
    "a frame between HEADERS and CONTINUATION": (
        lambda c: wire(1, 0, 1, block(GOOD)) + wire(6, 0, 0, bytes(8)), {PROTOCOL}),
    "CONTINUATION of another stream": (lambda c: wire(1, 0, 1, block(GOOD)) + wire(9, 4, 3, b""), {PROTOCOL}),
    "CONTINUATION of nothing": (lambda c: wire(9, 4, 1, block(GOOD)), {PROTOCOL}),
    "a frame over the agreed size": (
        lambda c: wire(1, 4, 1, block(head("/echo", "POST"))) + wire(0, 0, 1, bytes(16385)), {FRAME_SIZE}),
    "PING of 7 bytes": (lambda c: wire(6, 0, 0, bytes(7)), {FRAME_SIZE}),
    "PING on a stream": (lambda c: wire(6, 0, 1, bytes(8)), {PROTOCOL}),
    "SETTINGS of 5 bytes": (lambda c: wire(4, 0, 0, bytes(5)), {FRAME_SIZE}),
    "SETTINGS on a stream": (lambda c: wire(4, 0, 1, b""), {PROTOCOL}),
    "an answer to SETTINGS with content": (lambda c: wire(4, 1, 0, bytes(6)), {FRAME_SIZE}),
    "push that is neither on nor off": (lambda c: wire(4, 0, 0, b"\0\2\0\0\0\2"), {PROTOCOL}),
    "a window over 2^31-1": (lambda c: wire(4, 0, 0, b"\0\4\xff\xff\xff\xff"), {FLOW_CONTROL}),
    "a frame size under 16384": (lambda c: wire(4, 0, 0, b"\0\5\0\0\0\1"), {PROTOCOL}),
    "WINDOW_UPDATE of 0": (lambda c: wire(8, 0, 0, bytes(4)), {PROTOCOL}),
    "WINDOW_UPDATE of 0 for a stream": (
        lambda c: wire(1, 4, 1, block(head("/echo", "POST"))) + wire(8, 0, 1, bytes(4)), {PROTOCOL}),
    "WINDOW_UPDATE of 3 bytes": (lambda c: wire(8, 0, 0, bytes(3)), {FRAME_SIZE}),
    "WINDOW_UPDATE too far": (lambda c: wire(8, 0, 0, b"\x7f\xff\xff\xff"), {FLOW_CONTROL}),
    "WINDOW_UPDATE of an idle stream": (lambda c: wire(8, 0, 1, b"\0\0\0\1"), {PROTOCOL}),
    "RST_STREAM of an idle stream": (lambda c: wire(3, 0, 1, bytes(4)), {PROTOCOL}),
    "RST_STREAM of 3 bytes": (lambda c: wire(1, 4, 1, block(GOOD)) + wire(3, 0, 1, bytes(3)), {FRAME_SIZE}),
    "RST_STREAM on stream 0": (lambda c: wire(3, 0, 0, bytes(4)), {PROTOCOL}),
    "PRIORITY on stream 0": (lambda c: wire(2, 0, 0, bytes(5)), {PROTOCOL}),
    "PUSH_PROMISE of a client": (lambda c: wire(1, 4, 1, block(GOOD)) + wire(5, 4, 1, b"\0\0\0\2" + block(GOOD)),
                                 {PROTOCOL}),
    "GOAWAY on a stream": (lambda c: wire(7, 0, 1, bytes(8)), {PROTOCOL}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_frames_end_the_connection(raw, name):
    make, codes = BROKEN[name]
    client = raw()
    client.send(make(client))
    kind, code = client.end()
    assert kind == "goaway" and code in codes | {PROTOCOL}, (kind, code)
    # And TCP ends too.
    while client.next():
        pass


def test_a_preface_that_is_none(shared, bystander):
    for bytes_ in (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + bytes(100), b"\x16\x03\x01" * 30, bytes(100)):
        connection = dial(shared.https, shared.tls("h2"))
        connection.sendall(bytes_)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        assert b":status" not in received and b" 200 " not in received
        connection.close()


def test_unknown_frames_and_settings_are_passed_over(raw):
    client = raw()
    client.send(wire(4, 0, 0, b"\x7f\x01\0\0\0\1") + wire(0x42, 0xFF, 0, b"whatever") + wire(0x42, 0, 1, b""))
    client.send([client.get(1)])
    assert client.fate(1) == ("status", 200)


def test_content_behind_the_end_of_a_stream(raw):
    client = raw()
    client.send([client.get(1)])
    client.send([DataFrame(1, b"more", flags=["END_STREAM"])])
    while frame := client.next():
        match frame:
            case RstStreamFrame() | GoAwayFrame():
                assert frame.error_code in (STREAM_CLOSED, PROTOCOL)
                return
            case DataFrame() if "END_STREAM" in frame.flags:
                # It was answered before: the connection has to go on.
                client.send([client.get(3)])
                assert client.fate(3) in {("status", 200), ("goaway", STREAM_CLOSED)}
                return


POST = head("/echo", "POST")


def rapid(client, times=400):
    for i in range(times):
        yield from (client.headers(2 * i + 1, POST), RstStreamFrame(2 * i + 1, CANCEL))


def made(client, times=600):
    """The server is made to reset: a window that is opened too far."""
    for i in range(times):
        yield from (client.headers(2 * i + 1, POST), WindowUpdateFrame(2 * i + 1, 0x7FFF_FFFF))


def made_by_content(client, times=600):
    """More content than was said."""
    fields = head("/echo", "POST", more=[("content-length", "1")])
    for i in range(times):
        yield from (client.headers(2 * i + 1, fields), DataFrame(2 * i + 1, b"abc"))


def made_by_heads(client, times=600):
    for i in range(times):
        yield client.headers(2 * i + 1, MALFORMED["te: gzip"])


def empty(client, times=1000):
    yield client.headers(1, POST)
    for _ in range(times):
        yield DataFrame(1, b"")


def padded(client, times=1000):
    """Padding alone: no content either."""
    yield client.headers(1, POST)
    for _ in range(times):
        yield DataFrame(1, b"", pad_length=1, flags=["PADDED"])


FLOODS = {
    "rapid reset": rapid,
    "made to reset by a window": made,
    "made to reset by content": made_by_content,
    "made to reset by heads": made_by_heads,
    "SETTINGS": lambda c: (SettingsFrame(0, {3: 100}) for _ in range(200)),
    "SETTINGS of nothing": lambda c: (SettingsFrame(0) for _ in range(200)),
    "PING": lambda c: (PingFrame(0, bytes(8)) for _ in range(200)),
    "empty DATA": empty,
    "DATA of padding": padded,
    "CONTINUATION without content": lambda c: [HeadersFrame(1, block(GOOD)), *continued(1, 100)],
    "CONTINUATION": lambda c: [HeadersFrame(1, block(GOOD)),
                               *(ContinuationFrame(1, block([("x-a", "b" * 50)])) for _ in range(100))],
    "PRIORITY": lambda c: (PriorityFrame(1, depends_on=0, stream_weight=1) for _ in range(3000)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_end_the_connection(raw, bystander, name):
    client = raw()
    client.flood(b"".join(frame.serialize() for frame in FLOODS[name](client)))
    assert client.end() == ("goaway", CALM)
    # Who keeps the rules goes on meanwhile.
    assert bystander.ask("/meanwhile").status == 200


WITHIN = {
    "resets": lambda c: list(rapid(c, 200)),
    # The settings that all begin with count.
    "SETTINGS and PING": lambda c: [SettingsFrame(0)] * 15 + [PingFrame(0, bytes(8))] * 16,
    "empty DATA": lambda c: list(empty(c, 32)),
    # The library below allows fewer than the budget: one for each 16 KiB that a head may have, and a quarter more.
    "CONTINUATION": lambda c: [HeadersFrame(1, block(GOOD)), *continued(1, 9, ["END_HEADERS"])],
    "PRIORITY": lambda c: [PriorityFrame(1, depends_on=0, stream_weight=1)] * 1024,
}


@pytest.mark.parametrize("name", WITHIN)
def test_what_is_within_the_budgets_is_served(raw, name):
    client = raw()
    client.send(WITHIN[name](client))
    client.send([client.get(1001)])
    assert client.fate(1001) == ("status", 200)


def test_a_flood_that_reads_nothing(raw, bystander):
    """Answers that nobody takes fill no memory: the client is not read any more, or is ended."""
    client = raw()
    client.socket.settimeout(0.5)
    ping = PingFrame(0, bytes(8)).serialize() * 30
    get = [client.get(2 * i + 1, "/bytes/100000") for i in range(100)]
    client.flood(ping + b"".join(frame.serialize() for frame in get))
    assert bystander.ask("/meanwhile").status == 200


def test_proper_clients_stay_within_the_budgets(shared):
    """As browsers do: many requests, some given up, a PING now and then."""
    with Client(shared.https, shared.tls("h2")) as client:
        for i in range(100):
            if i % 3 == 0:
                stream = client.begin(head(f"/echo/{i}"))
                client.h2.reset_stream(stream, CANCEL)
                client.flush()
            if i % 20 == 0:
                client.h2.ping(bytes(8))
            assert client.ask(f"/echo/{i}").status == 200
        assert client.ended is None


def test_bytes_one_by_one(shared):
    with Raw(shared.https, shared.tls("h2")) as client:
        for byte in client.get(1).serialize() + client.get(3).serialize():
            client.send(bytes([byte]))
        assert client.fate(1) == ("status", 200) and client.fate(3) == ("status", 200)
