"""Each limit and each wait of the proxy over HTTP/2, at its border, with small values."""

import json

import pytest
from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame

from gateway import Argos, host
from http2 import CALM, COMPRESSION, NO_ERROR, REFUSED, Client, Raw, block, dial, head
from upstreams import Closed, exactly, message, pattern

SHORT = 300


@pytest.fixture(scope="module")
def limits(upstream, tmp_path_factory):
    """One gateway for all limits that can be set and taken back."""
    argos = Argos(tmp_path_factory.mktemp("argos"), host(upstream.address))
    yield argos
    assert argos.stop() == 0


@pytest.fixture
def limited(limits):
    """Sets limits for the time of a test, and opens connections under them."""
    opened, keys = [], []

    def limited(client=Client, **settings):
        keys.extend(settings)
        # A wait is as long as is set when it begins; a handshake on a busy machine may take longer than these.
        waits = all(name.endswith("_timeout_ms") for name in settings)
        if not waits:
            limits.set(**settings)
        opened.append(client(limits.https, limits.tls("h2")))
        if waits:
            limits.set(**settings)
        return opened[-1]

    yield limited
    for client in opened:
        client.close()
    for key in keys:
        limits.call("settings.reset", key=f"proxy.{key}")


def test_the_target(limited):
    client = limited(max_uri_bytes=1024)
    assert client.ask("/" + "a" * 1023).status == 200
    assert client.ask("/" + "a" * 1024).status == 414
    assert client.ask("/").status == 200


def test_the_number_of_fields(limited):
    client = limited(max_headers=20)

    def status(n):
        return client.ask("/", more=[(f"x-{i}", "1") for i in range(n)]).status

    # What counts is the canonical form, which has a line for the name that is asked for.
    border = next(n for n in range(25) if status(n) != 200)
    assert status(border) == 431 and 18 <= border <= 20
    assert status(border - 1) == 200


def test_the_size_of_the_head(limited):
    client = limited(max_header_bytes=4096)

    def status(n):
        return client.ask("/", more=[("x-a", "b" * n)]).status

    assert status(3500) == 200
    assert status(4100) == 431
    assert client.ask("/").status == 200
    # Far beyond it no more is read.
    far = client.begin(head(more=[("x-a", "b" * 16000)] * 10))
    client.until(lambda: client.ended is not None or client.answers[far].ended)
    assert client.ended in (CALM, COMPRESSION) or client.answers[far].status == 431


@pytest.mark.parametrize("said", [True, False])
def test_the_size_of_the_content(limited, upstream, said):
    client = limited(max_body_bytes=100_000)
    for size, status in ((100_000, 200), (100_001, 413)):
        body = pattern(size)
        more = [("content-type", "application/octet-stream")] + [("content-length", str(size))] * said
        answer = client.ask("/echo", body, more=more)
        assert answer.status == status
        if status == 200:
            assert json.loads(answer.body)["size"] == size
    assert client.ask("/").status == 200


def test_the_size_of_a_hosts_content(start, upstream):
    argos = start(host(upstream.address, max_body_bytes=5000))
    with Client(argos.https, argos.tls("h2")) as client:
        assert [client.ask("/echo", bytes(n)).status for n in (5000, 5001)] == [200, 413]


def test_the_number_of_streams(limited, upstream):
    client = limited(Raw, h2_max_streams=3)
    client.send([client.get(2 * i + 1, "/late") for i in range(4)])
    statuses, refused = set(), None
    while len(statuses) < 3 or refused is None:
        match client.next():
            case HeadersFrame() as frame:
                statuses.add(frame.stream_id)
            case RstStreamFrame() as frame:
                refused = (frame.stream_id, frame.error_code)
    assert (statuses, refused) == ({1, 3, 5}, (7, REFUSED))
    for _ in range(3):
        upstream.go.release()
    ended = 0
    while ended < 3:
        frame = client.next()
        ended += isinstance(frame, DataFrame) and "END_STREAM" in frame.flags
    # There is room again.
    client.send([client.get(9)])
    assert client.fate(9) == ("status", 200)


def test_a_handshake_that_does_not_come(limited, limits):
    limited(header_timeout_ms=SHORT)
    for part in (b"", b"\x16\x03\x01\x02\x00\x01"):
        connection = dial(limits.https)
        connection.sendall(part)
        try:
            assert connection.recv(100) in (b"", b"\x15\x03\x03\x00\x02\x02\x32")
        except ConnectionError:
            pass
        connection.close()


def test_a_head_that_does_not_end(limited):
    client = limited(Raw, header_timeout_ms=SHORT)
    client.send([HeadersFrame(1, block(head()[:2]))])
    assert client.end() == ("goaway", CALM)


def test_a_head_that_does_not_end_over_http1(limited, limits):
    # The time of the handshake is a part of it.
    limited(header_timeout_ms=3 * SHORT)
    for secure in (False, True):
        connection = dial(limits.https, limits.tls("http/1.1")) if secure else dial(limits.http)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n")
        assert exactly(connection.recv, 12) == b"HTTP/1.1 408"
        while connection.recv(1000):
            pass


