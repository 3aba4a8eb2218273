"""HTTP/2 frames as bytes, well-formed or not, and a client that sends them."""

import socket
import struct

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITISED, ACK = 0x1, 0x4, 0x8, 0x20, 0x1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = (
    "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
    "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM"
).split()
# `:status` in the static table. Source: RFC 7541, appendix A.
STATUSES = dict(zip(range(8, 15), (200, 204, 206, 304, 400, 404, 500)))


def frame(kind, flags, stream, payload=b""):
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def setting(key, value):
    """One setting of a SETTINGS frame."""
    return struct.pack(">HI", key, value)


# No table for fields: an answer's status can then be read by itself.
OPENING = PREFACE + frame(SETTINGS, 0, 0, setting(1, 0))


def text(value):
    """A string of HPACK, not compressed."""
    value = value.encode("latin-1")
    if len(value) < 127:
        return bytes([len(value)]) + value
    size, rest = b"\x7f", len(value) - 127
    while rest >= 128:
        size, rest = size + bytes([rest % 128 + 128]), rest // 128
    return size + bytes([rest]) + value


def block(fields):
    """A block of fields, each a literal that is not indexed. Source: RFC 7541 §6.2.2."""
    return b"".join(b"\x00" + text(name) + text(value) for name, value in fields)


def headers(stream, fields, end=True):
    """A HEADERS frame with all of its block."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(fields))


def data(stream, content, end=True):
    """A DATA frame."""
    return frame(DATA, END_STREAM if end else 0, stream, content.encode("latin-1"))


def status(content):
    """The status at the beginning of a block of an answer."""
    while content and content[0] & 0xE0 == 0x20:
        content = content[1:]
    if content[0] & 0x80:
        return STATUSES[content[0] & 0x7F]
    # A literal whose name is one of the static table's `:status`; its value is three digits, perhaps compressed.
    prefix = 0x3F if content[0] & 0x40 else 0x0F
    if content[0] & prefix not in STATUSES:
        raise ValueError(f"an answer begins with {content[:8]!r}")
    size, value = content[1] & 0x7F, content[2:]
    return int(digits(value[:size]) if content[1] & 0x80 else value[:size])


def digits(value):
    """Digits in the code of HPACK: 0 to 2 have five bits, the others six. Source: RFC 7541, appendix B."""
    bits, found = "".join(f"{byte:08b}" for byte in value), ""
    while len(found) < 3:
        if bits[:5] in ("00000", "00001", "00010"):
            found, bits = found + str(int(bits[:5], 2)), bits[5:]
        else:
            found, bits = found + str(int(bits[:6], 2) - 0b011001 + 3), bits[6:]
    return found


class Fates:
    """What became of streams and of the connection: statuses, codes of resets, the code of GOAWAY; which answers are
    whole."""

    def __init__(self):
        self.answers, self.bodies, self.resets, self.whole = {}, {}, {}, set()
        self.away, self.closed, self.silent = None, False, False

    def of(self, stream):
        """In words: a status, `reset CODE`, `away CODE`, `closed` or `silent`."""
        if stream in self.answers:
            return str(self.answers[stream])
        if stream in self.resets:
            return f"reset {self.resets[stream]}"
        if self.away not in (None, "NO_ERROR"):
            return f"away {self.away}"
        return "closed" if self.closed else "silent"


def converse(connection, sent, streams):
    """Sends bytes, then reads until each of `streams` has its fate or the connection ends."""
    fates, received = Fates(), b""
    say(connection, sent)
    try:
        while not streams <= fates.whole | set(fates.resets):
            more = connection.recv(1 << 16)
            if not more:
                fates.closed = True
                break
            received += more
            while len(received) >= 9 and len(received) >= 9 + (size := int.from_bytes(received[:3], "big")):
                kind, flags, stream = struct.unpack(">BBI", received[3:9])
                payload, received = received[9 : 9 + size], received[9 + size :]
                note(fates, kind, flags, stream, payload)
                if kind == SETTINGS and not flags & ACK:
                    say(connection, frame(SETTINGS, ACK, 0))
    except TimeoutError:
        fates.silent = True
    except OSError:
        fates.closed = True
    return fates


def say(connection, sent):
    """Sends bytes to whoever may have closed by now; what it said before is read all the same."""
    try:
        connection.sendall(sent)
    except OSError:
        pass


def note(fates, kind, flags, stream, payload):
    """Notes what one frame says."""
    code = int.from_bytes(payload[4 if kind == GOAWAY else 0 :][:4], "big")
    if kind == HEADERS:
        if payload and stream not in fates.answers:
            answered = status(payload)
            if answered >= 200:
                fates.answers[stream] = answered
    elif kind == DATA:
        fates.bodies[stream] = fates.bodies.get(stream, b"") + payload
    elif kind == RESET:
        fates.resets[stream] = CODES[code]
    elif kind == GOAWAY:
        fates.away = CODES[code]
    if kind in (DATA, HEADERS) and flags & END_STREAM:
        fates.whole.add(stream)


def connect(address, patience, tls=None):
    """A connection to `address`; `tls` is the context for one that is secured."""
    host, port = address.rsplit(":", 1)
    plain = socket.create_connection((host, int(port)), timeout=patience)
    return tls.wrap_socket(plain, server_hostname="a.test") if tls else plain
