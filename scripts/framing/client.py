"""A client of HTTP/1 that sends any bytes and reads the answers."""

import socket
from dataclasses import dataclass


@dataclass
class Answer:
    """One final answer."""

    status: int
    fields: list
    body: bytes = b""

    def values(self, name):
        """The values of all lines of a name."""
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def closes(self):
        """Whether it announces the end of the connection."""
        return any(b"close" in value.lower() for value in self.values("Connection"))


@dataclass
class Outcome:
    """What came of one connection: its answers, and `open`, `closed`, `reset`, `silent` or `nonsense`."""

    answers: list
    end: str

    def __str__(self):
        return f"{[answer.status for answer in self.answers]}, {self.end}"


class Reader:
    """Bytes of a socket on demand."""

    def __init__(self, connection):
        self.connection, self.data = connection, b""

    def more(self):
        """Waits for more; raises EOFError at the end."""
        data = self.connection.recv(1 << 16)
        if not data:
            raise EOFError
        self.data += data

    def until(self, mark):
        """What comes up to `mark`, which is left out."""
        while mark not in self.data:
            self.more()
        taken, _, self.data = self.data.partition(mark)
        return taken

    def exactly(self, size):
        """The next `size` bytes."""
        while len(self.data) < size:
            self.more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def answer(self, no_body):
        """The next final answer."""
        while True:
            first, *lines = self.until(b"\r\n\r\n").split(b"\r\n")
            version, _, rest = first.partition(b" ")
            if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
                raise ValueError
            if int(rest[:3]) >= 200:
                break
        fields = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        answer = Answer(int(rest[:3]), fields)
        lengths = answer.values("Content-Length")
        if no_body or answer.status in (204, 304):
            return answer
        if answer.values("Transfer-Encoding"):
            while size := int(self.until(b"\r\n").split(b";")[0], 16):
                answer.body += self.exactly(size + 2)[:-2]
            while self.until(b"\r\n"):
                pass
        elif lengths:
            answer.body = self.exactly(int(lengths[0]))
        else:
            try:
                while True:
                    self.more()
            except EOFError:
                answer.body, self.data = self.data, b""
        return answer


def exchange(address, pieces, heads, patience, source="127.0.0.1", ends=False):
    """Sends `pieces` one by one over a new connection and reads as many answers as `heads` has items; an item says
    that it is the answer to HEAD. Where an answer announces the end, that is waited for. `ends` says that the client
    tells that it sends no more, and waits for the end too."""
    host, port = address.rsplit(":", 1)
    answers = []
    with socket.create_connection((host, int(port)), patience, (source, 0)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(connection)
        try:
            for piece in pieces:
                connection.sendall(piece)
            if ends:
                connection.shutdown(socket.SHUT_WR)
        except (ConnectionError, TimeoutError):
            pass
        try:
            while ends or len(answers) < len(heads) or answers[-1].closes():
                answers.append(reader.answer(heads[min(len(answers), len(heads) - 1)]))
            return Outcome(answers, "open")
        except EOFError:
            return Outcome(answers, "nonsense" if reader.data else "closed")
        except ConnectionError:
            return Outcome(answers, "reset")
        except TimeoutError:
            return Outcome(answers, "silent")
        except ValueError:
            return Outcome(answers, "nonsense")
