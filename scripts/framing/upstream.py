"""An upstream that keeps what it gets and reads it as strictly as a reader can.

It answers each request that is well-formed with the request's method and target, so that an answer shows which request
it belongs to; what `/raw` is answered with is said beforehand. Whatever a lenient reader might take for something else
is noted as malformed.
"""

import re
import select
import socket
import threading
from dataclasses import dataclass, field

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~\x80-\xff]+) HTTP/1\.[01]")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~\x80-\xff]*)")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t -~\x80-\xff]*)?")
HEAD_END = b"\r\n\r\n"


class Malformed(Exception):
    """What readers may disagree about."""


@dataclass
class Request:
    """One request as the upstream got it."""

    method: bytes
    target: bytes
    fields: list
    framing: str = "none"
    body: bytes = b""
    trailers: list = field(default_factory=list)
    # What tells the connections apart that requests came over.
    connection: int = 0

    def values(self, name):
        """The values of all lines of a name."""
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def __str__(self):
        return f"{self.method.decode('latin-1')} {self.target.decode('latin-1')}"


def read_lines(text):
    """The lines of a head, which ends in CR LF."""
    lines = text.split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line:
            raise Malformed(f"a bare line end in {bytes(line)!r}")
    return lines


def read_fields(lines):
    """Names and values of header or trailer lines."""
    fields = []
    for line in lines:
        found = FIELD.fullmatch(line)
        if not found:
            raise Malformed(f"the line {bytes(line)!r}")
        fields.append((found[1], found[2].rstrip(b" \t")))
    return fields


def read_head(data):
    """The request whose head begins `data`, and where its body begins; none while the head has not all come."""
    end = data.find(HEAD_END)
    if end < 0:
        # What can't become a head is known before it ends.
        read_lines(bytes(data).rpartition(b"\r\n")[0])
        return None
    first, *rest = read_lines(bytes(data[:end]))
    line = LINE.fullmatch(first)
    if not line:
        raise Malformed(f"the request line {first!r}")
    request = Request(line[1], line[2], read_fields(rest))
    hosts, lengths = request.values("Host"), request.values("Content-Length")
    codings = request.values("Transfer-Encoding")
    if len(hosts) != 1:
        raise Malformed(f"{len(hosts)} lines of Host")
    if lengths and codings:
        raise Malformed("Content-Length and Transfer-Encoding")
    if len(lengths) > 1 or not all(re.fullmatch(rb"0|[1-9][0-9]{0,18}", n) for n in lengths):
        raise Malformed(f"Content-Length {lengths}")
    if codings and (codings != [b"chunked"] or first.endswith(b"1.0")):
        raise Malformed(f"Transfer-Encoding {codings}")
    request.framing = "chunked" if codings else "length" if lengths else "none"
    return request, end + len(HEAD_END)


def read_chunks(data, at):
    """Content, trailers and end of a chunked body; none while it has not all come."""
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            if b"\n" in data[at:]:
                raise Malformed(f"the chunk size {bytes(data[at:])!r}")
            return None
        found = CHUNK.fullmatch(bytes(data[at:end]))
        if not found:
            raise Malformed(f"the chunk size {bytes(data[at:end])!r}")
        size, at = int(found[1], 16), end + 2
        if size == 0:
            break
        if len(data) < at + size + 2:
            return None
        if data[at + size : at + size + 2] != b"\r\n":
            raise Malformed(f"the chunk end {bytes(data[at + size : at + size + 2])!r}")
        body, at = body + bytes(data[at : at + size]), at + size + 2
    if data[at : at + 2] == b"\r\n":
        return body, [], at + 2
    end = data.find(HEAD_END, at)
    return None if end < 0 else (body, read_fields(read_lines(bytes(data[at:end]))), end + len(HEAD_END))


def read_request(data):
    """The request that begins `data` and its size; none while it has not all come."""
    head = read_head(data)
    if head is None:
        return None
    request, at = head
    if request.framing == "chunked":
        rest = read_chunks(data, at)
        if rest is None:
            return None
        request.body, request.trailers, at = rest
    elif request.framing == "length":
        size = int(request.values("Content-Length")[0])
        if len(data) < at + size:
            return None
        request.body, at = bytes(data[at : at + size]), at + size
    return request, at


@dataclass
class Seen:
    """What came since some moment."""

    requests: list
    malformed: list
    # The beginnings of requests that did not all come.
    unfinished: list


@dataclass
class Connection:
    socket: object
    pending: bytearray = field(default_factory=bytearray)
    total: int = 0
    continued: bool = False
    broken: bool = False
    # Whether it ends once all is said.
    ends: bool = False


class Upstream:
    """The upstream at `address`, in a thread of its own."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.connections, self.requests, self.malformed = [], [], []
        # What `/raw` is answered with, and whether the connection ends behind it.
        self.raw, self.raw_ends = b"", False
        self.wake, self.woken = socket.socketpair()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def mark(self):
        """This moment."""
        with self.lock:
            totals = {id(c): c.total for c in self.connections}
            return len(self.requests), len(self.malformed), totals

    def since(self, mark):
        """What came since `mark`."""
        requests, malformed, totals = mark
        with self.lock:
            grown = (c for c in self.connections if c.total > totals.get(id(c), 0))
            unfinished = [bytes(c.pending) for c in grown if c.pending]
            return Seen(self.requests[requests:], self.malformed[malformed:], unfinished)

    def stop(self):
        """Ends the thread and closes all."""
        self.wake.send(b"x")
        self.thread.join()
        for connection in self.connections:
            connection.socket.close()
        for end in (self.listener, self.wake, self.woken):
            end.close()

    def run(self):
        while True:
            sockets = {c.socket: c for c in self.connections if c.socket.fileno() >= 0}
            ready, _, _ = select.select([self.listener, self.woken, *sockets], [], [])
            if self.woken in ready:
                return
            # All that has come is noted before anything is answered: what an answer follows is then known.
            with self.lock:
                if self.listener in ready:
                    self.connections.append(Connection(self.listener.accept()[0]))
                    # Who is answered at length may stop reading.
                    self.connections[-1].socket.settimeout(5)
                answers = [(sockets[s], self.receive(sockets[s])) for s in ready if s in sockets]
            for connection, answer in answers:
                try:
                    connection.socket.sendall(answer)
                except OSError:
                    pass
                if connection.broken or connection.ends:
                    connection.socket.close()

    def receive(self, connection):
        """Reads what there is and gives the bytes to answer."""
        try:
            data = connection.socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            connection.broken = True
            return b""
        connection.pending += data
        connection.total += len(data)
        answer = b""
        try:
            while connection.pending and (read := read_request(connection.pending)):
                request, size = read
                del connection.pending[:size]
                connection.continued = False
                request.connection = id(connection)
                self.requests.append(request)
                if request.target == b"/raw":
                    answer += self.raw
                    connection.ends = self.raw_ends
                    continue
                text = b"" if request.method == b"HEAD" else request.method + b" " + request.target
                answer += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)
            answer += self.interim(connection)
        except Malformed as fault:
            self.malformed.append(str(fault))
            connection.pending.clear()
            connection.broken = True
            answer += b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return answer

    @staticmethod
    def interim(connection):
        """`100 Continue` for whoever waits for it."""
        head = read_head(connection.pending) if connection.pending and not connection.continued else None
        if head is None or not head[0].values("Expect"):
            return b""
        connection.continued = True
        return b"HTTP/1.1 100 Continue\r\n\r\n"
