"""Cases of HTTP/2: messages that are malformed or say two things, and frames that are not where they belong."""

from case import FrameCase, Passed, other_than
from frames import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, OPENING, PADDED, PING, PREFACE, PRIORITISED, PRIORITY,
    PUSH, RESET, SETTINGS, WINDOW, block, data, frame, headers, setting,
)

GOOD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]
POST = [(":method", "POST"), *GOOD[1:]]
STREAM = ("reset PROTOCOL_ERROR",)
BAD = ("400",)
EITHER = (*STREAM, *BAD)
# Bytes that no field may hold are found where the block is read; all of the connection may end with it.
# Source: RFC 9113 §5.4.2.
BYTES = {"fates": (*STREAM, "away PROTOCOL_ERROR"), "goes_on": None}


def instead(name, value, fields=GOOD):
    """The fields with another value of one; none leaves it out."""
    changed = [(key, value if key == name else old) for key, old in fields]
    return [(key, value) for key, value in changed if value is not None]


def row(group, name, sent, fates, *words, **more):
    return FrameCase(group, name, sent, fates, **{word: True for word in words}, **more)


def fields(name, given, fates=STREAM, *words, group="h2 fields", **more):
    """A request of these fields and no body."""
    return row(group, name, headers(1, given), fates, *words, **more)


def added(name, *given, fates=STREAM, **more):
    """A good request with further fields."""
    return fields(name, [*GOOD, *given], fates, **more)


def passed(name, given, must, *words, group="h2 fields", body=None):
    """A request that reaches the upstream."""
    sent = headers(1, given) if body is None else headers(1, given, end=False) + data(1, body)
    return row(group, name, sent, ("200",), *words, passed=must)


FIELDS = [
    added("a name in capitals", ("X-A", "1"), **BYTES),
    added("one capital in a name", ("x-aB", "1"), **BYTES),
    added("Connection", ("connection", "close")),
    added("Connection that names another", ("connection", "x-a"), ("x-a", "1")),
    added("Keep-Alive", ("keep-alive", "timeout=5")),
    added("Proxy-Connection", ("proxy-connection", "close")),
    added("Transfer-Encoding", ("transfer-encoding", "chunked")),
    added("Transfer-Encoding: identity", ("transfer-encoding", "identity")),
    added("Upgrade", ("upgrade", "h2c")),
    added("te: gzip", ("te", "gzip")),
    added("te: trailers, gzip", ("te", "trailers, gzip")),
    added("an empty name", ("", "1"), **BYTES),
    added("a blank in a name", ("x a", "1"), **BYTES),
    added("a colon in a name", ("x:a", "1"), **BYTES),
    added("a colon before a name", (":x-a", "1"), **BYTES),
    added("CR LF in a name", ("x\r\ny", "1"), **BYTES),
    added("LF in a name", ("x\ny", "1"), **BYTES),
    added("NUL in a name", ("x\0", "1"), **BYTES),
    added("a high byte in a name", ("x\xe9", "1"), **BYTES),
    added("CR LF in a value", ("x-a", "1\r\nx-b: 2"), **BYTES),
    added("a request in a value", ("x-a", "1\r\n\r\nGET /hidden HTTP/1.1\r\nhost: a.test"), **BYTES),
    added("CR in a value", ("x-a", "1\r2"), **BYTES),
    added("LF in a value", ("x-a", "1\n2"), **BYTES),
    added("NUL in a value", ("x-a", "1\x002"), **BYTES),
    added("LF at the end of a value", ("x-a", "1\n"), **BYTES),
    added("a blank before a value", ("x-a", " 1"), fates=EITHER),
    added("a blank behind a value", ("x-a", "1 "), fates=EITHER),
    added("a tab behind a value", ("x-a", "1\t"), fates=EITHER),
    added("two Hosts", ("host", "a.test"), ("host", "b.test"), fates=EITHER),
    added("Host that is not :authority", ("host", "b.test"), fates=BAD),
    added("Host with another port", ("host", "a.test:81"), fates=BAD),
    fields("two Hosts alone", [*GOOD[:2], GOOD[3], ("host", "a.test"), ("host", "b.test")], BAD),
    fields("neither :authority nor Host", [*GOOD[:2], GOOD[3]], BAD),
    added("two lengths", ("content-length", "0"), ("content-length", "5"), fates=EITHER),
    added("a signed length", ("content-length", "+0"), fates=EITHER),
    added("a list of lengths", ("content-length", "0, 0"), fates=EITHER),
    added("a length in letters", ("content-length", "none"), fates=EITHER),
    added("a length and no body", ("content-length", "5")),
    passed("te: trailers", [*GOOD, ("te", "trailers")], Passed(fields={"TE": ("trailers",)}), "own"),
    passed("Host beside :authority", [*GOOD, ("host", "a.test")], Passed(fields={"Host": ("a.test",)})),
    passed("Host alone", [*GOOD[:2], GOOD[3], ("host", "a.test")], Passed(fields={"Host": ("a.test",)})),
    passed("a cookie in parts", [*GOOD, ("cookie", "a=1"), ("cookie", "b=2")],
           Passed(fields={"Cookie": ("a=1; b=2",)})),
    passed("X-Forwarded-For from a client", [*GOOD, ("x-forwarded-for", "192.0.2.1")],
           Passed(fields={"X-Forwarded-For": ("127.0.0.1",)})),
    passed("another spelling of X-Forwarded-For", [*GOOD, ("x_forwarded_for", "192.0.2.1")],
           Passed(fields={"X_Forwarded_For": ()}), "own"),
    passed("another spelling of Transfer-Encoding", [*GOOD, ("transfer_encoding", "chunked")],
           Passed(fields={"Transfer_Encoding": ()}), "own"),
    passed("another spelling of Content-Length", [*POST, ("content_length", "9")],
           Passed(fields={"Content_Length": ()}, body="hello"), "own", body="hello"),
    passed("X-Auth-User from a client", [*GOOD, ("x-auth-user", "root")], Passed(fields={"X-Auth-User": ()}), "own"),
    passed("X-Request-Id from a client", [*GOOD, ("x-request-id", "given-by-client")],
           Passed(fields={"X-Request-Id": other_than("given-by-client")}), "own"),
    passed("HTTP2-Settings", [*GOOD, ("http2-settings", "AAMAAABk")], Passed(fields={"HTTP2-Settings": ()})),
]


