"""The words that cases are written in."""

from dataclasses import dataclass, field

from frames import OPENING

HOST = "Host: a.test"
# The address of a proxy that Argos trusts.
TRUSTED = "127.0.0.2"


@dataclass
class Refused:
    """The request is answered with one of these statuses, and the upstream sees nothing of it."""

    status: tuple
    # Whether the connection ends; otherwise the next request on it is served.
    close: bool = True
    # Whether the upstream may have seen the beginning, because the fault lies in the body.
    begun: bool = False


@dataclass
class Passed:
    """The upstream gets exactly one well-formed request, in which all of this holds."""

    method: str | None = None
    target: str | None = None
    # The values of all lines of a name, or what must be true of them; none means that there is no such line.
    fields: dict = field(default_factory=dict)
    body: str | None = None
    framing: str | None = None
    trailers: list | None = None
    close: bool = False


@dataclass
class CutOff:
    """The client stops in the middle: nothing whole reaches the upstream, and no answer says that it worked."""


@dataclass
class Case:
    """Bytes, and what must come of them."""

    group: str
    name: str
    raw: bytes
    must: Refused | Passed | CutOff
    # Whether RFC 9110 or 9112 leaves the choice, so that another proxy may as well do the opposite.
    choice: bool = False
    # Whether it is about what only Argos promises.
    own: bool = False
    # Whether it comes from an address that Argos trusts as a proxy.
    trusted: bool = False


@dataclass
class FrameCase:
    """Frames of HTTP/2 about stream 1, and what must come of it."""

    group: str
    name: str
    raw: bytes
    # What may become of the stream: a status, `reset CODE`, or `away CODE` for the connection. None where the client
    # gives it up and hears no more of it.
    fates: tuple | None
    # What reaches the upstream; without it, nothing does.
    passed: Passed | None = None
    # Whether the upstream may have seen the beginning.
    begun: bool = False
    # Whether the next stream is served; none leaves that open.
    goes_on: bool | None = True
    # What is sent before.
    opening: bytes = OPENING
    choice: bool = False
    own: bool = False


@dataclass
class AnswerCase:
    """Bytes that the upstream answers with, and what the client gets."""

    group: str
    name: str
    raw: bytes
    # The status; none where the answer breaks off, or is 502 if that shows early enough.
    status: int | None
    body: str | None = None
    # The values of all lines of a name that the client gets.
    fields: dict = field(default_factory=dict)
    # Whether the upstream ends the connection behind it.
    ends: bool = False
    # Whether the upstream's connection may serve the next request.
    kept: bool = False
    method: str = "GET"
    choice: bool = False
    own: bool = False


def refused(*status, close=True, begun=False):
    """400 and the end, where nothing else is said."""
    return Refused(status or (400,), close, begun)


def kept(*status):
    """Refused, and the connection goes on."""
    return Refused(status or (400,), close=False)


def request(method, target, *fields, body="", version="HTTP/1.1", host=HOST):
    """The bytes of a request; each character of a string is one byte."""
    lines = [f"{method} {target} {version}", *([host] if host else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def get(*fields, target="/", **more):
    return request("GET", target, *fields, **more)


def post(*fields, target="/", body="hello", **more):
    return request("POST", target, *fields, body=body, **more)


def chunked(body, *fields):
    return post("Transfer-Encoding: chunked", *fields, body=body)


def other_than(*values):
    """True of lines that are there and none of which is one of these."""
    return lambda found: bool(found) and not any(value in found for value in values)


def table(group, *rows):
    """Cases of one group: name, bytes, what must hold, and perhaps words such as `choice`."""
    return [Case(group, row[0], row[1], row[2], **{word: True for word in row[3:]}) for row in rows]
