"""Tries what an upstream answers: over HTTP/1 and HTTP/2, each time before another request."""

import re

from client import exchange
from frames import OPENING, connect, converse, headers
from http1 import LAST, PATIENCE, SECOND, SHORT_PATIENCE
from http2 import SECOND as SECOND_STREAM


def try_on(case, proxy, upstream, strict):
    """What is wrong, in words."""
    upstream.raw, upstream.raw_ends = case.raw, case.ends
    patience = PATIENCE if strict else SHORT_PATIENCE
    mark = upstream.mark()
    request = f"{case.method} /raw HTTP/1.1\r\nHost: a.test\r\n\r\n".encode()
    outcome = exchange(proxy.http, [request + SECOND], [case.method == "HEAD", False], patience)
    judge = over_http1 if strict else loosely
    faults = [f"HTTP/1: {fault}" for fault in judge(case, outcome)]
    faults += reused(case, proxy, upstream, mark, strict)
    if not strict:
        return faults
    fields = [(":method", case.method), (":scheme", "http"), (":authority", "a.test"), (":path", "/raw")]
    mark = upstream.mark()
    with connect(proxy.frames, patience, proxy.tls) as connection:
        fates = converse(connection, OPENING + headers(1, fields) + SECOND_STREAM, {1, 3})
    faults += [f"HTTP/2: {fault}" for fault in over_http2(case, fates)]
    return faults + reused(case, proxy, upstream, mark, strict)


def loosely(case, outcome):
    """Whether a client got what was meant for nobody, or took a part for the whole."""
    if any(b"POISON" in answer.body for answer in outcome.answers):
        return ["a client got what comes behind the answer"]
    if not outcome.answers:
        return []
    first, *rest = outcome.answers
    faults = lengths_of(first)
    if case.status is None and case.ends and first.status == 200 and not case.choice:
        faults.append(f"a part is given for the whole: {first.body!r}")
    if case.status == 200 and not case.choice:
        faults += unlike(case, first.status, first.body)
    if [answer.body for answer in rest] not in ([b"GET /second"], []):
        faults.append(f"the next answer: {[answer.body for answer in rest]}")
    return faults


def over_http1(case, outcome):
    """What is wrong with the answers of one connection."""
    if not outcome.answers:
        # It may break off before anything of it was sent on.
        broken = case.status is None and outcome.end != "silent"
        return [] if broken else [f"there is no answer: {outcome}"]
    first, *rest = outcome.answers
    faults = unlike(case, first.status, first.body) + lengths_of(first)
    for name, wanted in case.fields.items() if first.status == case.status else ():
        found = tuple(value.decode("latin-1") for value in first.values(name))
        if not (wanted(found) if callable(wanted) else found == wanted):
            faults.append(f"the client got {name} {found}")
    if [answer.body for answer in rest] not in ([b"GET /second"], []) or (not rest and outcome.end == "open"):
        faults.append(f"the next answer: {[answer.body for answer in rest]}, {outcome.end}")
    return faults


def lengths_of(answer):
    """What is wrong with how an answer says where it ends."""
    lengths, codings = answer.values("Content-Length"), answer.values("Transfer-Encoding")
    if len(lengths) + len(codings) > 1 or not all(re.fullmatch(rb"\d+", length) for length in lengths):
        return [f"the client got the lengths {lengths} and the codings {codings}"]
    return []


def over_http2(case, fates):
    """What is wrong with the answers of two streams."""
    faults = []
    fate = fates.of(1)
    ended = 1 not in fates.resets and 1 in fates.whole
    if fate.isdigit() and ended:
        faults += unlike(case, int(fate), fates.bodies.get(1, b""))
    elif case.status is not None:
        faults.append(f"the stream breaks off: {fate}")
    if fates.of(3) != "200" or fates.bodies.get(3) != b"GET /second":
        faults.append(f"the next stream: {fates.of(3)} {fates.bodies.get(3)}")
    return faults


def unlike(case, status, body):
    """How a whole answer differs from what it must be."""
    if status == 502 and case.status in (502, None):
        return []
    if case.status is None or status != case.status:
        return [f"expected {case.status or 'it to break off'}: {status} {body[:80]!r}"]
    if case.body is not None and body.decode("latin-1") != case.body:
        return [f"the client got {body!r}"]
    return []


def reused(case, proxy, upstream, mark, strict):
    """What is wrong with whoever comes next, and with the connection that the answer came over."""
    last = exchange(proxy.http, [LAST], [False], PATIENCE)
    if [answer.body for answer in last.answers] != [b"GET /last"]:
        return [f"a new connection is served {last}: {[answer.body for answer in last.answers]}"]
    requests = upstream.since(mark).requests
    raw = {request.connection for request in requests if request.target == b"/raw"}
    if strict and not case.kept and raw & {request.connection for request in requests if request.target != b"/raw"}:
        return ["the upstream's connection is used again"]
    return []
