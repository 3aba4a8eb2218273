"""Tries a case over HTTP/2: its frames alone, and before a request on the next stream."""

from dataclasses import replace

from client import exchange
from frames import connect, converse, headers
from http1 import FRAMING, LAST, PATIENCE, SHORT_PATIENCE, strange, unlike

SECOND = headers(3, [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/second")])


def try_on(case, proxy, upstream, strict):
    """What is wrong, in words."""
    for way, behind in {"alone": b"", "before another request": SECOND}.items():
        if behind and case.fates is None and not case.goes_on:
            # The client has left.
            continue
        mark = upstream.mark()
        streams = {1, 3} if behind and case.goes_on else {1}
        if case.fates is None:
            streams.remove(1)
        with connect(proxy.frames, PATIENCE if strict else SHORT_PATIENCE, proxy.tls) as connection:
            fates = converse(connection, case.opening + case.raw + behind, streams)
        # It goes on with others, and whatever it sent on before has come.
        last = exchange(proxy.http, [LAST], [False], PATIENCE)
        seen = upstream.since(mark)
        faults = []
        if [answer.body for answer in last.answers] != [b"GET /last"] or not seen.requests:
            faults.append(f"a new connection is not served: {last}")
        seen.requests = [request for request in seen.requests if request.target != b"/last"]
        judge = strictly if strict else loosely
        faults += judge(case, fates, seen, bool(behind))
        if faults:
            return [f"{way}: {'; '.join(faults)}"]
    return []


def strictly(case, fates, seen, behind):
    """The fate of either stream, and exactly what may have reached the upstream."""
    faults = []
    fate = fates.of(1)
    if case.fates and fate not in case.fates:
        faults.append(f"expected {' or '.join(case.fates)}: {fate}")
    faults += strange(seen, case.begun)
    own = [request for request in seen.requests if request.target != b"/second"]
    if len(own) > 1 or (own and not case.passed) or (fate == "200" and not own):
        faults.append(f"the upstream got {[str(request) for request in own]}")
    elif own:
        faults += unlike(case.passed, own[0])
    second = len(seen.requests) - len(own)
    if case.goes_on and behind and (fates.of(3) != "200" or fates.bodies.get(3) != b"GET /second" or second != 1):
        faults.append(f"the next stream: {fates.of(3)}")
    elif case.goes_on is False and second:
        faults.append("the next stream is served")
    elif second > 1:
        faults.append("the next stream is served twice")
    return faults


def loosely(case, fates, seen, behind):
    """Whether nothing ambiguous reached the upstream, and whether a fault was taken for one."""
    faults = strange(seen, begun=not case.passed or case.begun)
    own = [request for request in seen.requests if request.target != b"/second"]
    if len(own) > 1 or (own and not case.passed and not case.choice):
        faults.append(f"the upstream got {[str(request) for request in own]}")
    elif own and case.passed:
        loose = {name: wanted for name, wanted in case.passed.fields.items() if name not in FRAMING}
        faults += unlike(replace(case.passed, framing=None, trailers=None, fields=loose), own[0])
    elif case.passed and case.fates == ("200",) and not case.choice and not own:
        faults.append(f"the upstream got nothing: {fates.of(1)}")
    elif not case.passed and fates.of(1)[0] in "23" and not case.choice:
        faults.append(f"answered {fates.of(1)}")
    return faults