def pseudo(name, given, fates=STREAM, *words, **more):
    return fields(name, given, fates, *words, group="h2 pseudo", **more)


def path(value, fates, *words):
    return pseudo(f":path {value!r}", instead(":path", value), fates, *words)


def authority(value, fates=BAD, *words):
    return pseudo(f":authority {value!r}", instead(":authority", value), fates, *words)


PSEUDO = [
    *(pseudo(f"no {name}", instead(name, None)) for name in (":method", ":scheme", ":path")),
    *(pseudo(f"{name} twice", [*GOOD, (name, value)]) for name, value in GOOD),
    pseudo(":path twice and different", [*GOOD, (":path", "/hidden")]),
    pseudo("behind a field", [*GOOD[:3], ("x-a", "1"), GOOD[3]]),
    pseudo("unknown", [*GOOD, (":x", "1")], **BYTES),
    pseudo("in capitals", [*GOOD[:3], (":PATH", "/")], **BYTES),
    pseudo(":status", [*GOOD, (":status", "200")]),
    pseudo(":protocol without CONNECT", [*GOOD, (":protocol", "websocket")], EITHER),
    pseudo("an empty :method", instead(":method", ""), **BYTES),
    pseudo("a blank in :method", instead(":method", "GET /hidden"), **BYTES),
    pseudo("a request line in :method", instead(":method", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET"), **BYTES),
    pseudo("an empty :scheme", instead(":scheme", ""), EITHER),
    pseudo("a URI in :scheme", instead(":scheme", "http://b.test/?"), EITHER),
    pseudo(":scheme ftp", instead(":scheme", "ftp"), BAD),
    path("", STREAM),
    path("x", EITHER),
    path("?x", EITHER),
    path("*", BAD),
    path("http://b.test/", EITHER),
    path("//b.test/ HTTP/1.1\r\nx: y", EITHER),
    path("/a b", EITHER),
    path("/a\tb", EITHER),
    path("/a\0b", EITHER),
    path("/a\r\nx: y", EITHER),
    path("/a\x7fb", EITHER),
    path("/%00", BAD, "choice"),
    path("/%zz", BAD, "choice"),
    authority("", EITHER),
    authority("user@a.test"),
    authority("a.test/x", EITHER),
    authority("a.test b.test", EITHER),
    authority("a.test\r\nx: y", EITHER),
    authority("a.test, b.test", EITHER),
    authority("a.test:99999", EITHER, "choice"),
    authority("a.test:80:80", EITHER),
    authority("[::1", EITHER),
    authority("b.test", ("404",), "own"),
    pseudo("CONNECT", [(":method", "CONNECT"), (":authority", "a.test:443")], ("405",)),
    pseudo("CONNECT with a path", instead(":method", "CONNECT"), (*EITHER, "405")),
    pseudo("CONNECT for another protocol", [*instead(":method", "CONNECT"), (":protocol", "connect-udp")],
           ("501",)),
    passed(":path * of OPTIONS", instead(":path", "*", instead(":method", "OPTIONS")), Passed("OPTIONS", "*"), "own",
           group="h2 pseudo"),
    passed("dot segments", instead(":path", "/a/../b"), Passed(target="/b"), "own", group="h2 pseudo"),
    passed("capitals in :authority", instead(":authority", "A.TEST"), Passed(), group="h2 pseudo"),
]


def body(name, sent, fates=STREAM, *words, **more):
    return row("h2 bodies", name, sent, fates, *words, begun=True, **more)


def sized(length, *parts):
    """A POST that announces a length, and DATA of these parts."""
    sent = headers(1, [*POST, ("content-length", length)], end=False)
    return sent + b"".join(data(1, part, i == len(parts)) for i, part in enumerate(parts, 1))


def with_trailers(*trailers, end=True):
    return headers(1, POST, end=False) + data(1, "hello", end=False) + headers(1, trailers, end=end)


BODIES = [
    body("shorter than the length", sized("5", "abc")),
    body("longer than the length", sized("2", "abc")),
    # What the length says has come before the fault has.
    body("longer in a second frame", sized("5", "hello", "x"), passed=Passed(body="hello")),
    body("content behind a length of 0", sized("0", "x")),
    body("shorter, with trailers", headers(1, [*POST, ("content-length", "9")], end=False) + data(1, "hello", end=False)
         + headers(1, [("x-sum", "1")])),
    body("a length of 2^64", sized(str(2**64), "hello"), EITHER),
    body("a signed length", sized("+5", "hello"), EITHER),
    body("two lengths", headers(1, [*POST, ("content-length", "5"), ("content-length", "6")], end=False)
         + data(1, "hello"), EITHER),
    body("a pseudo-header in trailers", with_trailers((":path", "/hidden")), (*STREAM, "200"),
         passed=Passed(target="/", body="hello")),
    body("capitals in trailers", with_trailers(("X-Sum", "1")), **BYTES),
    body("Connection in trailers", with_trailers(("connection", "x")), (*STREAM, "200")),
    body("LF in trailers", with_trailers(("x-sum", "1\nx: y")), **BYTES),
    body("trailers that do not end the stream", with_trailers(("x-sum", "1"), end=False)),
    body("padding beyond the frame", headers(1, POST, end=False) + frame(DATA, END_STREAM | PADDED, 1, b"\x09abc"),
         ("away PROTOCOL_ERROR",), goes_on=False),
    body("DATA behind the end", headers(1, GOOD) + data(1, "x"),
         ("reset STREAM_CLOSED", "away STREAM_CLOSED", "away PROTOCOL_ERROR", "200"), goes_on=None,
         passed=Passed(body="")),
    body("HEADERS behind the end", headers(1, GOOD) + headers(1, GOOD),
         ("reset STREAM_CLOSED", "away STREAM_CLOSED", "away PROTOCOL_ERROR", "200"), goes_on=None,
         passed=Passed(body="")),
    *(body(f"given up {name}", headers(1, [*POST, *length], end=False) + sent + frame(RESET, 0, 1, bytes([0, 0, 0, 8])),
           None) for name, length, sent in (
        ("before the body", [], b""),
        ("in the body", [], data(1, "hell", end=False)),
        ("in a body of a length", [("content-length", "5")], data(1, "hell", end=False)),
        ("in a frame's padding", [], frame(DATA, PADDED, 1, b"\x03hell\0\0\0")),
    )),
    body("the client leaves in the body", headers(1, POST, end=False) + data(1, "hell", end=False), None, goes_on=None),
    body("the client leaves in a frame", headers(1, POST, end=False) + data(1, "hell")[:-1], None, goes_on=False),
    body("the client leaves in a block", headers(1, GOOD)[:-1], None, goes_on=False),
    row("h2 bodies", "a body of the length", sized("5", "he", "llo"), ("200",),
        passed=Passed(fields={"Content-Length": ("5",)}, body="hello", framing="length")),
    row("h2 bodies", "a body without a length", headers(1, POST, end=False) + data(1, "hello"), ("200",),
        passed=Passed(fields={"Content-Length": ()}, body="hello", framing="chunked"), choice=True),
    row("h2 bodies", "an empty body without a length", headers(1, POST, end=False) + data(1, ""), ("200",),
        passed=Passed(body="")),
    row("h2 bodies", "padding", headers(1, POST, end=False)
        + frame(DATA, END_STREAM | PADDED, 1, b"\x03hello\0\0\0"), ("200",), passed=Passed(body="hello")),
    row("h2 bodies", "trailers", with_trailers(("x-sum", "1")), ("200",), own=True,
        passed=Passed(body="hello", trailers=["x-sum: 1"])),
    row("h2 bodies", "a length in trailers", with_trailers(("content-length", "9")), ("200",), own=True,
        passed=Passed(fields={"Content-Length": ()}, body="hello")),
]


def broken(name, sent, *codes, opening=OPENING, **more):
    """Something that ends the connection; the exact code helps nobody but whoever looks for the fault."""
    fates = tuple(f"away {code}" for code in [*codes, "PROTOCOL_ERROR"])
    return row("h2 frames", name, sent, fates, goes_on=False, opening=opening, **more)


PART = len(block(GOOD[:2]))
FRAMES = [
    broken("DATA on a stream that never began", data(1, "x")),
    broken("DATA on the connection", data(0, "x")),
    broken("HEADERS on the connection", headers(0, GOOD)),
    broken("a stream of the server's", headers(2, GOOD)),
    broken("a stream before the last one", headers(5, POST, end=False) + headers(1, GOOD), begun=True),
    broken("CONTINUATION without HEADERS", frame(CONTINUATION, END_HEADERS, 1, block(GOOD))),
    broken("CONTINUATION of another stream",
           frame(HEADERS, END_STREAM, 1, block(GOOD[:2])) + frame(CONTINUATION, END_HEADERS, 3, block(GOOD[2:]))),
    broken("PING amid a block", frame(HEADERS, END_STREAM, 1, block(GOOD[:2])) + frame(PING, 0, 0, bytes(8))
           + frame(CONTINUATION, END_HEADERS, 1, block(GOOD[2:]))),
    broken("padding beyond HEADERS", frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\xff" + block(GOOD))),
    broken("an index that does not exist", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\x03"),
           "COMPRESSION_ERROR"),
    broken("index 0", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x80"), "COMPRESSION_ERROR"),
    broken("a string that is cut off", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x05ab"), "COMPRESSION_ERROR"),
    broken("an integer without an end", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x7f" + b"\xff" * 12),
           "COMPRESSION_ERROR"),
    broken("a table beyond the setting", frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xe1\xff\x0f" + block(GOOD)),
           "COMPRESSION_ERROR"),
    broken("a code that ends in wrong bits",
           frame(HEADERS, END_HEADERS | END_STREAM, 1, block(GOOD) + b"\x00\x81\x00\x00"), "COMPRESSION_ERROR"),
    broken("a frame over 16,384 bytes", frame(DATA, 0, 1, bytes(16_385)), "FRAME_SIZE_ERROR"),
    broken("SETTINGS on a stream", frame(SETTINGS, 0, 1)),
    broken("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, bytes(5)), "FRAME_SIZE_ERROR"),
    broken("an acknowledgement with content", frame(SETTINGS, 1, 0, setting(1, 0)), "FRAME_SIZE_ERROR"),
    broken("ENABLE_PUSH of 2", frame(SETTINGS, 0, 0, setting(2, 2))),
    broken("a window of 2^31", frame(SETTINGS, 0, 0, setting(4, 2**31)), "FLOW_CONTROL_ERROR"),
    broken("frames of 1 byte", frame(SETTINGS, 0, 0, setting(5, 1))),
    broken("frames of 2^24 bytes", frame(SETTINGS, 0, 0, setting(5, 2**24))),
    broken("PING on a stream", frame(PING, 0, 1, bytes(8))),
    broken("PING of 7 bytes", frame(PING, 0, 0, bytes(7)), "FRAME_SIZE_ERROR"),
    broken("GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8))),
    broken("PUSH_PROMISE of a client", frame(PUSH, END_HEADERS, 1, bytes([0, 0, 0, 2]) + block(GOOD))),
    broken("RST_STREAM of a stream that never began", frame(RESET, 0, 1, bytes(4))),
    broken("RST_STREAM on the connection", frame(RESET, 0, 0, bytes(4))),
    broken("RST_STREAM of 3 bytes", headers(1, POST, end=False) + frame(RESET, 0, 1, bytes(3)), "FRAME_SIZE_ERROR",
           begun=True),
    broken("a window of the connection that grows by 0", frame(WINDOW, 0, 0, bytes(4))),
    broken("a window of the connection over 2^31", frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff"), "FLOW_CONTROL_ERROR"),
    broken("WINDOW_UPDATE of 3 bytes", frame(WINDOW, 0, 0, bytes(3)), "FRAME_SIZE_ERROR"),
    broken("WINDOW_UPDATE of a stream that never began", frame(WINDOW, 0, 1, b"\0\0\0\1")),
    broken("PRIORITY on the connection", frame(PRIORITY, 0, 0, bytes(5))),
    broken("a length in the place of SETTINGS", b"\xff" * 20, "FRAME_SIZE_ERROR", opening=PREFACE),
    row("h2 frames", "PRIORITY of 4 bytes", frame(PRIORITY, 0, 1, bytes(4)),
        ("reset FRAME_SIZE_ERROR", "away FRAME_SIZE_ERROR", "away PROTOCOL_ERROR"), goes_on=None),
    row("h2 frames", "a window of a stream that grows by 0",
        headers(1, POST, end=False) + frame(WINDOW, 0, 1, bytes(4)),
        ("reset PROTOCOL_ERROR", "away PROTOCOL_ERROR"), goes_on=None, begun=True),
    row("h2 frames", "a window of a stream over 2^31",
        headers(1, POST, end=False) + frame(WINDOW, 0, 1, b"\x7f\xff\xff\xff"),
        ("reset FLOW_CONTROL_ERROR", "away FLOW_CONTROL_ERROR"), goes_on=None, begun=True),
    row("h2 frames", "a stream that depends on itself",
        frame(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, bytes([0, 0, 0, 1, 0]) + block(GOOD)),
        ("reset PROTOCOL_ERROR", "away PROTOCOL_ERROR"), goes_on=None, choice=True),
    row("h2 frames", "a block in parts", frame(HEADERS, END_STREAM, 1, block(GOOD)[:PART - 3])
        + frame(CONTINUATION, END_HEADERS, 1, block(GOOD)[PART - 3:]), ("200",), passed=Passed("GET", "/")),
    row("h2 frames", "an unknown kind of frame", frame(0xFA, 0xFF, 0, b"x") + headers(1, GOOD), ("200",),
        passed=Passed("GET", "/")),
    row("h2 frames", "an unknown setting", frame(SETTINGS, 0, 0, setting(0xFAFA, 7)) + headers(1, GOOD), ("200",),
        passed=Passed("GET", "/")),
]

CASES = FIELDS + PSEUDO + BODIES + FRAMES
