"""HTTP/3 with aioquic: what proper clients do, and what none does."""

import datetime
import hashlib
import json
import os
import socket
import time

import pylsqpack
import pytest
from aioquic.quic.connection import QuicConnection
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import http2
import http3
from gateway import PATIENCE, host
from http3 import (
    CANCEL_PUSH, CANCELLED, CLOSED_CRITICAL, CONTROL, DATA, DECODER, DECODER_STREAM, DECOMPRESSION, ENCODER,
    ENCODER_STREAM, EXCESSIVE_LOAD, FRAME, GOAWAY, HEADERS, ID, INCOMPLETE, MAX_PUSH_ID, MESSAGE,
    MISSING_SETTINGS, NO_ERROR, PUSH, PUSH_PROMISE, REJECTED, SETTINGS, SETTINGS_ERROR, STREAM_CREATION,
    UNEXPECTED, Client, frame, head, heads, integer, section, settings, take_integer,
)
from test_frames import MALFORMED
from upstreams import BINARY, CLOSE, TEXT, message, pattern, take_message


@pytest.fixture(scope="module")
def other(shared):
    with Client(shared.https, shared.ca) as client:
        yield client


@pytest.fixture
def bystander(other):
    """A client on another connection, before and after what the test does."""
    assert other.ask("/before").status == 200
    yield other
    assert other.ask("/after").status == 200


@pytest.fixture
def client(shared, bystander):
    with Client(shared.https, shared.ca) as client:
        yield client


def test_requests_and_answers(client):
    answer = client.ask("/echo?a=1")
    seen = json.loads(answer.body)
    assert (answer.status, seen["method"], seen["path"]) == (200, "GET", "/echo?a=1")
    fields = dict(seen["headers"])
    assert fields["x-forwarded-proto"] == "https" and fields["x-forwarded-for"] == "127.0.0.1"
    assert "x-request-id" in answer.headers and "connection" not in answer.headers
    answer = client.ask("/bytes/77", method="HEAD")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "77", b"")
    assert client.ask("/status/204").status == 204
    assert client.ask("/bytes/1048576").body == pattern(1 << 20)
    answer = client.ask("/trailers")
    assert (answer.body, answer.trailers) == (b"hi", {"x-sum": "7"})
    answer = client.ask("/hints")
    assert (answer.interim, answer.body) == ([(103, {"link": "</a.css>; rel=preload"})], b"after the hints")
    # What is cut short is never taken for whole.
    assert client.ask("/cut").reset is not None