def test_a_head_that_trickles(limited):
    """Bytes that come do not make the time longer: it is for the whole head."""
    client = limited(Raw, header_timeout_ms=SHORT)
    client.socket.settimeout(0.02)
    sent = HeadersFrame(1, block(head(more=[("x-a", "b" * 5000)])), flags=["END_HEADERS", "END_STREAM"]).serialize()
    for byte in sent:
        try:
            client.send(bytes([byte]))
            if not client.socket.recv(1000):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError("all of it was taken")


def test_a_next_request_that_does_not_come(limited):
    client = limited(Raw, keepalive_timeout_ms=SHORT)
    client.send([client.get(1)])
    assert client.fate(1) == ("status", 200)
    assert client.end() == ("goaway", NO_ERROR)
    assert client.next() is None


def test_content_that_does_not_come(limited, upstream):
    """The stream alone is answered 408, also where the WAF waits for the content."""
    client = limited(body_idle_timeout_ms=SHORT)
    for kind in ("application/octet-stream", "application/json"):
        more = [("content-length", "100"), ("content-type", kind)]
        stream = client.begin(head("/echo", "POST", more=more), False)
        client.send(stream, b"half")
        assert client.status(stream) == 408
        assert client.ask("/").status == 200


def test_content_that_is_not_taken(limited):
    """A client that reads nothing loses its stream, and nobody else's."""
    client = limited(Raw, body_idle_timeout_ms=SHORT)
    client.send([client.get(1, "/bytes/1000000")])
    while not isinstance(frame := client.next(), RstStreamFrame):
        assert frame is not None
    assert frame.stream_id == 1


def test_an_upstream_that_answers_nothing(limited):
    client = limited(response_timeout_ms=SHORT)
    assert client.ask("/silent").status == 504
    assert client.ask("/silent", b"content").status == 504
    assert client.ask("/").status == 200


def test_an_upstream_that_stops_in_the_middle(limited):
    client = limited(body_idle_timeout_ms=SHORT)
    answer = client.ask("/half")
    assert (answer.status, answer.body) == (200, b"half") and answer.reset is not None
    assert client.ask("/").status == 200


def test_an_upstream_that_accepts_nothing(start):
    closed = Closed()
    argos = start(host(closed.address))
    argos.set(connect_timeout_ms=SHORT, max_retries=0)
    with Client(argos.https, argos.tls("h2")) as client:
        assert client.ask("/").status == 502
    assert "connect" in json.dumps(argos.rows("error"))
    closed.close()


def test_a_tunnel_in_which_nothing_moves(limited):
    client = limited(tunnel_idle_timeout_ms=SHORT)
    stream = client.begin(
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/ws"),
         (":authority", "app.test"), ("sec-websocket-version", "13")], False)
    assert client.status(stream) == 200
    client.send(stream, message(1, b"hello", b"abcd"))
    client.until(lambda: client.answers[stream].body == message(1, b"hello"))
    assert client.answer(stream).ended
    assert client.ask("/").status == 200


def test_an_idle_connection_to_an_upstream(limited, upstream):
    client = limited(upstream_idle_timeout_ms=SHORT)
    while upstream.gone.acquire(blocking=False):
        pass
    port = json.loads(client.ask("/echo").body)["client"]
    assert json.loads(client.ask("/echo").body)["client"] == port
    assert upstream.gone.acquire(timeout=30)
    assert json.loads(client.ask("/echo").body)["client"] != port


def test_all_connections(start, upstream):
    argos = start(host(upstream.address))
    argos.set(max_connections=3)
    with Client(argos.https, argos.tls("h2")) as one, Client(argos.https, argos.tls("h2")) as two:
        with Client(argos.http) as three:
            late = dial(argos.http)
            late.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
            # It waits or is closed; it is not answered while the others are there.
            late.settimeout(0.3)
            try:
                assert late.recv(100) == b""
            except (TimeoutError, ConnectionError):
                pass
            assert [client.ask("/").status for client in (one, two, three)] == [200, 200, 200]
        late.close()
        # There is room again.
        while True:
            again = dial(argos.http)
            try:
                again.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
                if again.recv(12) == b"HTTP/1.1 200":
                    break
            except OSError:
                pass
            finally:
                again.close()


def test_the_forwarded_fields(limited, limits):
    client = limited(send_forwarded="true")
    more = [("forwarded", "for=9.9.9.9"), ("x-forwarded-for", "9.9.9.9"), ("x-real-ip", "9.9.9.9")]
    fields = dict(json.loads(client.ask("/echo", more=more).body)["headers"])
    assert "for=127.0.0.1" in fields["forwarded"] and "proto=https" in fields["forwarded"]
    assert "9.9.9.9" not in json.dumps(fields)
    limits.set(trusted_proxies="127.0.0.0/8, 8.8.8.8")
    fields = dict(json.loads(client.ask("/echo", more=[("x-forwarded-for", "9.9.9.9, 8.8.8.8")]).body)["headers"])
    limits.call("settings.reset", key="proxy.trusted_proxies")
    assert "for=9.9.9.9" in fields["forwarded"]
