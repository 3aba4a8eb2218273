"""Tries a case over HTTP/1: in several ways, with a look at the answers and at what the upstream got."""

from dataclasses import replace

from case import TRUSTED, CutOff, Passed
from client import exchange

FIRST = b"GET /first HTTP/1.1\r\nHost: a.test\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: a.test\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a.test\r\n\r\n"


def in_pieces(data):
    """`data` in many small parts, so that each place in it is once the end of what has come; large ones in fewer."""
    size = 1 if len(data) < 2000 else len(data) // 50
    return [data[i : i + size] for i in range(0, len(data), size)]


# How a case is sent: what comes before and behind it, and in which parts.
WAYS = {
    "alone": (b"", b"", lambda data: [data]),
    "before another request": (b"", SECOND, lambda data: [data]),
    "in pieces": (b"", SECOND, in_pieces),
    "behind another request": (FIRST, SECOND, lambda data: [data]),
}
PATIENCE = 10.0
# Others may wait for more; what they got by then is what counts.
SHORT_PATIENCE = 0.3


def try_on(case, proxy, upstream, strict):
    """What is wrong, in words."""
    cut_off = isinstance(case.must, CutOff)
    ways = WAYS if strict else {way: WAYS[way] for way in ("alone", "before another request")}
    for way, (before, behind, cut) in ways.items():
        if cut_off and behind:
            if way == "before another request":
                continue
            behind = b""
        mark = upstream.mark()
        heads = [False] * bool(before) + [case.raw.startswith(b"HEAD ")] + [False] * bool(behind)
        source = TRUSTED if case.trusted else "127.0.0.1"
        patience = PATIENCE if strict else SHORT_PATIENCE
        outcome = exchange(proxy.http, cut(before + case.raw + behind), heads, patience, source, cut_off)
        # It goes on with others, and whatever it sent on before has come.
        last = exchange(proxy.http, [LAST], [False], PATIENCE)
        seen = upstream.since(mark)
        faults = []
        if [answer.body for answer in last.answers] != [b"GET /last"] or not seen.requests:
            faults.append(f"a new connection is not served: {last}")
        elif seen.requests[-1].target != b"/last":
            faults.append(f"the upstream got {seen.requests[-1]} behind all that was sent")
        del seen.requests[-1:]
        judge = strictly if strict else loosely
        faults += judge(case, outcome, seen, bool(before), bool(behind))
        if faults:
            return [f"{way}: {'; '.join(faults)}"]
    return []


def strictly(case, outcome, seen, before, behind):
    """Status, fate of the connection, and exactly what may have reached the upstream."""
    must, answers = case.must, list(outcome.answers)
    expected = []
    if before:
        expected.append(b"/first")
        if not answers or answers.pop(0).body != b"GET /first":
            return [f"the request before it is not answered: {outcome}"]
    faults = []
    if isinstance(must, CutOff):
        if outcome.end != "closed" or any(answer.status < 400 for answer in answers):
            faults.append(f"it is answered: {outcome}")
        return faults + broken_off(seen, len(expected))
    passed = isinstance(must, Passed)
    if passed:
        expected.append(None)
    statuses = (200,) if passed else must.status
    if not answers or answers[0].status not in statuses:
        faults.append(f"expected {' or '.join(map(str, statuses))}: {outcome}")
    elif must.close:
        # Who asked for the end and sends on all the same may meet a closed socket.
        ends = ("closed", "reset") if passed and behind else ("closed",)
        if len(answers) > 1 or outcome.end not in ends or not answers[0].closes():
            faults.append(f"the connection goes on: {outcome}")
    elif behind:
        expected.append(b"/second")
        if [answer.body for answer in answers[1:]] != [b"GET /second"] or outcome.end != "open":
            faults.append(f"the next request is not served: {outcome}")
    elif outcome.end != "open":
        faults.append(f"the connection ends: {outcome}")
    faults += strange(seen, begun=not passed and must.begun)
    if len(seen.requests) != len(expected):
        faults.append(f"the upstream got {[str(request) for request in seen.requests]}")
        return faults
    for target, request in zip(expected, seen.requests):
        if target is None:
            faults += unlike(must, request)
        elif request.target != target or request.method != b"GET":
            faults.append(f"the upstream got {request} in the place of {target.decode()}")
    return faults


def broken_off(seen, whole):
    """What is wrong after a request that breaks off; `whole` ones came before."""
    faults = strange(seen, begun=True)
    if len(seen.requests) != whole:
        faults.append(f"the upstream got {[str(request) for request in seen.requests]}")
    return faults


def loosely(case, outcome, seen, before, behind):
    """Whether nothing ambiguous reached the upstream, and whether a fault was taken for one."""
    if isinstance(case.must, CutOff):
        return broken_off(seen, 0)
    passed = isinstance(case.must, Passed)
    faults = strange(seen, begun=not passed)
    own = [request for request in seen.requests if request.target != b"/second"]
    if len(seen.requests) - len(own) > 1:
        faults.append("the upstream got the next request twice")
    answers = outcome.answers
    if not own and (case.choice or not passed):
        if answers and answers[0].status < 400:
            faults.append(f"answered {answers[0].status}")
    elif not own:
        faults.append(f"the upstream got nothing: {outcome}")
    elif len(own) > 1:
        faults.append(f"the upstream got {[str(request) for request in own]}")
    elif passed:
        # How a body is framed anew is theirs to choose.
        loose = {name: wanted for name, wanted in case.must.fields.items() if name not in FRAMING}
        faults += unlike(replace(case.must, framing=None, trailers=None, fields=loose), own[0])
    elif not case.choice:
        faults.append(f"the upstream got {own[0]}")
    return faults


def strange(seen, begun):
    """What no upstream should get."""
    faults = [f"the upstream got {text}" for text in seen.malformed]
    if not begun:
        faults += [f"the upstream got a part: {text!r}" for text in seen.unfinished]
    return faults


FRAMING = ("Content-Length", "Transfer-Encoding")
# What only concerns the connection it came over.
HOP_BY_HOP = ("Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "HTTP2-Settings")


def unlike(must, request):
    """How a request differs from what must hold of it."""
    faults = []

    def differs(what, found, wanted):
        if wanted is not None and found != wanted:
            faults.append(f"the upstream got the {what} {found!r} and not {wanted!r}")

    differs("method", request.method.decode("latin-1"), must.method)
    differs("target", request.target.decode("latin-1"), must.target)
    differs("framing", request.framing, must.framing)
    differs("body", request.body.decode("latin-1"), must.body)
    differs("trailers", [f"{n.decode()}: {v.decode('latin-1')}" for n, v in request.trailers], must.trailers or [])
    for name in HOP_BY_HOP:
        differs(name, tuple(request.values(name)), ())
    for name, wanted in must.fields.items():
        found = tuple(value.decode("latin-1") for value in request.values(name))
        if callable(wanted):
            if not wanted(found):
                faults.append(f"the upstream got {name} {found}")
        else:
            differs(name, found, wanted)
    return faults