@pytest.mark.parametrize("said", [True, False])
def test_content(client, said):
    body = pattern(1_000_000)
    more = [("content-type", "application/octet-stream")] + [("content-length", str(len(body)))] * said
    stream = client.begin(head("/echo", "POST", more=more), False)
    for at in range(0, len(body), 70_000):
        client.send(stream, frame(DATA, body[at:at + 70_000]))
    client.send(stream, heads([("x-sum", "7")]), True)
    seen = json.loads(client.answer(stream).body)
    assert (seen["size"], seen["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    # With a length there is no place for them in HTTP/1.1.
    assert seen["trailers"] == ({} if said else {"x-sum": "7"})


def test_many_at_once(client):
    streams = [client.begin(head(f"/bytes/{i * 1000}")) for i in range(60)]
    for i, stream in enumerate(streams):
        assert client.answer(stream).body == pattern(i * 1000)


def test_a_request_is_the_same_over_every_version(shared, client):
    """The upstream sees the same, whatever the client speaks."""
    more = [("user-agent", "probe"), ("accept", "*/*"), ("x-auth-user", "eve"), ("x_forwarded_for", "9.9.9.9"),
            ("x-forwarded-for", "8.8.8.8"), ("cookie", "a=1"), ("cookie", "argos_session=x"), ("cookie", "b=2"),
            ("content-length", "3"), ("te", "trailers")]
    path = "/echo/%2e%2e/echo/b%2Fc?x=1"
    over3 = json.loads(client.ask(path, b"abc", more=more).body)
    with http2.Client(shared.https, shared.tls("h2")) as other:
        over2 = json.loads(other.ask(path, b"abc", more=more).body)
    connection = http2.dial(shared.https, shared.tls("http/1.1"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in more if name not in ("cookie", "te"))
    connection.sendall(f"POST {path} HTTP/1.1\r\nhost: app.test\r\n{lines}cookie: a=1; argos_session=x; b=2\r\n"
                       "te: trailers\r\nconnection: te, close\r\n\r\nabc".encode())
    received = b""
    while piece := connection.recv(65536):
        received += piece
    over1 = json.loads(received.split(b"\r\n\r\n", 1)[1])
    own = {"x-request-id", "traceparent"}
    for seen in (over1, over2, over3):
        seen["headers"] = sorted(f for f in map(tuple, seen["headers"]) if f[0] not in own)
        seen.pop("client")
    assert over3 == over2 == over1
    assert "9.9.9.9" not in json.dumps(over3) and "eve" not in json.dumps(over3)


def test_who_is_told_of_it(shared):
    """Alt-Svc stands in answers inside TLS, and nowhere else."""
    with http2.Client(shared.https, shared.tls("h2")) as inside, http2.Client(shared.http) as outside:
        assert inside.ask("/echo").headers["alt-svc"] == f'h3=":{shared.https[1]}"; ma=86400'
        assert "alt-svc" not in outside.ask("/echo").headers


def test_names(shared, client):
    assert client.ask(authority="nobody.test").status == 421
    assert client.ask().status == 200
    # The certificate of another name is not taken for its own.
    other = Client(shared.https, shared.ca, name="nobody.test", begins=False)
    assert other.closed is not None and not other.agreed
    other.socket.close()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_heads_end_their_stream(client, name):
    assert client.fate(client.begin(MALFORMED[name])) in {("reset", MESSAGE), ("status", 400)}
    assert client.ask().status == 200


def test_malformed_heads_reach_no_upstream(client, upstream):
    for fields in MALFORMED.values():
        client.begin([(n, "/marked3" if n == ":path" and v == "/" else v) for n, v in fields])
    assert client.ask().status == 200
    assert not [line for line in upstream.seen if "/marked3" in line]


@pytest.mark.parametrize(("length", "content"), [("5", b"abc"), ("2", b"abc"), ("0", b"a")])
def test_content_is_as_long_as_was_said(client, length, content):
    stream = client.open(heads(head("/echo", "POST", more=[("content-length", length)])) + frame(DATA, content))
    assert client.fate(stream) in {("reset", MESSAGE), ("status", 400)}
    assert client.ask().status == 200


@pytest.mark.parametrize(
    "field", [(":path", "/b"), ("X-A", "1"), ("connection", "x-a"), ("content-length", "4"), ("te", "a"), ("host", "b")]
)
def test_trailers_that_may_not_be(client, field):
    """They end the stream or are left out: none is seen by the upstream."""
    stream = client.open(heads(head("/echo", "POST")) + frame(DATA, b"abc") + heads([field, ("x-sum", "7")]))
    kind, code = client.fate(stream)
    if (kind, code) == ("status", 200):
        seen = json.loads(client.answer(stream).body)
        assert (seen["path"], seen["size"], seen["trailers"]) == ("/echo", 3, {"x-sum": "7"})
    else:
        assert (kind, code) in {("reset", MESSAGE), ("status", 400)}
    assert client.ask().status == 200


POST = head("/echo", "POST")

# What breaks the connection when it stands in a request, and the codes that tell so.
# Source: RFC 9114 §4.1, §7.2, RFC 9204 §4.5.
IN_A_REQUEST = {
    "DATA before HEADERS": (frame(DATA, b"abc"), {UNEXPECTED}),
    "SETTINGS": (heads(POST) + settings(), {UNEXPECTED}),
    "SETTINGS first": (settings(), {UNEXPECTED}),
    "GOAWAY": (heads(POST) + frame(GOAWAY, integer(0)), {UNEXPECTED}),
    "MAX_PUSH_ID": (heads(POST) + frame(MAX_PUSH_ID, integer(0)), {UNEXPECTED}),
    "CANCEL_PUSH": (heads(POST) + frame(CANCEL_PUSH, integer(0)), {UNEXPECTED}),
    "PUSH_PROMISE": (heads(POST) + frame(PUSH_PROMISE, integer(0) + section(POST)), {UNEXPECTED}),
    "PRIORITY of HTTP/2": (heads(POST) + frame(2, bytes(5)), {UNEXPECTED}),
    "PING of HTTP/2": (heads(POST) + frame(6, bytes(8)), {UNEXPECTED}),
    "WINDOW_UPDATE of HTTP/2": (heads(POST) + frame(8, bytes(4)), {UNEXPECTED}),
    "CONTINUATION of HTTP/2": (frame(9, section(POST)), {UNEXPECTED}),
    "DATA behind trailers": (heads(POST) + frame(DATA, b"a") + heads([("x", "1")]) + frame(DATA, b"b"), {UNEXPECTED}),
    "trailers twice": (heads(POST) + heads([("x", "1")]) + heads([("x", "1")]), {UNEXPECTED}),
    "a frame that is cut": (heads(POST) + frame(DATA, b"abc", 10), {FRAME}),
    "a head that is cut": (frame(HEADERS, section(POST), 1000), {FRAME, INCOMPLETE}),
    "an entry of the dynamic table": (frame(HEADERS, b"\x02\0\x80"), {DECOMPRESSION}),
    "an entry behind the base": (frame(HEADERS, b"\0\0\x10"), {DECOMPRESSION}),
    "an entry that no table has": (frame(HEADERS, b"\0\0\xff\x7f"), {DECOMPRESSION}),
    "a name of the dynamic table": (frame(HEADERS, b"\0\0\x40\x01a"), {DECOMPRESSION}),
    "a section of nothing": (frame(HEADERS, b""), {DECOMPRESSION}),
    "a text longer than the section": (frame(HEADERS, b"\0\0\x27\x7f\xff\xff\x03a"), {DECOMPRESSION}),
    "a number without end": (frame(HEADERS, b"\0\0\xff" + b"\xff" * 20), {DECOMPRESSION}),
    "Huffman of nonsense": (frame(HEADERS, b"\0\0\x51\x84\xff\xff\xff\xff"), {DECOMPRESSION}),
}


@pytest.mark.parametrize("name", IN_A_REQUEST)
def test_broken_requests_end_the_connection(client, name):
    data, codes = IN_A_REQUEST[name]
    stream = client.open(data)
    kind, code = client.fate(stream)
    if kind == "status":
        # It was answered before all of it was looked at.
        client.until(lambda: client.closed is not None or client.answers[stream].ended)
        kind, code = ("closed", client.closed) if client.closed is not None else (kind, code)
    if name in ("a head that is cut", "a frame that is cut"):
        # The end of the stream came first: this stream alone is concerned.
        assert kind in ("closed", "reset") and code in codes | {INCOMPLETE}, (kind, hex(code))
        return
    assert kind == "closed" and code in codes, (kind, hex(code))


# The same on streams that the client alone writes.
ALONE = {
    "a second control stream": ([integer(CONTROL) + settings()], {STREAM_CREATION}),
    "two encoder streams": ([integer(ENCODER), integer(ENCODER)], {STREAM_CREATION}),
    "two decoder streams": ([integer(DECODER), integer(DECODER)], {STREAM_CREATION}),
    "a push stream": ([integer(PUSH) + integer(0)], {STREAM_CREATION}),
    "an entry for a table that has no room": ([integer(ENCODER) + b"\x41a\x01b"], {ENCODER_STREAM}),
    "a table of some size": ([integer(ENCODER) + b"\x3f\xe1\x1f"], {ENCODER_STREAM}),
    "a copy of nothing": ([integer(ENCODER) + b"\x05"], {ENCODER_STREAM}),
    "an acknowledgment of nothing": ([integer(DECODER) + b"\x84"], {DECODER_STREAM}),
    "an increment of 0": ([integer(DECODER) + b"\0"], {DECODER_STREAM}),
    "an increment of what was not sent": ([integer(DECODER) + b"\x05"], {DECODER_STREAM}),
}


@pytest.mark.parametrize("name", ALONE)
def test_broken_lone_streams_end_the_connection(client, name):
    streams, codes = ALONE[name]
    for data in streams:
        client.lone_stream(data)
    assert client.end() in codes


ON_CONTROL = {
    "SETTINGS twice": (settings(), {UNEXPECTED}),
    "DATA": (frame(DATA, b"a"), {UNEXPECTED}),
    "HEADERS": (heads(POST), {UNEXPECTED}),
    "PUSH_PROMISE": (frame(PUSH_PROMISE, integer(0)), {UNEXPECTED}),
    "PING of HTTP/2": (frame(6, bytes(8)), {UNEXPECTED}),
    "PRIORITY of HTTP/2": (frame(2, bytes(5)), {UNEXPECTED}),
    "MAX_PUSH_ID that goes back": (frame(MAX_PUSH_ID, integer(5)) + frame(MAX_PUSH_ID, integer(4)), {ID}),
    "GOAWAY that goes forth": (frame(GOAWAY, integer(4)) + frame(GOAWAY, integer(8)), {ID}),
    "CANCEL_PUSH of nothing": (frame(CANCEL_PUSH, integer(3)), {ID}),
    "GOAWAY with more behind it": (frame(GOAWAY, integer(0) + b"more"), {FRAME}),
    "GOAWAY of nothing": (frame(GOAWAY, b""), {FRAME}),
}


@pytest.mark.parametrize("name", ON_CONTROL)
def test_broken_control_streams_end_the_connection(client, name):
    data, codes = ON_CONTROL[name]
    client.send(client.control, data)
    assert client.end() in codes


FIRST = {
    "no settings": (frame(GOAWAY, integer(0)), {MISSING_SETTINGS}),
    "a frame of no known kind first": (frame(0x21), {MISSING_SETTINGS}),
    "a setting twice": (settings([(6, 1000), (6, 1000)]), {SETTINGS_ERROR}),
    "a setting of HTTP/2": (settings([(3, 100)]), {SETTINGS_ERROR}),
    "an extended CONNECT of 2": (settings([(8, 2)]), {SETTINGS_ERROR}),
    "settings that are cut": (frame(SETTINGS, integer(6)), {FRAME, SETTINGS_ERROR}),
    "settings without end": (frame(SETTINGS, b"", 1 << 30), {EXCESSIVE_LOAD}),
}


@pytest.mark.parametrize("name", FIRST)
def test_settings(shared, bystander, name):
    data, codes = FIRST[name]
    with Client(shared.https, shared.ca, begins=False) as client:
        client.lone_stream(integer(CONTROL) + data)
        assert client.end() in codes


@pytest.mark.parametrize("how", ["ended", "reset"])
@pytest.mark.parametrize("kind", [CONTROL, ENCODER, DECODER])
def test_streams_that_must_stay(client, kind, how):
    stream = client.control if kind == CONTROL else client.lone_stream(integer(kind))
    # It is known by what it began with.
    assert client.ask().status == 200
    if how == "ended":
        client.send(stream, b"", True)
    else:
        client.quic.reset_stream(stream, CANCELLED)
        client.flush()
    assert client.end() == CLOSED_CRITICAL


def test_what_is_unknown_is_passed_over(shared, bystander):
    with Client(shared.https, shared.ca, begins=False) as client:
        client.control = client.lone_stream(integer(CONTROL) + settings([(0x21, 5), (1, 0), (6, 65536), (0x33, 0)]))
        client.send(client.control, frame(0x21 + 0x1F, b"whatever") + frame(0xF0700, b"u=1"))
        client.lone_stream(integer(0x21) + b"whatever")
        client.lone_stream(integer(ENCODER))
        client.lone_stream(integer(DECODER))
        stream = client.open(frame(0x21, b"a") + heads(POST) + frame(0x40) + frame(DATA, b"abc") + frame(0x21 + 0x1F))
        assert json.loads(client.answer(stream).body)["size"] == 3
        # Numbers in more bytes than they take are numbers.
        fields = section(POST)
        sizes = integer(HEADERS, 8) + integer(len(fields), 8), integer(DATA, 4) + integer(3, 8)
        stream = client.open(sizes[0] + fields + sizes[1] + b"abc")
        assert json.loads(client.answer(stream).body)["size"] == 3


def test_a_head_that_says_it_is_large(client):
    stream = client.open(frame(HEADERS, section(POST), 1 << 30), False)
    assert client.fate(stream) in {("status", 431), ("reset", EXCESSIVE_LOAD), ("closed", EXCESSIVE_LOAD)}


def test_a_head_in_single_bytes(client):
    data = heads(head("/echo"))
    stream = client.open(data[:1], False)
    for i in range(1, len(data)):
        client.send(stream, data[i:i + 1], i == len(data) - 1)
    assert client.answer(stream).status == 200


def flood(client, times, act) -> int:
    """Acts until the other side ends the connection, with as many streams as it allows."""
    for i in range(times):
        client.until(lambda: client.closed is not None or client.may_open())
        if client.closed is not None:
            break
        act(i)
        if i % 20 == 19:
            client.hear()
    return client.end()


def test_rapid_reset(client, bystander):
    def act(i):
        stream = client.begin(POST, False)
        client.quic.reset_stream(stream, CANCELLED)
        client.quic.stop_stream(stream, CANCELLED)
        client.flush()

    assert flood(client, 600, act) == EXCESSIVE_LOAD
    assert bystander.ask("/meanwhile").status == 200


@pytest.mark.parametrize("name", ["MAX_PUSH_ID", "frames of no known kind", "streams of no known kind"])
def test_floods_end_the_connection(client, bystander, name):
    def act(i):
        match name:
            case "MAX_PUSH_ID":
                client.send(client.control, frame(MAX_PUSH_ID, integer(i)))
            case "frames of no known kind":
                client.send(client.control, frame(0x21) * 50)
            case _:
                client.lone_stream(integer(0x21))

    assert flood(client, 5000, act) == EXCESSIVE_LOAD
    assert bystander.ask("/meanwhile").status == 200


def test_empty_content(client, bystander):
    stream = client.begin(POST, False)

    def act(i):
        client.send(stream, frame(DATA))

    assert flood(client, 2000, act) == EXCESSIVE_LOAD


class Extended:
    """A WebSocket in a stream. Source: RFC 9220."""

    def __init__(self, client, path="/ws") -> None:
        self.client, self.taken = client, 0
        self.stream = client.begin(
            [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", path),
             (":authority", "app.test"), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat, other")],
            False)
        self.answer = client.answers[self.stream]
        client.status(self.stream)

    def write(self, data: bytes) -> None:
        self.client.send(self.stream, frame(DATA, data))

    def read(self, n: int) -> bytes:
        self.client.until(lambda: len(self.answer.body) > self.taken or self.answer.ended)
        piece = self.answer.body[self.taken:self.taken + n]
        self.taken += len(piece)
        return piece


def test_websocket(client, upstream):
    # What the server allows stands in its settings.
    client.until(lambda: any(data[:1] == integer(CONTROL) and len(data) > 3 for data in client.lone.values()))
    control = next(data for data in client.lone.values() if data[:1] == integer(CONTROL))
    assert integer(8) + integer(1) in control
    websocket = Extended(client)
    assert (websocket.answer.status, websocket.answer.headers["sec-websocket-protocol"]) == (200, "chat")
    mask = b"abcd"
    for kind, payload in ((TEXT, b"hello"), (BINARY, b""), (BINARY, pattern(70_000)), (BINARY, pattern(1_000_000))):
        websocket.write(message(kind, payload, mask))
        assert take_message(websocket.read) == (kind, payload)
    assert client.ask("/echo").status == 200
    websocket.write(message(CLOSE, b"\x03\xe8", mask))
    assert take_message(websocket.read) == (CLOSE, b"\x03\xe8")
    assert websocket.read(1) == b""
    # A client that gives up takes the upstream along.
    websocket = Extended(client)
    while upstream.gone.acquire(blocking=False):
        pass
    client.quic.reset_stream(websocket.stream, CANCELLED)
    client.quic.stop_stream(websocket.stream, CANCELLED)
    client.flush()
    assert upstream.gone.acquire(timeout=PATIENCE)


def test_what_opens_no_websocket(client):
    connect = [(":method", "CONNECT"), (":scheme", "https"), (":authority", "app.test")]
    version = ("sec-websocket-version", "13")
    for fields, fates in (
        ([*connect, (":protocol", "websocket"), (":path", "/status/403"), version], {("status", 403)}),
        ([*connect, (":protocol", "connect-udp"), (":path", "/ws")], {("status", 501)}),
        ([*connect, (":protocol", "websocket"), (":path", "/ws"), ("content-length", "5"), version], {("status", 400)}),
        ([connect[0], (":authority", "app.test:443")], {("status", 405)}),
        ([*connect, (":path", "/")], {("status", 400), ("status", 405), ("reset", MESSAGE)}),
        ([*connect, (":protocol", "websocket"), version], {("status", 400), ("reset", MESSAGE)}),
    ):
        assert client.fate(client.begin(fields, False)) in fates, fields


@pytest.mark.parametrize("how", ["RESET_STREAM", "STOP_SENDING", "both"])
def test_what_the_client_gives_up_ends_at_the_upstream_too(client, upstream, how):
    while upstream.gone.acquire(blocking=False):
        pass
    ends = how == "STOP_SENDING"
    # Content of this type is not held for the WAF.
    more = [] if ends else [("content-type", "application/octet-stream")]
    stream = client.begin(head("/silent", "GET" if ends else "POST", more=more), ends)
    if not ends:
        client.send(stream, frame(DATA, b"half"))
    # It is at the upstream.
    client.until(lambda: upstream.seen[-1].endswith("/silent"), step=0.02)
    upstream.seen.append("")
    if how != "STOP_SENDING":
        client.quic.reset_stream(stream, CANCELLED)
    if how != "RESET_STREAM":
        client.quic.stop_stream(stream, CANCELLED)
    client.flush()
    assert upstream.gone.acquire(timeout=PATIENCE)
    assert client.ask("/echo").status == 200


def test_fields_as_encoders_write_them(client):
    """References into the static table, Huffman's code."""
    encoder = pylsqpack.Encoder()
    encoder.apply_settings(0, 0)
    more = [("accept-encoding", "gzip, deflate, br"), ("user-agent", "a browser"), ("x-own", "of its own")]
    for path in ("/", "/echo", "/echo?" + "long" * 100):
        stream = client.quic.get_next_available_stream_id()
        fields = [(n.encode(), v.encode()) for n, v in head(path, more=more)]
        control, packed = encoder.encode(stream, fields)
        assert not control
        answer = client.answer(client.open(frame(HEADERS, packed)))
        seen = json.loads(answer.body)
        assert seen["path"] == path and set(more) <= set(map(tuple, seen["headers"]))


def test_events(client, upstream):
    stream = client.begin(head("/events", more=[("accept", "text/event-stream")]))
    answer = client.answers[stream]
    for i in range(3):
        wanted = f"id: {i}\ndata: event {i}\n\n".encode()
        client.until(lambda: answer.body.endswith(wanted) or answer.ended)
        assert not answer.ended
        upstream.go.release()
    assert client.answer(stream).body.count(b"data: ") == 3


def test_a_client_that_moves(client, upstream):
    assert client.ask("/echo").status == 200
    client.moves()
    assert client.ask("/echo").status == 200
    # In the middle of an answer, too.
    stream = client.begin(head("/late"))
    assert client.status(stream) == 200
    client.moves()
    client.quic.send_ping(1)
    client.flush()
    upstream.go.release()
    assert client.answer(stream).body == b"late"
    large = client.begin(head("/bytes/3000000"))
    client.until(lambda: len(client.answers[large].body) > 100_000)
    client.moves()
    client.quic.change_connection_id()
    assert client.answer(large).body == pattern(3_000_000)


def test_sessions(shared):
    """A session is taken up again; requests wait for the handshake, since early ones could be sent again by anyone."""
    with Client(shared.https, shared.ca) as first:
        first.until(lambda: first.tickets)
        assert first.ask().status == 200 and not first.agreed.session_resumed
    with Client(shared.https, shared.ca, ticket=first.tickets[0]) as second:
        assert second.agreed.session_resumed and not second.agreed.early_data_accepted
        assert second.ask().status == 200


def test_protocols_that_nobody_speaks_are_refused_with_a_word(shared, bystander):
    """Source: RFC 9001 §8.1."""
    with Client(shared.https, shared.ca, protocol="h3-29", begins=False) as client:
        # The alert no_application_protocol.
        assert client.agreed is None and client.closed == 0x178


def test_certificates_of_clients(start, upstream):
    """A host that wants one is not served over HTTP/3, nor over the connection of another host."""
    authority = made("authority")
    wanted = {"domain": "closed.test", "target_group_id": 1, "client_auth": "required", "client_ca_pem": authority}
    argos = start(host(upstream.address) + [("hosts.create", wanted)])
    with Client(argos.https, argos.ca) as client:
        assert client.ask(authority="closed.test").status == 421
        assert client.ask().status == 200
    with Client(argos.https, argos.ca, name="closed.test", begins=False) as client:
        # The alert access_denied.
        assert client.agreed is None and client.closed == 0x131


def made(name: str) -> str:
    """An authority's certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def test_new_keys(client):
    """Source: RFC 9001 §6."""
    assert client.ask().status == 200
    client.quic.request_key_update()
    assert client.ask().status == 200


def test_little_is_said_to_an_address_that_is_not_proven(shared):
    """Three times what came from it; a last datagram that begins below that may end above. Source: RFC 9000 §8.1."""
    with Client(shared.https, shared.ca) as known:
        configuration = known.quic.configuration
    asking = QuicConnection(configuration=configuration)
    asking.connect(shared.https, now=time.monotonic())
    sent = asking.datagrams_to_send(now=time.monotonic())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(PATIENCE)
        for data, _ in sent:
            connection.sendto(data, shared.https)
        heard = len(connection.recv(65536))
        # All that is repeated counts, too.
        connection.settimeout(1)
        try:
            while True:
                heard += len(connection.recv(65536))
        except TimeoutError:
            pass
    assert heard < 3 * sum(len(data) for data, _ in sent) + 1200


def test_an_address_is_proven_first_where_many_are_not(start, upstream):
    """A flood of first datagrams holds up nobody: who comes then is asked to come again. Source: RFC 9000 §8.1.2."""
    argos = start(host(upstream.address))
    with Client(argos.https, argos.ca) as early:
        assert early.ask().status == 200 and early.quic._retry_source_connection_id is None
        configuration = early.quic.configuration
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.settimeout(PATIENCE)
            for i in range(2000):
                forged = QuicConnection(configuration=configuration)
                forged.connect(argos.https, now=time.monotonic())
                connection.sendto(forged.datagrams_to_send(now=time.monotonic())[0][0], argos.https)
                answer = connection.recv(2000)
                # The kind of a long header; that of Retry is 3. Source: RFC 9000 §17.2.
                if answer[0] & 0xF0 == 0xF0:
                    break
            else:
                raise AssertionError("nobody was asked to come again")
        with Client(argos.https, argos.ca) as late:
            assert late.quic._retry_source_connection_id is not None
            assert late.ask().status == early.ask().status == 200


def test_a_version_that_nobody_speaks(shared):
    """Source: RFC 9000 §6, RFC 8999 §6."""
    asked = bytes([0xC0]) + (0x1A2A3A4A).to_bytes(4, "big") + bytes([8]) + b"destined" + bytes([8]) + b"sourced!"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(PATIENCE)
        connection.sendto(asked + bytes(1200 - len(asked)), shared.https)
        answer = connection.recv(2000)
    assert answer[0] & 0x80 and answer[1:5] == bytes(4)
    assert answer[5:23] == bytes([8]) + b"sourced!" + bytes([8]) + b"destined"
    assert (1).to_bytes(4, "big") in [answer[i:i + 4] for i in range(23, len(answer), 4)]


def test_datagrams_of_nonsense(shared, bystander):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        for size in (0, 1, 20, 1200, 1500):
            for _ in range(50):
                connection.sendto(os.urandom(size), shared.https)
    assert bystander.ask("/meanwhile").status == 200


def goaways(client) -> list[int]:
    """The numbers of all GOAWAY frames that came."""
    control = next((data for data in client.lone.values() if data[:1] == integer(CONTROL)), b"\0")
    rest, found = control[1:], []
    while (head := take_integer(rest)) and (sized := take_integer(head[1])):
        if len(sized[1]) < sized[0]:
            break
        if head[0] == GOAWAY:
            found.append(take_integer(sized[1])[0])
        rest = sized[1][sized[0]:]
    return found


def test_the_stop(start, upstream):
    argos = start(host(upstream.address), more=["--grace", "5"])
    with Client(argos.https, argos.ca) as busy, Client(argos.https, argos.ca) as idle:
        assert idle.ask("/echo").status == 200
        stream = busy.begin(head("/late"))
        assert busy.status(stream) == 200
        argos.process.terminate()
        busy.until(lambda: goaways(busy))
        assert idle.end() == NO_ERROR
        # In the end it is said what was served.
        busy.until(lambda: goaways(busy)[-1] == stream + 4)
        assert busy.fate(busy.begin(head())) == ("reset", REJECTED)
        upstream.go.release()
        answer = busy.answer(stream)
        assert (answer.status, answer.body) == (200, b"late")
        assert busy.end() == NO_ERROR
    assert argos.process.wait(PATIENCE) == 0


def test_limits(start, upstream):
    argos = start(host(upstream.address))
    argos.set(max_uri_bytes=1024, max_header_bytes=4096, max_headers=20, max_body_bytes=10_000, h2_max_streams=5)
    with Client(argos.https, argos.ca) as client:
        assert [client.ask("/" + "a" * n).status for n in (1023, 1024)] == [200, 414]
        assert [client.ask(more=[("x-a", "b" * n)]).status for n in (3500, 4100)] == [200, 431]
        assert [client.ask(more=[(f"x-{i}", "b") for i in range(n)]).status for n in (15, 25)] == [200, 431]
        assert [client.ask("/echo", bytes(n)).status for n in (10_000, 10_001)] == [200, 413]
        said = [("content-length", "10001")]
        assert client.status(client.begin(head("/echo", "POST", more=said), False)) == 413
        assert client.ask().status == 200
        # So many streams may be open at once.
        streams = [client.begin(head("/late")) for _ in range(6)]
        assert [client.status(stream) for stream in streams[:5]] == [200] * 5
        upstream.go.release()
        client.until(lambda: any(client.answers[stream].ended for stream in streams))
        assert client.status(streams[5]) == 200
        for _ in range(5):
            upstream.go.release()
        assert [client.answer(stream).body for stream in streams] == [b"late"] * 6


def test_waits(start, upstream):
    argos = start(host(upstream.address))
    with Client(argos.https, argos.ca) as client:
        # A handshake on a busy machine may take longer than these.
        argos.set(header_timeout_ms=300, body_idle_timeout_ms=300, response_timeout_ms=300, tunnel_idle_timeout_ms=300)
        # Half a head.
        stream = client.open(heads(head())[:10], False)
        assert client.fate(stream) in {("reset", INCOMPLETE), ("status", 408), ("closed", EXCESSIVE_LOAD)}
        # Half the content.
        stream = client.begin(head("/echo", "POST", more=[("content-length", "10")]), False)
        client.send(stream, frame(DATA, b"half"))
        assert client.status(stream) == 408
        assert client.ask("/silent").status == 504
        answer = client.ask("/half")
        assert answer.body == b"half" and answer.reset is not None
        websocket = Extended(client)
        websocket.write(message(TEXT, b"hello", b"abcd"))
        assert take_message(websocket.read) == (TEXT, b"hello")
        assert websocket.read(1) == b""
        assert client.ask().status == 200
    argos.call("settings.reset", key="proxy.header_timeout_ms")
    argos.set(keepalive_timeout_ms=300)
    with Client(argos.https, argos.ca) as client:
        assert client.ask().status == 200
        assert client.end() == NO_ERROR


def test_a_client_that_takes_nothing_loses_its_stream_alone(start, upstream):
    argos = start(host(upstream.address))
    argos.set(body_idle_timeout_ms=300)
    with Client(argos.https, argos.ca) as client:
        client.takes_no_more()
        stalled = client.begin(head("/bytes/3000000"))
        answer = client.answer(stalled)
        assert answer.status == 200 and answer.reset is not None
        assert client.ask("/echo").status == 200


def test_behind_a_proxy_that_says_who_the_client_is(start, upstream):
    """Datagrams come around that proxy: HTTP/3 is not spoken there."""
    argos = start(host(upstream.address), https="127.0.0.1:0?proxy=v1v2")
    assert "http/3" not in str(argos.log)


def test_it_can_be_off(start, upstream):
    argos = start(host(upstream.address), more=["--h3", "off"])
    with http2.Client(argos.https, argos.tls("h2")) as client:
        assert "alt-svc" not in client.ask("/echo").headers
    assert "http/3" not in str(argos.log)
